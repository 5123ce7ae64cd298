from __future__ import annotations

import math

import numpy as np
import pytest

from kgfeatures.errors import DataError
from kgfeatures.recommend import (
    COSINE,
    Blend,
    GraphDistance,
    Neighbors,
    NeighborSettings,
    Popular,
    Purchases,
)
from kgfeatures.recommend.blend import normalized


def random_purchases(seed: int = 0, customers: int = 25, products: int = 12) -> Purchases:
    rng = np.random.default_rng(seed)
    customer, product = np.nonzero(rng.random((customers, products)) < 0.3)
    day = rng.uniform(0, 300, len(customer))
    return Purchases(customer, product, day, customers, products)


def checkerboard(n: int, held_out: int) -> Purchases:
    pairs = [(c, p) for c in range(n) for p in range(n) if c % 2 == p % 2]
    kept = np.array([(c, p) for c, p in pairs if not (c == p and c < held_out)])
    return Purchases(kept[:, 0], kept[:, 1], np.zeros(len(kept)), n, n)


def neighbor_formula(purchases: Purchases, settings: NeighborSettings) -> np.ndarray:
    """S_ij by loops over customers, as the module's docstring writes it."""
    bought: dict[int, dict[int, float]] = {}
    for c, p, day in zip(purchases.customer, purchases.product, purchases.day, strict=True):
        bought.setdefault(int(c), {})[int(p)] = float(day)
    buyers = [sum(p in own for own in bought.values()) for p in range(purchases.n_products)]
    now = max(day for own in bought.values() for day in own.values())
    table = np.zeros((purchases.n_products, purchases.n_products))
    for own in bought.values():
        for i in own:
            for j, day in own.items():
                if i != j:
                    age = now - day
                    trend = settings.trend_half_life_days
                    seen = 1.0 if trend is None else 0.5 ** (age / trend)
                    table[i, j] += seen / (
                        len(own) ** settings.customer_exponent
                        * buyers[i] ** settings.product_exponent
                        * buyers[j] ** settings.neighbor_exponent
                    )
    return table


@pytest.mark.parametrize(
    "settings",
    [
        COSINE,
        NeighborSettings(top=None),
        NeighborSettings(0.5, 0.7, 0.1, None, None, None),
    ],
)
def test_neighbors_equal_the_formula(settings: NeighborSettings):
    purchases = random_purchases()
    found = Neighbors(settings).fit(purchases).neighbors_.toarray()
    assert np.allclose(found, neighbor_formula(purchases, settings), rtol=1e-6)


def test_cosine_neighbors_are_the_cosines_of_the_columns():
    purchases = random_purchases(1)
    columns = purchases.matrix().toarray()
    unit = columns / np.linalg.norm(columns, axis=0)
    cosines = unit.T @ unit
    np.fill_diagonal(cosines, 0)
    assert np.allclose(Neighbors(COSINE).fit(purchases).neighbors_.toarray(), cosines, atol=1e-6)


def test_neighbors_keep_the_heaviest_of_each_product():
    purchases = random_purchases()
    whole = neighbor_formula(purchases, NeighborSettings())
    cut = Neighbors(NeighborSettings(top=3)).fit(purchases).neighbors_.toarray()
    for row, kept in zip(whole, cut, strict=True):
        assert set(np.flatnonzero(kept)) <= set(np.argsort(-row)[:3])
        assert (kept > 0).sum() == min(3, (row > 0).sum())


def test_neighbors_do_not_depend_on_the_size_of_blocks(monkeypatch: pytest.MonkeyPatch):
    purchases = random_purchases()
    whole = Neighbors().fit(purchases).neighbors_
    monkeypatch.setattr("kgfeatures.recommend.item_item.SCORES_PER_BLOCK", 30)
    assert (Neighbors().fit(purchases).neighbors_ != whole).nnz == 0


@pytest.mark.parametrize("top", [4, None])
@pytest.mark.parametrize("shrinkage", [0.0, 2.0])
def test_neighbors_are_the_same_bits_by_full_and_by_sparse_blocks(
    monkeypatch: pytest.MonkeyPatch, top: int | None, shrinkage: float
):
    purchases, settings = random_purchases(), NeighborSettings(top=top, shrinkage=shrinkage)
    found: list[tuple[bytes, ...]] = []
    for share in (0.0, 2.0):
        monkeypatch.setattr("kgfeatures.recommend.neighbors.SPARSE", share)
        table = Neighbors(settings).fit(purchases).neighbors_
        found.append(tuple(part.tobytes() for part in (table.data, table.indices, table.indptr)))
    assert found[0] == found[1]


