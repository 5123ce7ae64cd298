"""Offline ranking metrics, each a mean over customers, with a bootstrap interval.

recall@k = hits in the first k / wanted products; ndcg@k = Σ_hits 1 / log2(place + 1) over the
same sum of a perfect list (Järvelin, Kekäläinen 2002); hr@k: a hit or none; mrr@k = 1 / place of
the first hit, 0 without one. ndcg_kgat divides by the best order of what was retrieved instead,
as KGAT's published code does (utility/metrics.py), and so is higher: nobody is charged for what
was not found at all. Efron 1979 for the interval.
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


def ndcg_kgat_at_k(products: IntArray, wanted: csr_matrix, k: int) -> NDArray[np.float64]:
    """Return ndcg@k over the best order of all that was retrieved, (n,) in [0, 1].

    Parameters
    ----------
    products : (n, m) product numbers, m ≥ k; KGAT's code retrieves 100.
    wanted : as in `recall_at_k`.
    """
    hits, _ = _hits(products, wanted)
    discount = 1 / np.log2(np.arange(2, k + 2))[: hits.shape[1]]
    found = np.minimum(hits.sum(axis=1), len(discount))
    perfect = np.concatenate([[1.0], discount.cumsum()])[found]
    return np.divide((hits[:, :k] * discount).sum(axis=1), perfect)


def hit_rate_at_k(products: IntArray, wanted: csr_matrix) -> NDArray[np.float64]:
    """Return 1 for each customer with a hit, else 0, (n,); see `recall_at_k`."""
    return np.where(_hits(products, wanted)[0].any(axis=1), 1.0, 0.0)


def reciprocal_rank_at_k(products: IntArray, wanted: csr_matrix) -> NDArray[np.float64]:
    """Return 1 / place of each customer's first hit, 0 without one, (n,); see `recall_at_k`."""
    hits = _hits(products, wanted)[0]
    return np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1), 0.0)


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


def resamples(n: int, draws: int, seed: int = 0) -> NDArray[np.float32]:
    """Return how often each of n customers is drawn in each resample, (draws, n)."""
    rng = np.random.default_rng(seed)
    drawn = [np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(draws)]
    return np.array(drawn, dtype=np.float32).reshape(draws, n)


def bootstrap_means(
    values: NDArray[np.float64], drawn: NDArray[np.float32]
) -> tuple[list[Estimate], NDArray[np.float64]]:
    """Return the mean of each column with its interval, and the means of all resamples.

    The same customers are drawn for every column, so that resamples can be compared.

    Parameters
    ----------
    values : (n, m), a row for each customer.
    drawn : (draws, n), see `resamples`.

    Returns
    -------
    estimates, means : m, and (draws, m).
    """
    means = (drawn @ values.astype(np.float32)).astype(np.float64) / max(1, len(values))
    quantiles = np.quantile(means, [0.025, 0.975], axis=0)
    columns = zip(values.mean(axis=0), *quantiles, strict=True)
    return [Estimate(float(mean), float(low), float(high)) for mean, low, high in columns], means
