"""What every text encoder shares: equal texts once, batches of similar length, unit vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kgfeatures.types import FloatArray


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
        """Return (n, dim) vectors of distinct texts of similar length; need not be normalised."""

    def encode(
        self, texts: Sequence[str], on_batch: Callable[[int], None] | None = None
    ) -> FloatArray:
        """Return one unit vector per text, (n, dim), in the order of the texts.

        Equal texts are encoded once; batches hold texts of similar length, so that little of a
        batch is padding. A text in which the encoder finds nothing gets a row of zeros.

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
        for start in range(0, len(distinct), self.batch_size):
            batch = slice(start, start + self.batch_size)
            vectors[batch] = unit_rows(self.encode_batch(distinct[batch]))
            if on_batch:
                on_batch(int(copies[batch].sum()))
        return vectors[of_text]


def is_text(value: object) -> TypeGuard[str]:
    """Return whether a value from a frame's column is a string; missing ones are None or NaN."""
    return isinstance(value, str)


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Return the rows divided by their L2 norm, (n, dim); rows of zeros stay."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
