"""What suits a shop, measured on its own last weeks.

The last 60 days are held out, every candidate is fitted on what came before and asked for what its
customers bought for the first time then; the highest ndcg@20 wins, if need be without a trend.
Shops differ: where customers return for the same few articles, popularity beats every neighbour.
How much graph vectors say cannot be measured so, they know the held-out days; their share stands
in `GRAPH_SHARE`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

from kgfeatures.recommend.base import top_k
from kgfeatures.recommend.evaluation import ndcg_at_k
from kgfeatures.recommend.neighbors import Neighbors, NeighborSettings, neighbor_tables
from kgfeatures.recommend.popular import Popular

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgfeatures.recommend.base import Lines, Purchases
    from kgfeatures.types import IntArray

HELD_OUT_DAYS = 60.0
K = 20
CUSTOMERS = 1000
FEWEST_CUSTOMERS = 100
# Exponents of the product bought and of the one recommended, and shrinkage. Large shops of which
# customers buy little are served best where the one recommended is hardly held back.
CANDIDATES = tuple(
    NeighborSettings(product_exponent=own, neighbor_exponent=other, shrinkage=shrinkage)
    for own, other, shrinkage in (
        *((0.1, 0.7, 0.0), (0.1, 0.5, 0.0), (0.1, 0.5, 3.0)),
        *((0.1, 0.3, 10.0), (0.5, 0.3, 0.0), (0.7, 0.1, 0.0), (0.5, 0.7, 3.0)),
    )
)
# Never 0: popularity fills the lists of customers of whom nothing is known.
POPULAR_WEIGHTS = (0.05, 0.3, 0.6, 0.9)
# Of what popularity leaves; chosen on the validation months of Online Retail 2009-2010.
GRAPH_SHARE = 0.3


@dataclass(frozen=True)
class Question:
    """What was known at a moment, and what was bought for the first time after it.

    Parameters
    ----------
    known : purchases before the moment.
    asked : (n,) customers known then, with a new product after it.
    wanted : (n, n_products), 1 at their new products that somebody had bought before.
    """

    known: Purchases
    asked: IntArray
    wanted: csr_matrix


@dataclass(frozen=True)
class Choice:
    """The best candidate: its ndcg@20 over `customers`; None when there were too few to tell."""

    neighbors: NeighborSettings
    popular_weight: float
    ndcg: float | None
    customers: int

    def weights(self) -> dict[str, float]:
        """Return the weights of the three signals; they sum to 1."""
        rest = 1 - self.popular_weight
        return {
            "bought_together": rest * (1 - GRAPH_SHARE),
            "graph_vector": rest * GRAPH_SHARE,
            "popular": self.popular_weight,
        }


def question(lines: Lines, begin: float, end: float = np.inf) -> Question:
    """Return what was known at day `begin` and what was newly bought from then until `end`."""
    known = lines.purchases(before=begin)
    after = (lines.day >= begin) & (lines.day < end)
    customer, product = lines.customer[after], lines.product[after]
    there = np.isin(customer, known.customer) & np.isin(product, known.product)
    shape = (lines.n_customers, lines.n_products)
    bought = known.matrix()
    new = csr_matrix((np.ones(there.sum()), (customer[there], product[there])), shape=shape)
    new.sum_duplicates()
    new.data[:] = 1
    new = csr_matrix(new - new.multiply(bought))
    new.eliminate_zeros()
    asked = np.flatnonzero(np.diff(new.indptr))
    return Question(known, asked, csr_matrix(new[asked]))


def choose(lines: Lines, popular_half_life_days: float | None = None) -> Choice:
    """Return the candidate with the highest ndcg@20 on the last 60 days, the first of equals.

    Parameters
    ----------
    lines : all purchases; of less than 120 days the second half is held out.
    popular_half_life_days : of `Popular`.

    Returns
    -------
    choice : the first candidate where fewer than 100 customers bought anything new.
    """
    if len(lines.day) == 0:
        return Choice(CANDIDATES[0], POPULAR_WEIGHTS[0], None, 0)
    first, last = lines.day.min(), lines.day.max()
    whole = question(lines, max(last - HELD_OUT_DAYS, (first + last) / 2))
    n = len(whole.asked)
    if n < FEWEST_CUSTOMERS:
        return Choice(CANDIDATES[0], POPULAR_WEIGHTS[0], None, n)
    # Evenly spaced rather than drawn: no seed to know.
    rows = np.unique(np.linspace(0, n - 1, min(n, CUSTOMERS)).astype(np.int64))
    asked = Question(whole.known, whole.asked[rows], csr_matrix(whole.wanted[rows]))
    popular = Popular(popular_half_life_days).fit(asked.known)
    best = _best(asked, CANDIDATES, popular)
    lasting = replace(best.neighbors, trend_half_life_days=None)
    return max(best, _best(asked, [lasting], popular), key=lambda choice: choice.ndcg or 0.0)


def _best(asked: Question, many: Sequence[NeighborSettings], popular: Popular) -> Choice:
    """Return the best of some candidates, with the weight of popularity that suits it."""
    # Only what these customers bought has to have neighbours.
    products = np.unique(asked.known.matrix()[asked.asked].indices).astype(np.int64)
    tables = neighbor_tables(asked.known, many, products)
    best = Choice(many[0], POPULAR_WEIGHTS[0], -1.0, len(asked.asked))
    for candidate, table in zip(many, tables, strict=True):
        neighbors = Neighbors(candidate).adopt(asked.known, table)
        for weight, ndcg in measure(asked, neighbors, popular).items():
            if best.ndcg is None or ndcg > best.ndcg:
                best = Choice(candidate, weight, ndcg, len(asked.asked))
    return best


def measure(asked: Question, neighbors: Neighbors, popular: Popular) -> dict[float, float]:
    """Return ndcg@20 of neighbours blended with popularity, by the weight of the latter."""
    bought = asked.known.matrix()
    liked = popular.scaled(asked.asked).astype(np.float32)
    found: dict[float, list[float]] = {weight: [] for weight in POPULAR_WEIGHTS}
    for rows in neighbors.blocks(asked.asked):
        customers = asked.asked[rows]
        together = neighbors.scaled(customers).astype(np.float32)
        masked = bought[customers].nonzero()
        for weight, values in found.items():
            scores = (1 - weight) * together + weight * liked
            scores[masked] = -1
            lists = top_k(scores, K)[0]
            values.extend(ndcg_at_k(lists, csr_matrix(asked.wanted[rows])))
    return {weight: float(np.mean(values)) for weight, values in found.items()}
