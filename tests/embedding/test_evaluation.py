from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from kgfeatures.embedding import GraphVectors, evaluation
from kgfeatures.embedding.candidates import Candidates
from kgfeatures.embedding.evaluation import (
    Ranks,
    by_category,
    by_relation,
    degree_baseline,
    evaluate,
    random_baseline,
    ranks,
    relation_categories,
    summary,
)
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable


def vectors(entities: np.ndarray, relations: np.ndarray) -> GraphVectors:
    return GraphVectors("transe", entities.astype("f4"), relations.astype("f4"), ())


def brute_force_rank(scores: np.ndarray, true: int, known: set[int]) -> float:
    others = [scores[at] for at in range(len(scores)) if at == true or at not in known]
    higher = sum(score > scores[true] for score in others)
    equal = sum(score == scores[true] for score in others) - 1
    return 1 + higher + equal / 2


def test_ranks_equal_a_brute_force_count_of_both_sides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    entities = rng.integers(
        -2, 3, size=(12, 2)
    )  # whole numbers: distances are exact and often equal
    relations = rng.integers(-2, 3, size=(4, 2))
    triples = np.unique(np.column_stack([rng.integers(0, n, 40) for n in (12, 2, 12)]), axis=0)
    monkeypatch.setattr(evaluation, "BATCH_BYTES", 4 * 12 * 7)
    found = ranks(vectors(entities, relations), triples, triples)

    expected: list[float] = []
    candidates: list[int] = []
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
            candidates.append(12 - len(known - {true}))
    assert found.rank.tolist() == expected
    assert found.candidates.tolist() == candidates


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


def test_metrics_of_a_relation_are_those_of_its_triples_on_both_sides() -> None:
    triples = np.array([[0, 0, 1], [1, 1, 2], [2, 1, 3]])
    found = Ranks(np.array([1, 2, 4, 4, 8, 2]).astype(float), np.full(6, 9))
    metrics = by_relation(found, triples)
    assert metrics[0].mrr == pytest.approx((1 + 1 / 4) / 2)
    assert metrics[1].mean_rank == (2 + 4 + 8 + 2) / 4
    assert metrics[1].candidates == 9


def test_relations_are_named_by_how_many_heads_and_tails_belong_together() -> None:
    one_one = [(0, 0, 1), (2, 0, 3)]
    one_many = [(0, 1, tail) for tail in range(1, 5)]
    many_one = [(head, 2, 0) for head in range(1, 5)]
    many_many = [(head, 3, tail) for head in (0, 1) for tail in (2, 3)]
    train = np.array(one_one + one_many + many_one + many_many)
    expected = {0: "1-1", 1: "1-N", 2: "N-1", 3: "N-N"}
    assert relation_categories(train) == expected
    found = Ranks(np.tile(train[:, 1] + 1.0, 2), np.full(2 * len(train), 9))
    means = {name: metrics.mean_rank for name, metrics in by_category(found, train, train).items()}
    assert means == {name: relation + 1 for relation, name in expected.items()}


def test_random_baseline_is_the_mean_over_all_places() -> None:
    places = np.arange(1, 13)
    found = random_baseline(Ranks(np.ones(2), np.array([12, 12])))
    assert found.mrr == pytest.approx((1 / places).mean())
    assert found.mean_rank == places.mean()
    assert found.hits_at_10 == pytest.approx((places <= 10).mean())


def test_degree_baseline_ranks_by_how_often_an_entity_answers_the_relation() -> None:
    train = np.array([[0, 0, 3], [1, 0, 3], [2, 0, 4]])
    # As a tail, 3 comes before 4; for "who leads to 3?" all of 0, 1, 2 have answered once and
    # two of them are known, so that 4 stands alone before the entities never seen, 3 and 4.
    found = degree_baseline(np.array([[2, 0, 3]]), np.append(train, [[2, 0, 3]], 0), train, (5, 1))
    assert found.mrr == 1
    assert found.candidates == (4 + 3) / 2


