"""Favourites by arrays against a plain reading of the formula."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from kgfeatures.segments import taste

N_CUTOFFS = 4
RELATION = [0, 0, 0, 1, 1]
# product, attribute, known at cut-offs first … until - 1
TRIPLES = [(0, 0, 0, 4), (0, 3, 0, 4), (1, 1, 0, 4), (1, 3, 2, 4), (2, 1, 0, 2), (2, 2, 2, 4)]
TRIPLES += [(3, 4, 0, 4)]


def attributes() -> taste.Attributes:
    product, attribute, first, until = np.array(TRIPLES).T
    return taste.Attributes(product, attribute, first, until, np.array(RELATION), 5, N_CUTOFFS)


def plain(
    purchases: list[tuple[int, int, int]], customer: int, cutoff: int
) -> tuple[list[int], dict[int, int]]:
    """Return the attributes that a customer likes, best first, and the best of each relation."""
    bought = [
        (buyer, a)
        for buyer, product, first in purchases
        for p, a, known, until in TRIPLES
        if p == product and first <= cutoff and known <= cutoff < until
    ]
    everybody, mine = Counter(a for _, a in bought), Counter(a for c, a in bought if c == customer)
    found = []
    for a, n in mine.items():
        same = [b for b in everybody if RELATION[b] == RELATION[a]]
        share = everybody[a] / sum(everybody[b] for b in same)
        expected = sum(mine[b] for b in same) * share
        found.append((-round(n * math.log(n / expected), 6), -n, a))
    liked = [a for score, _, a in sorted(found) if score < 0]
    return liked, {RELATION[a]: a for a in reversed(liked)}


def purchases(seed: int = 0) -> list[tuple[int, int, int]]:
    rng = np.random.default_rng(seed)
    rows = [(rng.integers(0, 6), rng.integers(0, 5), rng.integers(0, 5)) for _ in range(60)]
    return [(int(c), int(p), int(k)) for c, p, k in rows]


def favourites(lines: list[tuple[int, int, int]], **options: int) -> taste.Favourites:
    customer, product, first = np.array(lines, dtype=np.int64).reshape(-1, 3).T
    known = attributes()
    share = taste.shares(product, first, np.ones_like(first), known)
    return taste.favourites(customer, product, first, known, share, n_customers=6, **options)


def test_favourites_are_those_of_the_formula() -> None:
    for seed in range(5):
        lines = purchases(seed)
        found = favourites(lines, best=2)
        for customer in range(6):
            for cutoff in range(N_CUTOFFS):
                liked, firsts = plain(lines, customer, cutoff)
                padded = [*liked, -1, -1][:2]
                assert found.best[customer, cutoff].tolist() == padded
                assert found.of_relation[customer, cutoff].tolist() == [
                    firsts.get(relation, -1) for relation in (0, 1)
                ]


def test_favourites_from_a_cutoff_on_are_the_same_there() -> None:
    whole, late = favourites(purchases()), favourites(purchases(), since=2)
    np.testing.assert_array_equal(whole.best[:, 2:], late.best)
    np.testing.assert_array_equal(whole.of_relation[:, 2:], late.of_relation)


def test_everybodys_shares_count_whole_purchases_at_once() -> None:
    product, first = np.array([0, 1]), np.array([0, 1])
    share = taste.shares(product, first, np.array([3, 1]), attributes())
    assert share[:3].T.tolist() == [[1, 0, 0], [0.75, 0.25, 0], [0.75, 0.25, 0], [0.75, 0.25, 0]]


def test_a_shop_whose_products_have_no_attribute_has_no_favourites() -> None:
    none = np.zeros(0, dtype=np.int64)
    known = taste.Attributes(none, none, none, none, none, 5, N_CUTOFFS)
    share = taste.shares(none, none, none, known)
    found = taste.favourites(none, none, none, known, share, n_customers=3)
    assert found.best.tolist() == np.full((3, N_CUTOFFS, 5), -1).tolist()
    assert found.of_relation.shape == (3, N_CUTOFFS, 0)
