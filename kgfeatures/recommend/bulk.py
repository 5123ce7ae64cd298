"""The exact best k of every customer, looking closely at few products only.

A score is a sum of what signals say and of popularity. Where signal s says less than t_s of a
product, for all s, its score is below bound = Σ_s t_s + p, p the popularity of the first product
that is not among the most popular ones. Only products above t_s in some signal and those most
popular ones are added up, and the list is right where its last score exceeds the bound. The bound
is guessed from the customers before; whose list is not right is asked once more, its last score
telling a bound that is low enough. Fagin, Lotem, Naor 2003, "Optimal aggregation algorithms for
middleware".
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
# The first bound, and for how many of the customers before the next one would be too high.
GUESS, TOO_HIGH = 0.3, 0.05


class _Signal(NamedTuple):
    """The histories that a table of neighbours is asked with, the table, and its weight."""

    history: csr_matrix
    neighbors: csr_matrix
    weight: float


class _Spoken(NamedTuple):
    """What a signal says in a block: sum by cell (row times products + product), scale by row."""

    starts: NDArray[np.integer]
    cells: IntArray
    sums: Doubles
    scales: Doubles


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
        guess = GUESS
        for rows in self._alike(customers, sizes):
            listed = self._listed(customers[rows], shape[1], guess, scratch)
            products[rows], scores[rows], sure = listed
            open_rows.append(rows[~sure])
            guess = max(0.0, np.sort(scores[rows, -1])[int(TOO_HIGH * len(rows))])
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

    def _listed(
        self, customers: IntArray, k: int, guess: float, scratch: _Scratch
    ) -> tuple[IntArray, FloatArray, NDArray[np.bool_]]:
        """Return lists of customers with purchases, and which of them are right for sure."""
        after = self.popular_[self.order_[HEAD * k : HEAD * k + 1]].max(initial=0.0)
        bound = np.full(len(customers), max(guess, after))
        products, scores = self._first(customers, k, bound - after, scratch)
        again = np.flatnonzero(scores[:, -1] <= bound + ROUNDING)
        if len(again):
            # Their last score is one that k products reach: what is below it is no loss.
            bound[again] = np.maximum(scores[again, -1] - 2 * ROUNDING, after)
            said = bound[again] - after
            products[again], scores[again] = self._first(customers[again], k, said, scratch)
        return products, scores, scores[:, -1] > bound + ROUNDING

    def _first(self, customers: IntArray, k: int, least: Doubles, scratch: _Scratch) -> Lists:
        """Return the lists from all products of which signals may say more than `least`, (n,)."""
        n, width = len(customers), self.purchases_.n_products
        said = [_spoken(signal, customers) for signal in self.signals_]
        own = self.bought_[customers]
        starts = np.arange(n) * width
        bought = np.asarray(own.indices) + np.repeat(starts, np.diff(own.indptr))
        chosen = [(starts[:, None] + self.order_[: HEAD * k]).ravel()]
        for spoken, high in zip(said, self._shares(least), strict=True):
            lowest = np.repeat(high / spoken.scales, np.diff(spoken.starts))
            above = np.flatnonzero(spoken.sums >= lowest)
            chosen.append(spoken.cells.take(above))
        cells = np.sort(np.concatenate(chosen).astype(np.int32))
        scratch.marks[cells] = True
        scratch.marks[bought] = False
        # Once each, and nothing that was bought.
        fresh = scratch.marks[cells]
        fresh[1:] &= cells[1:] != cells[:-1]
        cells = cells[fresh]
        total = _sums(said, cells, scratch, width)
        scratch.marks[cells] = False
        row, product = np.divmod(cells, np.int32(width))
        return _top(row, product, total + self.popular_[product], n, k)

    def _shares(self, least: Doubles) -> Doubles:
        """Return what a signal alone has to say of a product, (signals, n); others less in sum.

        A weak signal says much of many products: none is looked at for its sake.
        """
        weights = np.array([signal.weight for signal in self.signals_])[:, None]
        weak = weights <= least / (2 * len(weights))
        rest = least - (weights * weak).sum(axis=0)
        strong = np.where(weak, 0.0, weights)
        share = rest * strong / np.maximum(strong.sum(axis=0), np.finfo(float).tiny)
        return np.where(weak, np.inf, share)


def _spoken(signal: _Signal, customers: IntArray) -> _Spoken:
    """Return what a signal says; its best becomes its weight."""
    found = csr_matrix(signal.history[customers] @ signal.neighbors)
    starts, sums = np.asarray(found.indptr), np.asarray(found.data, dtype=np.float64)
    sizes = np.diff(starts)
    there = np.flatnonzero(sizes)
    scales = np.ones(len(sizes))
    if len(there):
        scales[there] = signal.weight / np.maximum.reduceat(sums, starts[there])
    width = len(signal.neighbors.indptr) - 1
    cells = np.repeat(np.arange(len(sizes)) * width, sizes)
    cells += np.asarray(found.indices)
    return _Spoken(starts, cells, sums, scales)


def _sums(said: list[_Spoken], cells: NDArray[np.int32], scratch: _Scratch, width: int) -> Doubles:
    """Return what the signals say together of the cells, which are marked, in their order."""
    scratch.numbers[cells] = np.arange(len(cells), dtype=np.int32)
    total = np.zeros(len(cells))
    for spoken in said:
        hit = np.flatnonzero(scratch.marks.take(spoken.cells))
        # A signal names a cell once.
        here = spoken.cells.take(hit)
        scores = spoken.sums.take(hit) * spoken.scales.take(here // width)
        total[scratch.numbers.take(here)] += scores
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
