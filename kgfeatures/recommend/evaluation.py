"""Offline ranking metrics, each a mean over customers, with a bootstrap interval.

recall@k = hits in the first k / wanted products; ndcg@k = Σ_hits 1 / log2(place + 1) over the
same sum of a perfect list (Järvelin, Kekäläinen 2002). Efron 1979 for the interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from kgfeatures.types import IntArray


@dataclass(frozen=True)
class Estimate:
    """A mean over customers with its 95 % interval."""

    mean: float
    low: float
    high: float


def recall_at_k(products: IntArray, wanted: csr_matrix) -> NDArray[np.float64]:
    """Return each customer's share of wanted products that were recommended, (n,) in [0, 1].

    Parameters
    ----------
    products : (n, k) product numbers, -1 for none.
    wanted : (n, n_products), non-zero where that customer wants the product; at least one a row.
    """
    hits, sizes = _hits(products, wanted)
    return hits.sum(axis=1) / sizes


def ndcg_at_k(products: IntArray, wanted: csr_matrix) -> NDArray[np.float64]:
    """Return each customer's normalised discounted gain, (n,) in [0, 1]; see `recall_at_k`."""
    hits, sizes = _hits(products, wanted)
    k = products.shape[1]
    discount = 1 / np.log2(np.arange(2, k + 2))
    perfect = discount.cumsum()[np.minimum(sizes, k) - 1]
    return (hits * discount).sum(axis=1) / perfect


def _hits(products: IntArray, wanted: csr_matrix) -> tuple[NDArray[np.bool_], IntArray]:
    sizes = np.diff(wanted.indptr).astype(np.int64)
    if len(sizes) != len(products):
        raise DataError(f"{len(products)} lists but {len(sizes)} customers; pass one row for each")
    if len(sizes) and sizes.min() == 0:
        raise DataError(f"customer row {sizes.argmin()} wants nothing; leave such rows out")
    n_products: int = wanted.shape[1]  # pyright: ignore[reportOptionalSubscript]  scipy's stub
    width = n_products + 1
    rows = np.arange(len(products))[:, None]
    # The last column stands for -1, "no product": nobody wants it.
    keys = rows * width + np.where(products < 0, width - 1, products)
    truth = np.repeat(np.arange(len(sizes)), sizes) * width + wanted.indices
    return np.isin(keys, truth), sizes


def bootstrap(values: NDArray[np.float64], *, draws: int = 1000, seed: int = 0) -> Estimate:
    """Return the mean of `values` (n,) and the 2.5 % and 97.5 % quantiles of resampled means."""
    rng = np.random.default_rng(seed)
    n = len(values)
    means = np.array([values[rng.integers(0, n, n)].mean() for _ in range(draws)])
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(values.mean()), float(low), float(high))
