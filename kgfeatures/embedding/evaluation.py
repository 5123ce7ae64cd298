"""Link prediction: the place of the true tail, and head, among all entities.

Filtered: other answers that are known to be true do not count as errors. Realistic: among equal
scores the true one takes the middle place, 1 + #higher + #equal / 2, so that a model which gives
one score to everything gains nothing (Berrendorf et al. 2020). Two baselines stand beside every
model: a random order, and the number of triples in which an entity answers a relation.

Where only some entities can answer a relation, as colours do in a shop, `Candidates` says which:
ranks among all entities flatter a model that has merely learned the types.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.sparse import csr_array

from kgfeatures.embedding import score_function
from kgfeatures.embedding.base import KnownTails, check_triples, with_inverses

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from kgfeatures.embedding.base import GraphVectors
    from kgfeatures.embedding.candidates import Candidates
    from kgfeatures.types import IntArray

# Scores of all entities for questions (n, 2): a float32 table (n, n_entities).
Scorer = Callable[["IntArray"], "Tensor"]
BATCH_BYTES = 2**24
MANY = 1.5
EXACT_COUNTS = 2**24


@dataclass(frozen=True)
class RankMetrics:
    """Means over questions; mrr and hits in [0, 1], higher is better; a mean rank is at least 1.

    `candidates` is the mean number of entities that a true answer was ranked among.
    """

    mrr: float
    hits_at_1: float
    hits_at_3: float
    hits_at_10: float
    mean_rank: float
    questions: int
    candidates: float


@dataclass(frozen=True)
class Ranks:
    """The place of each true answer, (2n,): of the tails of n triples, then of their heads."""

    rank: NDArray[np.float64]
    candidates: IntArray

    def metrics(self, chosen: NDArray[np.bool_] | None = None) -> RankMetrics:
        """Return the means over all questions, or over those `chosen` (2n,)."""
        rank = self.rank if chosen is None else self.rank[chosen]
        among = self.candidates if chosen is None else self.candidates[chosen]
        return RankMetrics(
            mrr=float((1 / rank).mean()),
            hits_at_1=float((rank <= 1).mean()),
            hits_at_3=float((rank <= 3).mean()),
            hits_at_10=float((rank <= 10).mean()),
            mean_rank=float(rank.mean()),
            questions=len(rank),
            candidates=float(among.mean()),
        )


def ranks(
    vectors: GraphVectors,
    triples: IntArray,
    known: IntArray,
    candidates: Candidates | None = None,
) -> Ranks:
    """Return the filtered realistic ranks of both sides of `triples`; 1 is best.

    Parameters
    ----------
    triples : (n, 3) to be predicted.
    known : (m, 3) true triples that are no errors: train, valid and test together.
    candidates : who may answer which relation, see `Candidates`; None lets everybody.
    """
    model = score_function(vectors.model)
    entities = torch.from_numpy(vectors.entities)
    relations = torch.from_numpy(vectors.relations)
    half_squares = entities.square().sum(1).div_(-2)

    def scores(questions: IntArray) -> Tensor:
        anchor, relation = torch.from_numpy(questions).unbind(1)
        if model.operator == "<->" and not model.projects:
            # q·c − ‖c‖² / 2 ranks like −‖q − c‖ and needs neither a root nor the query's length.
            query = model.query(entities[anchor], relations[relation])
            return torch.addmm(half_squares, query, entities.T)
        return model.scores(entities[anchor], relations[relation], entities)

    check_triples(triples, len(entities), vectors.n_relations)
    sizes = len(entities), vectors.n_relations
    return rank_by(scores, triples, known, sizes, candidates)


def rank_by(
    scores: Scorer,
    triples: IntArray,
    known: IntArray,
    sizes: tuple[int, int],
    candidates: Candidates | None = None,
) -> Ranks:
    """Return the ranks of true answers by any scores; other parameters as of `ranks`.

    Parameters
    ----------
    scores : called with distinct (anchor, relation) rows; gives each entity's score.
    sizes : numbers of entities and of relations, reciprocal ones not counted.
    """
    n_entities, n_relations = sizes
    if candidates is not None:
        candidates.check(sizes)
    questions = with_inverses(triples.astype(np.int64, copy=False), n_relations)
    # Ordered by relation, because some models have to prepare all candidates for each.
    pairs, asked = np.unique(questions[:, 1] * n_entities + questions[:, 0], return_inverse=True)
    distinct = np.column_stack(np.divmod(pairs, n_entities)[::-1])
    tails = KnownTails(_relevant(known, distinct, n_relations), 2 * n_relations)
    order = np.argsort(asked, kind="stable")
    rank = np.empty(len(questions))
    among = np.empty(len(questions), dtype=np.int64)
    size = max(1, BATCH_BYTES // (4 * n_entities))
    for at in range(0, len(distinct), size):
        part = distinct[at : at + size]
        first, last = np.searchsorted(asked[order], [at, at + len(part)])
        rows = order[first:last]
        target = questions[rows, 2]
        rank[rows], among[rows] = _ranks_of(
            scores(part), asked[rows] - at, target, part, tails, candidates
        )
    return Ranks(rank, among)


def _relevant(known: IntArray, asked: IntArray, n_relations: int) -> IntArray:
    """Return the known triples, reciprocal ones too, that answer one of the questions."""
    both = with_inverses(known.astype(np.int64, copy=False), n_relations)
    keys = both[:, 0] * (2 * n_relations) + both[:, 1]
    return both[np.isin(keys, asked[:, 0] * (2 * n_relations) + asked[:, 1])]


def _ranks_of(
    scores: Tensor,
    row: IntArray,
    target: IntArray,
    questions: IntArray,
    known: KnownTails,
    candidates: Candidates | None,
) -> tuple[NDArray[np.float64], IntArray]:
    """Return the ranks of `target` (n,), whose scores stand in `row` (n,), and among how many.

    What is known is counted and subtracted instead of being written into the scores.
    """
    rows = torch.from_numpy(row)
    # From the same table, so that rounding is the same on both sides of the comparison.
    true = scores[rows, torch.from_numpy(target)]
    difference = scores.index_select(0, rows).sub_(true.unsqueeze(1))
    position, tail = known.pairs(known.rows(questions)[row])
    other = tail != target[position]
    if candidates is None:
        ahead = _ahead(difference).numpy() - 0.5
        among = np.full(len(row), scores.shape[1])
    else:
        relation = questions[row, 1]
        allowed = candidates.of(relation)
        ahead = _ahead_of(difference, allowed).numpy()
        # The true answer counts, whoever may answer.
        may = allowed[np.arange(len(row)), target]
        ahead -= 0.5 * may
        among = allowed.sum(axis=1) + ~may
        other &= allowed[position, tail]
    position, tail = position[other], tail[other]
    filtered = scores[rows[position], torch.from_numpy(tail)].sub_(true[position])
    weights = filtered.sign_().add_(1).div_(2).numpy()
    ahead -= np.bincount(position, weights, minlength=len(row))
    return 1 + ahead, among - np.bincount(position, minlength=len(row))


def _ahead(difference: Tensor) -> Tensor:
    """Return #(> 0) + #(= 0) / 2 of each row: (columns + Σ sign) / 2.

    Float32 counts exactly up to 2²⁴; many times faster than to compare and to count.
    """
    columns = difference.shape[1]
    exact = torch.float32 if columns <= EXACT_COUNTS else torch.float64
    return difference.sign_().sum(1, dtype=exact).double().add_(columns).div_(2)


def _ahead_of(difference: Tensor, allowed: NDArray[np.bool_]) -> Tensor:
    """Return #(> 0) + #(= 0) / 2 of each row among those allowed, both (n, columns)."""
    counted = difference.sign_().add_(1).mul_(torch.from_numpy(allowed))
    return counted.sum(1, dtype=torch.float64).div_(2)


