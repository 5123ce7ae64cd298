"""TransR: entities are compared in a space of each relation; score = −‖M_r h + r − M_r t‖₂.

A relation's vector is [r; M_r row by row]. Each direction of a relation has a matrix of its own.
As for TransE the distance is not squared, which ranks alike.

Lin et al. 2015, "Learning Entity and Relation Embeddings for Knowledge Graph Completion".
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from kgfeatures.embedding.base import ScoreFunction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from kgfeatures.types import FloatArray


class TransR(ScoreFunction):
    """Scores a triple by how far the projected head, moved, is from the projected tail."""

    name: ClassVar[str] = "transr"
    scorer: ClassVar[str] = "transr"
    operator: ClassVar[str] = "<->"
    projects: ClassVar[bool] = True
    defaults: ClassVar[Mapping[str, Any]] = {"estimate_all": True, "usual_epochs": 16}

    def relation_width(self, dim: int) -> int:
        """Return dim + dim²: a translation and a matrix."""
        return dim + dim * dim

    def start_relations(self, rng: np.random.Generator, rows: int, dim: int) -> FloatArray:
        """Return [small random numbers; identity]: TransE to begin with."""
        identity = np.tile(np.eye(dim, dtype=np.float32).reshape(1, -1), (rows, 1))
        return np.concatenate([self.start(rng, rows, dim), identity], axis=1)

    def project(self, entities: Tensor, relation: Tensor) -> Tensor:
        """Return M_r e, (n, dim)."""
        dim = entities.shape[-1]
        matrices = relation[..., dim:].unflatten(-1, (dim, dim))
        return (matrices @ entities.unsqueeze(-1)).squeeze(-1)

    def query(self, anchor: Tensor, relation: Tensor) -> Tensor:
        """Return M_r h + r, (n, dim)."""
        return self.project(anchor, relation) + relation[..., : anchor.shape[-1]]

    def scores(self, anchor: Tensor, relation: Tensor, candidates: Tensor) -> Tensor:
        """Return the scores of all candidates; rows of one relation should follow each other."""
        import torch

        changes = (relation[1:] != relation[:-1]).any(1).nonzero().flatten() + 1
        bounds = [0, *changes.tolist(), len(anchor)]
        parts: list[Tensor] = []
        for start, stop in pairwise(bounds):
            rows = relation[start : start + 1]
            projected = self._all(candidates, rows[0])
            query = self._all(anchor[start:stop], rows[0]) + rows[:, : anchor.shape[1]]
            parts.append(self.logits(query, projected))
        return torch.cat(parts)

    def _all(self, entities: Tensor, relation: Tensor) -> Tensor:
        """Return M_r e of many entities for one relation, as one matrix product."""
        dim = entities.shape[1]
        return entities @ relation[dim:].view(dim, dim).T
