"""What a segment buys most, for customers of whom nothing is known but their segment.

favourite_sp = Σ_{u in s} 2^(−age_up / half-life), divided by the segment's highest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.sparse import csr_matrix, vstack

from kgfeatures.errors import DataError
from kgfeatures.recommend.base import Purchases, Recommender, decay, top_k

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.types import IntArray


class Favourites(Recommender):
    """One list for each segment.

    Parameters
    ----------
    members : csr_matrix (n_segments, n_customers) with an entry where a segment holds a customer;
        a customer may be in several: the smallest counts, of equals the first.
    half_life_days : after which a purchase counts half; None never.
    top : products kept per segment.

    Attributes
    ----------
    favourites_ : csr_matrix (n_segments, n_products) in (0, 1]; the best of a segment has 1.
    segment_ : (n_customers,) the segment that counts, -1 for none.
    """

    favourites_: csr_matrix
    segment_: IntArray

    def __init__(
        self, members: csr_matrix, half_life_days: float | None = 30.0, top: int = 200
    ) -> None:
        self.members = members
        self.half_life_days = half_life_days
        self.top = top

    def fit(self, purchases: Purchases) -> Self:
        """Add up what the members of each segment bought.

        Raises
        ------
        DataError : a member that is no customer.
        """
        sizes = np.diff(self.members.indptr)
        width = self.members.indices.max(initial=-1)
        if width >= purchases.n_customers:
            raise DataError(
                f"members name customer {width}; there are {purchases.n_customers} customers"
            )
        age = purchases.day.max(initial=-np.inf) - purchases.day
        bought = purchases.matrix(decay(age, self.half_life_days))
        self.favourites_ = _best(csr_matrix(self.members @ bought), self.top)
        self.segment_ = np.full(purchases.n_customers, -1, dtype=np.int64)
        # The smallest is written last.
        for segment in np.lexsort((-np.arange(len(sizes)), -sizes)):
            if np.diff(self.favourites_.indptr)[segment]:
                self.segment_[self.members[segment].indices] = segment
        return super().fit(purchases)

    def score(self, customers: IntArray) -> NDArray[np.float64]:
        """Return the favourites of each customer's segment, in [0, 1]; zeros without one."""
        self.check_fitted()
        scores = np.zeros((len(customers), self.purchases_.n_products))
        segment = self.segment_[customers]
        there = np.flatnonzero(segment >= 0)
        if len(there):
            scores[there] = self.favourites_[segment[there]].toarray()
        return scores


def _best(weights: csr_matrix, top: int) -> csr_matrix:
    """Return the highest of each row, divided by its highest."""
    rows: list[csr_matrix] = []
    for row in range(len(weights.indptr) - 1):
        dense = weights[row].toarray()
        products, values = top_k(dense, top)
        kept = values > 0
        shape = (1, dense.shape[1])
        best = values[kept] / values.max(initial=1e-300)
        where = (np.zeros(kept.sum(), dtype=np.int64), products[kept])
        rows.append(csr_matrix((best, where), shape=shape))
    if not rows:
        return csr_matrix(weights.shape)
    return csr_matrix(vstack(rows))
