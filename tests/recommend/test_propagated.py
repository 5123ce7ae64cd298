from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kgfeatures.recommend import Neighbors, NeighborSettings, Purchases
from kgfeatures.recommend.propagated import Propagated


def test_a_product_goes_with_what_products_like_it_go_with():
    rng = np.random.default_rng(0)
    customer, product = np.nonzero(rng.random((30, 9)) < 0.4)
    purchases = Purchases(customer, product, np.zeros(len(customer)), 30, 11)  # 9, 10: not sold
    alike = np.triu(rng.random((11, 11)) * (rng.random((11, 11)) < 0.5), 1)
    alike += alike.T
    settings = NeighborSettings(top=None)
    together = Neighbors(settings).fit(purchases).neighbors_.toarray()
    expected = np.zeros((11, 11))
    for i in range(11):
        for j in range(11):
            likes = [(k, alike[j, k]) for k in range(9) if alike[j, k] > 0]
            total = sum(weight for _, weight in likes)
            if i != j and total:
                expected[i, j] = sum(together[i, k] * weight for k, weight in likes) / total
    found = Propagated(csr_matrix(alike), settings, top=None).fit(purchases).neighbors_
    assert found.toarray() == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert found.toarray()[:, 9].any()
