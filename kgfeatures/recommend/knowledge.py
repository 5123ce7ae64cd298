"""The knowledge graph's own opinion: TransE's distance from customer + bought to the product.

score(u, p) = −‖u + bought − p‖₂ over trained graph vectors; scaled by exp(score − highest), which
is TransE's softmax up to a factor. As a dot product, score(u, p) = [2(u + bought), −1] · [p, ‖p‖²]
= ‖u + bought‖² − ‖u + bought − p‖²: the same ranking, ready for an index of inner products, and a
steeper scale. He, Kang, McAuley 2017, "Translation-based Recommendation";
Zhang et al. 2018, "Learning over Knowledge-Base Embeddings for Recommendation" (CFKG).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from kgfeatures.errors import DataError
from kgfeatures.recommend.base import Purchases, Recommender

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.types import FloatArray, IntArray

FORMS = ("distance", "dot")


class GraphDistance(Recommender):
    """Products near the place that a customer's vector points to.

    Parameters
    ----------
    customers : (n_customers, dim), rows of NaN where a customer has no vector.
    products : (n_products, dim), the same.
    bought : (dim,) vector of the relation from customer to product.
    form : "distance" or "dot", see the module; products rank alike, a blend sees other scales.
    """

    def __init__(
        self,
        customers: FloatArray,
        products: FloatArray,
        bought: FloatArray,
        form: Literal["distance", "dot"] = "distance",
    ) -> None:
        self.customers = customers
        self.products = products
        self.bought = bought
        self.form = form

    def fit(self, purchases: Purchases) -> Self:
        """Check that there is a vector for each row; nothing is learned.

        Raises
        ------
        DataError : another number of rows or another width, an unknown form.
        """
        if self.form not in FORMS:
            raise DataError(f"form is {self.form!r}; it must be one of {FORMS}")
        shapes = (self.customers.shape, self.products.shape)
        dim = len(self.bought)
        wanted = ((purchases.n_customers, dim), (purchases.n_products, dim))
        if shapes != wanted:
            raise DataError(f"graph vectors have shapes {shapes}; pass {wanted}")
        # Distances stay when everything moves; near the origin single precision loses least.
        products = self.products.astype(np.float64)
        there = np.isfinite(products).all(axis=1)
        self.middle_ = products[there].mean(axis=0) if there.any() else np.zeros(dim)
        moved = products - self.middle_
        moved[~there] = 0
        columns = [moved, np.ones(len(moved)), (moved**2).sum(axis=1)]
        self.right_ = np.ascontiguousarray(np.column_stack(columns).T, dtype=np.float32)
        self.missing_ = np.flatnonzero(~there)
        return super().fit(purchases)

    def score(self, customers: IntArray) -> NDArray[np.floating]:
        """Return minus the distance, ≤ 0, or the dot product; -inf where a vector is missing."""
        self.check_fitted()
        aim = self.customers[customers].astype(np.float64) + self.bought - self.middle_
        silent = ~np.isfinite(aim).all(axis=1)
        aim[silent] = 0
        # ‖a − p‖² = (−2a, ‖a‖², 1) · (p, 1, ‖p‖²): one product of matrices.
        left = np.column_stack([-2 * aim, (aim**2).sum(axis=1), np.ones(len(aim))])
        scores = left.astype(np.float32) @ self.right_
        np.maximum(scores, 0, out=scores)
        if self.form == "dot":
            whole = self.customers[customers].astype(np.float64) + self.bought
            squares = (whole**2).sum(axis=1, keepdims=True).astype(np.float32)
            np.subtract(squares, scores, out=scores)
        else:
            np.sqrt(scores, out=scores)
            np.negative(scores, out=scores)
        scores[:, self.missing_] = -np.inf
        scores[silent] = -np.inf
        return scores

    def dot_vectors(self) -> tuple[FloatArray, FloatArray]:
        """Return vectors whose inner products rank products as the distance does.

        Returns
        -------
        customers, products : (n_customers, dim + 1) [2(u + bought), −1] and (n_products, dim + 1)
            [p, ‖p‖²]; NaN where a vector is missing.
        """
        aim = 2 * (self.customers.astype(np.float64) + self.bought)
        products = self.products.astype(np.float64)
        left = np.column_stack([aim, np.full(len(aim), -1.0)])
        right = np.column_stack([products, (products**2).sum(axis=1)])
        return left.astype(np.float32), right.astype(np.float32)

    def scale(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return exp(score − the row's highest), in [0, 1]; rows of -inf become 0."""
        highest = scores.max(axis=1, keepdims=True, initial=-np.inf)
        return np.exp(scores - np.where(np.isneginf(highest), 0, highest).astype(scores.dtype))
