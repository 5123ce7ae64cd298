"""What all item-item recommenders share: a table of neighbours and each customer's history.

score_uj = Σ_{i bought by u} 2^(−age_ui / memory) · S_ij; S is what a subclass says goes with what.
Deshpande, Karypis 2004, "Item-Based Top-N Recommendation Algorithms".
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from kgfeatures.recommend.base import SCORES_PER_BLOCK, Purchases, Recommender, decay, top_k

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from kgfeatures.types import FloatArray, IntArray


class ItemItem(Recommender):
    """Products that go with what a customer bought; a subclass writes `table`.

    Parameters
    ----------
    memory_half_life_days : after which a customer's own purchase counts half; None never.

    Attributes
    ----------
    neighbors_ : csr_matrix (n_products, n_products); row i holds the neighbours of i. Single
        precision, held as float64: histories are, and would convert the table with every product.
    """

    neighbors_: csr_matrix
    history_: csr_matrix

    def __init__(self, memory_half_life_days: float | None = 60.0) -> None:
        self.memory_half_life_days = memory_half_life_days

    @abstractmethod
    def table(self, purchases: Purchases) -> csr_matrix:
        """Return the table of neighbours, (n_products, n_products) without diagonal."""

    def fit(self, purchases: Purchases) -> Self:
        """Make the table of neighbours and remember each customer's weighted history."""
        return self.adopt(purchases, self.table(purchases))

    def adopt(self, purchases: Purchases, table: csr_matrix) -> Self:
        """Take a table of neighbours that was made before, and remember the histories."""
        self.neighbors_ = csr_matrix(table, dtype=np.float64)
        self.history_ = history(purchases, self.memory_half_life_days)
        return super().fit(purchases)

    def remember(self, purchases: Purchases) -> Self:
        """Take the histories to score by; the table of neighbours stays."""
        super().remember(purchases)
        self.history_ = history(purchases, self.memory_half_life_days)
        return self

    def score(self, customers: IntArray) -> NDArray[np.floating]:
        """Return the summed weights of the neighbours of each customer's products, ≥ 0."""
        self.check_fitted()
        return (self.history_[customers] @ self.neighbors_).toarray()

    def scaled(self, customers: IntArray) -> NDArray[np.floating]:
        """Return the scores divided by each row's highest; see `Recommender.scaled`."""
        self.check_fitted()
        scores = csr_matrix(self.history_[customers] @ self.neighbors_)
        highest = scores.max(axis=1).toarray().ravel()
        scores.data /= np.repeat(highest, np.diff(scores.indptr))
        return scores.toarray()


def history(purchases: Purchases, half_life_days: float | None) -> csr_matrix:
    """Return each customer's purchases, weighted by age since that customer's last one."""
    last = np.full(purchases.n_customers, -np.inf)
    np.maximum.at(last, purchases.customer, purchases.day)
    return purchases.matrix(decay(last[purchases.customer] - purchases.day, half_life_days))


def unit_rows(weighted: csr_matrix) -> csr_matrix:
    """Return the rows brought to length 1; empty ones stay so."""
    squares = np.zeros(len(weighted.indptr) - 1)
    np.add.at(
        squares, np.repeat(np.arange(len(squares)), np.diff(weighted.indptr)), weighted.data**2
    )
    factor = 1 / np.sqrt(np.where(squares > 0, squares, 1.0))
    return csr_matrix(diags_array(factor) @ weighted)


def row_blocks(rows: IntArray, width: int) -> Iterator[IntArray]:
    """Yield `rows` in blocks whose dense weights against `width` products fit into memory."""
    step = max(1, SCORES_PER_BLOCK // max(1, width))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


class NeighborRows:
    """A table of neighbours as it grows, rows in ascending order."""

    def __init__(self, n_products: int, top: int | None) -> None:
        self._top = top or max(1, n_products)
        self._columns: list[IntArray] = [np.zeros(0, dtype=np.int64)]
        self._weights: list[NDArray[np.float32]] = [np.zeros(0, dtype=np.float32)]
        self._counts = np.zeros(n_products, dtype=np.int64)
        # What has no weight comes last anyway; without ties it is found sooner.
        self._last = -np.arange(1, n_products + 1, dtype=np.float32)

    def add(self, rows: IntArray, weights: NDArray[np.float32]) -> None:
        """Keep the highest weights above 0 of some rows, (len(rows), n_products); spoils them."""
        weights[np.arange(len(rows)), rows] = 0
        np.copyto(weights, self._last, where=weights <= 0)
        columns, best = top_k(weights, self._top)
        kept = best > 0
        self._columns.append(columns[kept])
        self._weights.append(best[kept])
        self._counts[rows] = kept.sum(axis=1)

    def add_sparse(self, rows: IntArray, weights: csr_matrix) -> None:
        """Keep the same of weights that are mostly 0, (len(rows), n_products)."""
        place = np.repeat(np.arange(len(rows)), np.diff(weights.indptr))
        data, indices = np.asarray(weights.data, dtype=np.float32), np.asarray(weights.indices)
        other = (data > 0) & (indices != rows[place])
        place, columns, best = place[other], indices[other], data[other]
        order = np.lexsort((columns, -best, place))
        counts = np.bincount(place, minlength=len(rows))
        rank = np.arange(len(order)) - np.repeat(counts.cumsum() - counts, counts)
        kept = order[rank < self._top]
        self._columns.append(columns[kept].astype(np.int64))
        self._weights.append(best[kept])
        self._counts[rows] = np.minimum(counts, self._top)

    def matrix(self) -> csr_matrix:
        """Return the table, (n_products, n_products) of float32."""
        n = len(self._counts)
        starts = np.concatenate([[0], self._counts.cumsum()])
        data, columns = np.concatenate(self._weights), np.concatenate(self._columns)
        return csr_matrix((data, columns, starts), shape=(n, n))


def nearest_rows(unit: csr_matrix | FloatArray, top: int | None) -> csr_matrix:
    """Return the table of the highest cosines above 0 between rows of length 1, (n, anything)."""
    products = np.arange(_height(unit))
    rows = NeighborRows(len(products), top)
    for block in row_blocks(products, len(products)):
        if isinstance(unit, np.ndarray):
            cosine = unit[block] @ unit.T
        else:
            cosine = csr_matrix(unit[block] @ unit.T).astype(np.float32).toarray()
        rows.add(block, cosine)
    return rows.matrix()


def _height(rows: csr_matrix | FloatArray) -> int:
    return len(rows) if isinstance(rows, np.ndarray) else len(rows.indptr) - 1
