from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kgfeatures.errors import DataError
from kgfeatures.recommend import (
    Attributes,
    Blend,
    Neighbors,
    NeighborSettings,
    Popular,
    Purchases,
    Recommender,
)
from kgfeatures.recommend.favourites import Favourites
from kgfeatures.recommend.served import Served

# Customers 0 and 1 buy products 0 and 1, customer 2 buys 2; 3 and 4 are new.
BOUGHT = Purchases(
    np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]), np.array([0.0, 10, 10, 10]), 5, 4
)
BIG, SMALL = [1, 1, 0, 1, 0], [0, 0, 1, 1, 0]


def test_favourites_are_what_members_bought_last():
    model = Favourites(csr_matrix([BIG]), half_life_days=10).fit(BOUGHT)
    assert model.score(np.arange(5))[3].tolist() == [0.25, 1, 0, 0]
    assert model.score(np.arange(5))[4].tolist() == [0, 0, 0, 0]


def test_the_smallest_segment_counts_that_bought_anything():
    found = Favourites(csr_matrix([BIG, SMALL, [0, 0, 0, 1, 0]])).fit(BOUGHT).segment_
    assert found.tolist() == [0, 0, 1, 1, -1]


def test_only_customers_without_purchases_are_shown_favourites():
    blend = Blend({"popular": Popular(None), "more": Popular(None)}, {"popular": 0.2, "more": 0.8})
    served = Served(blend, Favourites(csr_matrix([SMALL]), None)).fit(BOUGHT)
    scores = served.score(np.arange(5))
    assert scores[2].tolist() == pytest.approx([0.5, 1, 0.5, 0])
    assert scores[3].tolist() == pytest.approx([0.1, 0.2, 0.8 + 0.1, 0])
    assert scores[4].tolist() == pytest.approx([0.1, 0.2, 0.1, 0])


def test_a_member_that_is_no_customer_is_refused():
    with pytest.raises(DataError, match="members name customer 7"):
        Favourites(csr_matrix(([1.0], ([0], [7])), shape=(1, 8))).fit(BOUGHT)


@pytest.mark.parametrize("k", [1, 5, 40, 200])
def test_lists_of_many_are_the_best_of_dense_scores(k: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("kgfeatures.recommend.served.DENSE_BELOW", 0)
    rng = np.random.default_rng(0)
    customer, product = np.nonzero(rng.random((60, 80)) < rng.random((60, 1)) ** 3)
    bought = Purchases(customer, product, rng.integers(0, 50, len(customer)) / 1.0, 62, 90)
    few = NeighborSettings(top=6)
    parts = {
        "bought_together": Neighbors(few),
        "shared_triples": Attributes(csr_matrix(rng.random((90, 9)) < 0.2), top=7),
        "popular": Popular(30.0),
    }
    weights = {"bought_together": 0.6, "shared_triples": 0.3, "popular": 0.1}
    members = csr_matrix((np.ones(3), ([0, 0, 0], [1, 2, 60])), shape=(1, 62))
    served = Served(Blend(parts, weights), Favourites(members)).fit(bought)
    everybody = rng.permutation(62)
    products, scores = served.recommend(everybody, k)
    wanted, best = Recommender.recommend(served, everybody, k)
    assert (products == wanted).all()
    assert (scores == best).all()
