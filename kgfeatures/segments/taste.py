"""What customers like: attributes bought more often than everybody's purchases would have it.

expected = the customer's purchases of products with some value of the relation x the value's share
of everybody's such purchases; score = n ln(n / expected), rounded to a millionth, so that what is
equal on paper is equal here; ties go by n, then by name. The twin of feature.taste in SQL, which
explains one customer: arrays do it for all of them at a hundredth of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from kgfeatures.types import FloatArray, IntArray

ROUNDED_TO = 1e6


@dataclass(frozen=True)
class Attributes:
    """Which products have which attributes, and at which cut-offs that is known.

    Parameters
    ----------
    product, attribute : (t,) numbers from 0, ordered by product.
    first, until : (t,) known at cut-offs first, first + 1, … until - 1.
    relation : (a,) number of the relation of each attribute; ascending.
    n_products, n_cutoffs : how many there are.
    """

    product: IntArray
    attribute: IntArray
    first: IntArray
    until: IntArray
    relation: IntArray
    n_products: int
    n_cutoffs: int

    @cached_property
    def starts(self) -> IntArray:
        """Where each product's attributes begin, and the end of the last one's, (n + 1,)."""
        return np.searchsorted(self.product, np.arange(self.n_products + 1))


@dataclass(frozen=True)
class Favourites:
    """What customers like best: numbers of attributes, -1 where there is none.

    Parameters
    ----------
    of_relation : (c, k, r) the best of each relation, above expectation.
    best : (c, k, b) the best of all relations, best first.
    """

    of_relation: IntArray
    best: IntArray


def shares(
    product: IntArray, first: IntArray, purchases: IntArray, attributes: Attributes
) -> FloatArray:
    """Return each attribute's share of everybody's purchases of its relation, (a, k).

    Parameters
    ----------
    product, first, purchases : (m,) how often a product was bought, and the first cut-off that
        these purchases count for; `first` = k for those that count for none.
    """
    lines, triples = _expanded(product, attributes)
    counts = _counts(
        attributes.attribute[triples],
        np.maximum(first[lines], attributes.first[triples]),
        attributes.until[triples],
        (len(attributes.relation), attributes.n_cutoffs),
        purchases[lines],
    )
    of_relation = _group_sums(counts, attributes.relation)
    whole = of_relation[attributes.relation].astype(np.float64)
    return np.divide(counts, whole, out=np.zeros_like(whole), where=whole > 0)


def favourites(
    customer: IntArray,
    product: IntArray,
    first: IntArray,
    attributes: Attributes,
    share: FloatArray,
    *,
    n_customers: int,
    since: int = 0,
    best: int = 5,
) -> Favourites:
    """Return what customers like best at each cut-off from number `since` on.

    Parameters
    ----------
    customer, product, first : (m,) purchases, as in `shares`; customers are numbers from 0.
    share : (a, k) as `shares` gives it.
    n_customers : how many there are.
    since : the first cut-off asked for.
    best : how many of all relations are wanted.
    """
    n_attributes, n_relations = (
        len(attributes.relation),
        int(attributes.relation.max(initial=-1)) + 1,
    )
    lines, triples = _expanded(product, attributes)
    keys = customer[lines] * n_attributes + attributes.attribute[triples]
    pairs, pair = np.unique(keys, return_inverse=True)
    n = _counts(
        pair,
        np.maximum(first[lines], attributes.first[triples]),
        attributes.until[triples],
        (len(pairs), attributes.n_cutoffs),
    )[:, since:]
    of_customer, attribute = np.divmod(pairs, n_attributes)
    of_relation = of_customer * n_relations + attributes.relation[attribute]
    scores = _scores(n, of_relation, share[attribute, since:])
    return _ranked(scores, n, of_customer, attribute, of_relation, (n_customers, n_relations), best)


def _expanded(product: IntArray, attributes: Attributes) -> tuple[IntArray, IntArray]:
    """Return a purchase and a triple for each attribute of each product bought."""
    starts = attributes.starts[product]
    counts = attributes.starts[product + 1] - starts
    lines = np.repeat(np.arange(len(product)), counts)
    ends = np.cumsum(counts)
    within = np.arange(len(lines)) - np.repeat(ends - counts, counts)
    return lines, starts[lines] + within


def _counts(
    row: IntArray,
    first: IntArray,
    until: IntArray,
    shape: tuple[int, int],
    weight: IntArray | None = None,
) -> IntArray:
    """Return how much each row holds at each cut-off, where parts of it hold first … until - 1."""
    n_rows, n_cutoffs = shape
    width = n_cutoffs + 1
    holds = first < until
    row, first, until = row[holds], first[holds], until[holds]
    weights = None if weight is None else weight[holds].astype(np.float64)
    begun = np.bincount(row * width + first, weights, n_rows * width)
    ended = np.bincount(row * width + until, weights, n_rows * width)
    # Whole numbers below 2^53, also where weights made them floats.
    steps = (begun - ended).astype(np.int64).reshape(n_rows, width)
    return np.cumsum(steps, axis=1)[:, :n_cutoffs]


def _group_sums(counts: IntArray, group: IntArray) -> IntArray:
    """Return the sums of rows of equal group numbers, which ascend; (last number + 1, k)."""
    sums = np.zeros((int(group.max(initial=-1)) + 1, counts.shape[1]), dtype=counts.dtype)
    if len(group):
        starts = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
        sums[group[starts]] = np.add.reduceat(counts, starts, axis=0)
    return sums


def _scores(n: IntArray, of_relation: IntArray, share: FloatArray) -> FloatArray:
    """Return the scores in millionths, (pairs, k); 0 where nothing was bought."""
    groups, group = np.unique(of_relation, return_inverse=True)
    whole = _group_sums(n, group)[group] if len(groups) else n
    expected = whole * share
    bought = n > 0
    ratio = np.divide(n, expected, out=np.ones_like(expected), where=bought)
    return np.rint(n * np.log(ratio) * ROUNDED_TO)


def _ranked(
    scores: FloatArray,
    n: IntArray,
    of_customer: IntArray,
    attribute: IntArray,
    of_relation: IntArray,
    shape: tuple[int, int],
    best: int,
) -> Favourites:
    """Return the first of each relation and the first `best` of all, of what has a score > 0."""
    n_customers, n_relations = shape
    n_cutoffs = scores.shape[1]
    # Equal scores go by n; what is left equal stays in the order of the attributes.
    key = np.ascontiguousarray(_keys(scores, n).T)
    first = np.full((n_cutoffs, n_customers * n_relations), -1, dtype=np.int64)
    top = np.full((n_cutoffs, n_customers, best), -1, dtype=np.int64)
    if len(attribute):
        groups, winner = _first_of(key, of_relation)
        first[:, groups] = np.where(winner < 0, -1, attribute[winner])
        for place in range(best):
            groups, winner = _first_of(key, of_customer)
            if winner.max() < 0:
                break
            top[:, groups, place] = np.where(winner < 0, -1, attribute[winner])
            rows, columns = np.nonzero(winner >= 0)
            key[rows, winner[rows, columns]] = 0
    return Favourites(
        first.reshape(n_cutoffs, n_customers, n_relations).transpose(1, 0, 2),
        top.transpose(1, 0, 2),
    )


def _keys(scores: FloatArray, n: IntArray) -> IntArray:
    """Return whole numbers in the order of scores, then of n; 0 where no score is above 0."""
    width = int(n.max(initial=0)) + 1
    if scores.max(initial=0) < np.iinfo(np.int64).max / width - 1:
        return np.where(scores > 0, scores.astype(np.int64) * width + n, 0)
    ranks = np.unique(scores, return_inverse=True)[1].reshape(scores.shape)
    return np.where(scores > 0, (ranks + 1) * width + n, 0)


def _first_of(key: IntArray, group: IntArray) -> tuple[IntArray, IntArray]:
    """Return the numbers of the groups, and where in each the first highest key > 0 stands.

    Parameters
    ----------
    key : (k, pairs), 0 or more.
    group : (pairs,) ascending.

    Returns
    -------
    groups, winner : (g,), (k, g) numbers of pairs, -1 where a group has no key > 0.
    """
    starts = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    sizes = np.diff(starts, append=len(group))
    highest = np.maximum.reduceat(key, starts, axis=1)
    is_highest = key == np.repeat(highest, sizes, axis=1)
    places = np.where(is_highest, np.arange(len(group)), len(group))
    winner = np.minimum.reduceat(places, starts, axis=1)
    return group[starts], np.where(highest > 0, winner, -1)
