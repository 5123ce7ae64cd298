"""RotatE: a relation turns each complex number of the head; score(h, r, t) = −‖h ∘ r − t‖₂.

What is learned of a relation are the angles; its vector is [cos; sin]. The paper adds up the
moduli of the complex differences, for which pgvector has no operator: this is the Euclidean form.

Sun et al. 2019, "RotatE: Knowledge Graph Embedding by Relational Rotation in Complex Space".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from kgfeatures.embedding.base import ScoreFunction
from kgfeatures.embedding.complex import complex_product, conjugate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from kgfeatures.types import FloatArray


class RotatE(ScoreFunction):
    """Scores a triple by how far the head, turned by the relation, is from the tail."""

    name: ClassVar[str] = "rotate"
    scorer: ClassVar[str] = "rotate_l2"
    operator: ClassVar[str] = "<->"
    pairs: ClassVar[bool] = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "dim": 256, "estimate_all": True, "dropout": 0.1, "usual_epochs": 24,
    }  # fmt: skip
    relation_rate: ClassVar[float] = 0.1  # angles are of the size of 1, coordinates of 0.1

    def query(self, anchor: Tensor, relation: Tensor) -> Tensor:
        """Return h ∘ r, (n, dim)."""
        return complex_product(anchor, relation)

    def query_gradient(
        self, anchor: Tensor, learned: Tensor, to_query: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the gradient turned back, and how far it points along the turn, i h r."""
        import torch

        relation = self.relation_vectors(learned)
        real, imaginary = self.query(anchor, relation).chunk(2, dim=-1)
        to_real, to_imaginary = to_query.chunk(2, dim=-1)
        to_angle = torch.addcmul(to_imaginary * real, to_real, imaginary, value=-1)
        return complex_product(to_query, conjugate(relation)), to_angle

    def start_relations(self, rng: np.random.Generator, rows: int, dim: int) -> FloatArray:
        """Return angles, (rows, dim / 2), uniform in ±π."""
        return rng.uniform(-np.pi, np.pi, (rows, dim // 2)).astype(np.float32)

    def relation_vectors(self, learned: Tensor) -> Tensor:
        """Return [cos; sin] of the angles."""
        import torch

        return torch.cat([learned.cos(), learned.sin()], dim=-1)

    def learned_relations(self, vectors: Tensor) -> Tensor:
        """Return the angles of [cos; sin], (n, dim / 2)."""
        import torch

        cosine, sine = vectors.chunk(2, dim=-1)
        return torch.atan2(sine, cosine)
