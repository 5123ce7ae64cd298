"""What every text encoder shares: equal texts once, unit vectors, no text minds its company.

A text has the same vector, bit for bit, alone, in any batch and in any order: vectors of texts
that did not change can be kept, and equal those of a computation from scratch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kgfeatures.types import FloatArray, IntArray


class TextEncoder(ABC):
    """Turns texts into unit vectors of `dim` float32 numbers.

    `name` is the URI, `version` changes whenever the same text may get other vectors.
    """

    name: str
    version: str
    dim: int
    batch_size: int = 64

    @abstractmethod
    def encode_batch(self, texts: Sequence[str]) -> FloatArray:
        """Return (n, dim) vectors of distinct texts; need not be normalised.

        What a text's vector is may not depend on the other texts, not even in its last bit.
        """

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield, until all are done, the places of some texts and their vectors."""
        for start in range(0, len(texts), self.batch_size):
            batch = texts[start : start + self.batch_size]
            yield np.arange(start, start + len(batch)), self.encode_batch(batch)

    def encode(
        self, texts: Sequence[str], on_batch: Callable[[int], None] | None = None
    ) -> FloatArray:
        """Return one unit vector per text, (n, dim), in the order of the texts.

        Equal texts are encoded once, the short ones first. A text in which the encoder finds
        nothing gets a row of zeros.

        Parameters
        ----------
        texts : any number, also none.
        on_batch : called with the number of texts that a batch dealt with.

        Raises
        ------
        DataError : a text is no string.
        """
        wrong = next((at for at, text in enumerate(texts) if not is_text(text)), None)
        if wrong is not None:
            raise DataError(
                f"text {wrong} is {texts[wrong]!r}; pass strings, leave missing texts out"
            )
        place = {text: at for at, text in enumerate(sorted(set(texts), key=lambda t: (len(t), t)))}
        distinct = list(place)
        vectors = np.zeros((len(distinct), self.dim), dtype=np.float32)
        of_text = np.fromiter((place[text] for text in texts), dtype=np.int64, count=len(texts))
        copies = np.bincount(of_text, minlength=len(distinct))
        for places, made in self.batches(distinct):
            vectors[places] = unit_rows(made)
            if on_batch:
                on_batch(int(copies[places].sum()))
        return vectors[of_text]


def is_text(value: object) -> TypeGuard[str]:
    """Return whether a value from a frame's column is a string; missing ones are None or NaN."""
    return isinstance(value, str)


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Return the rows divided by their L2 norm, (n, dim); rows of zeros stay."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
