"""DistMult: score(h, r, t) = Σ_i h_i r_i t_i; all relations read alike in both directions.

Yang et al. 2015, "Embedding Entities and Relations for Learning and Inference in Knowledge Bases".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from kgfeatures.embedding.base import ScoreFunction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class DistMult(ScoreFunction):
    """Scores a triple by the inner product of head and tail, each dimension weighed by r."""

    name: ClassVar[str] = "distmult"
    scorer: ClassVar[str] = "distmult"
    operator: ClassVar[str] = "<#>"
    defaults: ClassVar[Mapping[str, Any]] = {
        "dim": 512, "estimate_all": True, "learning_rate": 0.3, "penalty": 0.1, "dropout": 0.5,
        "usual_epochs": 36,
    }  # fmt: skip
    sparse_defaults: ClassVar[Mapping[str, Any]] = {
        "dim": 256, "learning_rate": 0.4, "penalty": 0.18, "dropout": 0.4, "batch_size": 512,
        "usual_epochs": 24,
    }  # fmt: skip

    def query(self, anchor: Tensor, relation: Tensor) -> Tensor:
        """Return h r, element by element, (n, dim)."""
        return anchor * relation

    def query_gradient(
        self, anchor: Tensor, learned: Tensor, to_query: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the gradients of a product of two factors."""
        return to_query * learned, to_query * anchor
