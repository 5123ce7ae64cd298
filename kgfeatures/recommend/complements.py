"""Products that complete each other: bought in one basket, and no substitutes.

score_ij = npmi_ij · n_ij / (n_ij + λ) − similarity_ij
npmi_ij = ln(lift_ij) / −ln(n_ij / N), lift_ij = n_ij N / (n_i n_j)

n are baskets that hold a product or both, N all baskets, similarity the cosine of what is said of
two products: a red bag does not complete a blue one. Bouma 2009, "Normalized (Pointwise) Mutual
Information in Collocation Extraction"; McAuley et al. 2015, "Inferring Networks of Substitutable
and Complementary Products", tells the two kinds of relatedness apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

from kgfeatures.recommend.item_item import row_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.types import IntArray

PAIRS_AT_ONCE = 200_000


@dataclass(frozen=True)
class Complements:
    """The best of each product, best first: columns of equal length, one entry per ordered pair.

    Parameters
    ----------
    product, complement : (n,) row numbers, ordered by product.
    score : in (0, 1]. baskets : that hold both. lift : above 1. similarity : taken off.
    """

    product: IntArray
    complement: IntArray
    score: NDArray[np.float64]
    baskets: IntArray
    lift: NDArray[np.float64]
    similarity: NDArray[np.float64]


def complements(
    basket: IntArray,
    product: IntArray,
    alike: csr_matrix,
    *,
    top: int = 20,
    fewest: int = 3,
    shrinkage: float = 5.0,
) -> Complements:
    """Return what completes each product; see the module.

    Parameters
    ----------
    basket, product : (n,) one entry per line of a basket, rows from 0; lines may repeat.
    alike : (n_products, n_attributes) rows of length 1 or 0: what is said of each product.
    top : kept per product.
    fewest : baskets that have to hold both.
    shrinkage : λ; higher doubts pairs of few baskets.
    """
    n = len(alike.indptr) - 1
    shape = (int(basket.max(initial=-1)) + 1, n)
    held = csr_matrix((np.ones(len(basket)), (basket, product)), shape=shape)
    held.sum_duplicates()
    held.data[:] = 1
    by_product = csr_matrix(held.T)
    size = np.diff(by_product.indptr).astype(np.float64)
    parts: list[tuple[NDArray[np.float64] | IntArray, ...]] = []
    for block in row_blocks(np.arange(n), n):
        both = csr_matrix(by_product[block] @ held).tocoo()
        baskets = np.asarray(both.data, dtype=np.float64)
        kept = (baskets >= fewest) & (block[both.row] != both.col)
        i, j, count = block[both.row[kept]], both.col[kept].astype(np.int64), baskets[kept]
        lift = count * shape[0] / (size[i] * size[j])
        certain = np.where(count < shape[0], -np.log(count / shape[0]), 1.0)
        similarity = _cosines(alike, i, j)
        score = np.log(lift) / certain * count / (count + shrinkage) - similarity
        best = _top_of_each(i, j, score, top)
        best = best[(score[best] > 0) & (lift[best] > 1)]
        parts.append(tuple(x[best] for x in (i, j, score, count, lift, similarity)))
    found = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else []
    if not found:
        found = [np.zeros(0)] * 6
    i, j, score, count, lift, similarity = found
    whole = [column.astype(np.int64) for column in (i, j, count)]
    return Complements(whole[0], whole[1], score, whole[2], lift, similarity)


def _cosines(alike: csr_matrix, i: IntArray, j: IntArray) -> NDArray[np.float64]:
    """Return the inner product of rows i and j, pair by pair."""
    found = np.zeros(len(i))
    for start in range(0, len(i), PAIRS_AT_ONCE):
        here = slice(start, start + PAIRS_AT_ONCE)
        found[here] = np.asarray(alike[i[here]].multiply(alike[j[here]]).sum(axis=1)).ravel()
    return found


def _top_of_each(i: IntArray, j: IntArray, score: NDArray[np.float64], top: int) -> IntArray:
    """Return the places of the highest scores of each i, best first, ties by j."""
    order = np.lexsort((j, -score, i))
    first = np.searchsorted(i[order], i[order], side="left")
    return order[np.arange(len(order)) - first < top]
