from __future__ import annotations

import numpy as np
import pytest

from kgfeatures.recommend import Als, Purchases
from kgfeatures.recommend.latent import Latent


def random_purchases() -> Purchases:
    customer, product = np.nonzero(np.random.default_rng(0).random((25, 12)) < 0.3)
    return Purchases(customer, product, np.zeros(len(customer)), 25, 12)


def test_neighbours_are_the_fold_in_without_the_customers_own_term():
    purchases, als = random_purchases(), Als(factors=4)
    model = Latent(Als(factors=4), top=None, memory_half_life_days=None).fit(purchases)
    V = als.fit(purchases).products_.astype(np.float64)
    for customer in range(25):
        bought = purchases.product[purchases.customer == customer]
        x = np.linalg.inv(V.T @ V + 0.05 * np.eye(4)) @ V[bought].sum(axis=0)
        inverse = np.linalg.inv(V.T @ V + 0.05 * np.eye(4))
        wanted = np.zeros(12)
        for i in bought:
            own = V[i] @ inverse @ V.T
            own[i] = 0
            wanted += np.maximum(own, 0)
        assert model.score(np.array([customer]))[0] == pytest.approx(wanted, abs=1e-5)
        # Where every product says yes and nobody is left out, it is the very score of x.
        assert sum(V[i] @ inverse @ V.T for i in bought) == pytest.approx(V @ x, abs=1e-9)


def test_only_the_best_neighbours_are_kept():
    counts = np.diff(Latent(Als(factors=4), top=3).fit(random_purchases()).neighbors_.indptr)
    assert counts.max() == 3


def test_products_that_are_bought_together_are_neighbours():
    pairs = [(c, p) for c in range(20) for p in range(20) if c % 2 == p % 2 and c != p]
    customer, product = np.array(pairs).T
    model = Latent(Als(factors=2)).fit(Purchases(customer, product, np.zeros(180), 20, 20))
    assert model.recommend(np.arange(20), 1)[0].ravel().tolist() == list(range(20))
