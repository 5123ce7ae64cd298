"""What a training step sees: a batch of triples, wrong answers, and which of those are right.

Each draw depends on the seed and the step's number alone, so that a resumed run goes on exactly
like one that was never interrupted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from kgfeatures.embedding.losses import Masked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.types import IntArray

ORDER, NEGATIVES, DROPOUT = 1, 2, 3


@dataclass(frozen=True)
class Batch:
    """B triples, asked in both directions, and the K wrong answers of all of them."""

    head: IntArray
    relation: IntArray
    tail: IntArray
    negative: IntArray
    masked: Masked


class Questions:
    """Which questions an entity answers: (anchor, relation) rows by entity, sparse.

    Looking from the K drawn entities to their questions costs K mean degrees a step, at any
    popularity; looking from a question to its answers costs the degree of the popular ones.

    Parameters
    ----------
    triples : (n, 3) row numbers.
    n_relations : reciprocal ones not counted; relation r read backwards is r + n_relations.
    """

    def __init__(self, triples: NDArray[np.int32], n_entities: int, n_relations: int) -> None:
        self.n_relations = n_relations
        head, relation, tail = triples.T
        # Tables of two numbers per triple are the peak of the memory: each is made once, in place.
        cells = np.empty(2 * len(triples), dtype=np.int64)
        forth, back = cells[: len(triples)], cells[len(triples) :]
        forth[:] = self._forth(head, relation)
        back[:] = self._back(tail, relation)
        self.keys = distinct(cells.copy())
        for half, answer in ((forth, tail), (back, head)):
            half[:] = np.searchsorted(self.keys, half)
            half += np.multiply(answer, len(self.keys), dtype=np.int64)
        cells = distinct(cells)
        bounds = np.arange(n_entities + 1) * len(self.keys)
        self.starts: IntArray = np.searchsorted(cells, bounds)
        np.remainder(cells, len(self.keys), out=cells)
        self.rows: NDArray[np.int32] = cells.astype(np.int32)
        self._group_of_row = np.full(len(self.keys), -1, dtype=np.int32)

    def _forth(self, head: NDArray[np.int32], relation: NDArray[np.int32]) -> IntArray:
        return head.astype(np.int64) * (2 * self.n_relations) + relation

    def _back(self, tail: NDArray[np.int32], relation: NDArray[np.int32]) -> IntArray:
        return self._forth(tail, relation) + self.n_relations

    def masked(
        self,
        head: NDArray[np.int32],
        relation: NDArray[np.int32],
        tail: NDArray[np.int32],
        negative: IntArray,
    ) -> Masked:
        """Return which of the K `negative` entities answer which of the 2B questions rightly.

        Questions 0 … B - 1 are (head, relation, ?), B … 2B - 1 are (?, relation, tail).
        """
        keys = np.concatenate([self._forth(head, relation), self._back(tail, relation)])
        return self._masked(keys, negative)

    def masked_for(self, anchor: IntArray, relation: IntArray, negative: IntArray) -> Masked:
        """Return the same for questions (anchor, relation, ?), reciprocal relations counted."""
        return self._masked(anchor * (2 * self.n_relations) + relation, negative)

    def _masked(self, keys: IntArray, negative: IntArray) -> Masked:
        order = np.argsort(keys, kind="stable")
        sorted_keys = keys[order]
        first = np.flatnonzero(np.diff(sorted_keys, prepend=-1))
        size = np.diff(first, append=len(keys))
        rows = np.searchsorted(self.keys, sorted_keys[first])

        self._group_of_row[rows] = np.arange(len(rows))
        column, cell = spread(self.starts[negative], self.starts[negative + 1])
        group = self._group_of_row[self.rows[cell]]
        self._group_of_row[rows] = -1
        hit = np.flatnonzero(group >= 0)
        member, place = spread(first[group[hit]], first[group[hit]] + size[group[hit]])
        question, column = order[place], column[hit][member]
        return Masked(torch.from_numpy(question), torch.from_numpy(column))


def distinct(values: IntArray) -> IntArray:
    """Return the distinct values in ascending order; `values` (n ≥ 1,) is sorted in place."""
    values.sort()
    fresh = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=fresh[1:])
    return values[fresh]


def spread(starts: IntArray, stops: IntArray) -> tuple[IntArray, IntArray]:
    """Return (number of the range, member) for every member of the ranges, in order.

    >>> spread(np.array([5, 0]), np.array([7, 1]))
    (array([0, 0, 1]), array([5, 6, 0]))
    """
    counts = stops - starts
    number = np.repeat(np.arange(len(starts)), counts)
    shift = np.repeat(starts - (np.cumsum(counts) - counts), counts)
    return number, shift + np.arange(len(number))


def kept(rng: np.random.Generator, shape: tuple[int, ...], share: float) -> torch.Tensor:
    """Return random factors: 0 for a share of them, 1 / (1 - share) for the others.

    One byte decides on each, so that the share is rounded to 256ths.
    """
    dropped = min(round(256 * share), 255)
    drawn = np.frombuffer(rng.bytes(math.prod(shape)), dtype=np.uint8).reshape(shape)
    return torch.from_numpy(drawn >= dropped).float().mul_(256 / (256 - dropped))


class Sampler:
    """The batches of a training, numbered from 0.

    Parameters
    ----------
    triples : (n, 3) row numbers.
    questions : of the same triples.
    batch_size, negatives : triples and wrong answers of a step; the latter are distinct.
    seed : of the order and the wrong answers.
    """

    def __init__(
        self,
        triples: NDArray[np.int32],
        questions: Questions,
        batch_size: int,
        negatives: int,
        seed: int,
    ) -> None:
        self.triples = triples
        self.questions = questions
        self.n_entities = len(questions.starts) - 1
        self.batch_size = batch_size
        self.negatives = min(negatives, self.n_entities)
        self.seed = seed
        self._epoch = -1
        self._order = np.empty(0, dtype=np.int32)

    @property
    def steps_per_epoch(self) -> int:
        """The number of steps that visit every triple once."""
        return -(-len(self.triples) // self.batch_size)

    def batch(self, step: int) -> Batch:
        """Return the batch of a step."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._shuffle(np.random.default_rng((self.seed, ORDER, epoch)))
            self._epoch = epoch
        triples = self.triples[self._chosen(place)]
        head, relation, tail = np.ascontiguousarray(triples.T)
        rng = np.random.default_rng((self.seed, NEGATIVES, step))
        drawn = self._draw(rng)
        masked = self.questions.masked(head, relation, tail, drawn)
        return Batch(
            head.astype(np.int64), relation.astype(np.int64), tail.astype(np.int64), drawn, masked
        )

    def _draw(self, rng: np.random.Generator) -> IntArray:
        """Return distinct wrong answers, uniform over all entities."""
        return rng.choice(self.n_entities, self.negatives, replace=False, shuffle=False)

    def _shuffle(self, rng: np.random.Generator) -> None:
        """Put the triples into the order of another epoch."""
        self._order = np.arange(len(self.triples), dtype=np.int32)
        rng.shuffle(self._order)

    def _chosen(self, place: int) -> NDArray[np.int32]:
        """Return the numbers of the triples of an epoch's step."""
        start = place * self.batch_size
        return self._order[start : start + self.batch_size]


