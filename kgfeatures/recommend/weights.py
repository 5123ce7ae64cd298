"""How much each signal says in a blend, found on a validation question.

Coordinate ascent on the weights, which sum to 1: from the best signal alone, each signal in turn
is given some shares of the whole, the highest ndcg@20 is kept, until nothing gains any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.errors import DataError
from kgfeatures.recommend.base import top_k
from kgfeatures.recommend.evaluation import ndcg_at_k
from kgfeatures.types import NoProgress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from kgfeatures.recommend.base import Recommender
    from kgfeatures.recommend.tuning import Question
    from kgfeatures.types import IntArray, Progress

K = 20
SHARES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5)
ROUNDS = 4
LEAST_GAIN = 1e-4
MEMORY = 400_000_000
"""Bytes that the signals' scores may take: so many customers are asked, evenly spaced."""


def fit_weights(
    parts: Mapping[str, Recommender],
    asked: Question,
    *,
    always: Mapping[str, float] | None = None,
    candidates: int | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, float], float]:
    """Return the weight of each signal, and their ndcg@20 on the question.

    Parameters
    ----------
    parts : recommenders by signal, fitted on what was known when the question was asked.
    asked : of validation, never of test.
    always : signals that keep at least a weight, as popularity does to fill every list.
    candidates : look only at each customer's so many best products of every signal, which leaves
        room for far more customers; None looks at the whole catalogue.
    progress : told of each round.

    Returns
    -------
    weights, ndcg : ≥ 0, summing to 1; signals that say nothing new have 0.

    Raises
    ------
    DataError : nobody is asked.
    """
    if len(asked.asked) == 0:
        raise DataError("the question asks nobody; take a longer validation period")
    search = _Search(parts, asked) if candidates is None else _Narrow(parts, asked, candidates)
    told = progress or NoProgress()
    told.start("weights of the blend", ROUNDS)
    names, least = list(parts), np.array([(always or {}).get(name, 0.0) for name in parts])
    free = 1 - least.sum()
    starts = least + free * np.eye(len(names))
    found = [(search.ndcg(weights), -place) for place, weights in enumerate(starts)]
    best, place = max(found)
    weights = starts[-place]
    for _ in range(ROUNDS):
        before = best
        for signal in range(len(names)):
            for share in (0.0, *SHARES):
                tried = _moved(weights - least, signal, share, free) + least
                if (ndcg := search.ndcg(tried)) > best + LEAST_GAIN:
                    best, weights = ndcg, tried
        told.advance()
        if best - before <= LEAST_GAIN:
            break
    rounded = (weights / weights.sum()).round(6)
    return dict(zip(names, rounded.tolist(), strict=True)), best


def _moved(
    weights: NDArray[np.float64], signal: int, share: float, total: float
) -> NDArray[np.float64]:
    """Return weights where a signal has a share of the total, the others as they stand."""
    others = weights.copy()
    others[signal] = 0
    if others.sum() <= 0:
        return weights
    moved = others / others.sum() * (1 - share) * total
    moved[signal] = share * total
    return moved


class _Search:
    """The signals' scores of the customers asked, and how good a blend of them is."""

    def __init__(self, parts: Mapping[str, Recommender], asked: Question) -> None:
        width = asked.known.n_products * len(parts) * 4
        rows = _spaced(len(asked.asked), MEMORY // width)
        customers = asked.asked[rows]
        self._wanted = asked.wanted[rows]
        self._scores = np.empty((len(parts), len(rows), asked.known.n_products), np.float32)
        for place, part in enumerate(parts.values()):
            for block in part.blocks(customers):
                self._scores[place, block] = part.scaled(customers[block])
        self._bought = asked.known.matrix()[customers].nonzero()

    def ndcg(self, weights: NDArray[np.float64]) -> float:
        """Return the mean ndcg@20 of the blend with these weights."""
        used = np.flatnonzero(weights > 0)
        blended = np.zeros(self._scores.shape[1:], dtype=np.float32)
        for place in used:
            blended += np.float32(weights[place]) * self._scores[place]
        blended[self._bought] = -1
        return float(ndcg_at_k(top_k(blended, K)[0], self._wanted).mean())


class _Narrow(_Search):
    """The same over the best products of every signal: what no signal puts there is not ranked."""

    def __init__(self, parts: Mapping[str, Recommender], asked: Question, candidates: int) -> None:
        width = min(len(parts) * candidates, asked.known.n_products)
        rows = _spaced(len(asked.asked), MEMORY // (width * (len(parts) + 2) * 4))
        blocks = [
            self._block(parts, asked, rows[block], candidates)
            for block in next(iter(parts.values())).blocks(rows)
        ]
        widest = max(products.shape[1] for products, _ in blocks)
        self._wanted = asked.wanted[rows]
        # Nobody wants what fills up short rows: its score is below all others.
        self._products = np.full((len(rows), widest), -1, dtype=np.int32)
        self._scores = np.full((len(parts), len(rows), widest), -1, dtype=np.float32)
        start = 0
        for products, scores in blocks:
            place = slice(start, start + len(products))
            self._products[place, : products.shape[1]] = products
            self._scores[:, place, : products.shape[1]] = scores
            start = place.stop

    @staticmethod
    def _block(
        parts: Mapping[str, Recommender], asked: Question, rows: IntArray, candidates: int
    ) -> tuple[IntArray, NDArray[np.float32]]:
        """Return the candidates of some rows, ascending, -1 after the last, and their scores."""
        customers = asked.asked[rows]
        bought = asked.known.matrix()[customers].nonzero()
        kept = np.zeros((len(rows), asked.known.n_products), dtype=bool)
        scaled: list[NDArray[np.float32]] = []
        for part in parts.values():
            scores = np.empty(kept.shape, dtype=np.float32)
            scores[:] = part.scaled(customers)
            masked = scores.copy()
            masked[bought] = -1
            np.put_along_axis(kept, top_k(masked, candidates)[0], values=True, axis=1)
            scaled.append(scores)
        kept[bought] = False
        sizes = kept.sum(axis=1)
        place = np.arange(sizes.max(initial=0)) < sizes[:, None]
        products = np.full(place.shape, -1, dtype=np.int64)
        products[place] = np.nonzero(kept)[1]
        found = np.full((len(parts), *place.shape), -1, dtype=np.float32)
        for signal, scores in enumerate(scaled):
            found[signal][place] = scores[kept]
        return products, found

    def ndcg(self, weights: NDArray[np.float64]) -> float:
        """Return the mean ndcg@20 of the blend with these weights."""
        blended = np.zeros(self._scores.shape[1:], dtype=np.float32)
        for place in np.flatnonzero(weights > 0):
            blended += np.float32(weights[place]) * self._scores[place]
        columns = top_k(blended, K)[0]
        lists = np.take_along_axis(self._products, columns, axis=1).astype(np.int64)
        return float(ndcg_at_k(lists, self._wanted).mean())


def _spaced(n: int, most: int) -> IntArray:
    """Return at most so many row numbers below n, evenly spaced."""
    return np.unique(np.linspace(0, n - 1, max(1, min(n, most))).astype(np.int64))
