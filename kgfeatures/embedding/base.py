"""What every graph model shares: its score, the vectors that come out, the tails already known.

Entities and relations are row numbers here; triples are (n, 3) arrays of head, relation, tail.
Each relation has a second, reciprocal vector: (t, r + n_relations, h) holds where (h, r, t) does,
so that "which head?" is the question "which tail?" of the reciprocal relation.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from kgfeatures.embedding import precision
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from kgfeatures.types import FloatArray, IntArray

# How often a graph is visited when nobody says: see TrainingSettings.passes.
DEFAULT_EPOCHS = 12
MOST_VISITS = 20_000_000
# Fewer triples than this for each entity: see GraphShape.
SPARSE = 4


class ScoreFunction(ABC):
    """How plausible a triple is, given the vectors of its head, relation and tail.

    A model says how a head is moved by a relation; how the result is compared with a tail is said
    by pgvector's operator, `<->` Euclidean, `<+>` Manhattan distance, `<#>` negative inner product.
    `scorer` and `operator` are what emb.model stores: SQL ranks tails by
    `tail.v <operator> query(head, relation)`, smallest first.

    `defaults` are the settings that serve a user who passes none, `sparse_defaults` what is
    different on a sparse graph; `pairs` says that the two halves
    of a vector are real and imaginary parts, `projects` that tails are compared in a space of the
    relation, which one vector and one operator in SQL cannot say.
    """

    name: ClassVar[str]
    scorer: ClassVar[str]
    operator: ClassVar[str]
    pairs: ClassVar[bool] = False
    projects: ClassVar[bool] = False
    relation_rate: ClassVar[float] = 1.0
    defaults: ClassVar[Mapping[str, Any]] = {}
    sparse_defaults: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def query(self, anchor: Tensor, relation: Tensor) -> Tensor:
        """Return the vectors that tails are compared with, (n, dim) from two (n, dim)."""

    def start(self, rng: np.random.Generator, rows: int, dim: int) -> FloatArray:
        """Return start values of so many entities or relations, uniform in ±6 / dim."""
        values = rng.random((rows, dim), dtype=np.float32)
        values *= 12 / dim
        values -= 6 / dim
        return values

    def start_relations(self, rng: np.random.Generator, rows: int, dim: int) -> FloatArray:
        """Return start values of what is learned of so many relations."""
        return self.start(rng, rows, dim)

    def relation_vectors(self, learned: Tensor) -> Tensor:
        """Return the vectors of relations, (n, dim), from what is learned of them."""
        return learned

    def learned_relations(self, vectors: Tensor) -> Tensor:
        """Return what is learned of relations from their vectors; undoes `relation_vectors`."""
        return vectors

    def relation_width(self, dim: int) -> int:
        """Return how many numbers the vector of a relation has."""
        return dim

    def project(
        self,
        entities: Tensor,
        relation: Tensor,  # noqa: ARG002
    ) -> Tensor:
        """Return the entities, (n, dim), in the space where a relation's queries are compared."""
        return entities

    def query_gradient(
        self, anchor: Tensor, learned: Tensor, to_query: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the gradients of anchor and learned relation from that of the query."""
        import torch

        leaves = anchor.detach().requires_grad_(), learned.detach().requires_grad_()
        with torch.enable_grad():
            query = self.query(leaves[0], self.relation_vectors(leaves[1]))
        to_anchor, to_learned = torch.autograd.grad(query, leaves, to_query)
        return to_anchor, to_learned

    def logits(self, queries: Tensor, candidates: Tensor) -> Tensor:
        """Return the scores of all candidates for each query, (n, m) from (n, dim) and (m, dim)."""
        import torch

        if self.operator == "<+>":
            return torch.cdist(queries, candidates, p=1).neg_()
        products = queries @ candidates.T
        if self.operator == "<#>":
            return products
        squares = candidates.square().sum(1), queries.square().sum(1, keepdim=True)
        return products.mul_(-2).add_(squares[0]).add_(squares[1]).clamp_(min=0).sqrt_().neg_()

    def scores(self, anchor: Tensor, relation: Tensor, candidates: Tensor) -> Tensor:
        """Return the scores of all candidates as tails, (n, m) from (n, dim) and (m, dim)."""
        return self.logits(self.query(anchor, relation), candidates)

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """Return the plausibility of each triple, (n,); unbounded, higher is better."""
        query = self.query(head, relation)
        tail = self.project(tail, relation)
        if self.operator == "<#>":
            return (query * tail).sum(-1)
        return -(query - tail).norm(p=1 if self.operator == "<+>" else 2, dim=-1)


@dataclass(frozen=True)
class GraphShape:
    """How many triples and entities a graph has: what its settings depend on."""

    triples: int
    entities: int

    @property
    def is_sparse(self) -> bool:
        """Tell whether an entity is known by a handful of triples, as a word in WordNet is.

        There a triple says more than chance neighbours do, and is learned with wide vectors and
        many passes; in a dense graph that learns by heart.
        """
        return self.triples < SPARSE * self.entities


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how finely to train; the same settings and triples give the same vectors.

    `settings_for` of the package gives those that suit a model.

    Parameters
    ----------
    dim : numbers per vector.
    epochs : passes over the triples; None takes what suits the graph, see `passes`. A budget in
        seconds is an argument of `fit`.
    usual_epochs : what None starts from, see `passes`.
    batch_size : triples per step; each asks two questions.
    negatives : wrong answers drawn per step, without replacement.
    estimate_all : let each wrong answer drawn stand for as many entities as were not drawn, so that
        the loss is near the one against all entities.
    learning_rate : Adagrad's rate in the first step; it falls linearly to 1 %.
    penalty : weight of Σ |x|³ over the vectors of a batch (Lacroix et al. 2018, N3); 0 for none.
    dropout : share of the numbers of an anchor that a step sets to 0, the others grow for it.
    seed : of the start values, the order and the wrong answers.
    precision : of the large products, one of kgfeatures.embedding.precision.PRECISIONS.
    threads : of the products; on a busy machine one is faster than two.
    """

    dim: int = 64
    epochs: int | None = None
    usual_epochs: int = DEFAULT_EPOCHS
    batch_size: int = 1024
    negatives: int = 512
    estimate_all: bool = False
    learning_rate: float = 0.3
    penalty: float = 0.0
    dropout: float = 0.0
    seed: int = 0
    precision: str = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("dim", "epochs", "usual_epochs", "batch_size", "negatives", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise DataError(f"{name} is {value}; it must be at least 1")
        if not 0 < self.learning_rate < math.inf:
            raise DataError(f"learning_rate is {self.learning_rate}; it must be above 0")
        if not 0 <= self.penalty < math.inf:
            raise DataError(f"penalty is {self.penalty}; it must be at least 0")
        if self.seed < 0:
            raise DataError(f"seed is {self.seed}; it must be at least 0")
        if not 0 <= self.dropout < 1:
            raise DataError(f"dropout is {self.dropout}; it must be in [0, 1)")
        precision.resolve(self.precision)

    def passes(self, n_triples: int) -> int:
        """Return the number of epochs over so many triples.

        Without `epochs` these are `usual_epochs`, fewer where they would visit more than
        `MOST_VISITS` triples.
        """
        return self.epochs or max(1, min(self.usual_epochs, MOST_VISITS // n_triples))


@dataclass(frozen=True)
class GraphVectors:
    """Trained vectors: entities (n, dim), relations (2 * n_relations, dim), both float32.

    Row r + n_relations of `relations` is relation r read from tail to head.
    `losses` holds the mean cross entropy of each epoch, in nats; `steps` and `visits`
    how many were taken and how many triples they saw.
    """

    model: str
    entities: FloatArray
    relations: FloatArray
    losses: tuple[float, ...]
    steps: int = 0
    visits: int = 0

    @property
    def n_relations(self) -> int:
        """Return the number of relations, reciprocal ones not counted."""
        return len(self.relations) // 2


def check_triples(triples: IntArray, n_entities: int, n_relations: int) -> None:
    """Raise DataError unless `triples` is (n, 3), not empty and within both numbers of rows."""
    if triples.dtype.kind not in "iu":
        raise DataError(f"triples hold {triples.dtype} values; pass row numbers, as integers")
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
        order = np.lexsort((triples[:, 2], self._keys(triples)))
        keys, tails = self._keys(triples)[order], triples[order, 2]
        fresh = np.ones(len(order), dtype=bool)
        fresh[1:] = (keys[1:] != keys[:-1]) | (tails[1:] != tails[:-1])
        keys, self.tails = keys[fresh], tails[fresh]
        self.keys, starts = np.unique(keys, return_index=True)
        self.starts = np.append(starts, len(keys))

    def _keys(self, queries: IntArray) -> IntArray:
        return queries[:, 0] * self.n_relations + queries[:, 1]

    def rows(self, queries: IntArray) -> IntArray:
        """Return the sparse row of each query, -1 where nothing is known of it.

        Parameters
        ----------
        queries : (n, ≥ 2), anchor and relation first.
        """
        wanted = self._keys(queries)
        if not len(self.keys):
            return np.full(len(wanted), -1)
        rows = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[rows] == wanted, rows, -1)

    def pairs(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Return (position in `rows`, tail) for every tail known of the queries with these rows."""
        counts = np.where(rows < 0, 0, self.starts[rows + 1] - self.starts[rows])
        position = np.repeat(np.arange(len(rows)), counts)
        first = np.repeat(self.starts[rows] - (np.cumsum(counts) - counts), counts)
        return position, self.tails[first + np.arange(len(position))]
