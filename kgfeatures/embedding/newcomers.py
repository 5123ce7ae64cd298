"""How new entities learn among old ones whose vectors stay.

A question about an old entity asks with a vector that never changes, and what old wrong answers add
to its Σ exp(score) never changes either: it is computed once, and each pass compares the question
with new entities alone. Only questions about new entities meet old wrong answers in every pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from kgfeatures.embedding import precision
from kgfeatures.embedding.adagrad import Adagrad
from kgfeatures.embedding.base import GraphVectors, with_inverses
from kgfeatures.embedding.losses import LOSSES, Loss, add_penalty
from kgfeatures.embedding.sampling import NEGATIVES, ORDER, Questions
from kgfeatures.embedding.training import FINAL_RATE

if TYPE_CHECKING:
    from torch import Tensor

    from kgfeatures.embedding.base import ScoreFunction, TrainingSettings
    from kgfeatures.types import FloatArray, IntArray

# By operator. Inner products push a new entity further than distances do.
OVERDRAWN = {"<->": 6, "<+>": 6, "<#>": 4}
BEYOND = 4  # the purpose of these random numbers, see sampling


class NewcomerTrainer:
    """Moves the entities after the first `n_old`, nothing else.

    Each step draws K wrong answers, of which new entities are `OVERDRAWN` times as many as by
    chance, half at most; questions about old entities meet the new ones among them.

    Parameters
    ----------
    tables : start values of all entities, old ones first, and the relations.
    known : (n, 3) triples that hold; none of them is a wrong answer.
    learned : (m, 3) of these, the ones to visit in each pass.
    settings : `estimate_all` and `dropout` are not used.
    """

    def __init__(
        self,
        model: ScoreFunction,
        tables: tuple[FloatArray, FloatArray],
        n_old: int,
        known: IntArray,
        learned: IntArray,
        settings: TrainingSettings,
    ) -> None:
        entities, relations = tables
        self.model, self.settings, self.n_old = model, settings, n_old
        self.n_new = len(entities) - n_old
        self.entities = Adagrad(torch.from_numpy(entities), frozen=n_old)
        self.relations = torch.from_numpy(relations)
        n_relations = len(relations) // 2
        self.known = Questions(known.astype(np.int32), len(entities), n_relations)
        asked = with_inverses(learned.astype(np.int64, copy=False), n_relations)
        moves = asked[:, 0] >= n_old
        self.of_new, self.of_old = asked[moves], asked[~moves]
        self.steps_per_pass = -(-len(learned) // settings.batch_size)
        self.passes = settings.passes(len(learned))

        share = OVERDRAWN[model.operator] * self.n_new / len(entities)
        most = min(max(1, settings.negatives // 2), self.n_new)
        self.new = min(most, max(1, round(settings.negatives * share)))
        self.old = min(max(1, settings.negatives - self.new), n_old)
        self.against_all = self._loss(self.of_new, self.old + self.new)
        self.against_new = self._loss(self.of_old, self.new)
        self.beyond = self._beyond()

    def _loss(self, asked: IntArray, negatives: int) -> Loss:
        """Return the loss for a step's share of these questions."""
        most = max(1, -(-len(asked) // self.steps_per_pass))
        dtype = precision.dtype(self.settings.precision)
        return LOSSES[self.model.operator](most, negatives, self.settings.dim, dtype)

    def _beyond(self) -> Tensor:
        """Return what old wrong answers add to each question about an old entity, (n,)."""
        rng = np.random.default_rng((self.settings.seed, BEYOND))
        loss = self._loss(self.of_old, self.old)
        parts = [torch.empty(0)]
        for asked in np.array_split(self.of_old, self.steps_per_pass):
            drawn = self._drawn(rng, self.n_old, self.old)
            masked = self.known.masked_for(asked[:, 0], asked[:, 1], drawn)
            parts.append(loss.log_sum(self._query(asked), self._rows(drawn), masked))
        return torch.cat(parts)

    def run(self) -> GraphVectors:
        """Take all steps; return all vectors."""
        with torch.no_grad():
            losses = tuple(self._pass(number) for number in range(self.passes))
        asked = len(self.of_new) + len(self.of_old)
        return GraphVectors(
            model=self.model.name,
            entities=self.entities.table.numpy(),
            relations=self.relations.numpy(),
            losses=losses,
            steps=self.passes * self.steps_per_pass,
            visits=self.passes * asked // 2,
        )

    def _pass(self, number: int) -> float:
        """Visit all questions once; return their mean loss."""
        rng = np.random.default_rng((self.settings.seed, ORDER, number))
        kinds = self.of_new, self.of_old
        shares = [np.array_split(rng.permutation(len(k)), self.steps_per_pass) for k in kinds]
        total, first = 0.0, number * self.steps_per_pass
        for step, (of_new, of_old) in enumerate(zip(*shares, strict=True), start=first):
            done = step / (self.passes * self.steps_per_pass)
            rate = self.settings.learning_rate * (1 - (1 - FINAL_RATE) * done)
            total += self._step(step, of_new, of_old, rate)
        return total / sum(len(k) for k in kinds)

    def _step(self, step: int, of_new: IntArray, of_old: IntArray, rate: float) -> float:
        """Learn from questions about new entities and about old ones, (n,) places of each."""
        rng = np.random.default_rng((self.settings.seed, NEGATIVES, step))
        new = self.n_old + self._drawn(rng, self.n_new, self.new)
        drawn = np.concatenate([new, self._drawn(rng, self.n_old, self.old)])
        asked, back = self.of_new[of_new], self.of_old[of_old]
        loss, anchors = self._ask(asked, drawn)
        masked = self.known.masked_for(back[:, 0], back[:, 1], new)
        beyond = self.beyond.index_select(0, torch.from_numpy(of_old))
        found = self.against_new(
            self._query(back), self._rows(back[:, 2]), self._rows(new), masked, beyond
        )
        rows = np.concatenate([asked[:, 0], asked[:, 2], drawn, back[:, 2], new])
        self.entities.step(rows, torch.cat([anchors, found.target, found.negative]), rate)
        return loss + found.loss

    def _ask(self, asked: IntArray, drawn: IntArray) -> tuple[float, Tensor]:
        """Return loss of questions about new entities; gradients of anchors, targets, drawn."""
        masked = self.known.masked_for(asked[:, 0], asked[:, 1], drawn)
        anchor = self._rows(asked[:, 0])
        relation = self.relations.index_select(0, torch.from_numpy(asked[:, 1]))
        query = self.model.query(anchor, relation)
        found = self.against_all(query, self._rows(asked[:, 2]), self._rows(drawn), masked)
        to_anchor, _ = self.model.query_gradient(anchor, relation, found.query)
        gradient = torch.cat([to_anchor, found.target, found.negative])
        if self.settings.penalty:
            moved = gradient[: len(anchor)]
            add_penalty(moved, anchor, self.settings.penalty, pairs=self.model.pairs)
        return found.loss, gradient

    def _query(self, asked: IntArray) -> Tensor:
        relation = self.relations.index_select(0, torch.from_numpy(asked[:, 1]))
        return self.model.query(self._rows(asked[:, 0]), relation)

    def _rows(self, rows: IntArray) -> Tensor:
        return self.entities.table.index_select(0, torch.from_numpy(rows))

    @staticmethod
    def _drawn(rng: np.random.Generator, among: int, count: int) -> IntArray:
        return rng.choice(among, count, replace=False, shuffle=False)
