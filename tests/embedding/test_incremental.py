from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from kgfeatures.embedding import score_function
from kgfeatures.embedding.base import GraphVectors, TrainingSettings
from kgfeatures.embedding.evaluation import evaluate
from kgfeatures.embedding.incremental import partial_fit, placed
from kgfeatures.embedding.trainer import fit
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

# A ruler of 60 marks: relation k leads from each mark to the one k + 1 further on. The last two
# row numbers, 58 and 59, are the marks in its middle.
ROW = np.argsort(
    np.argsort([0 if mark not in {29, 30} else 1 for mark in range(60)], kind="stable")
)
MARKS = np.array([(ROW[i], k, ROW[i + k + 1]) for k in range(6) for i in range(59 - k)])
IS_NEW = (MARKS[:, (0, 2)] >= 58).any(axis=1)
ASKED = np.arange(len(MARKS)) % 7 == 0
SETTINGS = TrainingSettings(dim=8, epochs=60, batch_size=32, negatives=16)


def metrics(vectors: GraphVectors, chosen: np.ndarray) -> float:
    return evaluate(vectors, MARKS[chosen], MARKS).mrr


def test_new_entities_find_their_place_and_old_ones_keep_their_bits() -> None:
    base = fit(MARKS[~IS_NEW & ~ASKED], 58, 6, SETTINGS)
    grown = partial_fit(base, MARKS[~IS_NEW & ~ASKED], MARKS[IS_NEW & ~ASKED], 60, SETTINGS)
    whole = fit(MARKS[~ASKED], 60, 6, SETTINGS)
    assert grown.entities[:58].tobytes() == base.entities.tobytes()
    assert grown.relations.tobytes() == base.relations.tobytes()
    assert metrics(grown, IS_NEW & ASKED) > 0.8 * metrics(whole, IS_NEW & ASKED)
    old = ~IS_NEW & ASKED
    before = evaluate(base, MARKS[old], MARKS[~IS_NEW]).mrr
    assert metrics(grown, old) > before - 0.05


def test_partial_fit_repeats_its_bits() -> None:
    base = fit(MARKS[~IS_NEW], 58, 6, TrainingSettings(dim=8, epochs=2))
    found = [partial_fit(base, MARKS[~IS_NEW], MARKS[IS_NEW], 60).entities for _ in range(2)]
    assert found[0].tobytes() == found[1].tobytes()


@pytest.mark.parametrize(("model", "length"), [("transe", None), ("distmult", 5.0)])
def test_a_new_entity_starts_at_the_mean_of_the_queries_it_answers(
    model: str, length: float | None
) -> None:
    entities = np.array([[3.0, 4.0], [0.0, 5.0]], dtype="f4")
    relations = np.array([[1.0, 1.0], [2.0, -1.0]], dtype="f4")
    vectors = GraphVectors(model, entities, relations, ())
    new = np.array([[0, 0, 2], [2, 0, 1], [2, 0, 3]])  # 3 is known through 2 alone
    rng = np.random.default_rng(0)
    found = placed(score_function(model), vectors, new, 5, rng)
    if model == "transe":
        second = ((entities[0] + relations[0]) + (entities[1] + relations[1])) / 2
        third = second + relations[0]
    else:
        second = (entities[0] * relations[0] + entities[1] * relations[1]) / 2
        second *= 5 / np.linalg.norm(second)
        third = second * relations[0]
    np.testing.assert_allclose(found[2], second, rtol=1e-5)
    np.testing.assert_allclose(found[3], third, rtol=1e-5)
    assert found[:2].tobytes() == entities.tobytes()
    assert np.isfinite(found[4]).all()
    assert length is None or np.linalg.norm(found[3]) == pytest.approx(length)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"n_entities": 58}, "n_entities is 58; pass more than the 58 old ones"),
        ({"new_triples": np.array([[0, 6, 59]])}, r"\[0, 6\) for relations"),
        ({"new_triples": np.array([[0, 0, 60]])}, r"\[0, 60\) for entities"),
        ({"old_triples": np.array([[0, 0, 59]])}, r"\[0, 58\) for entities"),
    ],
)
def test_partial_fit_refuses_what_it_cannot_place(changes: dict[str, Any], says: str) -> None:
    base = fit(MARKS[~IS_NEW], 58, 6, TrainingSettings(dim=4, epochs=1))
    given: dict[str, Any] = {
        "old_triples": MARKS[~IS_NEW],
        "new_triples": MARKS[IS_NEW],
        "n_entities": 60,
    }
    with pytest.raises(DataError, match=says):
        partial_fit(base, **{**given, **changes})


STILL = TrainingSettings(dim=8, epochs=1, learning_rate=1e-9, batch_size=32, negatives=16)


@pytest.mark.parametrize("model", ["transe", "distmult", "complex", "rotate"])
@pytest.mark.parametrize("seconds", [None, 0.05])
def test_a_training_starts_from_the_vectors_that_it_is_given(
    model: str, seconds: float | None
) -> None:
    base = fit(MARKS, 60, 6, replace(SETTINGS, epochs=2), model=model)
    again = fit(MARKS, 60, 6, STILL, model=model, seconds=seconds, start=base)
    np.testing.assert_allclose(again.entities, base.entities, atol=1e-5)
    np.testing.assert_allclose(again.relations, base.relations, atol=1e-5)


def test_start_vectors_have_to_fit_and_name_the_checkpoint(tmp_path: Path) -> None:
    base = fit(MARKS, 60, 6, STILL)
    with pytest.raises(DataError, match=r"start holds transe vectors of shapes .* needs"):
        fit(MARKS, 60, 6, replace(STILL, dim=4), start=base)
    with pytest.raises(DataError, match="distmult of this size needs"):
        fit(MARKS, 60, 6, STILL, model="distmult", start=base)
    fit(MARKS, 60, 6, STILL, checkpoint_dir=tmp_path)
    with pytest.raises(DataError, match="other start"):
        fit(MARKS, 60, 6, STILL, start=base, checkpoint_dir=tmp_path)


@pytest.mark.parametrize("model", ["transe_l1", "complex"])
def test_new_entities_of_other_models_are_found_too(model: str) -> None:
    settings = replace(SETTINGS, penalty=0.01 if model == "complex" else 0.0)
    base = fit(MARKS[~IS_NEW & ~ASKED], 58, 6, settings, model=model)
    grown = partial_fit(base, MARKS[~IS_NEW & ~ASKED], MARKS[IS_NEW & ~ASKED], 60, settings)
    whole = fit(MARKS[~ASKED], 60, 6, settings, model=model)
    assert metrics(grown, IS_NEW & ASKED) > 0.5 * metrics(whole, IS_NEW & ASKED)
    before = evaluate(base, MARKS[~IS_NEW & ASKED], MARKS[~IS_NEW]).mrr
    assert metrics(grown, ~IS_NEW & ASKED) > before - 0.05


def test_an_update_without_triples_of_the_new_ones_places_them_somewhere() -> None:
    base = fit(MARKS[~IS_NEW], 58, 6, TrainingSettings(dim=8, epochs=2))
    grown = partial_fit(base, MARKS[~IS_NEW], MARKS[~IS_NEW][:4], 60)
    assert grown.entities.shape == (60, 8)
    assert np.isfinite(grown.entities).all()
