"""What is served: a blend for customers with purchases, favourites and popularity for all others.

In a large catalogue lists are found without dense scores: neighbours of what was bought are few,
and of all other products the most popular ones come first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.sparse import csr_matrix

from kgfeatures.recommend.base import SCORES_PER_BLOCK, Purchases, Recommender
from kgfeatures.recommend.item_item import ItemItem
from kgfeatures.recommend.popular import Popular

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from kgfeatures.recommend.blend import Blend
    from kgfeatures.recommend.favourites import Favourites
    from kgfeatures.types import FloatArray, IntArray

    Entries = tuple[IntArray, IntArray, NDArray[np.float64]]
    Lists = tuple[IntArray, FloatArray]


# Of so few products dense scores are quicker.
DENSE_BELOW = 10_000


class Served(Recommender):
    """A blend for customers with purchases; favourites, then popularity, for all others.

    Parameters
    ----------
    blend : with a part called "popular", the last one.
    favourites : of segments.
    """

    bought_: csr_matrix

    def __init__(self, blend: Blend, favourites: Favourites) -> None:
        self.blend = blend
        self.favourites = favourites

    def fit(self, purchases: Purchases) -> Self:
        """Fit both."""
        self.blend.fit(purchases)
        self.favourites.fit(purchases)
        self.bought_ = purchases.matrix()
        return super().fit(purchases)

    def score(self, customers: IntArray) -> NDArray[np.float64]:
        """Return the blend's score, or favourites and popularity by what the latter weighs."""
        self.check_fitted()
        scores = self.blend.score(customers)
        new = np.flatnonzero(self._sizes(customers) == 0)
        if len(new):
            weight = self.blend.weights_["popular"]
            popular = weight * self.blend.parts["popular"].scaled(customers[new])
            scores[new] = (1 - weight) * self.favourites.score(customers[new]) + popular
        return scores

    def recommend(
        self, customers: IntArray, k: int = 10, *, exclude_bought: bool = True
    ) -> tuple[IntArray, FloatArray]:
        """Return the k best products of each customer; see `Recommender.recommend`."""
        self.check_fitted()
        *others, last = self.blend.parts.values()
        if not exclude_bought or k < 1 or not isinstance(last, Popular):
            return super().recommend(customers, k, exclude_bought=exclude_bought)
        few = self.purchases_.n_products < DENSE_BELOW
        if few or not all(isinstance(part, ItemItem) for part in others):
            return super().recommend(customers, k)
        width = min(k, self.purchases_.n_products)
        products = np.full((len(customers), width), -1, dtype=np.int64)
        scores = np.full(products.shape, -np.inf, dtype=np.float32)
        sizes = self._sizes(customers)
        new = np.flatnonzero(sizes == 0)
        # Customers of one segment get one list.
        segment = self.favourites.segment_[customers[new]]
        _, example, which = np.unique(segment, return_index=True, return_inverse=True)
        listed = super().recommend(customers[new][example], k)
        products[new], scores[new] = listed[0][which], listed[1][which]
        for rows in self._blocks(sizes):
            products[rows], scores[rows] = self._best(customers[rows], width)
        return products, scores

    def _sizes(self, customers: IntArray) -> IntArray:
        return np.diff(self.bought_.indptr)[customers]

    def _blocks(self, sizes: IntArray) -> Iterator[IntArray]:
        """Yield rows with purchases in blocks that fit into memory, alike in how much they hold."""
        n = self.purchases_.n_products
        known = np.flatnonzero(sizes)
        known = known[np.argsort(sizes[known], kind="stable")]
        most = max(1, SCORES_PER_BLOCK // max(1, n // 8))
        for start in range(0, len(known), most):
            yield known[start : start + most]

    def _best(self, customers: IntArray, k: int) -> Lists:
        """Return the lists of customers with purchases; k at most all products."""
        row, column, score = self._spoken_for(customers)
        popular = self.blend.weights_["popular"] * self.blend.parts["popular"].scaled(customers)[0]
        score += popular[column]
        # The same mask tells what was bought, then also what a signal speaks for.
        taken = np.zeros((len(customers), len(popular)), dtype=bool)
        taken[self.bought_[customers].nonzero()] = True
        score[taken[row, column]] = -np.inf
        taken[row, column] = True
        more, most = self._others(taken, popular, k)
        spoken, other = (row, column, score), (more, most, popular[most])
        return _top_of_rows(spoken, other, len(customers), k)

    def _spoken_for(self, customers: IntArray) -> tuple[IntArray, IntArray, NDArray[np.float64]]:
        """Return row, product and blended score of all products that neighbours speak for."""
        total = csr_matrix((len(customers), self.purchases_.n_products))
        for name, part in self.blend.parts.items():
            weight = self.blend.weights_[name]
            if isinstance(part, ItemItem) and weight > 0:
                scores = csr_matrix(part.history_[customers] @ part.neighbors_)
                highest = scores.max(axis=1).toarray().ravel()
                # In the order of Blend.score, so that sums round alike.
                scores.data /= np.repeat(highest, np.diff(scores.indptr))
                scores.data *= weight
                total = csr_matrix(total + scores)
        row = np.repeat(np.arange(len(customers)), np.diff(total.indptr))
        return row, total.indices.astype(np.int64), total.data.astype(np.float64)

    def _others(
        self, taken: NDArray[np.bool_], popular: NDArray[np.float64], k: int
    ) -> tuple[IntArray, IntArray]:
        """Return row and product of the k most popular ones that nothing else speaks for."""
        order = np.lexsort((np.arange(len(popular)), -popular.astype(np.float32)))
        rows: list[IntArray] = []
        columns: list[IntArray] = []
        waiting = np.arange(len(taken))
        found = np.zeros(len(taken), dtype=np.int64)
        for start in range(0, len(order), 4 * k):
            some = order[start : start + 4 * k]
            row, place = np.nonzero(~taken[np.ix_(waiting, some)])
            rows.append(waiting[row])
            columns.append(some[place])
            found += np.bincount(rows[-1], minlength=len(found))
            waiting = np.flatnonzero(found < k)
            if len(waiting) == 0:
                break
        row, column = np.concatenate(rows), np.concatenate(columns)
        order = np.argsort(row, kind="stable")
        return row[order], column[order]


def _top_of_rows(first: Entries, second: Entries, n: int, k: int) -> Lists:
    """Return the k highest of each of n rows, ties by column; -1 and -inf where there are fewer.

    Parameters
    ----------
    first, second : row, column and score, ordered by row.
    """
    sizes = [np.bincount(row, minlength=n) for row, _, _ in (first, second)]
    width = max(k, int((sizes[0] + sizes[1]).max(initial=0)))
    padded = np.full((n, width), -np.inf, dtype=np.float32)
    padded[first[0], _places(sizes[0])] = first[2]
    padded[second[0], sizes[0][second[0]] + _places(sizes[1])] = second[2]
    row = np.concatenate([first[0], second[0]])
    column = np.concatenate([first[1], second[1]])
    value = np.concatenate([first[2], second[2]]).astype(np.float32)
    threshold = np.partition(padded, width - k, axis=1)[:, width - k]
    kept = (value >= threshold[row]) & (value > -np.inf)
    row, column, value = row[kept], column[kept], value[kept]
    order = np.lexsort((column, -value, row))
    row, column, value = row[order], column[order], value[order]
    place = _places(np.bincount(row, minlength=n))
    best = place < k
    products = np.full((n, k), -1, dtype=np.int64)
    scores = np.full((n, k), -np.inf, dtype=np.float32)
    products[row[best], place[best]] = column[best]
    scores[row[best], place[best]] = value[best]
    return products, scores


def _places(counts: IntArray) -> IntArray:
    """Return 0, 1, 2 … for the entries of each row, so many as counted."""
    return np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
