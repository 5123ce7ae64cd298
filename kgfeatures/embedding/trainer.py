"""A plain trainer: softmax cross entropy of the true tail against shared random ones.

Each batch asks for tails and, through reciprocal relations, for heads; K entities drawn uniformly
are the wrong answers of all its questions, those that are known to be right masked out. The logit
is −‖q − t‖₂, the optimizer Adagrad over the rows touched, its rate falling linearly to 1 %.

Ruffinelli, Broscheit, Gemulla 2020, "You CAN Teach an Old Dog New Tricks!" (loss, reciprocals);
Duchi, Hazan, Singer 2011 (Adagrad).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from kgfeatures.embedding import score_function
from kgfeatures.embedding.base import (
    GraphVectors,
    KnownTails,
    TrainingSettings,
    check_triples,
    with_inverses,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from torch import Tensor

    from kgfeatures.embedding.base import ScoreFunction
    from kgfeatures.types import IntArray

SMALLEST_SQUARED_DISTANCE = 1e-6
FINAL_RATE = 0.01


class Adagrad:
    """Rows of a table and the sum of their squared gradients; moves only the rows it is given."""

    def __init__(self, table: Tensor) -> None:
        self.table = table
        self.squares = torch.zeros_like(table)

    def step(self, rows: Tensor, gradient: Tensor, rate: float) -> None:
        """Move `rows` (n,), repeats allowed, against `gradient` (n, dim)."""
        touched, place = torch.unique(rows, return_inverse=True)
        total = torch.zeros(len(touched), self.table.shape[1]).index_add_(0, place, gradient)
        squares = self.squares[touched] + total.square()
        self.squares[touched] = squares
        self.table[touched] -= rate * total / (squares.sqrt() + 1e-10)


class Negatives:
    """K entities drawn for a batch, and which questions they would answer rightly."""

    def __init__(self, known: KnownTails, n_entities: int, count: int) -> None:
        self.known = known
        self.count = min(count, n_entities)
        self.column = np.full(n_entities, -1)

    def draw(self, rng: np.random.Generator) -> IntArray:
        """Return K distinct entities."""
        return rng.choice(len(self.column), self.count, replace=False, shuffle=False)

    def right_answers(self, drawn: IntArray, rows: IntArray) -> tuple[Tensor, Tensor]:
        """Return (question, column) of each drawn entity that is known to be a right answer."""
        self.column[drawn] = np.arange(len(drawn))
        position, tail = self.known.pairs(rows)
        column = self.column[tail]
        self.column[drawn] = -1
        hit = column >= 0
        return torch.from_numpy(position[hit]), torch.from_numpy(column[hit])


class SoftmaxLoss:
    """Cross entropy over distances, with its gradient written out: no graph of (2B, K) tensors.

    With D = ‖q − n‖, P = softmax([−‖q − t‖, −D]): ∂loss/∂D = −P (wrong), 1 − P (right answer).
    The (2B, K) table is kept between calls; allocating it anew costs as much as filling it.
    """

    def __init__(self, questions: int, negatives: int) -> None:
        self.table = torch.empty(questions, negatives)

    def __call__(
        self, q: Tensor, target: Tensor, negative: Tensor, masked: tuple[Tensor, Tensor]
    ) -> tuple[float, Tensor, Tensor, Tensor]:
        """Return the summed loss and the gradients of q, target and negative."""
        table = self.table[: len(q)]
        torch.mm(q, negative.T, out=table)
        table.mul_(-2).add_(q.square().sum(1, keepdim=True)).add_(negative.square().sum(1))
        distance = table.clamp_(min=SMALLEST_SQUARED_DISTANCE).sqrt_()
        away = q - target
        right = torch.linalg.vector_norm(away, dim=1).clamp_(min=SMALLEST_SQUARED_DISTANCE**0.5)

        weight = torch.exp(-distance)  # distances are ≥ 0: exp cannot overflow
        weight[masked] = 0
        right_weight = torch.exp(-right)
        total = weight.sum(1) + right_weight
        pull = (1 - right_weight / total) / right
        push = weight.div_(distance).div_(total.unsqueeze(1))

        to_target = pull.unsqueeze(1) * away
        from_negatives = push @ negative - push.sum(1, keepdim=True) * q
        to_questions = push.T @ q - push.sum(0).unsqueeze(1) * negative
        loss = float((right + total.log()).sum())
        return loss, to_target + from_negatives, -to_target, to_questions


@contextmanager
def one_thread() -> Generator[None]:
    """Run torch on one thread: sums come in one order, so that bits repeat."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def uniform(rng: np.random.Generator, rows: int, dim: int) -> Tensor:
    """Return (rows, dim) start values, uniform in ±6 / dim."""
    return torch.from_numpy(((rng.random((rows, dim), dtype=np.float32) * 2) - 1) * (6 / dim))


