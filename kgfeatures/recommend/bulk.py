"""The exact best k of every customer, looking closely at few products only.

Scores are weighted sums of signals scaled to their best: of a product that says less than a share
g of it in every signal, the score is below bound = g Σ_s w_s + w_popular · p, p the popularity of
the first product that is not among the most popular ones. Only products above g in some signal
and those most popular ones are added up, and the list is right where its last score exceeds the
bound; g follows from the strongest signal, which alone guarantees k scores of that height. Fagin,
Lotem, Naor 2003, "Optimal aggregation algorithms for middleware".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from scipy.sparse import csr_matrix

from kgfeatures.recommend.base import Purchases, top_k
from kgfeatures.recommend.item_item import ItemItem
from kgfeatures.recommend.popular import Popular
from kgfeatures.recommend.served import Served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from kgfeatures.types import FloatArray, IntArray

    Doubles = NDArray[np.float64]
    Lists = tuple[IntArray, FloatArray]

# A block marks its candidates in so many cells, and adds up about so many neighbours at once.
CELLS, NEIGHBORS = 4_000_000, 1_000_000
# So many times k most popular products are looked at for everybody.
HEAD = 4
# What rounding may take off a score.
ROUNDING = 1e-6


class _Signal(NamedTuple):
    """The histories that a table of neighbours is asked with, the table, and its weight."""

    history: csr_matrix
    neighbors: csr_matrix
    weight: float


class _Spoken(NamedTuple):
    """What a signal says in a block: cell (row times products + product), weighted score."""

    starts: NDArray[np.integer]
    cells: IntArray
    scores: Doubles


class _Scratch(NamedTuple):
    """A mark, nowhere set, and a number for each cell of a block: made once, as it is large."""

    marks: NDArray[np.bool_]
    numbers: NDArray[np.int32]


class Bulk(Served):
    """The blend that is served, for very many customers at a time; lists are those of `Served`."""

    signals_: list[_Signal]
    popular_: Doubles
    order_: IntArray

    def fit(self, purchases: Purchases) -> Self:
        """Fit the blend and the favourites, and lay out what lists are made of."""
        super().fit(purchases)
        weights = self.blend.weights_
        self.signals_ = [
            _Signal(part.history_, part.neighbors_, weights[name])
            for name, part in self.blend.parts.items()
            if isinstance(part, ItemItem) and weights[name] > 0
        ]
        *_, last = self.blend.parts.items()
        self.popular_ = weights[last[0]] * last[1].scaled(np.zeros(1, dtype=np.int64))[0]
        self.order_ = np.argsort(-self.popular_, kind="stable")
        return self

    def recommend(self, customers: IntArray, k: int = 10, *, exclude_bought: bool = True) -> Lists:
        """Return the k best products of each customer; see `Recommender.recommend`."""
        self.check_fitted()
        if not (exclude_bought and k >= 1 and self._is_sum_of_neighbors()):
            return super().recommend(customers, k, exclude_bought=exclude_bought)
        shape = (len(customers), min(k, self.purchases_.n_products))
        products, scores = np.full(shape, -1), np.full(shape, -np.inf, dtype=np.float32)
        sizes = np.diff(self.bought_.indptr)[customers]
        new, open_rows = np.flatnonzero(sizes == 0), [np.zeros(0, dtype=np.int64)]
        cells = max(CELLS, self.purchases_.n_products)
        scratch = _Scratch(np.zeros(cells, dtype=bool), np.empty(cells, dtype=np.int32))
        for rows in self._alike(customers, sizes):
            products[rows], scores[rows], sure = self._first(customers[rows], shape[1], scratch)
            open_rows.append(rows[~sure])
        rest = np.concatenate(open_rows)
        if len(rest):
            products[rest], scores[rest] = super().recommend(customers[rest], k)
        if len(new):
            # Customers of one segment get one list.
            segment = self.favourites.segment_[customers[new]]
            _, example, which = np.unique(segment, return_index=True, return_inverse=True)
            listed = super().recommend(customers[new][example], k)
            products[new], scores[new] = listed[0][which], listed[1][which]
        return products, scores

    def _is_sum_of_neighbors(self) -> bool:
        *others, last = self.blend.parts.items()
        weights = self.blend.weights_
        silent = all(isinstance(part, ItemItem) or weights[name] == 0 for name, part in others)
        return silent and isinstance(last[1], Popular) and len(self.signals_) > 0

    def _alike(self, customers: IntArray, sizes: IntArray) -> Iterator[IntArray]:
        """Yield rows with purchases in blocks that fit into memory, alike in how many they have."""
        rows = np.argsort(sizes, kind="stable")[np.count_nonzero(sizes == 0) :]
        reach = np.zeros(self.purchases_.n_products)
        for signal in self.signals_:
            reach += np.diff(signal.neighbors.indptr)
        looked_at = (self.bought_ @ reach)[customers[rows]].cumsum()
        most = max(1, CELLS // max(1, self.purchases_.n_products))
        start = 0
        while start < len(rows):
            before = looked_at[start - 1] if start else 0
            end = int(np.searchsorted(looked_at, before + NEIGHBORS, side="right"))
            end = max(start + 1, min(end, start + most))
            yield rows[start:end]
            start = end

    def _first(
        self, customers: IntArray, k: int, scratch: _Scratch
    ) -> tuple[IntArray, FloatArray, NDArray[np.bool_]]:
        """Return lists of customers with purchases, and which of them are right for sure."""
        n, width = len(customers), self.purchases_.n_products
        said = [_spoken(signal, customers) for signal in self.signals_]
        own = self.bought_[customers]
        starts, sizes = np.arange(n) * width, np.diff(own.indptr)
        bought = np.asarray(own.indices) + np.repeat(starts, sizes)
        head, after = self.order_[: HEAD * k], self.order_[HEAD * k : HEAD * k + 1]
        next_popular = self.popular_[after].max(initial=0.0)
        weights = np.array([signal.weight for signal in self.signals_])
        least = _kth(said[weights.argmax()], k + int(sizes.max()))
        share = np.maximum(least - next_popular, 0) / weights.sum()
        chosen = [(starts[:, None] + head).ravel()]
        for spoken, weight in zip(said, weights, strict=True):
            high = spoken.scores >= np.repeat(share * weight, np.diff(spoken.starts))
            chosen.append(spoken.cells.take(np.flatnonzero(high)))
        cells = np.sort(np.concatenate(chosen).astype(np.int32))
        scratch.marks[cells] = True
        scratch.marks[bought] = False
        # Once each, and nothing that was bought.
        first = np.ones(len(cells), dtype=bool)
        np.not_equal(cells[1:], cells[:-1], out=first[1:])
        cells = cells[scratch.marks[cells] & first]
        total = _sums(said, cells, scratch)
        scratch.marks[cells] = False
        row, product = np.divmod(cells, np.int32(width))
        products, scores = _top(row, product, total + self.popular_[product], n, k)
        sure = scores[:, -1] > share * weights.sum() + next_popular + ROUNDING
        return products, scores, sure


def _spoken(signal: _Signal, customers: IntArray) -> _Spoken:
    """Return what a signal says, its best scaled to its weight."""
    sums = csr_matrix(signal.history[customers] @ signal.neighbors)
    starts, values = np.asarray(sums.indptr), np.asarray(sums.data, dtype=np.float64)
    sizes = np.diff(starts)
    there = np.flatnonzero(sizes)
    if len(there) == 0:
        return _Spoken(starts, np.zeros(0, dtype=np.int64), values)
    highest = np.maximum.reduceat(values, starts[there])
    scores = values * np.repeat(signal.weight / highest, sizes[there])
    width = len(signal.neighbors.indptr) - 1
    cells = np.repeat(np.arange(len(sizes)) * width, sizes)
    cells += np.asarray(sums.indices)
    return _Spoken(starts, cells, scores)


def _kth(spoken: _Spoken, k: int) -> Doubles:
    """Return the k-th highest score of each row, 0 where there are fewer."""
    sizes = np.diff(spoken.starts)
    width = int(sizes.max(initial=0))
    if width < k:
        return np.zeros(len(sizes))
    padded = np.zeros((len(sizes), width))
    padded[np.arange(width) < sizes[:, None]] = spoken.scores
    return np.partition(padded, width - k, axis=1)[:, width - k]


def _sums(said: list[_Spoken], cells: NDArray[np.int32], scratch: _Scratch) -> Doubles:
    """Return what the signals say together of the cells, which are marked, in their order."""
    scratch.numbers[cells] = np.arange(len(cells), dtype=np.int32)
    total = np.zeros(len(cells))
    for spoken in said:
        hit = np.flatnonzero(scratch.marks.take(spoken.cells))
        # A signal names a cell once.
        total[scratch.numbers.take(spoken.cells.take(hit))] += spoken.scores.take(hit)
    return total


def _top(
    row: NDArray[np.integer], product: NDArray[np.integer], score: Doubles, n: int, k: int
) -> Lists:
    """Return the k highest of each row; entries are in the order of rows and products."""
    sizes = np.bincount(row, minlength=n)
    there = np.arange(max(k, int(sizes.max(initial=0)))) < sizes[:, None]
    padded = np.full(there.shape, -np.inf, dtype=np.float32)
    padded[there] = score
    columns, best = top_k(padded, k)
    products = np.full(there.shape, -1)
    products[there] = product
    return np.take_along_axis(products, columns, axis=1), best
