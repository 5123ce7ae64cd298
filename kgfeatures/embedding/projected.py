"""The training of models with a matrix for each relation: TransE first, then its projections.

Most steps are TransE's, all matrices being the identity. Each of the last ones learns from a few
relations, so that the wrong answers are projected once for each of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from kgfeatures.embedding.adagrad import Adagrad
from kgfeatures.embedding.base import GraphVectors
from kgfeatures.embedding.losses import SMALLEST_SQUARED_DISTANCE
from kgfeatures.embedding.sampling import RelationSampler
from kgfeatures.embedding.training import Trainer
from kgfeatures.embedding.transe import TransE

if TYPE_CHECKING:
    from torch import Tensor

    from kgfeatures.embedding.base import ScoreFunction, TrainingSettings
    from kgfeatures.embedding.losses import Masked
    from kgfeatures.embedding.sampling import Batch
    from kgfeatures.types import IntArray

# Elements of a matrix are of the size of 1 where coordinates are of that of 0.1, and they are many.
MATRIX_RATE = 0.2
# As if a matrix had learned from some fifty runs: one of few triples hardly leaves the identity.
FIRST_SQUARES = 100.0
RUNS = 32
TRANSLATED = 0.8  # share of the steps that are TransE's
MANY = 10**12  # steps, of which the first are TransE's


def trainer_of(
    model: ScoreFunction, triples: IntArray, sizes: tuple[int, int], settings: TrainingSettings
) -> Trainer:
    """Return the trainer that suits a model."""
    kind = ProjectedTrainer if model.projects else Trainer
    return kind(model, triples, sizes, settings)


@dataclass(frozen=True)
class Questions:
    """Questions sorted by relation, and the wrong answers of all of them.

    Parameters
    ----------
    anchors, targets : (n, dim).
    sizes : (g,) how many questions each relation has.
    translations, matrices : (g, dim) and (g, dim, dim) of the relations.
    negatives : (K, dim).
    weight : for how many entities each wrong answer stands.
    """

    anchors: Tensor
    targets: Tensor
    sizes: tuple[int, ...]
    translations: Tensor
    matrices: Tensor
    negatives: Tensor
    masked: Masked
    weight: float


@dataclass(frozen=True)
class Gradients:
    """The summed loss in nats, and the gradients of what `Questions` holds."""

    loss: float
    anchors: Tensor
    targets: Tensor
    translations: Tensor
    matrices: Tensor
    negatives: Tensor


def cross_entropy(asked: Questions) -> Gradients:
    """Return the loss of −‖M a + r − M t‖ against −‖M a + r − M n‖, and its gradients.

    With v = M a + r and u = Mᵀ v, ‖v − M n‖² is ‖v‖² + ‖M n‖² − 2 u·n: only ‖M n‖² has to be
    computed for each relation and wrong answer. c is −∂loss/∂‖v − M n‖², for each question and n.
    """
    sizes, matrices, n = list(asked.sizes), asked.matrices, asked.negatives
    g, dim = len(sizes), n.shape[1]
    of_question = torch.repeat_interleave(torch.arange(g), torch.tensor(sizes))

    def each(rows: Tensor, *, transposed: bool) -> Tensor:
        """Return M x or, transposed, Mᵀ x of each row x."""
        parts = zip(rows.split(sizes), matrices, strict=True)
        return torch.cat([x @ (m if transposed else m.T) for x, m in parts])

    v = each(asked.anchors, transposed=False) + asked.translations[of_question]
    u = each(v, transposed=True)
    projected = (n @ matrices.reshape(-1, dim).T).view(-1, g, dim)
    squares = projected.square().sum(2).T
    distance = squares[of_question].addmm_(u, n.T, alpha=-2).add_(v.square().sum(1, keepdim=True))
    distance = distance.clamp_(min=SMALLEST_SQUARED_DISTANCE).sqrt_()
    c = torch.exp(-distance)
    asked.masked.fill(c, 0)
    away = v - each(asked.targets, transposed=False)
    right = torch.linalg.vector_norm(away, dim=1).clamp_(min=SMALLEST_SQUARED_DISTANCE**0.5)
    right_weight = torch.exp(-right)
    total = c.sum(1).mul_(asked.weight).add_(right_weight)
    loss = float((right + total.log()).sum())
    c.div_(distance).mul_((asked.weight / (2 * total)).unsqueeze(1))

    to_target = away.mul_(((1 - right_weight / total) / right).unsqueeze(1))
    to_u = (c @ n).mul_(2)
    to_v = to_target - 2 * c.sum(1, keepdim=True) * v + each(to_u, transposed=False)
    of_relation = torch.zeros(g, len(n)).index_add_(0, of_question, c)
    pushed = projected.mul_(of_relation.T.unsqueeze(2)).view(len(n), -1)
    to_negative = (c.T @ u).mul_(2).addmm_(pushed, matrices.reshape(-1, dim), alpha=-2)
    to_matrices = (pushed.T @ n).mul_(-2).view(g, dim, dim)
    pairs = ((v, to_u), (to_v, asked.anchors), (-to_target, asked.targets))
    for left, right_rows in pairs:
        parts = zip(left.split(sizes), right_rows.split(sizes), strict=True)
        to_matrices += torch.stack([x.T @ y for x, y in parts])
    return Gradients(
        loss,
        anchors=each(to_v, transposed=True),
        targets=-each(to_target, transposed=True),
        translations=torch.zeros(g, dim).index_add_(0, of_question, to_v),
        matrices=to_matrices,
        negatives=to_negative,
    )


class ProjectedTrainer(Trainer):
    """A training of TransR: `matrices` holds M_r of each relation and direction, (2R, dim²)."""

    def __init__(
        self,
        model: ScoreFunction,
        triples: IntArray,
        sizes: tuple[int, int],
        settings: TrainingSettings,
    ) -> None:
        super().__init__(TransE(), triples, sizes, settings)
        self.projected = model

    @cached_property
    def grouped(self) -> RelationSampler:
        """The batches of the steps that project."""
        return RelationSampler(self.sampler, RUNS)

    def start(self) -> None:
        """Set all tables to their start values."""
        super().start()
        identity = torch.eye(self.settings.dim).reshape(1, -1)
        self.matrices = Adagrad(identity.repeat(2 * self.sizes[1], 1))
        self.matrices.squares.fill_(FIRST_SQUARES)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.projected.name

    @property
    def tables(self) -> dict[str, Adagrad]:
        """What is learned, by name."""
        return {**super().tables, "matrices": self.matrices}

    def default_steps(self) -> int:
        """Return the steps of the settings' epochs, at least of one of each kind."""
        epochs = max(2, self.settings.passes(len(self.sampler.triples)))
        first = int(TRANSLATED * epochs)
        grouped = (epochs - first) * self.grouped.steps_per_epoch
        return first * self.sampler.steps_per_epoch + grouped

    @property
    def first_projected(self) -> int:
        """The first step that moves matrices: whole epochs of TransE come before it."""
        per_epoch = self.sampler.steps_per_epoch
        return int(TRANSLATED * self.steps) // per_epoch * per_epoch

    def seconds_per_step(self, budget: float, planned: int = 1) -> float:
        """Return the mean CPU time of a step, both kinds in proportion: see `Trainer`."""
        projecting = super().seconds_per_step(budget / 2, planned)
        self.start()
        translating = super().seconds_per_step(budget / 2, MANY)
        return TRANSLATED * translating + (1 - TRANSLATED) * projecting

    def _batch(self) -> Batch:
        if self.done < self.first_projected:
            return super()._batch()
        return self.grouped.batch(self.done - self.first_projected)

    def _learn(self, batch: Batch, rate: float) -> float:
        if self.done < self.first_projected:
            return super()._learn(batch, rate)
        size = len(batch.head)
        rows = np.concatenate([batch.head, batch.tail, batch.negative])
        values = self.entities.table.index_select(0, torch.from_numpy(rows))
        both = np.concatenate([batch.relation, batch.relation + self.sizes[1]])
        relations, sizes = np.unique(both, return_counts=True)
        places = torch.from_numpy(relations)
        found = cross_entropy(
            Questions(
                anchors=values[: 2 * size],
                targets=torch.cat([values[size : 2 * size], values[:size]]),
                sizes=tuple(sizes.tolist()),
                translations=self.relations.table.index_select(0, places),
                matrices=self.matrices.table.index_select(0, places).view(
                    len(relations), self.settings.dim, -1
                ),
                negatives=values[2 * size :],
                masked=batch.masked,
                weight=self.loss.weight,
            )
        )
        # Heads and tails are anchors of one question and targets of the other.
        gradient = torch.cat([found.targets[size:], found.targets[:size], found.negatives])
        gradient[: 2 * size] += found.anchors
        to_matrices = found.matrices.reshape(len(relations), -1)
        self.matrices.step(relations, to_matrices, rate * MATRIX_RATE)
        self.relations.step(relations, found.translations, rate)
        self.entities.step(rows, gradient, rate)
        return found.loss

    def vectors(self) -> GraphVectors:
        """Return what is learned so far; later steps do not change it."""
        return GraphVectors(
            model=self.name,
            entities=self.entities.table.numpy().copy(),
            relations=torch.cat([self.relations.table, self.matrices.table], 1).numpy(),
            losses=tuple(self.losses),
            steps=self.done,
            visits=self.visits,
        )
