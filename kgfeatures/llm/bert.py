"""BERT's encoder in numpy: the last hidden states of texts of one length.

A small model needs no framework: loading torch and transformers costs 5 s of CPU, the weights
0.1 s. Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers", on the layers
of Vaswani et al. 2017, "Attention Is All You Need": attention, then two dense layers with a GELU
between, each added to what went in and normalised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kgfeatures.types import FloatArray, IntArray

# Abramowitz, Stegun 1964, 7.1.26: erf(z) = 1 - (a1 t + … + a5 t^5) exp(-z^2), t = 1 / (1 + p z)
# for z >= 0, within 1.5e-7.
ERF_P = 0.3275911
ERF_A = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


@dataclass(frozen=True)
class Bert:
    """A model of type "bert": its weights by their names, and its config.json."""

    weights: Mapping[str, FloatArray]
    n_layers: int
    n_heads: int
    epsilon: float

    @property
    def dim(self) -> int:
        """How many numbers the state of a token has."""
        return self.weights["embeddings.word_embeddings.weight"].shape[1]

    def states(self, ids: IntArray) -> FloatArray:
        """Return the last hidden states of tokens, (n, length, dim); ids are (n, length)."""
        named = "embeddings.{}_embeddings.weight"
        x = self.weights[named.format("word")][ids]
        x += self.weights[named.format("position")][: ids.shape[1]]
        x += self.weights[named.format("token_type")][0]
        x = self._normed("embeddings.LayerNorm", x.reshape(ids.size, self.dim))
        for layer in range(self.n_layers):
            name = f"encoder.layer.{layer}"
            seen = self._attention(f"{name}.attention.self", x, ids.shape)
            x = self._added(f"{name}.attention.output", seen, x)
            x = self._added(f"{name}.output", gelu(self._dense(f"{name}.intermediate.dense", x)), x)
        return x.reshape(*ids.shape, self.dim)

    def _attention(self, name: str, x: FloatArray, shape: tuple[int, ...]) -> FloatArray:
        """Return the mean of the tokens' values, weighted by softmax(query . key / sqrt(width))."""
        n, length = shape
        query, key, value = (
            self._dense(f"{name}.{part}", x)
            .reshape(n, length, self.n_heads, self.dim // self.n_heads)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        weight = query @ key.transpose(0, 1, 3, 2)
        weight *= (self.dim // self.n_heads) ** -0.5
        weight -= weight.max(axis=-1, keepdims=True)
        np.exp(weight, out=weight)
        weight /= weight.sum(axis=-1, keepdims=True)
        return (weight @ value).transpose(0, 2, 1, 3).reshape(n * length, self.dim)

    def _added(self, name: str, made: FloatArray, x: FloatArray) -> FloatArray:
        y = self._dense(f"{name}.dense", made)
        y += x
        return self._normed(f"{name}.LayerNorm", y)

    def _dense(self, name: str, x: FloatArray) -> FloatArray:
        y: FloatArray = x @ self.weights[f"{name}.weight"].T
        y += self.weights[f"{name}.bias"]
        return y

    def _normed(self, name: str, x: FloatArray) -> FloatArray:
        """Return rows of mean 0 and variance 1, scaled and shifted."""
        x -= x.mean(axis=1, keepdims=True)
        variance = np.square(x).mean(axis=1, keepdims=True)
        x /= np.sqrt(variance + np.float32(self.epsilon))
        x *= self.weights[f"{name}.weight"]
        x += self.weights[f"{name}.bias"]
        return x


def gelu(x: FloatArray) -> FloatArray:
    """Return x times the share of a normal distribution below it: x (1 + erf(x / sqrt 2)) / 2."""
    size = np.abs(x)
    t = size * (ERF_P * 0.5**0.5)
    t += 1
    np.reciprocal(t, out=t)
    tail = t * ERF_A[-1]
    for factor in ERF_A[-2::-1]:
        tail += factor
        tail *= t
    np.square(x, out=t)
    t *= -0.5
    tail *= np.exp(t, out=t)
    # (x + |x| (1 - tail)) / 2
    tail *= size
    size -= tail
    size += x
    size *= 0.5
    return size
