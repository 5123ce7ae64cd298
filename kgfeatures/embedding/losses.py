"""Softmax cross entropy of a true answer against K wrong ones, its gradient written out.

All questions of a batch share the K wrong answers, so that scores and gradients are three matrix
products. These may be in bfloat16; the true answer's score is always computed directly in float32,
because ‖q‖² + ‖t‖² − 2 q·t cancels where q and t are near each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST_SQUARED_DISTANCE = 1e-6
# So many rows of a table at a time: two tiles of float32 stay in a core's cache.
TILE_BYTES = 2**19
# Matrix units work on blocks of 32; narrower factors are padded with zeros.
BLOCK = 32


@dataclass(frozen=True)
class Masked:
    """Wrong answers that are right: cells (question, column) of the table, (m,) each."""

    question: Tensor
    column: Tensor

    def halves(self, size: int) -> tuple[Masked, Masked]:
        """Return the cells of questions 0 … size - 1, and those of the other questions."""
        first = self.question < size
        return (
            Masked(self.question[first], self.column[first]),
            Masked(self.question[~first] - size, self.column[~first]),
        )

    def fill(self, table: Tensor, value: float) -> None:
        """Write a value into the masked cells."""
        table.view(-1).index_fill_(0, self.question * table.shape[1] + self.column, value)


@dataclass(frozen=True)
class Gradients:
    """The summed loss of all questions in nats, and its gradients."""

    loss: float
    query: Tensor
    target: Tensor
    negative: Tensor


class Loss(ABC):
    """Cross entropy of softmax([score(q, t), score(q, n_1) … score(q, n_K)]).

    Buffers are kept between calls: to allocate them anew costs as much as to fill them.

    Parameters
    ----------
    questions, negatives, dim : largest number of questions; K; numbers per vector.
    dtype : of the products.
    weight : for how many entities each wrong answer stands: exp(score) counts as often.
    """

    def __init__(
        self,
        questions: int,
        negatives: int,
        dim: int,
        dtype: torch.dtype,
        weight: float = 1.0,
    ) -> None:
        self.dim = dim
        self.weight = weight
        self.dtype = dtype
        self.table = torch.empty(questions, negatives, dtype=dtype)
        self.tile_rows = min(questions, max(1, TILE_BYTES // (4 * negatives)))
        self.tiles = torch.empty(2, self.tile_rows, negatives)

    @abstractmethod
    def __call__(
        self,
        query: Tensor,
        target: Tensor,
        negative: Tensor,
        masked: Masked,
        beyond: Tensor | None = None,
    ) -> Gradients:
        """Return the loss of (n, dim) queries with their targets, against (K, dim) negatives.

        Parameters
        ----------
        beyond : (n,) what further wrong answers add to each question, as `log_sum` gives it; a
            constant, whatever the query does.
        """

    @abstractmethod
    def log_sum(self, query: Tensor, negative: Tensor, masked: Masked) -> Tensor:
        """Return log(weight · Σ exp(score(q, n))) of each question, (n,)."""


class Distance(Loss):
    """score = −‖q − n‖₂, not squared: squared distances stop improving earlier.

    With D = ‖q − n‖, P = softmax([−‖q − t‖, −D]): ∂loss/∂D = −P (wrong), 1 − P (right answer).
    [−2q, 1, 1, ‖q‖²] · [n, ‖n‖², 1, 1] is D²; the squares are split into two numbers each, so that
    bfloat16 loses nothing of them.
    """

    def __init__(
        self,
        questions: int,
        negatives: int,
        dim: int,
        dtype: torch.dtype,
        weight: float = 1.0,
    ) -> None:
        super().__init__(questions, negatives, dim, dtype, weight)
        width = -(-(dim + 4) // BLOCK) * BLOCK
        self.left = torch.zeros(questions, width, dtype=dtype)
        self.left[:, dim : dim + 2] = 1
        self.right = torch.zeros(negatives, width, dtype=dtype)
        self.right[:, dim + 2 : dim + 4] = 1

    def __call__(
        self,
        query: Tensor,
        target: Tensor,
        negative: Tensor,
        masked: Masked,
        beyond: Tensor | None = None,
    ) -> Gradients:
        """Return the loss and its gradients: see `Loss`."""
        dim, n = self.dim, len(query)
        left, right, table = self.left[:n], self.right, self.table[:n]
        total = self._compare(query, negative, masked)
        if beyond is not None:
            total += beyond.exp()

        away = query - target
        distance = torch.linalg.vector_norm(away, dim=1).clamp_(min=SMALLEST_SQUARED_DISTANCE**0.5)
        right_weight = torch.exp(-distance)
        total += right_weight
        pull = (1 - right_weight / total).div_(distance).unsqueeze(1)
        share = (self.weight / total).unsqueeze(1)

        to_target = away.mul_(pull)
        back = torch.mm(table, right).float()  # columns: Σ w n / D, …, Σ w / D
        to_query = back[:, :dim].addcmul_(back[:, dim + 2, None], query, value=-1)
        to_query.mul_(share).add_(to_target)
        forth = torch.mm(table.T, left * share.to(self.dtype)).float()
        to_negative = forth[:, :dim].mul_(-0.5).addcmul_(forth[:, dim, None], negative, value=-1)
        loss = float((distance + total.log()).sum())
        return Gradients(loss, to_query, to_target.neg_(), to_negative)

    def log_sum(self, query: Tensor, negative: Tensor, masked: Masked) -> Tensor:
        """Return log(weight · Σ exp(score(q, n))) of each question, (n,)."""
        return self._compare(query, negative, masked).log_()

    def _compare(self, query: Tensor, negative: Tensor, masked: Masked) -> Tensor:
        """Fill the table with exp(−D) / D; return weight · Σ exp(−D) of each question."""
        left, right, table = self.left[: len(query)], self.right, self.table[: len(query)]
        rounded = self._squares(left, query, self.dim + 2)
        left[:, : self.dim] = rounded * -2
        right[:, : self.dim] = self._squares(right, negative, self.dim)
        torch.mm(left, right.T, out=table)
        masked.fill(table, torch.inf)
        return self._weights(table).mul_(self.weight)

    def _squares(self, factor: Tensor, vectors: Tensor, column: int) -> Tensor:
        """Write ‖v‖² of the rounded vectors into two columns; return the rounded vectors."""
        rounded = vectors.to(self.dtype).float()
        square = rounded.square().sum(1)
        factor[:, column] = square
        factor[:, column + 1] = square - factor[:, column]
        return rounded

    def _weights(self, table: Tensor) -> Tensor:
        """Replace D² by exp(−D) / D, ∞ by 0; return Σ exp(−D) of each row."""
        total = torch.empty(len(table))
        for start in range(0, len(table), self.tile_rows):
            part = table[start : start + self.tile_rows]
            distance, weight = self.tiles[:, : len(part)]
            distance.copy_(part).clamp_(min=SMALLEST_SQUARED_DISTANCE).sqrt_()
            torch.neg(distance, out=weight).exp_()  # distances are ≥ 0: exp cannot overflow
            torch.sum(weight, 1, out=total[start : start + len(part)])
            part.copy_(weight.div_(distance))
        return total


class Product(Loss):
    """score = q · n."""

    def __call__(
        self,
        query: Tensor,
        target: Tensor,
        negative: Tensor,
        masked: Masked,
        beyond: Tensor | None = None,
    ) -> Gradients:
        """Return the loss and its gradients: see `Loss`."""
        table = self.table[: len(query)]
        left, right = query.to(self.dtype), negative.to(self.dtype)
        torch.mm(left, right.T, out=table)
        masked.fill(table, -torch.inf)
        score = (query * target).sum(1)
        total, top = self._weights(table, score if beyond is None else score.maximum(beyond))

        right_weight = torch.exp(score - top)
        total.mul_(self.weight).add_(right_weight)
        if beyond is not None:
            total += torch.exp(beyond - top)
        share = (self.weight / total).unsqueeze(1)
        pull = (right_weight / total - 1).unsqueeze(1)
        to_query = torch.mm(table, right).float().mul_(share).addcmul_(pull, target)
        to_negative = torch.mm(table.T, left * share.to(self.dtype)).float()
        loss = float((top + total.log() - score).sum())
        return Gradients(loss, to_query, pull * query, to_negative)

    def log_sum(self, query: Tensor, negative: Tensor, masked: Masked) -> Tensor:
        """Return log(weight · Σ exp(score(q, n))) of each question, (n,)."""
        table = self.table[: len(query)]
        torch.mm(query.to(self.dtype), negative.to(self.dtype).T, out=table)
        masked.fill(table, -torch.inf)
        lowest = torch.full((len(query),), torch.finfo(torch.float32).min)
        total, top = self._weights(table, lowest)
        return total.mul_(self.weight).log_().add_(top)

    def _weights(self, table: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
        """Replace scores by exp(score − top), top being the largest of a row and of `score`.

        Returns Σ exp(score − top) of each row, and top.
        """
        total, top = torch.empty(len(table)), torch.empty(len(table))
        for start in range(0, len(table), self.tile_rows):
            part = table[start : start + self.tile_rows]
            rows = slice(start, start + len(part))
            weight = self.tiles[0, : len(part)]
            weight.copy_(part)
            torch.maximum(weight.amax(1), score[rows], out=top[rows])
            weight.sub_(top[rows].unsqueeze(1)).exp_()
            torch.sum(weight, 1, out=total[rows])
            part.copy_(weight)
        return total, top


class Manhattan(Loss):
    """score = −‖q − n‖₁: no matrix product, so float32 and torch's own gradient of it."""

    def __call__(
        self,
        query: Tensor,
        target: Tensor,
        negative: Tensor,
        masked: Masked,
        beyond: Tensor | None = None,
    ) -> Gradients:
        """Return the loss and its gradients: see `Loss`."""
        leaves = query.detach().requires_grad_(), negative.detach().requires_grad_()
        with torch.enable_grad():
            distance = torch.cdist(*leaves, p=1)
        weight = torch.exp(-distance.detach()).mul_(self.weight)
        masked.fill(weight, 0)
        away = query - target
        right = away.abs().sum(1)
        right_weight = torch.exp(-right)
        total = weight.sum(1).add_(right_weight)
        if beyond is not None:
            total += beyond.exp()
        to_distance = weight.div_(total.unsqueeze(1)).neg_()
        to_query, to_negative = torch.autograd.grad(distance, leaves, to_distance)
        to_target = away.sign_().mul_((1 - right_weight / total).unsqueeze(1))
        loss = float((right + total.log()).sum())
        return Gradients(loss, to_query + to_target, to_target.neg(), to_negative)

    def log_sum(self, query: Tensor, negative: Tensor, masked: Masked) -> Tensor:
        """Return log(weight · Σ exp(score(q, n))) of each question, (n,)."""
        weight = torch.exp(-torch.cdist(query, negative, p=1)).mul_(self.weight)
        masked.fill(weight, 0)
        return weight.sum(1).log_()


def add_penalty(gradient: Tensor, values: Tensor, weight: float, *, pairs: bool) -> None:
    """Add the gradient of weight · Σ |x|³ (N3, Lacroix et al. 2018) to (n, dim) in place.

    Parameters
    ----------
    values : (n, dim) where the gradient is taken.
    pairs : the halves of a vector are real and imaginary parts; |x| is the modulus then.
    """
    if not pairs:
        gradient.addcmul_(values.abs(), values, value=3 * weight)
        return
    real, imaginary = values.chunk(2, dim=1)
    modulus = (real * real).addcmul_(imaginary, imaginary).sqrt_()
    for part, by in zip(gradient.chunk(2, dim=1), (real, imaginary), strict=True):
        part.addcmul_(modulus, by, value=3 * weight)


# By the operator that ranks tails: see kgfeatures.embedding.base.ScoreFunction.
LOSSES: dict[str, type[Loss]] = {"<->": Distance, "<#>": Product, "<+>": Manhattan}
