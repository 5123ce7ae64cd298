"""Tables of neighbours laid out to be added up for many customers at once, by bucket or product.

A bucket holds every product whose number leaves the same remainder. Rows are cut into segments of
one width, which are copied many at a time; what is missing from the last one weighs 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from kgfeatures.types import FloatArray, IntArray

    Doubles = NDArray[np.float64]
    Scratch = tuple[NDArray[np.bool_], NDArray[np.int32]]

# Neighbours in a segment: tables keep 50, 100 or 200 of a product.
WIDTH = 25


class Packed:
    """The tables of several signals, (n_products, n_products) each, weights ≥ 0.

    Parameters
    ----------
    tables : their weights are of single precision.
    buckets : at most n_products.

    Attributes
    ----------
    depth : products in a bucket, at most.
    reach : (n_products,) neighbours of each product in all tables.
    """

    def __init__(self, tables: Sequence[csr_matrix], buckets: int) -> None:
        self.signals, self.buckets = len(tables), buckets
        n_products = len(tables[0].indptr) - 1
        self.depth = -(-n_products // buckets)
        sizes = np.array([np.diff(table.indptr) for table in tables], dtype=np.int64)
        self.reach = sizes.sum(axis=0)
        self._counts = -(-sizes // WIDTH)
        ends = self._counts.ravel().cumsum()
        self._first = ends.reshape(sizes.shape) - self._counts
        # Where a table's entries stand among the segments.
        places = np.repeat(
            WIDTH * self._first.ravel() - (sizes.ravel().cumsum() - sizes.ravel()), sizes.ravel()
        ) + np.arange(sizes.sum())
        shape = (int(ends[-1]), WIDTH)
        columns, weights = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.float32)
        columns.ravel()[places] = np.concatenate([table.indices for table in tables])
        weights.ravel()[places] = np.concatenate([table.data for table in tables])
        self._columns, self._weights = columns, weights
        self._scratch = np.zeros(0, dtype=bool), np.zeros(0, dtype=np.int32)

    def hear(self, products: IntArray, sizes: IntArray, histories: Sequence[Doubles]) -> Heard:
        """Return the neighbours of what some customers bought.

        Parameters
        ----------
        products : (n,) bought, by customer.
        sizes : (customers,) how many of them each customer bought.
        histories : (n,) the weight of each in each signal.
        """
        counts = self._counts[:, products].ravel()
        before = counts.cumsum() - counts
        first = self._first[:, products].ravel()
        segments = np.repeat(first - before, counts) + np.arange(counts.sum())
        start = np.repeat(np.arange(len(sizes)), sizes)
        rows = np.add.outer(np.arange(self.signals) * len(sizes), start).ravel()
        columns = self._columns.take(segments, axis=0)
        cells = columns & np.int32(self.buckets - 1) if self.depth > 1 else columns.copy()
        cells += np.repeat((rows * self.buckets).astype(np.int32), counts)[:, None]
        shape = (self.signals, len(sizes), self.buckets)
        size = int(np.prod(shape))
        if len(self._scratch[0]) < size:
            self._scratch = np.zeros(size, dtype=bool), np.empty(size, dtype=np.int32)
        return Heard(
            shape,
            self.depth,
            columns.ravel(),
            cells.ravel(),
            self._weights.take(segments, axis=0).ravel(),
            np.repeat(np.concatenate(histories), counts),
            self._scratch,
        )


@dataclass(frozen=True)
class Heard:
    """Neighbours of what a block of customers bought, not added up yet.

    Parameters
    ----------
    shape : (signals, customers, buckets) of the cells that they are added up in.
    depth : products in a bucket, at most.
    columns, cells, weights : (n,) each neighbour, its cell and its weight, in the order of signals,
        then customers.
    history : of each segment of `WIDTH` neighbours, the weight of the product bought.
    scratch : a mark, nowhere set, and a number for each cell; used by one block after the other.
    """

    shape: tuple[int, int, int]
    depth: int
    columns: NDArray[np.int32]
    cells: NDArray[np.int32]
    weights: FloatArray
    history: Doubles
    scratch: Scratch

    def by_bucket(self) -> FloatArray:
        """Return what signals say of buckets, `shape`, in single precision."""
        starts = np.arange(0, len(self.cells) + 1, WIDTH, dtype=np.int32)
        size = int(np.prod(self.shape))
        neighbors = csc_matrix((self.weights, self.cells, starts), shape=(size, len(self.history)))
        return (neighbors @ self.history.astype(np.float32)).reshape(self.shape)

    def by_product(self, cells: IntArray) -> Doubles:
        """Return what signals say of the products of some cells, (n, depth), in double precision.

        Parameters
        ----------
        cells : (n,) each once.
        """
        marks, numbers = self.scratch
        marks[cells] = True
        numbers[cells] = np.arange(0, len(cells) * self.depth, self.depth, dtype=np.int32)
        hit = np.flatnonzero(marks.take(self.cells))
        marks[cells] = False
        segment = hit // WIDTH
        number = numbers.take(self.cells.take(hit))
        if self.depth > 1:
            number += self.columns.take(hit) // np.int32(self.shape[2])
        # In the order of purchases, as they are added up everywhere.
        said = self.history.take(segment)
        said *= self.weights.take(hit)
        sums = np.bincount(number, weights=said, minlength=len(cells) * self.depth)
        return np.asarray(sums, dtype=np.float64).reshape(-1, self.depth)
