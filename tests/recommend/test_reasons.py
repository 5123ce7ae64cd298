from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kgfeatures.recommend import Blend, Popular, Purchases, bulk
from kgfeatures.recommend.bulk import Bulk
from kgfeatures.recommend.favourites import Favourites
from kgfeatures.recommend.item_item import ItemItem

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
def served() -> Bulk:
    has = np.random.default_rng(0).random((12, 9)) < 0.2
    has[0] = False  # bought nothing
    customer, product = np.nonzero(has)
    parts = {"one": Table(1), "other": Table(2), "silent": Table(3), "popular": Popular()}
    known = Purchases(customer, product, np.zeros(len(customer)), 12, 9)
    return Bulk(Blend(parts, HALF), Favourites(csr_matrix((0, 12)))).fit(known)


def said(served: Bulk, name: str, customer: int, product: int) -> float:
    """Return what a signal adds to a score, from dense scores."""
    scores = served.blend.parts[name].score(np.array([customer]))[0]
    return HALF[name] * scores[product] / max(scores.max(), 1e-12)


def test_the_reason_is_the_signal_that_adds_most(served: Bulk):
    found = served.listed(np.arange(1, 12), 5)
    for customer, listed, signals in zip(range(1, 12), found.products, found.signal, strict=True):
        for product, signal in zip(listed, signals, strict=True):
            if product >= 0:
                adds = [said(served, name, customer, product) for name in NAMES]
                # Of what nobody says anything only popularity can.
                wanted = int(np.argmax(adds)) if max(adds) > 0 else NAMES.index("popular")
                assert signal == wanted
    assert len(set(found.signal[found.products >= 0])) == 3


def test_highest_is_the_best_score_of_any_product(served: Bulk):
    found = served.listed(np.arange(12), 1)
    for column in (0, 1):
        best = served.blend.parts[NAMES[column]].score(np.arange(12)).max(axis=1)
        assert np.allclose(np.nan_to_num(found.highest[:, column]), best)
    assert np.isnan(found.highest[0]).all()
    assert np.isnan(found.highest[:, 2:]).all()


def test_blocks_are_put_together_again(served: Bulk, monkeypatch: pytest.MonkeyPatch):
    whole = served.listed(np.arange(12), 9)
    monkeypatch.setattr(bulk, "NEIGHBORS", 20)
    parts = served.listed(np.arange(12), 9)
    for one, other in zip(whole, parts, strict=True):
        assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def test_vectors_are_no_sum_over_purchases(served: Bulk):
    assert served.is_sum
    served.blend.parts = {**served.blend.parts, "silent": served.blend.parts["popular"]}
    assert served.fit(served.purchases_).is_sum
    served.blend.weights = HALF | {"silent": 0.1}
    assert not served.fit(served.purchases_).is_sum
