"""Item-item neighbours: customers who bought this product also bought that one.

S_ij = Σ_u x_ui x_uj · 2^(−age_uj / trend) / (d_u^α · d_i^β · d_j^γ) · n_ij / (n_ij + λ),
the highest of each product i; how customers are scored by it says item_item.py.

d are degrees (distinct products of a customer, distinct customers of a product), n_ij customers who
bought both, ages days. Plain cosine is α = λ = 0, β = γ = ½, no decay, all products. Deshpande,
Karypis 2004, "Item-Based Top-N Recommendation Algorithms"; degree normalisation as in Paudel et
al. 2017 (RP3β); shrinkage as in Bell, Koren 2007.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from kgfeatures.errors import DataError
from kgfeatures.recommend.base import Purchases, decay
from kgfeatures.recommend.item_item import ItemItem, NeighborRows, row_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

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


# A block with a smaller share of pairs bought together is never written out in full.
SPARSE = 0.1

COSINE = NeighborSettings(0.0, 0.5, 0.5, None, None, None)


class Neighbors(ItemItem):
    """Products that go with what a customer bought, as other customers show.

    Parameters
    ----------
    settings : None takes the defaults.
    """

    def __init__(self, settings: NeighborSettings | None = None) -> None:
        self.settings = settings or NeighborSettings()
        super().__init__(self.settings.memory_half_life_days)

    def table(self, purchases: Purchases) -> csr_matrix:
        """Return the strongest neighbours of each product; see the module."""
        return neighbor_tables(purchases, [self.settings])[0]


def neighbor_tables(
    purchases: Purchases,
    many: Sequence[NeighborSettings],
    products: IntArray | None = None,
) -> list[csr_matrix]:
    """Return the table of neighbours by each of several settings; what they share is done once.

    Memory: some dense blocks of `SCORES_PER_BLOCK`, and the tables.

    Parameters
    ----------
    many : settings, one table each.
    products : rows to fill; None fills all.

    Returns
    -------
    tables : csr_matrix (n_products, n_products) of float32, without diagonal; row i holds the
        highest weights of product i, best first.
    """
    n = purchases.n_products
    together = _Together(purchases)
    found = [NeighborRows(n, settings.top) for settings in many]
    for block in row_blocks(np.arange(n) if products is None else products, n):
        together.look_at(block)
        for settings, table in zip(many, found, strict=True):
            if together.is_sparse(settings):
                table.add_sparse(block, together.sparse_weights(settings))
            else:
                table.add(block, together.weights(settings))
    return [table.matrix() for table in found]


class _Together:
    """How often some products were bought together with all others, by any settings.

    Sums over customers depend on few of the settings; they are kept for a block of products.
    """

    def __init__(self, purchases: Purchases) -> None:
        self._purchases = purchases
        self._age = purchases.day.max(initial=-np.inf) - purchases.day
        self._degree = np.bincount(purchases.product, minlength=purchases.n_products)
        self._plain = purchases.matrix()
        self._buyers = csr_matrix(self._plain.T)
        self._right: dict[tuple[float, float | None], csr_matrix] = {}
        self._block: IntArray = np.zeros(0, dtype=np.int64)
        self._sums: dict[tuple[float, float | None], csr_matrix] = {}
        self._dense: dict[tuple[float, float | None], NDArray[np.float32]] = {}

    def look_at(self, block: IntArray) -> None:
        """Forget the sums of other products."""
        self._block = block
        self._sums = {}
        self._dense = {}

    def is_sparse(self, settings: NeighborSettings) -> bool:
        """Return whether few of the block's products were ever bought together with others."""
        sums = self._sum(settings.customer_exponent, settings.trend_half_life_days)
        return sums.nnz < SPARSE * len(self._block) * self._purchases.n_products

    def sparse_weights(self, settings: NeighborSettings) -> csr_matrix:
        """Return `weights` without its zeros, the same bits."""
        sums = self._sum(settings.customer_exponent, settings.trend_half_life_days)
        block = np.repeat(self._block, np.diff(sums.indptr))
        weights = sums.data * _inverse_power(self._degree, settings.neighbor_exponent)[sums.indices]
        weights *= _inverse_power(self._degree, settings.product_exponent)[block]
        if settings.shrinkage > 0:
            # Every sum has its entries at the same places: the pairs that were bought together.
            both = self._sum(0.0, None).data
            weights *= both / (both + np.float32(settings.shrinkage))
        return csr_matrix((weights, sums.indices, sums.indptr), shape=sums.shape)

    def weights(self, settings: NeighborSettings) -> NDArray[np.float32]:
        """Return S of the block's products, (block, n_products)."""
        sums = self._full(settings.customer_exponent, settings.trend_half_life_days)
        weights = sums * _inverse_power(self._degree, settings.neighbor_exponent)
        weights *= _inverse_power(self._degree[self._block], settings.product_exponent)[:, None]
        if settings.shrinkage > 0:
            both = self._full(0.0, None)
            weights *= both / (both + np.float32(settings.shrinkage))
        return weights

    def _full(self, exponent: float, half_life_days: float | None) -> NDArray[np.float32]:
        key = (exponent, half_life_days)
        if key not in self._dense:
            self._dense[key] = self._sum(exponent, half_life_days).toarray()
        return self._dense[key]

    def _sum(self, exponent: float, half_life_days: float | None) -> csr_matrix:
        """Return Σ_u x_ui x_uj · 2^(−age_uj / half-life) / d_u^exponent, (block, n_products)."""
        key = (exponent, half_life_days)
        if key not in self._right:
            by_customer = _inverse_power(np.diff(self._plain.indptr), exponent)
            trend = self._purchases.matrix(decay(self._age, half_life_days))
            self._right[key] = csr_matrix(diags_array(by_customer) @ trend)
        if key not in self._sums:
            product = csr_matrix(self._buyers[self._block] @ self._right[key])
            sums = csr_matrix(product, dtype=np.float32)
            sums.sort_indices()
            self._sums[key] = sums
        return self._sums[key]


def _inverse_power(degree: NDArray[np.integer], exponent: float) -> NDArray[np.float32]:
    # Nobody asks for the weight of a row without entries.
    return (np.maximum(degree, 1).astype(np.float64) ** -exponent).astype(np.float32)
