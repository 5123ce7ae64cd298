from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from kgfeatures.embedding import GraphVectors, score_function
from kgfeatures.embedding.alignment import MOVES, align
from kgfeatures.embedding.incremental import continued
from kgfeatures.errors import DataError

DIM = 6
ROWS = np.arange(40)
RNG = np.random.default_rng(0)
TRIPLES = np.column_stack(
    [RNG.integers(40, size=50), RNG.integers(3, size=50), ROWS[:1].repeat(50)]
)


def drawn(model: str, seed: int = 0) -> GraphVectors:
    rng = np.random.default_rng(seed)
    entities = rng.normal(size=(40, DIM)).astype("f4") + 3
    relations = rng.normal(size=(6, DIM)).astype("f4")
    if model == "rotate":
        angle = rng.uniform(-3, 3, (6, DIM // 2))
        relations = np.concatenate([np.cos(angle), np.sin(angle)], axis=1).astype("f4")
    return GraphVectors(model, entities, relations, ())


def scores(vectors: GraphVectors) -> np.ndarray:
    head, relation, tail = (torch.from_numpy(column.copy()) for column in TRIPLES.T)
    entities, relations = map(torch.from_numpy, (vectors.entities, vectors.relations))
    return (
        score_function(vectors.model)
        .score(entities[head], relations[relation], entities[tail])
        .numpy()
    )


def disguised(vectors: GraphVectors) -> GraphVectors:
    """Return the vectors moved by what their model's scores do not see, written another way."""
    entities, relations = vectors.entities.astype(float), vectors.relations.astype(float)
    if vectors.model == "transe":
        turn = np.linalg.qr(np.random.default_rng(1).normal(size=(DIM, DIM)))[0]
        entities, relations = entities @ turn + 5, relations @ turn
    elif vectors.model == "transe_l1":
        signs = np.array([1, -1, -1, 1, -1, 1])
        entities, relations = entities * signs - 2, relations * signs
    elif vectors.model == "distmult":
        entities = entities * np.array([1, -1, -1, 1, -1, 1])
    else:
        numbers = entities[:, : DIM // 2] + 1j * entities[:, DIM // 2 :]
        numbers = numbers * np.exp(1j * np.array([0.5, 2.0, -3.0]))
        entities = np.concatenate([numbers.real, numbers.imag], axis=1)
    return replace(vectors, entities=entities.astype("f4"), relations=relations.astype("f4"))


@pytest.mark.parametrize("model", sorted(MOVES))
def test_vectors_that_score_alike_are_moved_onto_each_other(model: str) -> None:
    original = drawn(model)
    hidden = disguised(original)
    np.testing.assert_allclose(scores(hidden), scores(original), atol=1e-3)
    found = align(hidden, original, ROWS[:30], ROWS[:30])
    assert found.residual_before > 0.3
    assert found.residual < 1e-5
    assert found.shared == 30
    np.testing.assert_allclose(found.vectors.entities, original.entities, atol=1e-4)
    np.testing.assert_allclose(found.vectors.relations, original.relations, atol=1e-4)


@pytest.mark.parametrize("model", sorted(MOVES))
def test_aligning_changes_all_scores_by_one_factor_and_so_no_ranking(model: str) -> None:
    vectors = drawn(model, seed=1)
    found = align(vectors, drawn(model), ROWS, ROWS[::-1])
    is_product = score_function(model).operator == "<#>"
    factor = found.factor**2 if is_product else found.factor
    np.testing.assert_allclose(
        scores(found.vectors), factor * scores(vectors), rtol=2e-4, atol=1e-3
    )
    assert found.residual > 0.3  # other vectors stay others


@pytest.mark.parametrize("model", sorted(MOVES))
def test_shared_entities_get_the_spread_that_they_had(model: str) -> None:
    original = drawn(model)
    grown = disguised(original)
    shifts = "transe" in model
    grown = replace(
        grown,
        entities=grown.entities * 2,
        relations=grown.relations * (2 if shifts else 1),
    )
    found = align(grown, original, ROWS[:30], ROWS[:30])
    assert found.factor == pytest.approx(0.5)
    assert found.residual < 1e-5
    np.testing.assert_allclose(found.vectors.relations, original.relations, atol=1e-4)


def test_rows_say_who_is_who() -> None:
    original = drawn("transe")
    shuffled = replace(original, entities=original.entities[::-1].copy())
    assert align(shuffled, original, ROWS[:35], ROWS[::-1][:35]).residual < 1e-6


def test_one_shared_entity_says_nothing_of_the_spread() -> None:
    vectors = drawn("transe")
    found = align(vectors, drawn("transe", seed=1), ROWS[:1], ROWS[:1])
    assert found.factor == 1
    assert np.ptp(found.vectors.entities) > 1


def test_what_cannot_be_aligned_says_why() -> None:
    vectors = drawn("transe")
    with pytest.raises(DataError, match="share no entity"):
        align(vectors, vectors, ROWS[:0], ROWS[:0])
    with pytest.raises(DataError, match="transe vectors of 6 numbers .* distmult vectors of 6"):
        align(vectors, drawn("distmult"), ROWS, ROWS)
    short = replace(vectors, entities=vectors.entities[:, :4])
    with pytest.raises(DataError, match="of 6 numbers cannot be compared with .* of 4"):
        align(vectors, short, ROWS, ROWS)
    with pytest.raises(DataError, match="transr vectors cannot be aligned, those of complex,"):
        align(replace(vectors, model="transr"), replace(vectors, model="transr"), ROWS, ROWS)


@pytest.mark.parametrize("model", sorted(MOVES))
def test_a_training_goes_on_from_a_predecessor_with_new_entities_among_their_neighbours(
    model: str,
) -> None:
    before = drawn(model)
    entity_rows = np.array([4, -1, 2, -1])  # two are new; the second has no triple
    relation_rows = np.array([-1, 1])  # a new relation comes first
    triples = np.array([[0, 1, 1], [2, 0, 3]])
    start = continued(before, entity_rows, relation_rows, triples)
    assert start.entities[[0, 2]].tobytes() == before.entities[[4, 2]].tobytes()
    assert start.relations[[1, 3]].tobytes() == before.relations[[1, 4]].tobytes()
    anchor, relation = map(torch.from_numpy, (before.entities[[4]], before.relations[[1]]))
    query = score_function(model).query(anchor, relation).numpy()[0]
    if score_function(model).operator == "<#>":
        mean = np.linalg.norm(before.entities[[4, 2]], axis=1).mean()
        query = query * mean / np.linalg.norm(query)
    np.testing.assert_allclose(start.entities[1], query, rtol=1e-4)
    assert np.isfinite(start.entities[3]).all()
    with pytest.raises(DataError, match="no entity is in the predecessor"):
        continued(before, np.array([-1, -1]), relation_rows, triples[:0])
