"""What every recommender shares: purchases as arrays, the best k with ties by number, one scale.

Customers and products are row numbers; whoever numbers products in the order of their ids gets
ties in that order, which is how SQL breaks them too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.exceptions import NotFittedError

from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from kgfeatures.types import FloatArray, IntArray

# Dense blocks hold at most this many scores: 8 MB of float64, which a processor's cache may hold.
SCORES_PER_BLOCK = 1_000_000
# Rows of so many times k scores are narrowed by the maxima of groups of so many of them.
WIDE, GROUP = 64, 8

Score = TypeVar("Score", bound=np.floating)


@dataclass(frozen=True)
class Purchases:
    """Who bought what, and when last: one entry per distinct (customer, product).

    Parameters
    ----------
    customer, product : (n,) row numbers.
    day : (n,) float64, when that customer last bought that product, in days since any moment.
    n_customers, n_products : also those without a purchase.

    Raises
    ------
    DataError : columns of different length, a row number out of range, a pair twice.
    """

    customer: IntArray
    product: IntArray
    day: NDArray[np.float64]
    n_customers: int
    n_products: int

    def __post_init__(self) -> None:
        n = len(self.customer)
        if len(self.product) != n or len(self.day) != n:
            raise DataError(
                f"purchases have {n} customers, {len(self.product)} products and "
                f"{len(self.day)} days; pass columns of one length"
            )
        for name, rows, limit in (
            ("customer", self.customer, self.n_customers),
            ("product", self.product, self.n_products),
        ):
            if n and (rows.min() < 0 or rows.max() >= limit):
                raise DataError(
                    f"{name} rows lie in [{rows.min()}, {rows.max()}]; allowed is [0, {limit})"
                )
        pair = self.customer * self.n_products + self.product
        if not (np.diff(pair) > 0).all() and len(np.unique(pair)) < n:
            raise DataError("a (customer, product) pair stands twice; keep its latest day only")

    def matrix(self, weight: NDArray[np.float64] | None = None) -> csr_matrix:
        """Return (n_customers, n_products) with `weight` at each purchase, 1 where None."""
        values = np.ones(len(self.customer)) if weight is None else weight
        shape = (self.n_customers, self.n_products)
        return csr_matrix((values, (self.customer, self.product)), shape=shape)


@dataclass(frozen=True)
class Lines:
    """Every purchase as it happened; a customer may buy a product on many days.

    Parameters
    ----------
    customer, product : (n,) row numbers.
    day : (n,) float64, when, in days since any moment.
    n_customers, n_products : also those without a purchase.
    """

    customer: IntArray
    product: IntArray
    day: NDArray[np.float64]
    n_customers: int
    n_products: int

    def purchases(self, before: float = np.inf) -> Purchases:
        """Return who had bought what before a day, and when last."""
        known = self.day < before
        width = max(self.n_products, 1)
        pairs, place = np.unique(
            self.customer[known] * width + self.product[known], return_inverse=True
        )
        last = np.full(len(pairs), -np.inf)
        np.maximum.at(last, place, self.day[known])
        return Purchases(pairs // width, pairs % width, last, self.n_customers, self.n_products)


def decay(age_days: NDArray[np.float64], half_life_days: float | None) -> NDArray[np.float64]:
    """Return 2^(−age / half-life), in (0, 1]; 1 everywhere when the half-life is None."""
    if half_life_days is None:
        return np.ones_like(age_days)
    return np.exp2(-age_days / half_life_days)


def top_k(scores: NDArray[Score], k: int) -> tuple[IntArray, NDArray[Score]]:
    """Return columns and scores of the k highest of each row, best first, ties by column number.

    Parameters
    ----------
    scores : (n, m) without NaN.
    k : 1 ≤ k; at most m columns come back.
    """
    if k < 1:
        raise DataError(f"k is {k}; it must be at least 1")
    n, m = scores.shape
    k = min(k, m)
    if m == 0:
        return np.zeros((n, 0), dtype=np.int64), scores
    if m >= WIDE * k:
        groups = m // GROUP
        heads = scores[:, : groups * GROUP].reshape(n, GROUP, groups).max(axis=1)
        # k groups reach it, so k columns do; what is below is not looked at again.
        kept = scores >= np.partition(heads, groups - k, axis=1)[:, groups - k, None]
        sizes = np.count_nonzero(kept, axis=1)
        if sizes.max(initial=0) < m // GROUP:
            return _top_of_few(scores, kept, sizes, k)
    threshold = np.partition(scores, m - k, axis=1)[:, m - k : m - k + 1]
    kept = scores >= threshold
    crowded = kept.sum(axis=1) > k  # ties at the threshold: only their first columns have room
    tied = scores[crowded] == threshold[crowded]
    above = kept[crowded] & ~tied
    room = k - above.sum(axis=1, keepdims=True)
    kept[crowded] = above | (tied & (tied.cumsum(axis=1, dtype=np.int32) <= room))
    columns = (np.flatnonzero(kept) % m).reshape(n, k)  # far quicker than nonzero(kept)[1]
    values = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(values, order, axis=1)


def _top_of_few(
    scores: NDArray[Score], kept: NDArray[np.bool_], sizes: IntArray, k: int
) -> tuple[IntArray, NDArray[Score]]:
    """Return `top_k` of the columns kept, `sizes` of them in each row, k at least."""
    there = np.arange(sizes.max(initial=k)) < sizes[:, None]
    places = np.flatnonzero(kept)
    few = np.full(there.shape, -np.inf, dtype=scores.dtype)
    columns = np.zeros(there.shape, dtype=np.int64)
    few[there], columns[there] = scores.take(places), places % scores.shape[1]
    best, values = top_k(few, k)
    return np.take_along_axis(columns, best, axis=1), values


class Recommender(ABC):
    """Scores every product for a customer; `recommend` masks, ranks and cuts.

    A subclass sets `purchases_` in `fit` and writes `score`. `scale` brings scores into [0, 1], so
    that several recommenders can be blended.
    """

    purchases_: Purchases

    def fit(self, purchases: Purchases) -> Self:
        """Learn from `purchases` and return self."""
        self.purchases_ = purchases
        return self

    def remember(self, purchases: Purchases) -> Self:
        """Take what customers have bought since `fit` as their histories; nothing is learned.

        So a shop that learns nightly serves who bought five minutes ago. Models that keep one
        vector per customer and cannot make a new one keep the old one.

        Parameters
        ----------
        purchases : of the same customers and products, those of `fit` included.

        Raises
        ------
        NotFittedError : before `fit`.
        DataError : another number of customers or products.
        """
        self.check_fitted()
        shape = (self.purchases_.n_customers, self.purchases_.n_products)
        given = (purchases.n_customers, purchases.n_products)
        if given != shape:
            raise DataError(
                f"purchases are of {given} customers and products; pass {shape}, as fitted"
            )
        self.purchases_ = purchases
        return self

    @abstractmethod
    def score(self, customers: IntArray) -> NDArray[np.floating]:
        """Return how much each customer is expected to want each product, (n, n_products).

        Parameters
        ----------
        customers : (n,) row numbers of the fitted purchases.

        Returns
        -------
        scores : unbounded, higher is better; -inf where nothing can be said.
        """

    def scale(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return `scores` ≥ 0 in [0, 1]: each row divided by its highest; rows of zeros stay."""
        highest = scores.max(axis=1, keepdims=True, initial=0.0)
        return scores / np.where(highest > 0, highest, 1.0)

    def scaled(self, customers: IntArray) -> NDArray[np.floating]:
        """Return the scores in [0, 1] that a blend adds up; see `score`.

        Where they are the same for everybody, one row (1, n_products) may stand for all.
        """
        return self.scale(self.score(customers))

    def blocks(self, customers: IntArray) -> Iterator[slice]:
        """Yield slices of `customers` whose scores fit into memory."""
        self.check_fitted()
        step = max(1, SCORES_PER_BLOCK // max(1, self.purchases_.n_products))
        for start in range(0, len(customers), step):
            yield slice(start, start + step)

    def recommend(
        self, customers: IntArray, k: int = 10, *, exclude_bought: bool = True
    ) -> tuple[IntArray, FloatArray]:
        """Return the k products each customer is most likely to want, best first.

        Parameters
        ----------
        customers : (n,) row numbers of the fitted purchases.
        k : products per customer, 1 ≤ k; at most n_products come back.
        exclude_bought : leave out what the customer bought in the fitted purchases.

        Returns
        -------
        products, scores : both (n, min(k, n_products)); ties go by product number.
            Rows with fewer candidates end in -1 and -inf.

        Raises
        ------
        NotFittedError : before `fit`.
        DataError : k < 1.
        """
        self.check_fitted()
        width = min(k, self.purchases_.n_products)
        products = np.full((len(customers), max(width, 0)), -1, dtype=np.int64)
        scores = np.full(products.shape, -np.inf, dtype=np.float32)
        bought = self.purchases_.matrix()
        for rows in self.blocks(customers):
            block = self.score(customers[rows])
            if exclude_bought:
                block[bought[customers[rows]].nonzero()] = -np.inf
            # Ranked as single precision, the way they are shown: what looks equal is a tie.
            best, values = top_k(block.astype(np.float32), k)
            products[rows], scores[rows] = np.where(np.isneginf(values), -1, best), values
        return products, scores

    def check_fitted(self) -> None:
        """Raise NotFittedError before `fit`."""
        if not hasattr(self, "purchases_"):
            raise NotFittedError(f"{type(self).__name__} is not fitted; call fit first")
