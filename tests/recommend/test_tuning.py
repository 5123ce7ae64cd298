from __future__ import annotations

import numpy as np
import pytest

from kgfeatures.recommend import Blend, Lines, Neighbors, NeighborSettings, Popular, choose
from kgfeatures.recommend.base import Purchases
from kgfeatures.recommend.evaluation import ndcg_at_k
from kgfeatures.recommend.lineup import DEGREE_EXPONENTS
from kgfeatures.recommend.tuning import CANDIDATES, POPULAR_WEIGHTS, Choice, measure, question


def lines(rows: list[tuple[int, int, float]], customers: int = 4, products: int = 5) -> Lines:
    customer, product, day = (np.array(column) for column in zip(*rows, strict=True))
    return Lines(customer, product, day.astype(np.float64), customers, products)


def test_purchases_are_the_latest_before_a_day():
    known = lines([(1, 2, 5), (0, 1, 1), (1, 2, 3), (1, 2, 9)]).purchases(before=9)
    assert list(zip(known.customer, known.product, known.day, strict=True)) == [
        (0, 1, 1),
        (1, 2, 5),
    ]


def test_a_question_asks_for_what_was_new_after_a_day():
    asked = question(
        lines(
            [
                (0, 0, 1), (0, 1, 1), (1, 1, 2), (2, 2, 3),  # known before day 10
                (0, 2, 11), (0, 2, 12),  # new: asked for once
                (1, 1, 11),  # bought before
                (2, 4, 11),  # never sold before
                (3, 0, 11),  # a new customer
                (2, 0, 21),  # too late
            ]
        ),
        10,
        20,
    )  # fmt: skip
    assert asked.asked.tolist() == [0]
    assert asked.wanted.toarray().tolist() == [[0, 0, 1, 0, 0]]
    assert asked.known.matrix().sum() == 4


def shop(kind: str) -> Lines:
    """Return 300 customers: of `tastes` (five kinds of shopper) or all after the same `hits`."""
    rng = np.random.default_rng(0)
    rows: list[tuple[int, int, float]] = []
    hits = 1 / np.arange(1, 101)
    for customer in range(300):
        if kind == "tastes":
            products = rng.choice(20, 8, replace=False) + 20 * (customer % 5)
        else:
            products = rng.choice(100, 8, replace=False, p=hits / hits.sum())
        rows += [
            (customer, int(p), float(d))
            for p, d in zip(products, np.linspace(0, 200, 8), strict=True)
        ]
    return lines(rows, 300, 100)


def test_where_customers_differ_neighbours_are_chosen():
    assert choose(shop("tastes")).popular_weight == POPULAR_WEIGHTS[0]


def test_where_everybody_buys_the_same_popularity_is_chosen():
    assert choose(shop("hits")).popular_weight >= 0.6


def test_the_measure_is_that_of_the_blend():
    asked = question(shop("tastes"), 150)
    neighbors = Neighbors(NeighborSettings()).fit(asked.known)
    found = measure(asked, neighbors, Popular(30.0).fit(asked.known))
    for weight, ndcg in found.items():
        parts = {"a": Neighbors(), "b": Popular(30.0)}
        model = Blend(parts, {"a": 1 - weight, "b": weight}).fit(asked.known)
        lists = model.recommend(asked.asked, 20)[0]
        assert ndcg == pytest.approx(ndcg_at_k(lists, asked.wanted).mean())


def test_too_few_customers_take_the_first_candidate():
    few = lines([(0, 0, 1), (0, 1, 9), (1, 1, 1), (1, 0, 9)])
    assert choose(few) == Choice(CANDIDATES[0], POPULAR_WEIGHTS[0], None, 2)


def test_both_searches_try_what_won_on_a_large_set_without_dates():
    # Measured on amazon-book: 1 / (d_u^.5 d_i^.7 d_j^.1).
    exponents = {(one.product_exponent, one.neighbor_exponent) for one in CANDIDATES}
    assert all((0.7, 0.1) in tried for tried in (exponents, DEGREE_EXPONENTS))


def test_no_purchases_take_the_first_candidate():
    none = Lines(*(np.zeros(0, dtype=np.int64),) * 2, np.zeros(0), 3, 3)
    assert choose(none).customers == 0


def test_weights_of_a_choice_sum_to_one():
    for popular in POPULAR_WEIGHTS:
        weights = Choice(NeighborSettings(), popular, None, 0).weights()
        assert sum(weights.values()) == pytest.approx(1)
        assert weights["popular"] == popular


def test_shrinkage_doubts_pairs_that_few_bought():
    # 0 and 1 were bought together by two customers, 0 and 2 by one: n / (n + 3) is 2/5 and 1/4.
    customer, product = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 2])
    known = Purchases(customer, product, np.zeros(5), 2, 3)
    settings = NeighborSettings(0, 0, 0, None, None, None, shrinkage=3)
    found = Neighbors(settings).fit(known).neighbors_.toarray()
    assert found[0] == pytest.approx([0, 2 * 2 / 5, 1 * 1 / 4])
