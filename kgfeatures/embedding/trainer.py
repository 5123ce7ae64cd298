"""The trainer: softmax cross entropy of the true tail against random ones, on the CPU.

Each batch asks for tails and, through reciprocal relations, for heads; K entities drawn uniformly
are the wrong answers of all its questions, those that are known to be right masked out. Gradients
are written out; Adagrad moves the rows touched, its rate falling linearly to 1 %.

Ruffinelli, Broscheit, Gemulla 2020, "You CAN Teach an Old Dog New Tricks!" (loss, reciprocals).
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from kgfeatures.embedding import precision, score_function
from kgfeatures.embedding.adagrad import Adagrad
from kgfeatures.embedding.base import GraphVectors, TrainingSettings, check_triples
from kgfeatures.embedding.losses import LOSSES
from kgfeatures.embedding.sampling import Sampler
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from torch import Tensor

    from kgfeatures.embedding.base import ScoreFunction
    from kgfeatures.embedding.sampling import Batch
    from kgfeatures.types import IntArray

FINAL_RATE = 0.01
START_VALUES = 0
CALIBRATION_SECONDS = 0.02  # of the budget


@contextmanager
def threads(count: int) -> Generator[None]:
    """Run torch on so many threads: sums come in one order, so that bits repeat."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def uniform(rng: np.random.Generator, rows: int, dim: int) -> Tensor:
    """Return (rows, dim) start values, uniform in ±6 / dim."""
    values = rng.random((rows, dim), dtype=np.float32)
    values *= 12 / dim
    values -= 6 / dim
    return torch.from_numpy(values)


class Trainer:
    """One training run: tables, optimizer state and the number of steps done."""

    def __init__(
        self,
        model: ScoreFunction,
        triples: IntArray,
        sizes: tuple[int, int],
        settings: TrainingSettings,
    ) -> None:
        self.model = model
        self.settings = settings
        self.sizes = sizes
        batch_size = min(settings.batch_size, len(triples))
        self.sampler = Sampler(
            triples.astype(np.int32, copy=False),
            sizes,
            batch_size,
            settings.negatives,
            settings.seed,
        )
        self.loss = LOSSES[model.operator](
            2 * batch_size,
            self.sampler.negatives,
            settings.dim,
            precision.dtype(settings.precision),
        )
        self.steps = settings.passes(len(triples)) * self.sampler.steps_per_epoch
        self.start()

    def start(self) -> None:
        """Set all tables to their start values."""
        n_entities, n_relations = self.sizes
        rng = np.random.default_rng((self.settings.seed, START_VALUES))
        self.entities = Adagrad(uniform(rng, n_entities, self.settings.dim))
        self.relations = Adagrad(uniform(rng, 2 * n_relations, self.settings.dim))
        self.done = 0

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return self.settings.learning_rate * (1 - (1 - FINAL_RATE) * self.done / self.steps)

    def step(self) -> float:
        """Learn from the next batch; return the summed loss of its questions, in nats."""
        batch = self.sampler.batch(self.done)
        loss = self._learn(batch, self.rate)
        self.done += 1
        return loss

    def _learn(self, batch: Batch, rate: float) -> float:
        size = len(batch.head)
        rows = np.concatenate([batch.head, batch.tail, batch.negative])
        values = self.entities.table.index_select(0, torch.from_numpy(rows))
        anchor, negative = values[: 2 * size], values[2 * size :]
        target = torch.cat([values[size : 2 * size], values[:size]])
        relations = np.concatenate([batch.relation, batch.relation + self.sizes[1]])
        relation = self.relations.table.index_select(0, torch.from_numpy(relations))

        query = self.model.query(anchor, relation)
        found = self.loss(query, target, negative, batch.masked)
        to_anchor, to_relation = self.model.query_gradient(anchor, relation, found.query)
        self.relations.step(relations, to_relation, rate)
        # Heads and tails are anchors of one question and targets of the other.
        to_head, to_tail = found.target[size:], found.target[:size]
        gradient = torch.cat([to_head, to_tail, found.negative])
        gradient[: 2 * size] += to_anchor
        self.entities.step(rows, gradient, rate)
        return found.loss

    def run(self, on_epoch: Callable[[int, float], None] | None) -> GraphVectors:
        """Take all steps that are left; return what was learned."""
        losses: list[float] = []
        total = 0.0
        while self.done < self.steps:
            total += self.step()
            if self.done % self.sampler.steps_per_epoch == 0:
                losses.append(total / (2 * len(self.sampler.triples)))
                total = 0.0
                if on_epoch:
                    on_epoch(len(losses), losses[-1])
        return GraphVectors(
            model=self.model.name,
            entities=self.entities.table.numpy(),
            relations=self.relations.table.numpy(),
            losses=tuple(losses),
            steps=self.steps,
        )


def fit(
    triples: IntArray,
    n_entities: int,
    n_relations: int,
    settings: TrainingSettings | None = None,
    *,
    model: str = "transe",
    seconds: float | None = None,
    on_epoch: Callable[[int, float], None] | None = None,
) -> GraphVectors:
    """Return vectors of all entities and relations, the same bits for the same arguments.

    Parameters
    ----------
    triples : (n, 3) row numbers of head, relation, tail; distinct.
    n_entities, n_relations : one vector each, two for relations; an entity in no triple
        is only ever pushed away.
    settings : None takes the defaults.
    model : a name in `MODELS`.
    seconds : of CPU time, turned into steps by a calibration; None takes `settings.epochs`.
    on_epoch : called after each epoch with its number, from 1, and its mean loss.

    Raises
    ------
    DataError : a row number out of range, or no triples.
    UnknownNameError : no such model.
    """
    began = time.process_time()
    chosen = settings or TrainingSettings()
    check_triples(triples, n_entities, n_relations)
    with threads(chosen.threads), torch.no_grad():
        trainer = Trainer(score_function(model), triples, (n_entities, n_relations), chosen)
        if seconds is not None:
            trainer.steps = steps_within(trainer, seconds, began)
        return trainer.run(on_epoch)


def steps_within(trainer: Trainer, seconds: float, began: float) -> int:
    """Return how many steps end `seconds` of CPU time after `began`; start values are kept.

    Raises
    ------
    DataError : the budget is not above 0.
    """
    if not seconds > 0:
        raise DataError(f"seconds is {seconds}; it must be above 0")
    trainer.step()  # the first step also prepares torch
    first = time.process_time()
    count = 0
    while count < 5 or time.process_time() - first < CALIBRATION_SECONDS * seconds:
        trainer.step()
        count += 1
    now = time.process_time()
    trainer.start()
    return max(1, int((began + seconds - now) / ((now - first) / count)))
