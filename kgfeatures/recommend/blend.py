"""A weighted sum of several recommenders' scores, each scaled to [0, 1] per customer.

With weights that sum to 1 the blended score lies in [0, 1]: 1 is a product that every signal
puts first. Popularity keeps a small weight, so that a list is never shorter than asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from kgfeatures.errors import DataError
from kgfeatures.recommend.base import Purchases, Recommender

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from kgfeatures.types import IntArray


class Blend(Recommender):
    """Several recommenders as one.

    Parameters
    ----------
    parts : recommenders by signal name, fitted by `fit` of the blend.
    weights : one ≥ 0 for each part, at least one above 0; divided by their sum.
    """

    def __init__(self, parts: Mapping[str, Recommender], weights: Mapping[str, float]) -> None:
        self.parts = parts
        self.weights = weights

    def fit(self, purchases: Purchases) -> Self:
        """Fit every part.

        Raises
        ------
        DataError : weights of other signals than the parts, below 0, or all 0.
        """
        self.weights_ = normalized(self.weights, self.parts)
        for part in self.parts.values():
            part.fit(purchases)
        return super().fit(purchases)

    def adopt(self, purchases: Purchases) -> Self:
        """Take parts that are fitted already, and the histories that they remember.

        Raises
        ------
        DataError : weights of other signals than the parts, below 0, or all 0.
        """
        self.weights_ = normalized(self.weights, self.parts)
        return super().fit(purchases)

    def remember(self, purchases: Purchases) -> Self:
        """Let every part take the histories."""
        super().remember(purchases)
        for part in self.parts.values():
            part.remember(purchases)
        return self

    def score(self, customers: IntArray) -> NDArray[np.float64]:
        """Return the weighted sum of the scaled scores, in [0, 1]."""
        self.check_fitted()
        total = np.zeros((len(customers), self.purchases_.n_products))
        if len(customers) == 0:
            return total
        for name, part in self.parts.items():
            if self.weights_[name] > 0:
                scores = part.scaled(customers)
                np.multiply(scores, self.weights_[name], out=scores)
                total += scores
        return total


def normalized(
    weights: Mapping[str, float], signals: Mapping[str, object] | None = None
) -> dict[str, float]:
    """Return `weights` divided by their sum.

    Raises
    ------
    DataError : not the names of `signals`, a weight below 0, or a sum of 0.
    """
    if signals is not None and set(weights) != set(signals):
        raise DataError(
            f"weights are given for {sorted(weights)}; give one for each of {sorted(signals)}"
        )
    total = sum(weights.values())
    if min(weights.values(), default=-1.0) < 0 or not 0 < total < np.inf:
        raise DataError(f"weights are {dict(weights)}; they must be at least 0 and one above 0")
    return {name: weight / total for name, weight in weights.items()}