def test_neighbor_scores_weigh_the_history_by_age():
    # Product 2 follows from 0 (bought 10 days before the last purchase) and from 1 (the last).
    customer, product = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 2, 1, 2])
    day = np.array([0.0, 10.0, 10.0, 10.0, 10.0, 10.0])
    purchases = Purchases(customer, product, day, 3, 3)
    settings = NeighborSettings(0, 0, 0, None, 10.0, None)
    scores = Neighbors(settings).fit(purchases).score(np.array([0]))
    assert scores[0, 2] == pytest.approx(0.5 * 1 + 1 * 1)


def test_neighbors_find_the_held_out_products_of_a_checkerboard():
    model = Neighbors().fit(checkerboard(50, 10))
    assert model.recommend(np.arange(10), 1)[0].ravel().tolist() == list(range(10))


def test_popular_counts_customers_and_halves_old_purchases():
    customer, product = np.array([0, 1, 2]), np.array([0, 0, 1])
    purchases = Purchases(customer, product, np.array([0.0, 0.0, 30.0]), 3, 2)
    assert Popular().fit(purchases).weight_.tolist() == [2.0, 1.0]
    assert Popular(30.0).fit(purchases).weight_.tolist() == [1.0, 1.0]


def test_graph_distance_is_how_far_the_moved_customer_is():
    rng = np.random.default_rng(0)
    customers, products, bought = rng.random((3, 4)), rng.random((5, 4)), rng.random(4)
    purchases = random_purchases(0, 3, 5)
    scores = GraphDistance(customers, products, bought).fit(purchases).score(np.arange(3))
    for c in range(3):
        for p in range(5):
            assert scores[c, p] == pytest.approx(-math.dist(customers[c] + bought, products[p]))


def test_graph_distance_scales_the_nearest_to_one_and_missing_vectors_to_zero():
    customers = np.array([[0.0], [np.nan]], dtype=np.float32)
    products = np.array([[1.0], [3.0], [np.nan]], dtype=np.float32)
    model = GraphDistance(customers, products, np.zeros(1, dtype=np.float32))
    model.fit(random_purchases(0, 2, 3))
    scaled = model.scale(model.score(np.arange(2)))
    assert scaled == pytest.approx(np.array([[1.0, math.exp(-2), 0.0], [0.0, 0.0, 0.0]]))


def test_graph_vectors_of_another_shape_are_refused():
    model = GraphDistance(np.zeros((2, 3)), np.zeros((4, 3)), np.zeros(3))
    with pytest.raises(
        DataError, match=r"shapes \(\(2, 3\), \(4, 3\)\); pass \(\(2, 3\), \(5, 3\)\)"
    ):
        model.fit(random_purchases(0, 2, 5))


def test_blend_is_the_weighted_sum_of_scaled_scores():
    purchases = random_purchases()
    parts = {"a": Neighbors(), "b": Popular()}
    found = Blend(parts, {"a": 3, "b": 1}).fit(purchases).score(np.arange(25))
    together, popular = Neighbors().fit(purchases).score(np.arange(25)), Popular().fit(purchases)
    for row, score in enumerate(found):
        high = together[row].max() or 1
        wanted = 0.75 * together[row] / high + 0.25 * popular.weight_ / popular.weight_.max()
        assert score == pytest.approx(wanted)


def test_a_customer_without_purchases_gets_what_is_popular():
    purchases = Purchases(np.array([0, 1, 1]), np.array([2, 2, 1]), np.zeros(3), 3, 4)
    blend = Blend({"a": Neighbors(), "b": Popular()}, {"a": 0.9, "b": 0.1}).fit(purchases)
    assert blend.recommend(np.array([2]), 4)[0].tolist() == [[2, 1, 0, 3]]


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"a": 1}, r"given for \['a'\]; give one for each of \['a', 'b'\]"),
        ({"a": -1, "b": 2}, "must be at least 0"),
        ({"a": 0, "b": 0}, "one above 0"),
        ({"a": math.nan, "b": 1}, "one above 0"),
    ],
)
def test_weights_that_cannot_be_are_refused(weights: dict[str, float], words: str):
    with pytest.raises(DataError, match=words):
        normalized(weights, {"a": 0, "b": 0})


def test_a_half_life_of_zero_is_refused():
    with pytest.raises(DataError, match="trend_half_life_days is 0"):
        NeighborSettings(trend_half_life_days=0)
