"""TransE: a relation is a translation, h + r ≈ t; score(h, r, t) = −‖h + r − t‖₂.

Bordes et al. 2013, "Translating Embeddings for Modeling Multi-relational Data"; the norm is not
squared, which plateaus earlier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from kgfeatures.embedding.base import ScoreFunction

if TYPE_CHECKING:
    from torch import Tensor


class TransE(ScoreFunction):
    """Scores a triple by how far the head, moved by the relation, is from the tail."""

    name: ClassVar[str] = "transe"
    scorer: ClassVar[str] = "transe_l2"
    operator: ClassVar[str] = "<->"

    def query(self, anchor: Tensor, relation: Tensor) -> Tensor:
        """Return h + r, (n, dim)."""
        return anchor + relation

    def query_gradient(
        self,
        anchor: Tensor,  # noqa: ARG002
        relation: Tensor,  # noqa: ARG002
        to_query: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Return `to_query` twice: a sum hands its gradient on to both."""
        return to_query, to_query

    def logits(self, queries: Tensor, candidates: Tensor) -> Tensor:
        """Return −‖q − c‖₂ for all pairs, (n, m), by ‖q‖² + ‖c‖² − 2 q·c."""
        squared = queries @ candidates.T
        squared.mul_(-2).add_(candidates.square().sum(1)).add_(
            queries.square().sum(1, keepdim=True)
        )
        return squared.clamp_(min=0).sqrt_().neg_()

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """Return −‖h + r − t‖₂ of each triple, (n,)."""
        return -(self.query(head, relation) - tail).norm(dim=-1)
