"""Item-item through what is said: a product goes with what products like it go with.

S'_ij = Σ_k S_ik C_jk / Σ_k C_jk over the sold products k most like j, C the cosine of attributes or
texts, S the table of what is bought together; the highest of each product i. So a product that
nobody bought yet inherits from its likes, as in attribute-to-feature mappings (Gantner et al.
2010, "Learning Attribute-to-Feature Mappings for Cold-Start Recommendations").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from kgfeatures.recommend.item_item import ItemItem, NeighborRows, row_blocks
from kgfeatures.recommend.neighbors import Neighbors, NeighborSettings

if TYPE_CHECKING:
    from kgfeatures.recommend.base import Purchases


class Propagated(ItemItem):
    """Products like those that go with what a customer bought.

    Parameters
    ----------
    alike : csr_matrix (n_products, n_products), the products most like each, such as the table of
        `Attributes` or `Texts`.
    settings : of what is bought together; None takes the defaults. Its memory is that of customers.
    top : neighbours kept per product; None keeps all.
    """

    def __init__(
        self, alike: csr_matrix, settings: NeighborSettings | None = None, top: int | None = 200
    ) -> None:
        self.settings = settings or NeighborSettings()
        super().__init__(self.settings.memory_half_life_days)
        self.alike = alike
        self.top = top

    def table(self, purchases: Purchases) -> csr_matrix:
        """Return the table of what is bought together, passed on to the products alike."""
        n = purchases.n_products
        together = Neighbors(self.settings).table(purchases)
        sold = np.bincount(purchases.product, minlength=n) > 0
        alike = csr_matrix(self.alike @ diags_array(sold.astype(np.float32)))
        sums = np.asarray(alike.sum(axis=1)).ravel()
        shares = csr_matrix(diags_array(1 / np.where(sums > 0, sums, 1)) @ alike)
        passed_on = csr_matrix(shares.T)
        rows = NeighborRows(n, self.top)
        for block in row_blocks(np.arange(n), n):
            weights = csr_matrix(together[block] @ passed_on)
            rows.add(block, weights.astype(np.float32).toarray())
        return rows.matrix()
