from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from kgfeatures.embedding import settings_for
from kgfeatures.embedding.losses import Masked
from kgfeatures.embedding.projected import ProjectedTrainer, Questions, cross_entropy
from kgfeatures.embedding.training import steps_within
from kgfeatures.embedding.transr import TransR

if TYPE_CHECKING:
    from kgfeatures.embedding.sampling import Batch

GENERATOR = torch.Generator().manual_seed(0)
NAMES = ("anchors", "targets", "translations", "matrices", "negatives")
SHAPES = ((5, 4), (5, 4), (2, 4), (2, 4, 4), (7, 4))
ROWS = [torch.randn(shape, generator=GENERATOR) for shape in SHAPES]
MASKED = Masked(torch.tensor([0, 0, 3]), torch.tensor([2, 6, 1]))


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_loss_and_gradients_are_those_of_autograd_on_projected_distances(weight: float) -> None:
    tables = dict(zip(NAMES, ROWS, strict=True))
    found = cross_entropy(Questions(**tables, sizes=(3, 2), masked=MASKED, weight=weight))
    leaves = [rows.double().requires_grad_() for rows in ROWS]
    anchors, targets, translations, matrices, negatives = leaves
    expected = torch.zeros(())
    for question, relation in enumerate([0, 0, 0, 1, 1]):
        moved = matrices[relation] @ anchors[question] + translations[relation]
        right = -(moved - matrices[relation] @ targets[question]).norm()
        wrong = [
            -(moved - matrices[relation] @ negative).norm() + math.log(weight)
            for column, negative in enumerate(negatives)
            if (question, column) not in {(0, 2), (0, 6), (3, 1)}
        ]
        expected = expected - right + torch.logsumexp(torch.stack([right, *wrong]), 0)
    assert found.loss == pytest.approx(expected.item(), rel=1e-5)
    for name, gradient in zip(NAMES, torch.autograd.grad(expected, leaves), strict=True):
        np.testing.assert_allclose(getattr(found, name), gradient, atol=1e-4)


def test_transr_moves_its_matrices_in_the_last_steps_only() -> None:
    marks = np.array([(i, k, i + k + 1) for k in range(3) for i in range(29 - k)])
    settings = settings_for("transr", dim=4, epochs=10, batch_size=16, negatives=8)
    trainer = ProjectedTrainer(TransR(), marks, (30, 3), settings)
    identity = torch.eye(4).reshape(1, -1).expand(6, -1)
    while trainer.done < trainer.first_projected:
        trainer.step()
    assert trainer.visits == 8 * len(marks)
    assert torch.equal(trainer.matrices.table, identity)
    while trainer.done < trainer.steps:
        trainer.step()
    assert trainer.visits == 10 * len(marks)
    assert (trainer.matrices.table != identity).any(1).all()


def test_a_budget_of_transr_is_calibrated_with_both_kinds_of_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    marks = np.array([(i, k, i + k + 1) for k in range(3) for i in range(29 - k)])
    settings = settings_for("transr", dim=4, batch_size=16, negatives=8)
    trainer = ProjectedTrainer(TransR(), marks, (30, 3), settings)
    clock = [0.0]
    learn = trainer._learn  # pyright: ignore[reportPrivateUsage]

    def slow(batch: Batch, rate: float) -> float:
        clock[0] += 1 if trainer.done < trainer.first_projected else 6
        return learn(batch, rate)

    monkeypatch.setattr(trainer, "_learn", slow)
    monkeypatch.setattr("time.process_time", lambda: clock[0])
    before = trainer.vectors()
    steps = steps_within(trainer, 1000)
    assert trainer.done == 0
    assert trainer.vectors().entities.tobytes() == before.entities.tobytes()
    assert steps == pytest.approx((1000 - clock[0]) / (0.8 + 0.2 * 6), abs=1)
