from __future__ import annotations

import numpy as np
import pytest

from kgfeatures.errors import DataError
from kgfeatures.recommend import Lines, Purchases
from kgfeatures.recommend.protocols import (
    Exam,
    cold,
    histories,
    last_two_out,
    sample,
    split_column,
    time_split,
)


def lines(rows: list[tuple[int, int, float]], customers: int = 4, products: int = 6) -> Lines:
    customer, product, day = (np.array(column) for column in zip(*rows, strict=True))
    return Lines(customer, product, day.astype(np.float64), customers, products)


def pairs(purchases: Purchases) -> set[tuple[int, int]]:
    return set(zip(purchases.customer.tolist(), purchases.product.tolist(), strict=True))


def wanted(exam: Exam) -> dict[int, list[int]]:
    return {
        int(customer): np.flatnonzero(row).tolist()
        for customer, row in zip(exam.asked, exam.wanted.toarray(), strict=True)
    }


HISTORIES = [
    (0, 0, 1), (0, 1, 2), (0, 2, 3), (0, 0, 9),  # 0 again: known since day 1
    (1, 3, 5), (1, 4, 4),  # two products only: nothing to hold out
    (2, 5, 1), (2, 4, 2), (2, 3, 3), (2, 0, 4),
]  # fmt: skip


def test_the_last_new_product_is_the_test_and_the_one_before_validation():
    protocol = last_two_out(lines(HISTORIES))
    assert wanted(protocol.validation) == {0: [1], 2: [3]}
    assert wanted(protocol.test) == {0: [2], 2: [0]}
    train = {(0, 0), (1, 3), (1, 4), (2, 5), (2, 4)}
    assert pairs(protocol.validation.learned) == pairs(protocol.validation.known) == train
    assert pairs(protocol.test.known) == train | {(0, 1), (2, 3)}


@pytest.mark.parametrize("refit", [False, True])
def test_strict_models_learn_from_all_but_the_last_two(*, refit: bool):
    test = last_two_out(lines(HISTORIES), refit=refit).test
    assert ((0, 1) in pairs(test.learned)) == refit
    assert (0, 2) not in pairs(test.learned)


def test_what_is_bought_at_one_moment_is_held_out_by_no_name():
    basket = [(c, p, 0.0) for c in range(400) for p in range(10)]
    test = last_two_out(lines(basket, 400, 10)).test
    counts = np.asarray(test.wanted.sum(axis=0)).ravel()
    # 400 draws among 10: the mean is 40, four standard deviations are 24.
    assert (np.abs(counts - 40) < 24).all()


def test_nobody_with_three_products_is_refused():
    with pytest.raises(DataError, match="validation asks nobody"):
        last_two_out(lines([(0, 0, 1), (0, 1, 2)]))


def test_a_time_split_asks_for_what_is_new_and_validates_on_the_days_before():
    protocol = time_split(
        lines(
            [
                (0, 0, 0), (1, 1, 5), (0, 1, 19), (1, 0, 25), (2, 2, 29),
                (0, 0, 31), (0, 2, 32), (1, 3, 36), (3, 0, 37), (2, 0, 40),
            ]
        ),
        30.0,
    )  # fmt: skip
    # The test lasts ten days, so validation the ten before; customer 3 has no history.
    assert wanted(protocol.validation) == {1: [0]}
    assert wanted(protocol.test) == {0: [2], 1: [3], 2: [0]}
    assert pairs(protocol.validation.learned) == {(0, 0), (1, 1), (0, 1)}
    assert pairs(protocol.test.learned) == {(0, 0), (1, 1), (0, 1), (1, 0), (2, 2)}


def test_a_test_of_the_last_day_alone_is_validated_on_the_day_before():
    days = [(0, 0, 0), (1, 1, 1), (2, 2, 2), (1, 2, 3), (0, 1, 4)]
    protocol = time_split(lines(days), 4.0)
    assert wanted(protocol.validation) == {1: [2]}
    assert wanted(protocol.test) == {0: [1]}
    assert "in the last 1 days is the test, in the 1 days before validation" in protocol.words


def test_a_split_outside_the_purchases_is_refused():
    with pytest.raises(DataError, match="name a day between first and last"):
        time_split(lines(HISTORIES), 99.0)


def test_parts_are_taken_as_the_data_names_them():
    rows = [(0, 0, 0), (0, 1, 0), (0, 2, 0), (1, 1, 0), (1, 0, 0), (0, 0, 9)]
    protocol = split_column(lines(rows), np.array([0, 1, 2, 0, 2, 2]))
    assert wanted(protocol.validation) == {0: [1]}
    assert wanted(protocol.test) == {0: [2], 1: [0]}  # product 0 was known to customer 0
    assert pairs(protocol.validation.learned) == {(0, 0), (1, 1)}
    assert pairs(protocol.test.learned) == {(0, 0), (0, 1), (1, 1)}


def test_without_a_valid_part_a_tenth_of_train_is_drawn():
    rows = [(c, p, 0.0) for c in range(100) for p in range(20)]
    part = np.array([2 if p == 0 else 0 for _, p, _ in rows])
    protocol = split_column(lines(rows, 100, 20), part)
    held = len(protocol.test.learned.customer) - len(protocol.validation.learned.customer)
    assert held == pytest.approx(190, abs=4 * (1900 * 0.1 * 0.9) ** 0.5)
    assert protocol.validation.wanted.sum() == held


def test_cold_products_are_learned_nowhere_and_alone_asked_for():
    orders = [np.random.default_rng(customer).permutation(20) for customer in range(30)]
    rows = [
        (c, int(p), float(day)) for c, order in enumerate(orders) for day, p in enumerate(order)
    ]
    whole = last_two_out(lines(rows, 30, 20)).test
    asked = cold(whole, 0.3)
    removed = set(whole.learned.product.tolist()) - set(asked.learned.product.tolist())
    assert len(removed) == 6
    assert not removed & set(asked.known.product.tolist())
    expected = {c: [p for p in ps if p in removed] for c, ps in wanted(whole).items()}
    assert wanted(asked) == {c: ps for c, ps in expected.items() if ps}


def test_a_sample_is_spread_over_the_customers():
    rows = [(c, p, float(p)) for c in range(9) for p in range(3)]
    whole = last_two_out(lines(rows, 9, 3)).test
    assert sample(whole, 3).asked.tolist() == [0, 4, 8]
    assert sample(whole, 99) is whole
    assert histories(sample(whole, 3)).tolist() == [2, 2, 2]
