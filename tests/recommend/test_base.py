from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from kgfeatures.errors import DataError
from kgfeatures.recommend import Popular, Purchases, Recommender
from kgfeatures.recommend.base import decay, top_k


def checkerboard(n: int = 8, held_out: int = 3) -> tuple[Purchases, np.ndarray]:
    """Even customers buy even products, odd ones odd; the diagonal's first ones are held out."""
    pairs = [(c, p) for c in range(n) for p in range(n) if c % 2 == p % 2]
    kept = np.array([(c, p) for c, p in pairs if not (c == p and c < held_out)])
    day = np.zeros(len(kept))
    return Purchases(kept[:, 0], kept[:, 1], day, n, n), np.arange(held_out)


class Given(Recommender):
    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores

    def score(self, customers: np.ndarray) -> np.ndarray:
        return self.scores[customers].astype(np.float64)


def one_purchase(customers: int, products: int) -> Purchases:
    rows = np.zeros(1, dtype=np.int64)
    return Purchases(rows, rows, np.zeros(1), customers, products)


def test_recommend_leaves_out_products_already_bought():
    scores = np.array([[9.0, 1.0, 3.0], [9.0, 1.0, 3.0]])
    products, found = Given(scores).fit(one_purchase(2, 3)).recommend(np.arange(2), 2)
    assert products.tolist() == [[2, 1], [0, 2]]
    assert found.tolist() == [[3.0, 1.0], [9.0, 3.0]]


def test_recommend_gives_bought_products_when_asked_to():
    model = Given(np.array([[9.0, 1.0, 3.0]])).fit(one_purchase(1, 3))
    products, _ = model.recommend(np.arange(1), 1, exclude_bought=False)
    assert products.tolist() == [[0]]


def test_ties_go_by_product_number():
    model = Given(np.ones((1, 6))).fit(one_purchase(1, 6))
    assert model.recommend(np.arange(1), 3)[0].tolist() == [[1, 2, 3]]


def test_rows_with_fewer_candidates_end_in_minus_one():
    products, scores = Given(np.ones((1, 3))).fit(one_purchase(1, 3)).recommend(np.arange(1), 3)
    assert products.tolist() == [[1, 2, -1]]
    assert scores.tolist() == [[1.0, 1.0, -np.inf]]


def test_more_than_all_products_gives_all():
    model = Given(np.arange(3.0)[None]).fit(one_purchase(1, 3))
    products, _ = model.recommend(np.arange(1), 99, exclude_bought=False)
    assert products.tolist() == [[2, 1, 0]]


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(k: int):
    model = Given(np.ones((1, 3))).fit(one_purchase(1, 3))
    with pytest.raises(DataError, match=f"k is {k}; it must be at least 1"):
        model.recommend(np.arange(1), k)


def test_recommend_before_fit_is_refused():
    with pytest.raises(NotFittedError, match="Popular is not fitted"):
        Popular().recommend(np.arange(1))


def test_top_k_equals_a_full_sort():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 5, (40, 30)).astype(np.float64)
    columns, values = top_k(scores, 7)
    for row, found, kept in zip(scores, columns, values, strict=True):
        full = sorted(range(30), key=lambda column, row=row: (-row[column], column))[:7]
        assert found.tolist() == full
        assert kept.tolist() == [row[column] for column in full]


def test_recommend_does_not_depend_on_the_size_of_blocks(monkeypatch: pytest.MonkeyPatch):
    scores = np.random.default_rng(0).random((11, 5))
    model = Given(scores).fit(one_purchase(11, 5))
    whole = model.recommend(np.arange(11), 3)
    monkeypatch.setattr("kgfeatures.recommend.base.SCORES_PER_BLOCK", 12)
    for one, other in zip(whole, model.recommend(np.arange(11), 3), strict=True):
        assert (one == other).all()


def test_decay_halves_with_every_half_life():
    assert decay(np.array([0.0, 10.0, 20.0]), 10.0).tolist() == [1.0, 0.5, 0.25]
    assert decay(np.array([0.0, 10.0]), None).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("customer", "product", "day", "words"),
    [
        ([0, 0], [1, 1], [0.0, 1.0], "stands twice"),
        ([0, 2], [1, 1], [0.0, 1.0], r"customer rows lie in \[0, 2\]; allowed is \[0, 2\)"),
        ([0, 1], [1], [0.0, 1.0], "2 customers, 1 products and 2 days"),
    ],
)
def test_purchases_that_cannot_be_are_refused(customer, product, day, words: str):
    with pytest.raises(DataError, match=words):
        Purchases(np.array(customer), np.array(product), np.array(day), 2, 2)


@pytest.mark.parametrize("levels", [3, 40, 10_000])
def test_the_best_of_wide_rows_are_those_of_sorting_them(levels: int):
    rng = np.random.default_rng(levels)
    # Few levels make many ties; the first row has nothing to choose.
    scores = rng.integers(0, levels, (6, 1003)).astype(np.float32)
    scores[0], scores[1, 5:] = -np.inf, -np.inf
    columns, values = top_k(scores, 4)
    for row in range(len(scores)):
        wanted = sorted(range(1003), key=lambda column, r=row: (-scores[r, column], column))[:4]
        assert columns[row].tolist() == wanted
        assert (values[row] == scores[row, wanted]).all()
