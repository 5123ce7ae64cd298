"""The knowledge graph's own opinion: TransE's distance from customer + bought to the product.

score(u, p) = −‖u + bought − p‖₂ over trained graph vectors; scaled by exp(score − highest), which
is TransE's softmax up to a factor. He, Kang, McAuley 2017, "Translation-based Recommendation";
Zhang et al. 2018, "Learning over Knowledge-Base Embeddings for Recommendation" (CFKG).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from kgfeatures.errors import DataError
from kgfeatures.recommend.base import Purchases, Recommender

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.types import FloatArray, IntArray


class GraphDistance(Recommender):
    """Products near the place that a customer's vector points to.

    Parameters
    ----------
    customers : (n_customers, dim), rows of NaN where a customer has no vector.
    products : (n_products, dim), the same.
    bought : (dim,) vector of the relation from customer to product.
    """

    def __init__(self, customers: FloatArray, products: FloatArray, bought: FloatArray) -> None:
        self.customers = customers
        self.products = products
        self.bought = bought

    def fit(self, purchases: Purchases) -> Self:
        """Check that there is a vector for each row; nothing is learned.

        Raises
        ------
        DataError : another number of rows or another width.
        """
        shapes = (self.customers.shape, self.products.shape)
        dim = len(self.bought)
        wanted = ((purchases.n_customers, dim), (purchases.n_products, dim))
        if shapes != wanted:
            raise DataError(f"graph vectors have shapes {shapes}; pass {wanted}")
        return super().fit(purchases)

    def score(self, customers: IntArray) -> NDArray[np.float64]:
        """Return minus the distance, ≤ 0; -inf where a vector is missing."""
        self.check_fitted()
        aim = (self.customers[customers] + self.bought).astype(np.float64)
        products = self.products.astype(np.float64)
        squared = (aim**2).sum(axis=1)[:, None] + (products**2).sum(axis=1) - 2 * aim @ products.T
        scores = -np.sqrt(np.maximum(squared, 0))
        return np.where(np.isnan(scores), -np.inf, scores)

    def scale(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return exp(score − the row's highest), in [0, 1]; rows of -inf become 0."""
        highest = scores.max(axis=1, keepdims=True, initial=-np.inf)
        return np.exp(scores - np.where(np.isneginf(highest), 0.0, highest))
