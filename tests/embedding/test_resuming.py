"""Validation, reports, checkpoints, Ctrl-C: what surrounds the steps of a training."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from kgfeatures.embedding import checkpoint, trainer
from kgfeatures.embedding.base import TrainingSettings
from kgfeatures.embedding.trainer import Report, contained, fit
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from kgfeatures.embedding import GraphVectors

SETTINGS = TrainingSettings(dim=8, epochs=10, batch_size=32, negatives=16, dropout=0.1)
SIZES = (30, 6)
MARKS = np.array([(i, k, i + k + 1) for k in range(6) for i in range(29 - k)])
HIDDEN = np.arange(len(MARKS)) % 10 == 0
TRAIN, VALID = MARKS[~HIDDEN], MARKS[HIDDEN]


def same(left: GraphVectors, right: GraphVectors) -> bool:
    return (
        left.entities.tobytes() == right.entities.tobytes()
        and left.relations.tobytes() == right.relations.tobytes()
        and (left.losses, left.steps) == (right.losses, right.steps)
    )


class Interrupt:
    """A user who presses Ctrl-C at a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, report: Report) -> None:
        if report.step == self.step:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("valid", [None, VALID])
def test_a_resumed_training_gives_the_same_bits_as_an_uninterrupted_one(
    tmp_path: Path, valid: np.ndarray | None
) -> None:
    whole = fit(TRAIN, *SIZES, SETTINGS, valid=valid)
    arguments: dict[str, Any] = {"valid": valid, "checkpoint_dir": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        fit(TRAIN, *SIZES, SETTINGS, callbacks=[Interrupt(17)], **arguments)
    steps: list[int] = []
    resumed = fit(TRAIN, *SIZES, SETTINGS, callbacks=[lambda r: steps.append(r.step)], **arguments)
    assert 17 <= steps[0] <= 19
    assert same(resumed, whole)
    assert same(fit(TRAIN, *SIZES, SETTINGS, **arguments), whole)  # nothing was left to do
    assert [file.name for file in tmp_path.iterdir()] == [checkpoint.FILE]


def test_a_stopped_training_leaves_vectors_that_numpy_reads_without_pickle(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(TRAIN, *SIZES, SETTINGS, callbacks=[Interrupt(5)], checkpoint_dir=tmp_path)
    with np.load(tmp_path / checkpoint.FILE, allow_pickle=False) as file:
        assert file["entities"].shape == (30, 8)
        assert np.isfinite(file["entities"]).all()


def test_a_budget_in_seconds_keeps_its_steps_when_resumed(tmp_path: Path) -> None:
    steps: list[int] = []

    def stop(report: Report) -> None:
        steps.append(report.steps)
        Interrupt(report.step)(report)

    with pytest.raises(KeyboardInterrupt):
        fit(TRAIN, *SIZES, SETTINGS, seconds=0.2, callbacks=[stop], checkpoint_dir=tmp_path)
    vectors = fit(TRAIN, *SIZES, SETTINGS, seconds=0.2, checkpoint_dir=tmp_path)
    assert vectors.steps == steps[0]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"settings": TrainingSettings(dim=4)}, "batch_size, dim, dropout, epochs, negatives"),
        ({"triples": TRAIN[:-1]}, "triples"),
        ({"model": "transe_l1"}, "model"),
        ({"seconds": 0.2}, "budget"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    arguments: dict[str, Any] = {"triples": TRAIN, "settings": SETTINGS}
    fit(n_entities=30, n_relations=6, checkpoint_dir=tmp_path, **arguments)
    changed = {**arguments, **changes}
    with pytest.raises(DataError, match=f"with other {named}; pass the same"):
        fit(n_entities=30, n_relations=6, checkpoint_dir=tmp_path, **changed)
    fit(n_entities=30, n_relations=6, checkpoint_dir=tmp_path, resume=False, **changed)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / checkpoint.FILE).write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(DataError, match="is no checkpoint of a training"):
        fit(TRAIN, *SIZES, SETTINGS, checkpoint_dir=tmp_path)


def test_a_full_disk_costs_the_checkpoint_and_not_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / checkpoint.FILE).write_text("older")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.np, "savez", full)
    with pytest.warns(RuntimeWarning, match="no checkpoint at step 50.*No space left"):
        vectors = fit(TRAIN, *SIZES, SETTINGS, checkpoint_dir=tmp_path, resume=False)
    assert vectors.steps == 50
    assert (tmp_path / checkpoint.FILE).read_text() == "older"
    assert len(list(tmp_path.iterdir())) == 1


def test_reports_tell_steps_loss_speed_and_validation() -> None:
    seen: list[Report] = []
    vectors = fit(TRAIN, *SIZES, SETTINGS, valid=VALID, callbacks=[seen.append])
    assert [report.step for report in seen] == list(range(1, 51))
    assert seen[0].valid_mrr is None
    assert 0 < (seen[-1].valid_mrr or 0) <= 1
    assert all(report.triples_per_second > 0 for report in seen)
    # An epoch of 5 steps: its mean is what the epoch reports.
    assert np.mean([report.loss for report in seen[-5:]]) == pytest.approx(
        vectors.losses[-1], rel=0.05
    )


def test_a_training_that_gets_no_better_stops_and_returns_its_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = iter([0.1, 0.3, 0.2, 0.2, 0.3])
    monkeypatch.setattr(trainer, "evaluate", lambda *_: type("Metrics", (), {"mrr": next(found)}))
    vectors = fit(TRAIN, *SIZES, SETTINGS, valid=VALID)
    assert vectors.steps == 10  # checks are at 5, 10, 15, 20 and 25


def test_validation_triples_that_are_learned_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="2 of 2 validation triples are learned as well"):
        fit(TRAIN, *SIZES, TrainingSettings(dim=4, epochs=1), valid=TRAIN[:2])
    with pytest.raises(DataError, match="valid has no triples"):
        fit(TRAIN, *SIZES, valid=TRAIN[:0])


def test_contained_finds_the_triples_that_are_among_others() -> None:
    assert contained(np.array([[1, 0, 2], [2, 0, 1]]), TRAIN, *SIZES).tolist() == [True, False]