def evaluate(
    vectors: GraphVectors,
    triples: IntArray,
    known: IntArray,
    candidates: Candidates | None = None,
) -> RankMetrics:
    """Return the filtered metrics of both sides; parameters as of `ranks`."""
    return ranks(vectors, triples, known, candidates).metrics()


def by_relation(found: Ranks, triples: IntArray) -> dict[int, RankMetrics]:
    """Return the metrics of each relation's triples; `found` are the ranks of `triples`."""
    relation = np.tile(triples[:, 1], 2)
    return {int(name): found.metrics(relation == name) for name in np.unique(triples[:, 1])}


def by_category(found: Ranks, triples: IntArray, train: IntArray) -> dict[str, RankMetrics]:
    """Return the metrics of relations 1-1, 1-N, N-1 and N-N, those without triples left out.

    "N" is a mean of at least 1.5 heads per (relation, tail), or tails per (head, relation), among
    the triples `train` (Bordes et al. 2013); relations not trained are left out.
    """
    categories = relation_categories(train)
    names = np.array([categories.get(int(relation), "") for relation in triples[:, 1]])
    both = np.tile(names, 2)
    return {name: found.metrics(both == name) for name in sorted(set(names.tolist()) - {""})}


def relation_categories(train: IntArray) -> dict[int, str]:
    """Return "1-1", "1-N", "N-1" or "N-N" for each relation: many heads or many tails."""
    triples = np.unique(train, axis=0)
    relations, counts = np.unique(triples[:, 1], return_counts=True)

    def mean_answers(anchor: int) -> NDArray[np.float64]:
        pairs = np.unique(triples[:, (1, anchor)], axis=0)
        return counts / np.unique(pairs[:, 0], return_counts=True)[1]

    sides = [np.where(mean_answers(anchor) >= MANY, "N", "1") for anchor in (2, 0)]
    return {
        int(relation): f"{heads}-{tails}"
        for relation, heads, tails in zip(relations, *sides, strict=True)
    }


