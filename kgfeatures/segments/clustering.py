"""k-means with the number of segments chosen by the silhouette, the same for the same input.

Of many customers a sample finds the middles and the number; from there all customers go on.
MacQueen 1967; k-means++ of Arthur, Vassilvitskii 2007; silhouette of Rousseeuw 1987, on a sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits

from kgfeatures.errors import DataError
from kgfeatures.segments.base import Segmentation, by_size, check_space

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from kgfeatures.types import IntArray

CHOICES = tuple(range(4, 9))
STARTS = 10
SAMPLE = 2000
LEARNED_FROM = 10_000
"""Customers that the starts are tried on; where there are more, the last run goes on with all."""


def cluster(
    X: NDArray[np.float64], k: int | None = None, *, choices: Iterable[int] = CHOICES, seed: int = 0
) -> Segmentation:
    """Return the customers in k segments.

    Parameters
    ----------
    X : (n, d) finite; Euclidean distance must mean something.
    k : 2 ≤ k < n; None takes the one of `choices` with the highest silhouette, the smallest of
        equals.
    choices : tried when k is None; those that n does not allow are left out.
    seed : of starts and of the silhouette's sample.

    Raises
    ------
    DataError : k out of range, too few customers, fewer different customers than segments.
    """
    check_space(X)
    n = len(X)
    tried = [k] if k is not None else [choice for choice in choices if 2 <= choice < n]
    if not tried:
        raise DataError(f"{n} customers are too few to choose among {list(choices)} segments")
    if k is not None and not 2 <= k < n:
        raise DataError(f"k is {k}; with {n} customers it must be from 2 to {n - 1}")
    # One thread: sums come in one order, so that bits repeat.
    with threadpool_limits(1):
        seen = _sampled(X, max(tried), seed)
        found = [_clustered(seen, count, seed) for count in tried]
        best = max(found, key=lambda one: (round(one.silhouette, 9), -len(one.centers)))
        return best if len(seen) == n else _clustered(X, len(best.centers), seed, best.centers)


def _sampled(X: NDArray[np.float64], k: int, seed: int) -> NDArray[np.float64]:
    """Return the customers to learn from: all, where a sample has fewer than k different ones."""
    if len(X) > LEARNED_FROM:
        rows = np.sort(np.random.default_rng(seed).choice(len(X), LEARNED_FROM, replace=False))
        if len(np.unique(X[rows], axis=0)) >= k:
            return X[rows]
    return X


def _clustered(
    X: NDArray[np.float64], k: int, seed: int, begin: NDArray[np.float64] | None = None
) -> Segmentation:
    """Return k segments: the best of several starts, or what the middles `begin` lead to."""
    distinct = len(np.unique(X, axis=0)) if begin is None else k
    if distinct < k:
        raise DataError(
            f"{k} segments were asked for, but there are {distinct} different customers; lower k"
        )
    starts = {"n_init": STARTS} if begin is None else {"n_init": 1, "init": begin}
    model = KMeans(k, random_state=seed, **starts)  # pyright: ignore[reportArgumentType]
    labels, order = by_size(model.fit_predict(X).astype(np.int64), k)
    centers = model.cluster_centers_[order]
    distance = np.linalg.norm(X - centers[labels], axis=1)
    return Segmentation(labels, distance, centers, _silhouette(X, labels, seed))


def _silhouette(X: NDArray[np.float64], labels: IntArray, seed: int) -> float:
    rows = np.arange(len(X))
    if len(X) > SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(len(X), SAMPLE, replace=False))
    kept = labels[rows]
    if not 2 <= len(np.unique(kept)) < len(kept):
        return -1.0
    return float(silhouette_score(X[rows], kept))
