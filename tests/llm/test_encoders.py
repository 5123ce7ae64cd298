from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from kgfeatures.errors import DataError, UnknownNameError
from kgfeatures.llm import TextEncoder, text_encoder

if TYPE_CHECKING:
    from collections.abc import Sequence


class CountingEncoder(TextEncoder):
    """Encodes a text as (length, 1) and remembers the batches it was given."""

    name, version, dim, batch_size = "counting", "1", 2, 2

    def __init__(self) -> None:
        self.given: list[list[str]] = []

    def encode_batch(self, texts: Sequence[str]) -> np.ndarray:
        self.given.append(list(texts))
        return np.array([[len(text), 1] for text in texts], dtype=np.float32)


def test_encode_encodes_equal_texts_once_shortest_first() -> None:
    encoder = CountingEncoder()
    done: list[int] = []
    vectors = encoder.encode(["ccc", "a", "ccc", "bb", "ccc"], on_batch=done.append)
    assert encoder.given == [["a", "bb"], ["ccc"]]
    assert done == [2, 3]
    np.testing.assert_allclose(vectors[:, 0] / vectors[:, 1], [3, 1, 3, 2, 3], rtol=1e-6)


def test_encode_gives_unit_vectors() -> None:
    vectors = CountingEncoder().encode(["one", "three"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)


def test_encode_takes_no_texts() -> None:
    assert text_encoder("builtin:chargram").encode([]).shape == (0, 384)


def test_encode_refuses_missing_texts() -> None:
    with pytest.raises(DataError, match="text 1 is None; pass strings"):
        CountingEncoder().encode(["a", cast("str", None)])


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("builtin:minlm", "did you mean 'builtin:minilm'"),
        ("minilm", "did you mean 'builtin:minilm'"),
        ("openai:http://localhost#x", "Known: builtin:chargram, builtin:minilm"),
        ("path:", "no text encoder is called 'path:'"),
    ],
)
def test_unknown_uri_names_what_there_is(uri: str, says: str) -> None:
    with pytest.raises(UnknownNameError, match=says):
        text_encoder(uri)


def test_hugging_face_uri_needs_a_revision() -> None:
    with pytest.raises(DataError, match="names no revision"):
        text_encoder("hf:intfloat/e5-small")


def test_threads_must_be_at_least_one() -> None:
    with pytest.raises(DataError, match="threads is 0"):
        text_encoder("builtin:chargram", threads=0)
