"""User-user: what customers with a like history bought.

sim_uv = Σ_i x_ui x_vi / d_i^(2β), divided by both lengths (a cosine), of the nearest customers v;
score_uj = Σ_v sim_uv x_vj. Herlocker et al. 1999, "An Algorithmic Framework for Performing
Collaborative Filtering". β > 0 lets products that everybody buys say less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from kgfeatures.recommend.base import Purchases, Recommender, top_k
from kgfeatures.recommend.item_item import row_blocks, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.types import IntArray


class SimilarCustomers(Recommender):
    """Products that customers like this one bought.

    Parameters
    ----------
    product_exponent : β.
    top : customers who are listened to.
    """

    def __init__(self, product_exponent: float = 0.5, top: int = 200) -> None:
        self.product_exponent = product_exponent
        self.top = top

    def fit(self, purchases: Purchases) -> Self:
        """Remember every customer's history, brought to length 1."""
        self.bought_ = purchases.matrix()
        degree = np.bincount(purchases.product, minlength=purchases.n_products)
        self.factor_ = np.maximum(degree, 1).astype(np.float64) ** -self.product_exponent
        self.unit_ = unit_rows(csr_matrix(self.bought_ @ diags_array(self.factor_)))
        self.asking_ = self.unit_
        return super().fit(purchases)

    def remember(self, purchases: Purchases) -> Self:
        """Look for customers like the new histories, among the histories learned."""
        super().remember(purchases)
        self.asking_ = unit_rows(csr_matrix(purchases.matrix() @ diags_array(self.factor_)))
        return self

    def score(self, customers: IntArray) -> NDArray[np.floating]:
        """Return the summed similarities of the customers who bought each product, ≥ 0."""
        self.check_fitted()
        blocks = row_blocks(customers, self.purchases_.n_customers)
        empty = np.zeros((0, self.purchases_.n_products))
        return np.concatenate([empty, *(self._scored(block) for block in blocks)])

    def _scored(self, customers: IntArray) -> NDArray[np.float64]:
        alike = csr_matrix(self.asking_[customers] @ self.unit_.T).toarray()
        alike[np.arange(len(customers)), customers] = 0
        # Nobody is like them: without ties that is found sooner.
        np.copyto(alike, -np.arange(1.0, alike.shape[1] + 1), where=alike <= 0)
        others, weights = top_k(alike, self.top)
        kept = weights > 0
        starts = np.concatenate([[0], kept.sum(axis=1).cumsum()])
        nearest = csr_matrix(
            (weights[kept], others[kept], starts), shape=(len(customers), alike.shape[1])
        )
        return csr_matrix(nearest @ self.bought_).toarray()
