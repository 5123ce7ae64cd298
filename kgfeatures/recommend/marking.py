"""An algorithm's answers to an exam, measured: a row of the table, with intervals."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.recommend.catalogue import catalogue_estimates, diversity, novelty
from kgfeatures.recommend.evaluation import (
    Estimate,
    bootstrap_means,
    hit_rate_at_k,
    ndcg_at_k,
    ndcg_kgat_at_k,
    recall_at_k,
    reciprocal_rank_at_k,
    resamples,
)
from kgfeatures.recommend.protocols import histories

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from kgfeatures.recommend.base import Recommender
    from kgfeatures.recommend.protocols import Exam
    from kgfeatures.types import FloatArray, IntArray

LIST = 100
"""Products retrieved; measures look at the first 10 or 20, ndcg_kgat normalises by all."""
DRAWS, CATALOGUE_DRAWS = 1000, 100
FEW, MANY = 10, 20
BY_ACTIVITY = ("recall@20", "ndcg@20", "hr@10")
QUARTILES = 4


@dataclass(frozen=True)
class Quartile:
    """Customers with a like number of products in their history, and how well they were served."""

    fewest: int
    most: int
    customers: int
    estimates: Mapping[str, Estimate]


@dataclass(frozen=True)
class Row:
    """An algorithm's result.

    Parameters
    ----------
    estimates : by measure.
    quartiles : from the least to the most active.
    fit_seconds, rank_seconds : CPU time to learn, and to rank for everybody asked.
    made_of : its settings, or the weights of a blend.
    resampled : by measure, (draws,) its mean in every resample of customers.
    """

    estimates: Mapping[str, Estimate]
    quartiles: Sequence[Quartile]
    fit_seconds: float
    rank_seconds: float
    made_of: Mapping[str, Any]
    resampled: Mapping[str, NDArray[np.float64]]


class Paper:
    """An exam with what every algorithm's answers are measured by.

    Parameters
    ----------
    asked : the exam.
    unit : (n_products, anything) rows of length 1 that say how alike two products are.
    seed : of the resamples, which are the same for all algorithms.
    """

    def __init__(self, asked: Exam, unit: csr_matrix | FloatArray, seed: int = 0) -> None:
        self.asked = asked
        self.unit = unit
        self.seed = seed
        self.drawn = resamples(len(asked.asked), DRAWS, seed)
        self.groups = quartiles(histories(asked))

    def mark(self, model: Recommender, fit_seconds: float, made_of: Mapping[str, Any]) -> Row:
        """Return what a model's lists are worth; it is fitted and remembers the histories."""
        began = time.process_time()
        lists = model.recommend(self.asked.asked, LIST)[0]
        rank_seconds = time.process_time() - began
        values = self._values(lists)
        found, means = bootstrap_means(np.column_stack(list(values.values())), self.drawn)
        estimates = dict(zip(values, found, strict=True))
        shop = catalogue_estimates(
            lists[:, :MANY], self.asked.known.n_products, self.drawn[:CATALOGUE_DRAWS]
        )
        estimates |= {f"{name}@{MANY}": estimate for name, estimate in shop.items()}
        resampled = dict(zip(values, means.T, strict=True))
        groups = [self._quartile(values, rows) for rows in self.groups]
        return Row(estimates, groups, fit_seconds, rank_seconds, made_of, resampled)

    def _values(self, lists: IntArray) -> dict[str, NDArray[np.float64]]:
        """Return every measure of every customer."""
        wanted, few, many = self.asked.wanted, lists[:, :FEW], lists[:, :MANY]
        return {
            f"recall@{FEW}": recall_at_k(few, wanted),
            f"recall@{MANY}": recall_at_k(many, wanted),
            f"ndcg@{FEW}": ndcg_at_k(few, wanted),
            f"ndcg@{MANY}": ndcg_at_k(many, wanted),
            f"ndcg_kgat@{MANY}": ndcg_kgat_at_k(lists, wanted, MANY),
            f"hr@{FEW}": hit_rate_at_k(few, wanted),
            f"hr@{MANY}": hit_rate_at_k(many, wanted),
            f"mrr@{MANY}": reciprocal_rank_at_k(many, wanted),
            f"novelty@{MANY}": novelty(many, self.asked.learned),
            f"diversity@{MANY}": diversity(many, self.unit),
        }

    def _quartile(self, values: Mapping[str, NDArray[np.float64]], rows: IntArray) -> Quartile:
        columns = np.column_stack([values[name][rows] for name in BY_ACTIVITY])
        found, _ = bootstrap_means(columns, resamples(len(rows), DRAWS, self.seed))
        degree = histories(self.asked)[rows]
        estimates: dict[str, Estimate] = dict(zip(BY_ACTIVITY, found, strict=True))
        return Quartile(int(degree.min()), int(degree.max()), len(rows), estimates)


def quartiles(degree: IntArray) -> list[IntArray]:
    """Return the places of the least active quarter, the next, …; equals stay together.

    So groups differ in size, and there are fewer where a quarter would be empty.
    """
    borders = np.quantile(degree, [0.25, 0.5, 0.75])
    group = np.searchsorted(borders, degree, side="left")
    places = [np.flatnonzero(group == number) for number in range(QUARTILES)]
    return [rows for rows in places if len(rows)]


def ratio(one: Row, other: Row, measure: str) -> Estimate | None:
    """Return by how much one row is ahead of another, as a fraction, over the same customers.

    None where the other has nothing to be ahead of.
    """
    base = other.estimates[measure].mean
    if base <= 0 or other.resampled[measure].min() <= 0:
        return None
    gains = one.resampled[measure] / other.resampled[measure] - 1
    low, high = np.quantile(gains, [0.025, 0.975])
    return Estimate(one.estimates[measure].mean / base - 1, float(low), float(high))
