from __future__ import annotations

import numpy as np
import pytest

from kgfeatures.embedding import GraphVectors
from kgfeatures.embedding.evaluation import evaluate, ranks


def vectors(entities: np.ndarray, relations: np.ndarray) -> GraphVectors:
    return GraphVectors("transe", entities.astype("f4"), relations.astype("f4"), ())


def brute_force_rank(scores: np.ndarray, true: int, known: set[int]) -> float:
    others = [scores[at] for at in range(len(scores)) if at == true or at not in known]
    higher = sum(score > scores[true] for score in others)
    equal = sum(score == scores[true] for score in others) - 1
    return 1 + higher + equal / 2


def test_ranks_equal_a_brute_force_count_of_both_sides() -> None:
    rng = np.random.default_rng(0)
    entities = rng.integers(
        -2, 3, size=(12, 2)
    )  # whole numbers: distances are exact and often equal
    relations = rng.integers(-2, 3, size=(4, 2))
    triples = np.unique(np.column_stack([rng.integers(0, n, 40) for n in (12, 2, 12)]), axis=0)
    found = ranks(vectors(entities, relations), triples, triples, batch_size=7)

    expected: list[float] = []
    for side in (0, 1):
        for h, r, t in triples.tolist():
            anchor, relation, true = (h, r, t) if side == 0 else (t, r + 2, h)
            scores = -np.linalg.norm(entities[anchor] + relations[relation] - entities, axis=1)
            same = triples[:, (0, 2)] if side == 0 else triples[:, (2, 0)]
            known = {
                o
                for (a, o), q in zip(same.tolist(), triples[:, 1], strict=True)
                if (a, q) == (anchor, r)
            }
            expected.append(brute_force_rank(scores, true, known))
    assert found.tolist() == expected


def test_a_model_that_scores_everything_alike_comes_out_in_the_middle() -> None:
    constant = vectors(np.ones((11, 3)), np.zeros((2, 3)))
    metrics = evaluate(constant, np.array([[0, 0, 5]]), np.array([[0, 0, 5]]))
    assert metrics.mean_rank == 6
    assert metrics.hits_at_3 == 0


def test_metrics_are_means_over_both_sides() -> None:
    # On a line: 0 + 1 = 1 hits entity 1 (rank 1); backwards 1 − 3 = −2 is nearest to entity 3.
    line = vectors(np.array([[0], [1], [5], [-2]]), np.array([[1], [-3]]))
    metrics = evaluate(line, np.array([[0, 0, 1]]), np.array([[0, 0, 1]]))
    assert metrics.mrr == pytest.approx((1 + 1 / 2) / 2)
    assert (metrics.hits_at_1, metrics.hits_at_10, metrics.questions) == (0.5, 1.0, 2)
