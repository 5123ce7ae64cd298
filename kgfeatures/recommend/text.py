"""Item-item by words: products whose texts have near vectors go together.

S_ij is the cosine of two text vectors, the highest of each product i. Works for products that
nobody bought, and for those of which no triple says anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.errors import DataError
from kgfeatures.recommend.item_item import ItemItem, nearest_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from kgfeatures.recommend.base import Purchases
    from kgfeatures.types import FloatArray


class Texts(ItemItem):
    """Products whose texts are like those of what a customer bought.

    Parameters
    ----------
    vectors : (n_products, dim) of any length, rows of NaN or zeros where there is no text.
    top : neighbours kept per product; None keeps all.
    memory_half_life_days : after which a customer's own purchase counts half; None never.
    """

    def __init__(
        self,
        vectors: FloatArray,
        top: int | None = 50,
        memory_half_life_days: float | None = 60.0,
    ) -> None:
        super().__init__(memory_half_life_days)
        self.vectors = vectors
        self.top = top

    def table(self, purchases: Purchases) -> csr_matrix:
        """Return the cosines above 0.

        Raises
        ------
        DataError : another number of products.
        """
        n = purchases.n_products
        if len(self.vectors) != n:
            raise DataError(f"text vectors have shape {self.vectors.shape}; pass {n} rows")
        vectors = np.nan_to_num(self.vectors, nan=0.0)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = (vectors / np.where(length > 0, length, 1)).astype(np.float32)
        return nearest_rows(unit, self.top)
