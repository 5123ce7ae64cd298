"""The graph's item-item: products of which the same is said go together.

Each product is the set of its (relation, tail) pairs, weighted by idf_a = ln(n / n_a), n_a of n
products having a; S_ij is the cosine of two such vectors, the highest of each product i. What
nearly every product has says nothing, a rare theme much. Works for products that nobody bought.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from kgfeatures.errors import DataError
from kgfeatures.recommend.item_item import ItemItem, nearest_rows, unit_rows

if TYPE_CHECKING:
    from kgfeatures.recommend.base import Purchases


class Attributes(ItemItem):
    """Products that share attributes with what a customer bought.

    Parameters
    ----------
    attributes : csr_matrix (n_products, n_attributes) with an entry where a product has one; a
        column stands for one relation and tail.
    top : neighbours kept per product; None keeps all.
    memory_half_life_days : after which a customer's own purchase counts half; None never.
    idf_power : p of the weights idf_a^p; higher lets rare attributes say more.
    length_exponent : q, S_ij = Σ_a idf_a^2p / (‖i‖ ‖j‖)^q; 1 is the cosine, less prefers products
        that share much over those of which little else is said.
    """

    def __init__(
        self,
        attributes: csr_matrix,
        top: int | None = 100,
        memory_half_life_days: float | None = 60.0,
        *,
        idf_power: float = 1.0,
        length_exponent: float = 1.0,
    ) -> None:
        super().__init__(memory_half_life_days)
        self.attributes = attributes
        self.top = top
        self.idf_power = idf_power
        self.length_exponent = length_exponent

    def table(self, purchases: Purchases) -> csr_matrix:
        """Return the cosines of idf-weighted attributes.

        Raises
        ------
        DataError : another number of products.
        """
        n = purchases.n_products
        if len(self.attributes.indptr) - 1 != n:
            raise DataError(f"attributes have shape {self.attributes.shape}; pass {n} rows")
        return nearest_rows(self.weighted(), self.top)

    def weighted(self) -> csr_matrix:
        """Return the weighted attributes, of length 1 by default; rows of none are 0."""
        has = self.attributes.copy()
        products = np.bincount(has.indices)
        has.data = np.log((len(has.indptr) - 1) / products[has.indices]) ** self.idf_power
        if self.length_exponent == 1:
            return unit_rows(has)
        squares = np.asarray(has.multiply(has).sum(axis=1)).ravel()
        factor = np.where(squares > 0, squares, 1.0) ** (-self.length_exponent / 2)
        return csr_matrix(diags_array(factor) @ has)
