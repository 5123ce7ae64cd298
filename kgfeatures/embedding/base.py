"""What every graph model shares: its score, the vectors that come out, the tails already known.

Entities and relations are row numbers here; triples are (n, 3) arrays of head, relation, tail.
Each relation has a second, reciprocal vector: (t, r + n_relations, h) holds where (h, r, t) does,
so that "which head?" is the question "which tail?" of the reciprocal relation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from kgfeatures.embedding import precision
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from kgfeatures.types import FloatArray, IntArray


DEFAULT_EPOCHS = 12
MOST_VISITS = 20_000_000


class ScoreFunction(ABC):
    """How plausible a triple is, given the vectors of its head, relation and tail.

    `scorer` and `operator` are what emb.model stores: SQL ranks tails by
    `tail.v <operator> query(head, relation)`, smallest first.
    """

    name: ClassVar[str]
    scorer: ClassVar[str]
    operator: ClassVar[str]

    @abstractmethod
    def query(self, anchor: Tensor, relation: Tensor) -> Tensor:
        """Return the vectors that tails are compared with, (n, dim) from two (n, dim)."""

    def query_gradient(
        self, anchor: Tensor, relation: Tensor, to_query: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the gradients of anchor and relation from that of `query(anchor, relation)`."""
        import torch

        leaves = anchor.detach().requires_grad_(), relation.detach().requires_grad_()
        with torch.enable_grad():
            query = self.query(*leaves)
        to_anchor, to_relation = torch.autograd.grad(query, leaves, to_query)
        return to_anchor, to_relation

    @abstractmethod
    def logits(self, queries: Tensor, candidates: Tensor) -> Tensor:
        """Return the scores of all candidates for each query, (n, m) from (n, dim) and (m, dim)."""

    @abstractmethod
    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """Return the plausibility of each triple, (n,); unbounded, higher is better."""


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how finely to train; the same settings and triples give the same vectors.

    Parameters
    ----------
    dim : numbers per vector.
    epochs : passes over the triples; None takes `DEFAULT_EPOCHS`, fewer where these would visit
        more than `MOST_VISITS` triples. A budget in seconds is an argument of `fit`.
    batch_size : triples per step; each asks two questions.
    negatives : wrong answers drawn per step, without replacement.
    learning_rate : Adagrad's rate in the first step; it falls linearly to 1 %.
    seed : of the start values, the order and the wrong answers.
    precision : of the large products, one of kgfeatures.embedding.precision.PRECISIONS.
    threads : of the products; on a busy machine one is faster than two.
    """

    dim: int = 64
    epochs: int | None = None
    batch_size: int = 1024
    negatives: int = 512
    learning_rate: float = 0.3
    seed: int = 0
    precision: str = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("dim", "epochs", "batch_size", "negatives", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise DataError(f"{name} is {value}; it must be at least 1")
        if self.learning_rate <= 0:
            raise DataError(f"learning_rate is {self.learning_rate}; it must be above 0")
        precision.resolve(self.precision)

    def passes(self, n_triples: int) -> int:
        """Return the number of epochs over so many triples."""
        return self.epochs or max(1, min(DEFAULT_EPOCHS, MOST_VISITS // n_triples))


@dataclass(frozen=True)
class GraphVectors:
    """Trained vectors: entities (n, dim), relations (2 * n_relations, dim), both float32.

    Row r + n_relations of `relations` is relation r read from tail to head.
    `losses` holds the mean cross entropy of each epoch, in nats; `steps` how many were taken.
    """

    model: str
    entities: FloatArray
    relations: FloatArray
    losses: tuple[float, ...]
    steps: int = 0

    @property
    def n_relations(self) -> int:
        """Return the number of relations, reciprocal ones not counted."""
        return len(self.relations) // 2


def check_triples(triples: IntArray, n_entities: int, n_relations: int) -> None:
    """Raise DataError unless `triples` is (n, 3), not empty and within both numbers of rows."""
    if triples.ndim != 2 or triples.shape[1] != 3 or len(triples) == 0:
        raise DataError(
            f"triples have shape {triples.shape}; pass (n, 3) rows of head, relation, tail, n ≥ 1"
        )
    limits = np.array([n_entities, n_relations, n_entities])
    wrong = np.flatnonzero(((triples < 0) | (triples >= limits)).any(axis=1))
    if len(wrong):
        raise DataError(
            f"triple {wrong[0]} is {triples[wrong[0]].tolist()}; row numbers must be in "
            f"[0, {n_entities}) for entities and [0, {n_relations}) for relations"
        )


def with_inverses(triples: IntArray, n_relations: int) -> IntArray:
    """Return (2n, 3): the triples, then each read backwards through its reciprocal relation."""
    head, relation, tail = triples.T
    return np.concatenate([triples, np.column_stack([tail, relation + n_relations, head])])


class KnownTails:
    """The tails known for each (anchor, relation), in compressed sparse rows.

    Parameters
    ----------
    triples : (n, 3) with reciprocal ones, see `with_inverses`.
    n_relations : number of relation rows, reciprocal ones counted.
    """

    def __init__(self, triples: IntArray, n_relations: int) -> None:
        self.n_relations = n_relations
        distinct = np.unique(triples, axis=0)
        keys, starts = np.unique(self._keys(distinct), return_index=True)
        self.keys = keys
        self.tails = distinct[:, 2]
        self.starts = np.append(starts, len(distinct))

    def _keys(self, queries: IntArray) -> IntArray:
        return queries[:, 0] * self.n_relations + queries[:, 1]

    def rows(self, queries: IntArray) -> IntArray:
        """Return the sparse row of each query, -1 where nothing is known of it.

        Parameters
        ----------
        queries : (n, ≥ 2), anchor and relation first.
        """
        wanted = self._keys(queries)
        rows = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[rows] == wanted, rows, -1)

    def pairs(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Return (position in `rows`, tail) for every tail known of the queries with these rows."""
        counts = np.where(rows < 0, 0, self.starts[rows + 1] - self.starts[rows])
        position = np.repeat(np.arange(len(rows)), counts)
        first = np.repeat(self.starts[rows] - (np.cumsum(counts) - counts), counts)
        return position, self.tails[first + np.arange(len(position))]
