"""ComplEx: score(h, r, t) = Re Σ_i h_i r_i conj(t_i) over complex numbers.

A vector is [real parts; imaginary parts], so that the score is an inner product of reals.
Trouillon et al. 2016, "Complex Embeddings for Simple Link Prediction".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from kgfeatures.embedding.base import ScoreFunction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def complex_product(left: Tensor, right: Tensor) -> Tensor:
    """Return the element-wise product of complex vectors, each [real; imaginary], (n, dim)."""
    import torch

    left_re, left_im = left.chunk(2, dim=-1)
    right_re, right_im = right.chunk(2, dim=-1)
    real = torch.addcmul(left_re * right_re, left_im, right_im, value=-1)
    return torch.cat([real, torch.addcmul(left_re * right_im, left_im, right_re)], dim=-1)


def conjugate(vectors: Tensor) -> Tensor:
    """Return [real; −imaginary] of complex vectors, (n, dim)."""
    import torch

    real, imaginary = vectors.chunk(2, dim=-1)
    return torch.cat([real, -imaginary], dim=-1)


class ComplEx(ScoreFunction):
    """Scores a triple by the complex inner product of h r and t."""

    name: ClassVar[str] = "complex"
    scorer: ClassVar[str] = "complex"
    operator: ClassVar[str] = "<#>"
    pairs: ClassVar[bool] = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "dim": 256, "estimate_all": True, "learning_rate": 0.3, "penalty": 0.1,
        "dropout": 0.4, "usual_epochs": 20,
    }  # fmt: skip
    sparse_defaults: ClassVar[Mapping[str, Any]] = {
        "learning_rate": 0.4, "penalty": 0.18, "batch_size": 512, "usual_epochs": 24,
    }  # fmt: skip

    def query(self, anchor: Tensor, relation: Tensor) -> Tensor:
        """Return h r, (n, dim)."""
        return complex_product(anchor, relation)

    def query_gradient(
        self, anchor: Tensor, learned: Tensor, to_query: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the gradients of a complex product: that of the other factor's conjugate."""
        return (
            complex_product(to_query, conjugate(learned)),
            complex_product(to_query, conjugate(anchor)),
        )
