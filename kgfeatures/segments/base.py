"""What every segmentation shares: numbers in, a segment for each customer out, biggest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.types import IntArray


@dataclass(frozen=True)
class Segmentation:
    """Customers in segments, numbered from the biggest (0) to the smallest.

    Parameters
    ----------
    segment_id : (n,) of each customer.
    distance : (n,) Euclidean, to the middle of the own segment; lower is more typical.
    centers : (k, d) middles in the space that was clustered.
    silhouette : mean over customers in [-1, 1], higher is better separated.
    """

    segment_id: IntArray
    distance: NDArray[np.float64]
    centers: NDArray[np.float64]
    silhouette: float

    @property
    def sizes(self) -> IntArray:
        """Return the number of customers of each segment, (k,)."""
        return np.bincount(self.segment_id, minlength=len(self.centers))

    def means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean of `values` (n, d) over the customers of each segment, (k, d)."""
        totals = np.zeros((len(self.centers), values.shape[1]))
        np.add.at(totals, self.segment_id, values)
        return totals / self.sizes[:, None]


def by_size(labels: IntArray, k: int) -> tuple[IntArray, IntArray]:
    """Return labels renumbered from the biggest cluster, and the old number of each new one.

    Equal sizes go by the first member: the numbers do not depend on those that came in.

    Parameters
    ----------
    labels : (n,), cluster numbers from 0 to k - 1.
    k : clusters; one may be empty.
    """
    sizes = np.bincount(labels, minlength=k)
    first = np.full(k, len(labels))
    np.minimum.at(first, labels, np.arange(len(labels)))
    order = np.lexsort((first, -sizes))
    new = np.empty(k, dtype=np.int64)
    new[order] = np.arange(k)
    return new[labels], order


def check_space(X: NDArray[np.float64]) -> None:
    """Raise DataError unless `X` is (n, d) of finite numbers, n ≥ 2, d ≥ 1."""
    if X.ndim != 2 or X.shape[0] < 2 or X.shape[1] < 1:
        raise DataError(f"customers have shape {X.shape}; pass (n, d), n ≥ 2, d ≥ 1")
    if not np.isfinite(X).all():
        row = int(np.flatnonzero(~np.isfinite(X).all(axis=1))[0])
        raise DataError(f"customer row {row} holds NaN or infinity; fill or drop it first")
