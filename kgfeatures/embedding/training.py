"""A training run, step by step: softmax cross entropy of the true tail against random ones.

Each batch asks for tails and, through reciprocal relations, for heads; K entities drawn uniformly
are the wrong answers of all its questions, those that are known to be right masked out. Gradients
are written out; Adagrad moves the rows touched, its rate falling linearly to 1 %.

Ruffinelli, Broscheit, Gemulla 2020, "You CAN Teach an Old Dog New Tricks!" (loss, reciprocals).
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from kgfeatures.embedding import precision
from kgfeatures.embedding.adagrad import Adagrad
from kgfeatures.embedding.base import GraphVectors, TrainingSettings
from kgfeatures.embedding.losses import LOSSES, add_penalty
from kgfeatures.embedding.sampling import DROPOUT, Questions, Sampler, kept
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from kgfeatures.embedding.base import ScoreFunction
    from kgfeatures.embedding.sampling import Batch
    from kgfeatures.types import IntArray

FINAL_RATE = 0.01
START_VALUES = 0
CALIBRATION_SHARE = 0.02  # of the budget
CALIBRATION_STEPS = 5


class Trainer:
    """One training run: tables, optimizer state and the number of steps done.

    `losses` are the means of the epochs that are over, `loss_sum` is the sum of the one that is on.
    """

    def __init__(
        self,
        model: ScoreFunction,
        triples: IntArray,
        sizes: tuple[int, int],
        settings: TrainingSettings,
    ) -> None:
        if model.pairs and settings.dim % 2:
            raise DataError(f"dim is {settings.dim}; {model.name} needs an even number")
        self.model = model
        self.settings = settings
        self.sizes = sizes
        small = triples.astype(np.int32, copy=False)
        batch_size = min(settings.batch_size, len(small))
        self.questions = Questions(small, *sizes)
        self.sampler = Sampler(small, self.questions, batch_size, settings.negatives, settings.seed)
        self.loss = LOSSES[model.operator](
            2 * batch_size,
            self.sampler.negatives,
            settings.dim,
            precision.dtype(settings.precision),
            (sizes[0] - 1) / self.sampler.negatives if settings.estimate_all else 1.0,
        )
        self.steps = self.default_steps()
        self.given: GraphVectors | None = None
        self.start()

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def tables(self) -> dict[str, Adagrad]:
        """What is learned, by name."""
        return {"entities": self.entities, "relations": self.relations}

    def default_steps(self) -> int:
        """Return how many steps the settings' epochs take."""
        return self.settings.passes(len(self.sampler.triples)) * self.sampler.steps_per_epoch

    def start_from(self, given: GraphVectors) -> None:
        """Take all start values from vectors, one row for each of ours.

        Raises
        ------
        DataError : vectors of another model or of other sizes, or a model that learns matrices.
        """
        (n_entities, n_relations), dim = self.sizes, self.settings.dim
        expected = ((n_entities, dim), (2 * n_relations, dim))
        found = (given.entities.shape, given.relations.shape)
        if given.model != self.name or self.name == "transr" or found != expected:
            raise DataError(
                f"start holds {given.model} vectors of shapes {found}; {self.name} of this size "
                f"needs {expected}, and transr always starts anew"
            )
        self.given = given
        self.start()

    def start(self) -> None:
        """Set all tables to their start values."""
        self.entities, self.relations = (Adagrad(table) for table in self._start_values())
        self.done = 0
        self.visits = 0
        self.losses: list[float] = []
        self.loss_sum = 0.0

    def _start_values(self) -> tuple[Tensor, Tensor]:
        if self.given is not None:
            relations = torch.from_numpy(self.given.relations)
            entities = torch.from_numpy(self.given.entities.copy())
            return entities, self.model.learned_relations(relations).clone()
        n_entities, n_relations = self.sizes
        rng = np.random.default_rng((self.settings.seed, START_VALUES))
        entities = self.model.start(rng, n_entities, self.settings.dim)
        relations = self.model.start_relations(rng, 2 * n_relations, self.settings.dim)
        return torch.from_numpy(entities), torch.from_numpy(relations)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        left = 1 - (1 - FINAL_RATE) * self.done / self.steps
        return self.settings.learning_rate * max(left, FINAL_RATE)

    def step(self) -> None:
        """Learn from the next batch."""
        with torch.no_grad():
            batch = self._batch()
            self.loss_sum += self._learn(batch, self.rate)
        self.done += 1
        self.visits += len(batch.head)
        if self.visits % len(self.sampler.triples) == 0:
            self.losses.append(self.loss_sum / (2 * len(self.sampler.triples)))
            self.loss_sum = 0.0

    def _batch(self) -> Batch:
        return self.sampler.batch(self.done)

    def _learn(self, batch: Batch, rate: float) -> float:
        """Move all rows that the batch touches; return the summed loss of its questions."""
        size = len(batch.head)
        rows = np.concatenate([batch.head, batch.tail, batch.negative])
        values = self.entities.table.index_select(0, torch.from_numpy(rows))
        anchor, negative = values[: 2 * size], values[2 * size :]
        target = torch.cat([values[size : 2 * size], values[:size]])
        relations = np.concatenate([batch.relation, batch.relation + self.sizes[1]])
        learned = self.relations.table.index_select(0, torch.from_numpy(relations))

        factors = self._kept(anchor) if self.settings.dropout else None
        seen = anchor if factors is None else anchor * factors
        query = self.model.query(seen, self.model.relation_vectors(learned))
        found = self.loss(query, target, negative, batch.masked)
        to_anchor, to_relation = self.model.query_gradient(seen, learned, found.query)
        if factors is not None:
            to_anchor = to_anchor * factors
        # Heads and tails are anchors of one question and targets of the other.
        gradient = torch.cat([found.target[size:], found.target[:size], found.negative])
        gradient[: 2 * size] += to_anchor
        if self.settings.penalty:
            to_relation = to_relation.clone()
            for moved, values in ((gradient[: 2 * size], anchor), (to_relation, learned)):
                add_penalty(moved, values, self.settings.penalty, pairs=self.model.pairs)
        self.relations.step(relations, to_relation, rate * self.model.relation_rate)
        self.entities.step(rows, gradient, rate)
        return found.loss

    def _kept(self, anchor: Tensor) -> Tensor:
        """Return the factors by which dropout changes the anchors of this step."""
        rng = np.random.default_rng((self.settings.seed, DROPOUT, self.done))
        return kept(rng, anchor.shape, self.settings.dropout)

    def seconds_per_step(self, budget: float, planned: int = 1) -> float:
        """Return the CPU time of a step, from some that take the budget; `start` undoes them.

        Parameters
        ----------
        planned : steps of the training that they begin.
        """
        self.steps = planned
        self.step()  # the first step also prepares torch
        began = time.process_time()
        count = 0
        while count < CALIBRATION_STEPS or time.process_time() - began < budget:
            self.step()
            count += 1
        return (time.process_time() - began) / count

    def vectors(self) -> GraphVectors:
        """Return what is learned so far; later steps do not change it."""
        return GraphVectors(
            model=self.model.name,
            entities=self.entities.table.numpy().copy(),
            relations=self.model.relation_vectors(self.relations.table).numpy().copy(),
            losses=tuple(self.losses),
            steps=self.done,
            visits=self.visits,
        )


def steps_within(trainer: Trainer, seconds: float) -> int:
    """Return how many steps take so many seconds of CPU time; the start values are kept.

    Raises
    ------
    DataError : the budget is not above 0, or has no end.
    """
    if not 0 < seconds < math.inf:
        raise DataError(
            f"{seconds:.1f} seconds are left to train; name more than 0 and an end, or epochs"
        )
    began = time.process_time()
    per_step = trainer.seconds_per_step(CALIBRATION_SHARE * seconds)
    trainer.start()
    return max(1, int((seconds - time.process_time() + began) / per_step))
