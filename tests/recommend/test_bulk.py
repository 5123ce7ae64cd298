from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.exceptions import NotFittedError

from kgfeatures.errors import DataError
from kgfeatures.recommend import (
    Attributes,
    Blend,
    GraphDistance,
    Neighbors,
    NeighborSettings,
    Popular,
    Purchases,
    Recommender,
    bulk,
)
from kgfeatures.recommend.bulk import Bulk
from kgfeatures.recommend.favourites import Favourites
from kgfeatures.recommend.packed import Heard

CUSTOMERS, PRODUCTS = 60, 300
WEIGHTS = {"bought_together": 0.5, "shared_triples": 0.4, "popular": 0.1}


def shop(seed: int = 0) -> Purchases:
    """Some buy a lot, some one thing, the last two nothing; few products are popular."""
    rng = np.random.default_rng(seed)
    liking = rng.dirichlet(np.full(PRODUCTS, 0.1))
    bought = rng.random((CUSTOMERS, PRODUCTS)) < np.outer(rng.pareto(1, CUSTOMERS) * 8, liking)
    bought[0], bought[1], bought[-2:] = True, np.arange(PRODUCTS) < PRODUCTS - 5, False
    customer, product = np.nonzero(bought)
    # Whole days, so that many scores are equal.
    day = np.float64(30) * rng.integers(0, 4, len(customer))
    return Purchases(customer, product, day, CUSTOMERS, PRODUCTS)


def parts(top: int = 20) -> dict[str, Recommender]:
    rng = np.random.default_rng(1)
    has = csr_matrix(rng.random((PRODUCTS, 12)) < 0.15, dtype=float)
    together = Neighbors(NeighborSettings(top=top))
    return {"bought_together": together, "shared_triples": Attributes(has), "popular": Popular(30)}


def made(purchases: Purchases, weights: dict[str, float], some: dict[str, Recommender]) -> Bulk:
    segments = csr_matrix(np.arange(CUSTOMERS) % 3 == np.arange(2)[:, None], dtype=float)
    return Bulk(Blend(some, weights), Favourites(segments)).fit(purchases)


def by_sorting(model: Bulk, k: int) -> list[list[tuple[int, float]]]:
    """Score everything, and sort it."""
    scores = model.score(np.arange(CUSTOMERS)).astype(np.float32)
    bought = model.purchases_.matrix().toarray() > 0
    lists = [
        sorted((-score, product) for product, score in enumerate(row) if not taken[product])[:k]
        for row, taken in zip(scores.tolist(), bought, strict=True)
    ]
    return [[(product, -score) for score, product in row] for row in lists]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("k", [1, 7, 1000])
@pytest.mark.parametrize(
    "weights",
    [
        WEIGHTS,
        WEIGHTS | {"bought_together": 0.0},
        {"bought_together": 0.05, "shared_triples": 0.05, "popular": 0.9},
        {"bought_together": 0.6, "shared_triples": 0.4, "popular": 0.0},
        {"bought_together": 0.0, "shared_triples": 0.0, "popular": 1.0},
    ],
)
def test_lists_are_those_of_sorting_every_score(seed: int, k: int, weights: dict[str, float]):
    model = made(shop(seed), weights, parts())
    products, scores = model.recommend(np.arange(CUSTOMERS), k)
    assert products.shape == scores.shape == (CUSTOMERS, min(k, PRODUCTS))
    for row, wanted in enumerate(by_sorting(model, k)):
        assert products[row, : len(wanted)].tolist() == [product for product, _ in wanted]
        np.testing.assert_allclose(scores[row, : len(wanted)], [score for _, score in wanted])
        assert (products[row, len(wanted) :] == -1).all()
        assert np.isneginf(scores[row, len(wanted) :]).all()


def test_customers_come_back_in_the_order_asked_in_blocks_of_any_size(
    monkeypatch: pytest.MonkeyPatch,
):
    model = made(shop(), WEIGHTS, parts())
    everybody = model.recommend(np.arange(CUSTOMERS), 9)
    monkeypatch.setattr(bulk, "SUMS", 7 * PRODUCTS)
    monkeypatch.setattr(bulk, "NEIGHBORS", 500)
    some = np.array([59, 3, 0, 3, 31])
    products, scores = model.recommend(some, 9)
    assert (products == everybody[0][some]).all()
    assert (scores == everybody[1][some]).all()
    assert model.recommend(np.zeros(0, dtype=np.int64), 9)[0].shape == (0, 9)


@pytest.mark.parametrize("k", [1, 7, 1000])
@pytest.mark.parametrize("top", [20, 60])
def test_lists_are_the_same_where_products_share_buckets(
    monkeypatch: pytest.MonkeyPatch, k: int, top: int
):
    plain = made(shop(), WEIGHTS, parts(top)).listed(np.arange(CUSTOMERS), k)
    monkeypatch.setattr(bulk, "MOST", 200)
    monkeypatch.setattr(bulk, "BUCKETS", 64)
    shared = made(shop(), WEIGHTS, parts(top)).listed(np.arange(CUSTOMERS), k)
    for one, other in zip(plain, shared, strict=True):
        assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def test_few_products_are_added_up_where_one_signal_is_clear(monkeypatch: pytest.MonkeyPatch):
    model = made(shop(), WEIGHTS, parts())
    added: list[int] = []
    by_product = Heard.by_product

    def counted(heard: Heard, cells: np.ndarray) -> np.ndarray:
        added.append(len(cells))
        return by_product(heard, cells)

    monkeypatch.setattr(Heard, "by_product", counted)
    few = np.flatnonzero(np.diff(model.bought_.indptr) == 3)
    assert (model.recommend(few, 5)[0] >= 0).all()
    assert sum(added) < 0.2 * 2 * PRODUCTS * len(few)


def test_signals_that_are_no_sums_of_neighbours_are_scored_in_full():
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(CUSTOMERS + PRODUCTS + 1, 4)).astype(np.float32)
    ends = np.split(vectors, [CUSTOMERS, CUSTOMERS + PRODUCTS])
    graph = {"graph_vector": GraphDistance(ends[0], ends[1], ends[2][0]), **parts()}
    model = made(shop(), WEIGHTS | {"graph_vector": 0.3}, graph)
    products = model.recommend(np.arange(CUSTOMERS), 6)[0]
    for row, wanted in enumerate(by_sorting(model, 6)):
        assert products[row, : len(wanted)].tolist() == [product for product, _ in wanted]


def test_what_was_bought_may_be_asked_for():
    model = made(shop(), WEIGHTS, parts())
    products, _ = model.recommend(np.arange(CUSTOMERS), 3, exclude_bought=False)
    assert (products[0] >= 0).all()


def test_bad_questions_are_refused():
    with pytest.raises(DataError, match="k is 0"):
        made(shop(), WEIGHTS, parts()).recommend(np.arange(3), 0)
    with pytest.raises(NotFittedError):
        Bulk(Blend(parts(), WEIGHTS), Favourites(csr_matrix((0, 1)))).recommend(np.arange(3))
