"""What lists do to a shop beside hitting: coverage, Gini, novelty, diversity.

coverage = products that stand in at least one list / products of the catalogue.
Gini of how often each product is recommended: 0 when all are alike, near 1 when one is in every
list (Fleder, Hosanagar 2009). novelty = mean of −log2 of the share of customers who know a product,
in bits (Zhou et al. 2010). diversity = mean of 1 − cosine over the pairs of a list (Ziegler et
al. 2005).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

from kgfeatures.recommend.evaluation import Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.recommend.base import Purchases
    from kgfeatures.types import FloatArray, IntArray

ROWS_AT_ONCE = 2000


def coverage(counts: NDArray[np.floating]) -> float:
    """Return the share of products with a count above 0, in [0, 1]."""
    return float((counts > 0).mean()) if len(counts) else 0.0


def gini(counts: NDArray[np.floating]) -> float:
    """Return how unequal counts ≥ 0 are, in [0, 1); 0 where there are none."""
    n, total = len(counts), counts.sum()
    if total <= 0:
        return 0.0
    places = 2 * np.arange(1, n + 1) - n - 1
    return float((places * np.sort(counts)).sum() / (n * total))


def catalogue_estimates(
    products: IntArray, n_products: int, drawn: NDArray[np.float32]
) -> dict[str, Estimate]:
    """Return coverage and Gini of lists with their intervals.

    A resample repeats customers and so covers less than they do: intervals are those of the
    resamples' spread, moved to stand around the value itself.

    Parameters
    ----------
    products : (n, k), -1 for none.
    drawn : (draws, n), how often each customer is drawn.
    """
    there = products >= 0
    width = there.sum(axis=1)
    flat = products[there]
    measures = {"coverage": coverage, "gini": gini}
    counts = np.bincount(flat, minlength=n_products).astype(np.float64)
    found: dict[str, list[float]] = {name: [measure(counts)] for name, measure in measures.items()}
    for weights in drawn:
        repeated = np.repeat(weights.astype(np.float64), width)
        counts = np.bincount(flat, repeated, minlength=n_products).astype(np.float64)
        for name, measure in measures.items():
            found[name].append(measure(counts))
    return {name: _around(values[0], np.array(values[1:])) for name, values in found.items()}


def _around(value: float, resampled: NDArray[np.float64]) -> Estimate:
    low, high = np.quantile(resampled - resampled.mean(), [0.025, 0.975])
    return Estimate(value, max(0.0, value + float(low)), min(1.0, value + float(high)))


def novelty(products: IntArray, learned: Purchases) -> NDArray[np.float64]:
    """Return the mean self-information of each list's products, (n,) in bits.

    A product that nobody bought counts as bought by one customer.
    """
    counts = np.bincount(learned.product, minlength=learned.n_products)
    bits = -np.log2(np.maximum(counts, 1) / max(1, learned.n_customers))
    there = products >= 0
    sums = np.where(there, bits[np.where(there, products, 0)], 0.0).sum(axis=1)
    return sums / np.maximum(there.sum(axis=1), 1)


def diversity(products: IntArray, unit: csr_matrix | FloatArray) -> NDArray[np.float64]:
    """Return the mean of 1 − cosine over the pairs of each list, (n,); 1 for lists of one.

    Σ_{i≠j} v_i · v_j = ‖Σ v‖² − Σ ‖v‖², so that no pair has to be looked at.

    Parameters
    ----------
    products : (n, k), -1 for none.
    unit : (n_products, anything) rows of length 1, or 0: nothing is like those.
    """
    return np.concatenate(
        [np.zeros(0)]
        + [
            _diversity(products[start : start + ROWS_AT_ONCE], unit)
            for start in range(0, len(products), ROWS_AT_ONCE)
        ]
    )


def _diversity(products: IntArray, unit: csr_matrix | FloatArray) -> NDArray[np.float64]:
    there = products >= 0
    sizes = there.sum(axis=1)
    starts = np.concatenate([[0], sizes.cumsum()])
    shape = (len(products), unit.shape[0])  # pyright: ignore[reportOptionalSubscript]  scipy's stub
    chosen = csr_matrix((np.ones(len(products[there])), products[there], starts), shape=shape)
    if isinstance(unit, np.ndarray):
        sums = ((chosen @ unit) ** 2).sum(axis=1)
        lengths = chosen @ (unit.astype(np.float64) ** 2).sum(axis=1)
    else:
        total = csr_matrix(chosen @ unit)
        sums = np.asarray(total.multiply(total).sum(axis=1)).ravel()
        lengths = chosen @ np.asarray(unit.multiply(unit).sum(axis=1)).ravel()
    pairs = sizes * (sizes - 1)
    return 1 - np.where(pairs > 0, (sums - lengths) / np.maximum(pairs, 1), 0.0)