class RelationSampler(Sampler):
    """Batches of few relations, sorted by relation: runs of triples that have one in common.

    What belongs to a relation is then used for a whole run. One run a batch would do so most often,
    but the answers that a relation has in common would take one large step instead of many.

    Parameters
    ----------
    mixed : the sampler whose triples, seed and sizes these batches take.
    runs : of a batch, each of `batch_size // runs` triples at most.
    """

    def __init__(self, mixed: Sampler, runs: int) -> None:
        super().__init__(
            mixed.triples, mixed.questions, mixed.batch_size, mixed.negatives, mixed.seed
        )
        self.runs = min(runs, mixed.batch_size)
        length = mixed.batch_size // self.runs
        counts = np.bincount(self.triples[:, 1])
        parts = -(-counts // length)
        relation, part = spread(np.zeros_like(parts), parts)
        first = np.cumsum(counts) - counts
        self._start = first[relation] + part * length
        self._stop = np.minimum(self._start + length, (first + counts)[relation])
        self._turn = np.arange(len(self._start))

    @property
    def steps_per_epoch(self) -> int:
        """The number of steps that visit every triple once."""
        return -(-len(self._start) // self.runs)

    def _shuffle(self, rng: np.random.Generator) -> None:
        super()._shuffle(rng)
        relation = self.triples[self._order, 1]
        self._order = self._order[np.argsort(relation, kind="stable")]
        self._turn = rng.permutation(len(self._start))

    def _chosen(self, place: int) -> NDArray[np.int32]:
        turns = np.sort(self._turn[place * self.runs : (place + 1) * self.runs])
        return self._order[spread(self._start[turns], self._stop[turns])[1]]
