"""Matrix factorisation of who bought what: one vector per customer and per product.

Weighted alternating least squares of Hu, Koren, Volinsky 2008, "Collaborative Filtering for
Implicit Feedback Datasets", by the library `implicit`; score_uj = u · v_j.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from kgfeatures.errors import MissingExtraError
from kgfeatures.recommend.base import Purchases, Recommender

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.types import FloatArray, IntArray


class Als(Recommender):
    """Products whose vector points where the customer's does.

    Parameters
    ----------
    factors : numbers per vector.
    regularization : pulls vectors to zero.
    alpha : how much more a purchase weighs than none.
    iterations : sweeps over customers and products.
    seed : of the start values; the same input and seed give the same vectors, on one thread.

    Attributes
    ----------
    customers_, products_ : (n_customers, factors) and (n_products, factors) float32.
    """

    customers_: FloatArray
    products_: FloatArray
    model_: Any

    def __init__(
        self,
        factors: int = 64,
        regularization: float = 0.05,
        alpha: float = 10.0,
        iterations: int = 15,
        seed: int = 0,
    ) -> None:
        self.factors = factors
        self.regularization = regularization
        self.alpha = alpha
        self.iterations = iterations
        self.seed = seed

    def fit(self, purchases: Purchases) -> Self:
        """Learn the vectors.

        Raises
        ------
        MissingExtraError : `implicit` is not installed.
        """
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            model = _model(self)
            model.fit(purchases.matrix().astype(np.float32), show_progress=False)
        self.customers_, self.products_ = model.user_factors, model.item_factors
        self.model_ = model
        return super().fit(purchases)

    def remember(self, purchases: Purchases) -> Self:
        """Solve each customer's vector anew, products staying where they are."""
        from threadpoolctl import threadpool_limits

        super().remember(purchases)
        everybody = np.arange(purchases.n_customers)
        with threadpool_limits(1):
            bought = purchases.matrix().astype(np.float32)
            self.customers_ = self.model_.recalculate_user(everybody, bought)
        return self

    def score(self, customers: IntArray) -> NDArray[np.floating]:
        """Return the inner products, unbounded."""
        self.check_fitted()
        return self.customers_[customers] @ self.products_.T

    def scale(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return each row divided by its highest score; what is below 0 becomes 0."""
        return super().scale(np.maximum(scores, 0))


def _model(settings: Als) -> Any:
    try:
        als = import_module("implicit.cpu.als")  # no types come with it
    except ImportError as error:
        raise MissingExtraError(
            "ALS needs the library implicit; install it with `pip install 'kgfeatures[ml]'`"
        ) from error
    return als.AlternatingLeastSquares(
        factors=settings.factors,
        regularization=settings.regularization,
        alpha=settings.alpha,
        iterations=settings.iterations,
        num_threads=1,
        random_state=settings.seed,
    )
