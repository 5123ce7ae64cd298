"""Link prediction: the place of the true tail, and head, among all entities.

Filtered: other answers that are known to be true do not count as errors. Realistic: among equal
scores the true one takes the middle place, 1 + #higher + #equal / 2, so that a model which gives
one score to everything gains nothing (Berrendorf et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from kgfeatures.embedding import score_function
from kgfeatures.embedding.base import KnownTails, check_triples, with_inverses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.embedding.base import GraphVectors
    from kgfeatures.types import IntArray


@dataclass(frozen=True)
class RankMetrics:
    """Means over both sides of every triple; mrr and hits in [0, 1], higher is better."""

    mrr: float
    hits_at_1: float
    hits_at_3: float
    hits_at_10: float
    mean_rank: float
    questions: int


def ranks(
    vectors: GraphVectors,
    triples: IntArray,
    known: IntArray,
    batch_size: int = 512,
) -> NDArray[np.float64]:
    """Return the filtered realistic ranks, (2n,): of the tails, then of the heads; 1 is best.

    Parameters
    ----------
    triples : (n, 3) to be predicted.
    known : (m, 3) true triples that are no errors: train, valid and test together.
    batch_size : questions scored at a time; each takes 4 bytes per entity.
    """
    n_relations = vectors.n_relations
    check_triples(triples, len(vectors.entities), n_relations)
    questions = with_inverses(triples, n_relations)
    tails = KnownTails(with_inverses(known, n_relations), 2 * n_relations)
    starts = range(0, len(questions), batch_size)
    parts = [_ranks_of(vectors, questions[at : at + batch_size], tails) for at in starts]
    return np.concatenate(parts)


def _ranks_of(vectors: GraphVectors, questions: IntArray, known: KnownTails) -> NDArray[np.float64]:
    model = score_function(vectors.model)
    anchor = torch.from_numpy(vectors.entities[questions[:, 0]])
    relation = torch.from_numpy(vectors.relations[questions[:, 1]])
    scores = model.logits(model.query(anchor, relation), torch.from_numpy(vectors.entities)).numpy()
    target = questions[:, 2]
    # From the same row, so that rounding is the same on both sides of the comparison.
    true = scores[np.arange(len(questions)), target]
    position, tail = known.pairs(known.rows(questions))
    other = tail != target[position]
    position, tail = position[other], tail[other]
    filtered, limit = scores[position, tail], true[position]

    def count(outranking: NDArray[np.bool_], known_ones: NDArray[np.bool_]) -> IntArray:
        return outranking.sum(axis=1) - np.bincount(position[known_ones], minlength=len(questions))

    higher = count(scores > true[:, None], filtered > limit)
    equal = count(scores == true[:, None], filtered == limit) - 1
    return 1 + higher + equal / 2


def evaluate(vectors: GraphVectors, triples: IntArray, known: IntArray) -> RankMetrics:
    """Return the filtered metrics of both sides; parameters as of `ranks`."""
    rank = ranks(vectors, triples, known)
    return RankMetrics(
        mrr=float((1 / rank).mean()),
        hits_at_1=float((rank <= 1).mean()),
        hits_at_3=float((rank <= 3).mean()),
        hits_at_10=float((rank <= 10).mean()),
        mean_rank=float(rank.mean()),
        questions=len(rank),
    )