def random_baseline(found: Ranks) -> RankMetrics:
    """Return what a random order of the same candidates is expected to give."""
    among = found.candidates.astype(np.float64)
    harmonic = np.cumsum(1 / np.arange(1, found.candidates.max() + 1))
    hits = [float(np.minimum(1, at / among).mean()) for at in (1, 3, 10)]
    mrr = float((harmonic[found.candidates - 1] / among).mean())
    mean_rank = float(((among + 1) / 2).mean())
    return RankMetrics(mrr, hits[0], hits[1], hits[2], mean_rank, len(among), float(among.mean()))


def degree_baseline(
    triples: IntArray,
    known: IntArray,
    train: IntArray,
    sizes: tuple[int, int],
    candidates: Candidates | None = None,
) -> RankMetrics:
    """Return the metrics of ranking entities by how often they answer the relation in `train`."""
    both = with_inverses(train, sizes[1])
    ones = np.ones(len(both), dtype=np.float32)
    counts = csr_array((ones, (both[:, 1], both[:, 2])), shape=(2 * sizes[1], sizes[0]))

    def scores(questions: IntArray) -> Tensor:
        return torch.from_numpy(counts[questions[:, 1]].toarray())

    return rank_by(scores, triples, known, sizes, candidates).metrics()


def summary(
    vectors: GraphVectors,
    triples: IntArray,
    known: IntArray,
    train: IntArray,
    candidates: Candidates | None = None,
) -> dict[str, Any]:
    """Return what a model's card says of its predictions: plain numbers by name, ready for JSON.

    Parameters
    ----------
    triples, known, candidates : as of `ranks`.
    train : (k, 3) what was learned, for the baseline and for the categories of relations.

    Returns
    -------
    summary : mrr, hits_at_1 … mean_rank, questions, candidates of the model; the same under
        "random" and "degree" for the baselines among the same candidates; under "by_relation" and
        "by_category" for parts of the triples, relations by their row number.
    """
    found = ranks(vectors, triples, known, candidates)
    sizes = len(vectors.entities), vectors.n_relations
    parts = by_relation(found, triples), by_category(found, triples, train)
    return {
        **_rounded(found.metrics()),
        "random": _rounded(random_baseline(found)),
        "degree": _rounded(degree_baseline(triples, known, train, sizes, candidates)),
        "by_relation": {str(name): _rounded(part) for name, part in parts[0].items()},
        "by_category": {name: _rounded(part) for name, part in parts[1].items()},
    }


def _rounded(metrics: RankMetrics) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(metrics).items()}
