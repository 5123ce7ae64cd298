"""What rec.recommend computes, for many customers: the blend, or favourites for who is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from kgfeatures.recommend.base import Purchases, Recommender

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from kgfeatures.recommend.blend import Blend
    from kgfeatures.recommend.favourites import Favourites
    from kgfeatures.types import IntArray


class Served(Recommender):
    """A blend for customers with purchases; favourites, then popularity, for all others.

    Parameters
    ----------
    blend : with a part called "popular", the last one.
    favourites : of segments.
    """

    bought_: csr_matrix

    def __init__(self, blend: Blend, favourites: Favourites) -> None:
        self.blend = blend
        self.favourites = favourites

    def fit(self, purchases: Purchases) -> Self:
        """Fit both."""
        self.blend.fit(purchases)
        self.favourites.fit(purchases)
        self.bought_ = purchases.matrix()
        return super().fit(purchases)

    def score(self, customers: IntArray) -> NDArray[np.float64]:
        """Return the blend's score, or favourites and popularity by what the latter weighs."""
        self.check_fitted()
        scores = self.blend.score(customers)
        new = np.flatnonzero(self._sizes(customers) == 0)
        if len(new):
            weight = self.blend.weights_["popular"]
            popular = weight * self.blend.parts["popular"].scaled(customers[new])
            scores[new] = (1 - weight) * self.favourites.score(customers[new]) + popular
        return scores

    def _sizes(self, customers: IntArray) -> IntArray:
        return np.diff(self.bought_.indptr)[customers]
