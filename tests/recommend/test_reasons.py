from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kgfeatures.recommend import Blend, Popular, Purchases
from kgfeatures.recommend.item_item import ItemItem
from kgfeatures.recommend.reasons import are_sums, reasons

NAMES = ("one", "other", "silent", "popular")
HALF = {"one": 0.5, "other": 0.35, "silent": 0.0, "popular": 0.15}


class Table(ItemItem):
    """Neighbours drawn at random, half of them none."""

    def __init__(self, seed: int) -> None:
        super().__init__(None)
        self.seed = seed

    def table(self, purchases: Purchases) -> csr_matrix:
        rng = np.random.default_rng(self.seed)
        weights = rng.random((purchases.n_products, purchases.n_products))
        np.fill_diagonal(weights, 0)
        return csr_matrix(np.where(weights > 0.5, weights, 0).astype(np.float32))


@pytest.fixture
def blend() -> Blend:
    has = np.random.default_rng(0).random((12, 9)) < 0.2
    has[0] = False  # bought nothing
    customer, product = np.nonzero(has)
    parts = {"one": Table(1), "other": Table(2), "silent": Table(3), "popular": Popular()}
    known = Purchases(customer, product, np.zeros(len(customer)), 12, 9)
    return Blend(parts, HALF).fit(known)


def said(blend: Blend, name: str, customer: int, product: int) -> float:
    """Return what a signal adds to a score, from dense scores."""
    part = blend.parts[name]
    scores = part.score(np.array([customer]))[0]
    return HALF[name] * scores[product] / max(scores.max(), 1e-12)


def test_the_reason_is_the_signal_that_adds_most(blend: Blend):
    products = np.array([np.random.default_rng(n).permutation(9)[:5] for n in range(12)])
    found = reasons(blend, NAMES, np.arange(12), products)
    for customer, listed in enumerate(products):
        for rank, product in enumerate(listed):
            adds = [said(blend, name, customer, product) for name in NAMES]
            # Of what nobody says anything only popularity can.
            wanted = int(np.argmax(adds)) if max(adds) > 0 else NAMES.index("popular")
            assert found.signal[customer, rank] == wanted
    assert len(set(found.signal.ravel())) == 3


def test_highest_is_the_best_score_of_any_product(blend: Blend):
    found = reasons(blend, NAMES, np.arange(12), np.zeros((12, 1), dtype=np.int64))
    for column in (0, 1):
        best = blend.parts[NAMES[column]].score(np.arange(12)).max(axis=1)
        assert np.allclose(np.nan_to_num(found.highest[:, column]), best)
    assert np.isnan(found.highest[0]).all()
    assert np.isnan(found.highest[:, 2:]).all()


def test_places_without_a_product_change_nothing(blend: Blend):
    products = np.array([[3, 4, -1], [5, -1, -1]])
    found = reasons(blend, NAMES, np.array([1, 2]), products)
    full = reasons(blend, NAMES, np.array([1]), np.array([[3, 4, 7]]))
    assert found.signal[0, :2].tolist() == full.signal[0, :2].tolist()


def test_blocks_are_put_together_again(blend: Blend, monkeypatch: pytest.MonkeyPatch):
    asked = (blend, NAMES, np.arange(12), np.tile(np.arange(9), (12, 1)))
    whole = reasons(*asked)
    monkeypatch.setattr("kgfeatures.recommend.reasons.CELLS", 20)
    parts = reasons(*asked)
    assert (parts.signal == whole.signal).all()
    assert np.array_equal(parts.highest, whole.highest, equal_nan=True)


def test_vectors_are_no_sum_over_purchases(blend: Blend):
    assert are_sums(blend)
    blend.parts = {**blend.parts, "silent": blend}
    assert are_sums(blend)
    blend.weights_ = {**blend.weights_, "silent": 0.1}
    assert not are_sums(blend)
