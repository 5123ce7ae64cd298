"""Popularity: what many customers bought, the recent ones counting more.

score_p = Σ_u 2^(−age_up / half-life) [age_up < window], age counted back from the last purchase of
anybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from kgfeatures.recommend.base import Purchases, Recommender, decay

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.types import IntArray


class Popular(Recommender):
    """One list for everybody.

    Parameters
    ----------
    half_life_days : after which a purchase counts half; None counts customers.
    window_days : after which a purchase counts nothing; None never.
    """

    def __init__(
        self, half_life_days: float | None = None, window_days: float | None = None
    ) -> None:
        self.half_life_days = half_life_days
        self.window_days = window_days

    def fit(self, purchases: Purchases) -> Self:
        """Count customers per product into `weight_`, (n_products,)."""
        age = purchases.day.max(initial=-np.inf) - purchases.day
        counted = decay(age, self.half_life_days)
        if self.window_days is not None:
            counted = np.where(age < self.window_days, counted, 0.0)
        self.weight_ = np.bincount(purchases.product, counted, minlength=purchases.n_products)
        self.weight_ = self.weight_.astype(np.float32)
        return super().fit(purchases)

    def score(self, customers: IntArray) -> NDArray[np.float64]:
        """Return the same row for each customer."""
        self.check_fitted()
        return np.tile(self.weight_.astype(np.float64), (len(customers), 1))

    def scaled(self, customers: IntArray) -> NDArray[np.floating]:
        """Return the one row, scaled, (1, n_products)."""
        return self.scale(self.score(customers[:1]))
