"""TransE: a relation is a translation, h + r ≈ t; score(h, r, t) = −‖h + r − t‖, L2 or L1.

Bordes et al. 2013, "Translating Embeddings for Modeling Multi-relational Data"; the norm is not
squared, which stops improving earlier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from kgfeatures.embedding.base import ScoreFunction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class TransE(ScoreFunction):
    """Scores a triple by how far the head, moved by the relation, is from the tail."""

    name: ClassVar[str] = "transe"
    scorer: ClassVar[str] = "transe_l2"
    operator: ClassVar[str] = "<->"
    defaults: ClassVar[Mapping[str, Any]] = {
        "dim": 128, "estimate_all": True, "dropout": 0.1, "usual_epochs": 15,
    }  # fmt: skip
    sparse_defaults: ClassVar[Mapping[str, Any]] = {
        "dim": 256, "learning_rate": 0.15, "dropout": 0.2, "batch_size": 512, "usual_epochs": 80,
    }  # fmt: skip

    def query(self, anchor: Tensor, relation: Tensor) -> Tensor:
        """Return h + r, (n, dim)."""
        return anchor + relation

    def query_gradient(
        self,
        anchor: Tensor,  # noqa: ARG002
        learned: Tensor,  # noqa: ARG002
        to_query: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return `to_query` twice: a sum hands its gradient on to both."""
        return to_query, to_query


class TransEL1(TransE):
    """TransE with the Manhattan distance: no matrix product, so several times slower."""

    name: ClassVar[str] = "transe_l1"
    scorer: ClassVar[str] = "transe_l1"
    operator: ClassVar[str] = "<+>"
    defaults: ClassVar[Mapping[str, Any]] = {}
    sparse_defaults: ClassVar[Mapping[str, Any]] = {}
