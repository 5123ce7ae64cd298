"""Item-item neighbours: customers who bought this product also bought that one.

S_ij = Σ_u x_ui x_uj · 2^(−age_uj / trend) / (d_u^α · d_i^β · d_j^γ) · n_ij / (n_ij + λ),
the highest of each product i; score_uj = Σ_{i bought by u} 2^(−age_ui / memory) · S_ij.

d are degrees (distinct products of a customer, distinct customers of a product), n_ij customers who
bought both, ages days. Plain cosine is α = λ = 0, β = γ = ½, no decay, all products. Deshpande,
Karypis 2004, "Item-Based Top-N Recommendation Algorithms"; degree normalisation as in Paudel et
al. 2017 (RP3β); shrinkage as in Bell, Koren 2007.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from kgfeatures.errors import DataError
from kgfeatures.recommend.base import SCORES_PER_BLOCK, Purchases, Recommender, decay, top_k

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.types import IntArray


@dataclass(frozen=True)
class NeighborSettings:
    """How neighbours are weighted; `tuning.choose` finds what suits a shop.

    Parameters
    ----------
    customer_exponent : α; higher lets customers with few products say more.
    product_exponent : β of the product bought; higher evens out products of a history.
    neighbor_exponent : γ of the product recommended; higher prefers rare products.
    trend_half_life_days : after which a purchase of the neighbour counts half; None never.
    memory_half_life_days : the same for a customer's own purchase; None never.
    top : neighbours kept per product; None keeps all.
    shrinkage : λ; higher doubts pairs that few customers bought.
    """

    customer_exponent: float = 0.5
    product_exponent: float = 0.1
    neighbor_exponent: float = 0.7
    trend_half_life_days: float | None = 120.0
    memory_half_life_days: float | None = 60.0
    top: int | None = 100
    shrinkage: float = 0.0

    def __post_init__(self) -> None:
        for name in ("trend_half_life_days", "memory_half_life_days", "top"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise DataError(f"{name} is {value}; it must be above 0, or None")
        if self.shrinkage < 0:
            raise DataError(f"shrinkage is {self.shrinkage}; it must be at least 0")


COSINE = NeighborSettings(0.0, 0.5, 0.5, None, None, None)


class Neighbors(Recommender):
    """Products that go with what a customer bought.

    Parameters
    ----------
    settings : None takes the defaults.

    Attributes
    ----------
    neighbors_ : csr_matrix (n_products, n_products) of float32; row i holds the neighbours of i.
    """

    def __init__(self, settings: NeighborSettings | None = None) -> None:
        self.settings = settings or NeighborSettings()

    def fit(self, purchases: Purchases) -> Self:
        """Make the table of neighbours and remember each customer's weighted history."""
        chosen = self.settings
        age = purchases.day.max(initial=-np.inf) - purchases.day
        plain = purchases.matrix()
        by_customer = _inverse_power(np.diff(plain.indptr), chosen.customer_exponent)
        degree = np.bincount(purchases.product, minlength=purchases.n_products)
        trend = purchases.matrix(decay(age, chosen.trend_half_life_days))
        right = diags_array(by_customer) @ trend
        right = right @ diags_array(_inverse_power(degree, chosen.neighbor_exponent))
        left = diags_array(_inverse_power(degree, chosen.product_exponent)) @ plain.T
        self.neighbors_ = _strongest(csr_matrix(left), csr_matrix(right), plain, chosen)
        self.history_ = _history(purchases, chosen.memory_half_life_days)
        return super().fit(purchases)

    def score(self, customers: IntArray) -> NDArray[np.float64]:
        """Return the summed weights of the neighbours of each customer's products, ≥ 0."""
        self.check_fitted()
        return (self.history_[customers] @ self.neighbors_).toarray()


def _inverse_power(degree: NDArray[np.integer], exponent: float) -> NDArray[np.float64]:
    # Nobody asks for the weight of a row without entries.
    return np.maximum(degree, 1).astype(np.float64) ** -exponent


def _history(purchases: Purchases, half_life_days: float | None) -> csr_matrix:
    """Return each customer's purchases, weighted by age since that customer's last one."""
    last = np.full(purchases.n_customers, -np.inf)
    np.maximum.at(last, purchases.customer, purchases.day)
    return purchases.matrix(decay(last[purchases.customer] - purchases.day, half_life_days))


def _strongest(
    left: csr_matrix, right: csr_matrix, plain: csr_matrix, settings: NeighborSettings
) -> csr_matrix:
    """Return left @ right, shrunk, without its diagonal, the highest of each row, as float32."""
    n: int = left.shape[0]  # pyright: ignore[reportOptionalSubscript]  scipy's stub
    step = max(1, SCORES_PER_BLOCK // max(1, n))
    buyers = csr_matrix(plain.T)
    columns: list[IntArray] = []
    weights: list[NDArray[np.float32]] = []
    counts: list[IntArray] = []
    for start in range(0, n, step):
        block = (left[start : start + step] @ right).toarray()
        if settings.shrinkage > 0:
            both = (buyers[start : start + step] @ plain).toarray()
            block *= both / (both + settings.shrinkage)
        rows = np.arange(len(block))
        block[rows, start + rows] = 0
        best, values = top_k(block.astype(np.float32), settings.top or n)
        kept = values > 0
        counts.append(kept.sum(axis=1))
        columns.append(best[kept])
        weights.append(values[kept])
    starts = np.concatenate([[0], *counts]).cumsum()
    data = (np.concatenate([*weights, []]), np.concatenate([*columns, []]).astype(np.int64), starts)
    return csr_matrix((data[0].astype(np.float32), *data[1:]), shape=(n, n))
