"""The training of models with a matrix for each relation: TransE first, then its projections.

The first half of the steps is TransE's, all matrices being the identity. Then each step learns
from triples of one relation, so that the wrong answers are projected once for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from kgfeatures.embedding.adagrad import Adagrad
from kgfeatures.embedding.base import GraphVectors
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
MATRIX_RATE = 0.01


def trainer_of(
    model: ScoreFunction, triples: IntArray, sizes: tuple[int, int], settings: TrainingSettings
) -> Trainer:
    """Return the trainer that suits a model."""
    kind = ProjectedTrainer if model.projects else Trainer
    return kind(model, triples, sizes, settings)


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
        self.grouped = RelationSampler(self.sampler)
        self.steps = self.default_steps()

    def start(self) -> None:
        """Set all tables to their start values."""
        super().start()
        identity = torch.eye(self.settings.dim).reshape(1, -1)
        self.matrices = Adagrad(identity.repeat(2 * self.sizes[1], 1))

    @property
    def name(self) -> str:
        """The model's name."""
        return self.projected.name

    @property
    def tables(self) -> dict[str, Adagrad]:
        """What is learned, by name."""
        return {**super().tables, "matrices": self.matrices}

    def default_steps(self) -> int:
        """Return twice the steps of half the epochs, at least of one."""
        epochs = self.settings.passes(len(self.sampler.triples))
        return 2 * self.sampler.steps_per_epoch * max(1, epochs // 2)

    @property
    def first_projected(self) -> int:
        """The first step that moves matrices: whole epochs of TransE come before it."""
        per_epoch = self.sampler.steps_per_epoch
        return self.steps // 2 // per_epoch * per_epoch

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
        relation = int(batch.relation[0])
        forth, back = batch.masked.halves(size)
        turned = torch.cat([values[size : 2 * size], values[:size], values[2 * size :]])
        loss, gradient = self._ask(relation, values, forth, rate)
        back_loss, back_gradient = self._ask(relation + self.sizes[1], turned, back, rate)
        gradient[:size] += back_gradient[size : 2 * size]
        gradient[size : 2 * size] += back_gradient[:size]
        gradient[2 * size :] += back_gradient[2 * size :]
        self.entities.step(rows, gradient, rate)
        return loss + back_loss

    def _ask(
        self, relation: int, values: Tensor, masked: Masked, rate: float
    ) -> tuple[float, Tensor]:
        """Move a relation by its questions; return their loss and the gradient of the entities.

        Parameters
        ----------
        values : (2B + K, dim) anchors, targets, wrong answers.
        """
        size = (len(values) - self.sampler.negatives) // 2
        row = np.array([relation])
        matrix = self.matrices.table[relation].view(self.settings.dim, -1)
        projected = values @ matrix.T
        query = projected[:size] + self.relations.table[relation]
        found = self.loss(query, projected[size : 2 * size], projected[2 * size :], masked)
        to_projected = torch.cat([found.query, found.target, found.negative])
        gradient = to_projected @ matrix
        to_matrix = (to_projected.T @ values).reshape(1, -1)
        self.matrices.step(row, to_matrix, rate * MATRIX_RATE)
        self.relations.step(row, found.query.sum(0, keepdim=True), rate)
        return found.loss, gradient

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
