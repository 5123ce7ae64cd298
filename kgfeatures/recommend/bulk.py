"""The exact best k of every customer and the reason for each, adding up few products to the end.

Products are dealt into buckets, as many as a processor's cache holds sums of. What a signal says of
a bucket, in single precision, bounds what it says of each product there; weighed, so do all signals
together. Only products of buckets above a threshold are added up one by one, in double precision,
and a list is right where its last score reaches the threshold, which is guessed from the buckets.
Whose list is not right is asked once more, the last score telling a threshold that is low enough.
Fagin, Lotem, Naor 2003, "Optimal aggregation algorithms for middleware".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from kgfeatures.recommend.base import Purchases, top_k
from kgfeatures.recommend.item_item import ItemItem
from kgfeatures.recommend.packed import Heard, Packed
from kgfeatures.recommend.popular import Popular
from kgfeatures.recommend.served import Served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from kgfeatures.types import FloatArray, IntArray

    Doubles = NDArray[np.float64]
    Lists = tuple[IntArray, FloatArray]
    Bools = NDArray[np.bool_]

# A block of customers adds up about so many neighbours, into so many buckets of all signals.
NEIGHBORS, SUMS = 100_000, 600_000
# Buckets that products are dealt into where there are more than MOST of them.
BUCKETS, MOST = 8192, 12_288
# The k-th highest bucket is looked for among so many groups of buckets, or so many times k.
GROUPS, GROUPS_PER_K = 1024, 8
# A bucket of several products says more than each of them: the threshold is so much lower, and what
# is another so much below it is in no list.
LOWER, LOWEST = 0.65, 0.6


class Listed(NamedTuple):
    """Lists of customers, and why products are in them.

    Parameters
    ----------
    products, scores : (n, k), see `Recommender.recommend`.
    signal : (n, k) the part of the blend that says most of the product, by its place there: of
        equals the first; popularity, the last, where it says more than every other.
    highest : (n, parts) of each part the highest score of any product before scaling; NaN where it
        says nothing, weighs nothing, or is no sum over purchases.
    """

    products: IntArray
    scores: FloatArray
    signal: NDArray[np.int16]
    highest: Doubles

    def of(self, rows: Bools) -> Listed:
        """Return the lists of some customers."""
        products, scores, signal, highest = self
        return Listed(products[rows], scores[rows], signal[rows], highest[rows])

    def put(self, rows: IntArray, found: Listed) -> None:
        """Write the lists of some customers into their rows."""
        for own, some in zip(self, found, strict=True):
            own[rows] = some


class _Asked(NamedTuple):
    """A block of customers: each product they bought, whose it is, and how many they bought."""

    product: IntArray
    row: IntArray
    sizes: IntArray

    @property
    def slack(self) -> float:
        """By what factor rounding may change a sum in single precision; every addend is ≥ 0."""
        return 1 + float(np.finfo(np.float32).eps) * (int(self.sizes.max()) + 8)


class _Few(NamedTuple):
    """What is said of products, ordered by customer and product.

    Parameters
    ----------
    row, product, score : (n,) score -inf for what was bought.
    said : (signals, n) before scaling.
    highest : (signals, customers) the highest sum of any product.
    """

    row: IntArray
    product: IntArray
    score: Doubles
    said: Doubles
    highest: Doubles


class Bulk(Served):
    """The blend that is served, for very many customers at a time; scores are those of `Served`.

    Attributes
    ----------
    reach_ : (n_customers,) neighbours that are added up for each.
    """

    reach_: IntArray
    weights_: Doubles
    popular_: Doubles

    def fit(self, purchases: Purchases) -> Self:
        """Fit the blend and the favourites, and lay out what lists are made of."""
        super().fit(purchases)
        *_, (last, popular) = self.blend.parts.items()
        n_products, weights = purchases.n_products, self.blend.weights_
        self.popular_ = weights[last] * popular.scaled(np.zeros(1, dtype=np.int64))[0]
        self._signals = {
            place: part
            for place, (name, part) in enumerate(self.blend.parts.items())
            if isinstance(part, ItemItem) and weights[name] > 0
        }
        self.weights_ = np.array(list(weights.values()))[list(self._signals)]
        if self._signals:
            tables = [part.neighbors_ for part in self._signals.values()]
            buckets = n_products if n_products <= MOST else BUCKETS
            self._packed = Packed(tables, buckets)
            self.reach_ = self.bought_ @ self._packed.reach
            self._popular = np.full(buckets * self._packed.depth, -np.inf)
            self._popular[:n_products] = self.popular_
            by_bucket = self._popular.reshape(-1, buckets).max(axis=0)
            self._popular_of_buckets = by_bucket.astype(np.float32)
        return self

    @property
    def is_sum(self) -> bool:
        """Whether neighbours of purchases and popularity are all that weighs anything."""
        weighing = [
            place for place, weight in enumerate(self.blend.weights_.values()) if weight > 0
        ]
        *_, last = self.blend.parts.values()
        known = {*self._signals, len(self.blend.parts) - 1}
        return isinstance(last, Popular) and known.issuperset(weighing)

    def recommend(
        self, customers: IntArray, k: int = 10, *, exclude_bought: bool = True
    ) -> tuple[IntArray, FloatArray]:
        """Return the k best products of each customer; see `Recommender.recommend`."""
        self.check_fitted()
        if not (exclude_bought and k >= 1 and self.is_sum):
            return super().recommend(customers, k, exclude_bought=exclude_bought)
        found = self.listed(customers, k)
        return found.products, found.scores

    def listed(self, customers: IntArray, k: int) -> Listed:
        """Return the k best products of each customer, and why, by a blend that `is_sum`.

        Parameters
        ----------
        customers : (n,) row numbers.
        k : products per customer, 1 ≤ k; at most n_products come back. Whoever bought nothing gets
            favourites, for which no signal has reasons.
        """
        shape = (len(customers), min(k, self.purchases_.n_products))
        found = Listed(
            np.full(shape, -1),
            np.full(shape, -np.inf, dtype=np.float32),
            np.full(shape, len(self.blend.parts) - 1, dtype=np.int16),
            np.full((len(customers), len(self.blend.parts)), np.nan),
        )
        if not self._signals:
            found.products[:], found.scores[:] = super().recommend(customers, k)
            return found
        sizes = self._sizes(customers)
        self._favour(customers, np.flatnonzero(sizes == 0), found)
        rest = np.argsort(sizes, kind="stable")[np.count_nonzero(sizes == 0) :]
        least = np.full(len(rest), np.nan)
        while len(rest):
            lower = np.full(len(rest), np.nan)
            for block in self._blocks(customers[rest]):
                rows = rest[block]
                listed, lower[block] = self._listed(customers[rows], shape[1], least[block])
                found.put(rows, listed)
            again = ~np.isnan(lower)
            rest, least = rest[again], lower[again]
        return found

    def _favour(self, customers: IntArray, rows: IntArray, found: Listed) -> None:
        """Write the lists of those who bought nothing; customers of one segment get one list."""
        if len(rows):
            segment = self.favourites.segment_[customers[rows]]
            _, example, which = np.unique(segment, return_index=True, return_inverse=True)
            k = found.products.shape[1]
            listed = super().recommend(customers[rows][example], k)
            found.products[rows], found.scores[rows] = listed[0][which], listed[1][which]

    def _blocks(self, customers: IntArray) -> Iterator[slice]:
        """Yield customers, who are ordered by how much they bought, in blocks for the cache."""
        heard = self.reach_[customers].cumsum()
        most = max(1, SUMS // (len(self.weights_) * self._packed.buckets))
        start = 0
        while start < len(customers):
            before = heard[start - 1] if start else 0
            end = int(np.searchsorted(heard, before + NEIGHBORS, side="right"))
            yield slice(start, start := max(start + 1, min(end, start + most)))

    def _listed(self, customers: IntArray, k: int, least: Doubles) -> tuple[Listed, Doubles]:
        """Return lists of customers with purchases, from products with scores of `least` or more.

        Parameters
        ----------
        least : (n,) NaN where it is to be guessed.

        Returns
        -------
        listed, lower : (n,) NaN where the list is right, else what to ask once more with.
        """
        sizes = self._sizes(customers)
        starts = np.asarray(self.bought_.indptr)[customers] - sizes.cumsum() + sizes
        bought = np.repeat(starts, sizes) + np.arange(sizes.sum())
        product = np.asarray(self.bought_.indices).take(bought)
        asked = _Asked(product, np.repeat(np.arange(len(sizes)), sizes), sizes)
        histories = [part.history_.data.take(bought) for part in self._signals.values()]
        heard = self._packed.hear(product, sizes, histories)
        marks, least = self._marks(heard, asked, k, least)
        few = self._few(heard, asked, marks)
        listed, place = _top(few, k, len(sizes), LOWEST * least if heard.depth > 1 else None)
        last = listed[1][:, -1].astype(np.float64)
        lower = np.where(last >= least, np.nan, last / asked.slack)
        return self._explained(listed, few, place), lower

    def _marks(self, heard: Heard, asked: _Asked, k: int, least: Doubles) -> tuple[Bools, Doubles]:
        """Return which buckets are looked into, (n, buckets), and by what threshold."""
        sums = heard.by_bucket()
        best = sums.argmax(axis=2)
        highest = np.take_along_axis(sums, best[:, :, None], axis=2)[:, :, 0].astype(np.float64)
        if heard.depth > 1:
            cells = np.arange(best.size) * heard.shape[2] + best.ravel()
            inside = heard.by_product(cells).max(axis=1).reshape(highest.shape)
            highest = np.minimum(highest, inside)
        # No higher than the highest sum of a product: nothing that may be scaled to 1 is missed.
        highest /= asked.slack**2
        scale = self.weights_[:, None] / np.where(highest > 0, highest, np.inf)
        sums *= scale.astype(np.float32)[:, :, None]
        marks = sums[0] >= np.float32(self.weights_[0])
        for weight, said in zip(self.weights_[1:], sums[1:], strict=True):
            marks |= said >= np.float32(weight)
            sums[0] += said
        bounds = sums[0]
        bounds += self._popular_of_buckets
        cells = (asked.row, asked.product % heard.shape[2])
        kept = bounds[cells]
        bounds[cells] = -np.inf
        guess = _kth_highest(bounds, k) / asked.slack**2
        if heard.depth > 1:
            bounds[cells] = kept
            guess *= LOWER
        least = np.where(np.isnan(least), guess, least)
        marks |= bounds >= (least / asked.slack**2).astype(np.float32)[:, None]
        return marks, least

    def _few(self, heard: Heard, asked: _Asked, marks: Bools) -> _Few:
        """Return what is said of the products in the buckets marked, of each customer some."""
        n, buckets = marks.shape
        marked = np.flatnonzero(marks)
        row, bucket = np.divmod(marked, buckets)
        cells = np.add.outer(np.arange(len(self.weights_)) * marks.size, marked)
        said = heard.by_product(cells.ravel()).reshape(len(cells), -1)
        starts = np.searchsorted(row, np.arange(n)) * heard.depth
        highest = np.maximum.reduceat(said, starts, axis=1)
        row = np.repeat(row, heard.depth)
        product = np.add.outer(bucket, np.arange(heard.depth) * buckets).ravel()
        scale = self.weights_[:, None] / np.where(highest > 0, highest, 1.0)
        score = np.zeros(len(row))
        # In the order of Blend.score, so that sums round alike.
        for factor, sums in zip(scale, said, strict=True):
            score += sums * factor.take(row)
        score += self._popular.take(product)
        floor, bucket = np.divmod(asked.product, buckets)
        cells = asked.row * buckets + bucket
        place = np.minimum(np.searchsorted(marked, cells), len(marked) - 1)
        there = marked.take(place) == cells
        score[place[there] * heard.depth + floor[there]] = -np.inf
        return _Few(row, product, score, said, highest)

    def _explained(self, listed: Lists, few: _Few, place: IntArray) -> Listed:
        """Return lists with the signal that says most of each product, which stands in `place`."""
        products, scores = listed
        last = len(self.blend.parts) - 1
        signal, most = np.full(products.shape, last, dtype=np.int16), np.zeros(products.shape)
        highest = np.full((len(products), last + 1), np.nan)
        told = zip(self._signals, self.weights_, few.said, few.highest, strict=True)
        for number, weight, said, best in told:
            there = np.where(best > 0, best, np.nan)
            highest[:, number] = there
            adds = np.nan_to_num(said.take(place) / there[:, None]) * weight
            signal[adds > most] = number
            np.maximum(most, adds, out=most)
        signal[self.popular_.take(products, mode="clip") > most] = last
        return Listed(products, scores, signal, highest)


def _kth_highest(bounds: FloatArray, k: int) -> Doubles:
    """Return what k of each row's buckets reach at least, about as high as that can be."""
    n, buckets = bounds.shape
    each = max(1, buckets // max(GROUPS, GROUPS_PER_K * k))
    groups = bounds[:, : buckets // each * each].reshape(n, each, -1).max(axis=1)
    if groups.shape[1] < k:
        return np.full(n, -np.inf)
    return np.partition(groups, groups.shape[1] - k, axis=1)[:, -k].astype(np.float64)


def _top(few: _Few, k: int, n: int, least: Doubles | None) -> tuple[Lists, IntArray]:
    """Return the k highest of each customer, and where they stand among the few, (n, k).

    Parameters
    ----------
    least : (n,) what is lower is left out; None where products come in order, all to be kept.
    """
    if least is None:
        kept = np.arange(len(few.row))
    else:
        kept = np.flatnonzero(few.score >= least.take(few.row))
        kept = kept[np.lexsort((few.product[kept], few.row[kept]))]
    sizes = np.bincount(few.row.take(kept), minlength=n)
    there = np.arange(max(k, int(sizes.max(initial=0)))) < sizes[:, None]
    padded, places = np.full(there.shape, -np.inf, dtype=np.float32), np.zeros(there.shape, int)
    padded[there], places[there] = few.score.take(kept), kept
    columns, scores = top_k(padded, k)
    place = np.take_along_axis(places, columns, axis=1)
    return (np.where(np.isneginf(scores), -1, few.product.take(place)), scores), place
