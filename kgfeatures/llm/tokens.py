"""What encoders that read tokens share: texts of equally many tokens go through the model together.

How a processor rounds a product of matrices depends on their shapes. So it is always as many texts
as make up the same shape: a short batch is filled up with copies. No padding, no mask, and no
text's vector depends on the others'.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.llm.base import TextEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from kgfeatures.types import FloatArray, IntArray

MAX_TOKENS = 256
TOKENIZED_AT_ONCE = 1000
UNKNOWN_SHARE_WARNED = 0.2


class TokenEncoder(TextEncoder):
    """Means of the last hidden states over each text's tokens.

    `batch_tokens` make up a batch: more is no faster from some number on, less is what one changed
    text costs.
    """

    batch_tokens: int = 512
    _tokens: int = 0
    _unknown: int = 0

    @abstractmethod
    def tokenize(self, texts: Sequence[str]) -> Mapping[str, list[list[int]]]:
        """Return what the model takes, by name, "input_ids" among them: a list per text."""

    @abstractmethod
    def means(self, tokens: Mapping[str, list[list[int]]]) -> FloatArray:
        """Return the means, (n, dim) float32, over all tokens of n texts of one length."""

    @abstractmethod
    def special_tokens(self) -> tuple[int | None, list[int]]:
        """Return the token of what the model does not know, and those that stand for no text."""

    def encode(
        self, texts: Sequence[str], on_batch: Callable[[int], None] | None = None
    ) -> FloatArray:
        """Return unit vectors as TextEncoder does, and warn when the model knows too few words.

        Parameters
        ----------
        texts : n of them.
        on_batch : told how many texts each batch had.
        """
        self._tokens = self._unknown = 0
        vectors = super().encode(texts, on_batch)
        share = self._unknown / max(self._tokens, 1)
        if share > UNKNOWN_SHARE_WARNED:
            message = (
                f"{self.name} does not know {share:.0%} of the tokens of these texts; "
                "their vectors say little: use builtin:chargram or a model of their language"
            )
            warnings.warn(message, stacklevel=2)
        return vectors

    def encode_batch(self, texts: Sequence[str]) -> FloatArray:
        """Return (n, dim) means of the last hidden states over each text's tokens."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for places, made in self.batches(texts):
            vectors[places] = made
        return vectors

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the places and vectors of texts of equally many tokens, those of few first."""
        tokens = self._all_tokens(texts)
        lengths = np.array([len(ids) for ids in tokens["input_ids"]], dtype=np.int64)
        for length in np.unique(lengths):
            places = np.flatnonzero(lengths == length)
            size = max(1, self.batch_tokens // int(length))
            for start in range(0, len(places), size):
                batch = places[start : start + size]
                filled = np.resize(batch, size)
                shaped = {name: [rows[at] for at in filled] for name, rows in tokens.items()}
                yield batch, self.means(shaped)[: len(batch)]

    def _all_tokens(self, texts: Sequence[str]) -> dict[str, list[list[int]]]:
        tokens: dict[str, list[list[int]]] = {"input_ids": []}
        for start in range(0, len(texts), TOKENIZED_AT_ONCE):
            found = self.tokenize(list(texts[start : start + TOKENIZED_AT_ONCE]))
            for name, rows in found.items():
                tokens.setdefault(name, []).extend(rows)
            self._count_unknown(np.concatenate([np.array(ids) for ids in found["input_ids"]]))
        return tokens

    def _count_unknown(self, ids: IntArray) -> None:
        unknown, special = self.special_tokens()
        self._tokens += int((~np.isin(ids, special)).sum())
        self._unknown += int((ids == unknown).sum()) if unknown is not None else 0
