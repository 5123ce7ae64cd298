from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kgfeatures.errors import DataError
from kgfeatures.recommend import (
    Blend,
    Popular,
    Purchases,
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