class Trainer:
    """One training run: tables, optimizer state and the order of the triples."""

    def __init__(
        self,
        model: ScoreFunction,
        triples: IntArray,
        sizes: tuple[int, int],
        settings: TrainingSettings,
    ) -> None:
        n_entities, n_relations = sizes
        self.model = model
        self.settings = settings
        self.rng = np.random.default_rng(settings.seed)
        self.questions = with_inverses(triples, n_relations)
        known = KnownTails(self.questions, 2 * n_relations)
        self.rows = known.rows(self.questions)
        self.negatives = Negatives(known, n_entities, settings.negatives)
        self.loss = SoftmaxLoss(2 * settings.batch_size, self.negatives.count)
        self.entities = Adagrad(uniform(self.rng, n_entities, settings.dim))
        self.relations = Adagrad(uniform(self.rng, 2 * n_relations, settings.dim))
        self.steps = -(-len(triples) // settings.batch_size) * settings.epochs
        self.done = 0

    def epoch(self) -> float:
        """Pass over all triples once; return the mean loss of a question, in nats."""
        n = len(self.questions) // 2
        order = self.rng.permutation(n)
        losses = 0.0
        for start in range(0, n, self.settings.batch_size):
            batch = order[start : start + self.settings.batch_size]
            losses += self.step(np.concatenate([batch, batch + n]))
        return losses / len(self.questions)

    def step(self, batch: IntArray) -> float:
        """Learn from the questions numbered `batch`; return their summed loss."""
        anchor, relation, target = torch.from_numpy(self.questions[batch]).unbind(1)
        drawn = self.negatives.draw(self.rng)
        masked = self.negatives.right_answers(drawn, self.rows[batch])
        negative = torch.from_numpy(drawn)

        anchor_v = self.entities.table[anchor].requires_grad_()
        relation_v = self.relations.table[relation].requires_grad_()
        query = self.model.query(anchor_v, relation_v)
        loss, to_query, to_target, to_negative = self.loss(
            query.detach(), self.entities.table[target], self.entities.table[negative], masked
        )
        to_anchor, to_relation = torch.autograd.grad(query, (anchor_v, relation_v), to_query)

        rate = self.settings.learning_rate * (1 - (1 - FINAL_RATE) * self.done / self.steps)
        self.done += 1
        self.relations.step(relation, to_relation, rate)
        rows = torch.cat([anchor, target, negative])
        self.entities.step(rows, torch.cat([to_anchor, to_target, to_negative]), rate)
        return loss


def fit(
    triples: IntArray,
    n_entities: int,
    n_relations: int,
    settings: TrainingSettings | None = None,
    *,
    model: str = "transe",
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
    on_epoch : called after each epoch with its number, from 1, and its mean loss.

    Raises
    ------
    DataError : a row number out of range, or no triples.
    UnknownNameError : no such model.
    """
    chosen = settings or TrainingSettings()
    check_triples(triples, n_entities, n_relations)
    losses: list[float] = []
    with one_thread():
        trainer = Trainer(score_function(model), triples, (n_entities, n_relations), chosen)
        for number in range(1, chosen.epochs + 1):
            losses.append(trainer.epoch())
            if on_epoch:
                on_epoch(number, losses[-1])
    return GraphVectors(
        model=model,
        entities=trainer.entities.table.numpy(),
        relations=trainer.relations.table.numpy(),
        losses=tuple(losses),
    )
