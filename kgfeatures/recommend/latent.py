"""Matrix factorisation as item-item: what ALS says, for customers it has never seen too.

ALS solves x_u = (VᵀV + λI + αV_uᵀV_u)⁻¹ (1 + α) Σ_{i bought by u} v_i and scores x_u · v_j. Without
the customer's own term in the inverse the score is a sum over what was bought,
S_ij = v_iᵀ (VᵀV + λI)⁻¹ v_j, the highest of each product i: nothing is kept per customer, so that
the purchase of five minutes ago counts, and each purchase's part can be named.
Hu, Koren, Volinsky 2008, "Collaborative Filtering for Implicit Feedback Datasets", section 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.recommend.als import Als
from kgfeatures.recommend.item_item import ItemItem, NeighborRows, row_blocks

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from kgfeatures.recommend.base import Purchases


class Latent(ItemItem):
    """Products whose vectors of matrix factorisation go with those of what a customer bought.

    Parameters
    ----------
    als : makes the vectors; None takes its defaults.
    top : neighbours kept per product; None keeps all.
    memory_half_life_days : after which a customer's own purchase counts half; None never.
    """

    def __init__(
        self,
        als: Als | None = None,
        top: int | None = 100,
        memory_half_life_days: float | None = 60.0,
    ) -> None:
        super().__init__(memory_half_life_days)
        self.als = als or Als()
        self.top = top

    def table(self, purchases: Purchases) -> csr_matrix:
        """Return the weights above 0; see the module.

        Raises
        ------
        MissingExtraError : `implicit` is not installed.
        """
        vectors = self.als.fit(purchases).products_.astype(np.float64)
        square = vectors.T @ vectors + self.als.regularization * np.eye(vectors.shape[1])
        left = np.linalg.solve(square, vectors.T).T.astype(np.float32)
        right = np.ascontiguousarray(vectors.T, dtype=np.float32)
        products = np.arange(len(vectors))
        rows = NeighborRows(len(products), self.top)
        for block in row_blocks(products, len(products)):
            rows.add(block, left[block] @ right)
        return rows.matrix()