def constrained(triples: np.ndarray) -> dict[str, tuple[Candidates, list[set[int]]]]:
    """Candidates of 12 entities and 2 relations, and who may answer each of the 4 relation rows."""
    places = [(2, 0), (2, 1), (0, 0), (0, 1)]  # the column that answers, the relation
    seen = [
        {int(triple[column]) for triple in triples if triple[1] == relation}
        for column, relation in places
    ]
    types = np.arange(12) % 3
    typed = [{at for at in range(12) if kind in (-1, at % 3)} for kind in (2, -1, 0, 1)]
    return {
        "seen": (Candidates.seen(triples, (12, 2)), seen),
        "typed": (Candidates.typed(types, np.array([0, 1]), np.array([2, -1])), typed),
    }


@pytest.mark.parametrize("how", ["seen", "typed"])
def test_constrained_ranks_equal_a_brute_force_count(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    entities, relations = rng.integers(-2, 3, size=(12, 2)), rng.integers(-2, 3, size=(4, 2))
    triples = np.unique(np.column_stack([rng.integers(0, n, 40) for n in (12, 2, 12)]), axis=0)
    train, asked = triples[::2], triples[1::2]
    monkeypatch.setattr(evaluation, "BATCH_BYTES", 4 * 12 * 7)
    candidates, allowed = constrained(train)[how]
    found = ranks(vectors(entities, relations), asked, triples, candidates)

    expected: list[tuple[float, int]] = []
    facts = {tuple(triple) for triple in triples.tolist()}
    for side in (0, 1):
        for h, r, t in asked.tolist():
            anchor, row, true = (h, r, t) if side == 0 else (t, r + 2, h)
            scores = -np.linalg.norm(entities[anchor] + relations[row] - entities, axis=1)
            known = {o for o in range(12) if ((h, r, o) if side == 0 else (o, r, t)) in facts}
            kept = (allowed[row] - known) | {true}
            others = set(range(12)) - kept
            expected.append((brute_force_rank(scores, true, others), len(kept)))
    assert list(zip(found.rank.tolist(), found.candidates.tolist(), strict=True)) == expected


def test_everybody_as_a_candidate_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    triples = np.column_stack([rng.integers(0, n, 30) for n in (9, 2, 9)])
    model = vectors(rng.normal(size=(9, 4)), rng.normal(size=(4, 4)))
    everybody = Candidates.typed(np.zeros(9, dtype=int), np.array([0, -1]), np.array([0, 0]))
    among_all, among_typed = (ranks(model, triples, triples, who) for who in (None, everybody))
    assert among_all.rank.tolist() == among_typed.rank.tolist()
    assert among_all.candidates.tolist() == among_typed.candidates.tolist()


def test_baselines_choose_among_the_same_candidates() -> None:
    train = np.array([[0, 0, 3], [1, 0, 3], [2, 0, 4]])
    asked = np.array([[2, 0, 3]])
    seen = Candidates.seen(train, (5, 1))
    found = degree_baseline(asked, train, train, (5, 1), seen)
    # Tails 3 and 4, of which 4 is known; heads 0, 1 and 2, of which 0 and 1 are known.
    assert (found.candidates, found.mrr) == (1, 1)
    model = vectors(np.arange(5)[:, None], np.array([[1], [-1]]))
    assert random_baseline(ranks(model, asked, train[:0], seen)).candidates == (2 + 3) / 2


def test_summary_says_how_model_and_baselines_do_among_how_many() -> None:
    line = vectors(np.array([[0], [1], [5], [-2]]), np.array([[1], [-3]]))
    asked = np.array([[0, 0, 1]])
    found = summary(line, asked, asked, asked)
    assert (found["mrr"], found["candidates"], found["questions"]) == (0.75, 4, 2)
    assert found["random"]["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4, abs=1e-4)
    assert found["degree"]["mrr"] == 1
    assert found["by_relation"]["0"] == found["by_category"]["1-1"]
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Candidates.typed(np.zeros(3, int), np.array([0]), np.array([1])), "of type 1"),
        (lambda: Candidates.typed(np.zeros(3, int), np.array([0]), np.zeros(2, int)), "1 domains"),
        (lambda: Candidates.seen(np.array([[0, 0, 1]]), (3, 1)).check((4, 1)), "3 entities and 1"),
    ],
)
def test_candidates_that_do_not_fit_are_refused(make: Callable[[], object], says: str) -> None:
    with pytest.raises(DataError, match=says):
        make()
