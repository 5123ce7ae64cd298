"""builtin:chargram: character n-grams hashed into 384 signed buckets, no weights, no state.

Words, padded with spaces, give n-grams of 2 to 4 characters that do not cross a space; every
Chinese, Japanese or Korean character is an n-gram too. An n-gram that occurs c times adds
±(1 + ln c) to its bucket. Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask
Learning": the signs make inner products of hashed vectors unbiased.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.llm.base import TextEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from kgfeatures.types import FloatArray

LENGTHS = (2, 3, 4)
SPACE = ord(" ")
# Hiragana to the end of the unified ideographs, Hangul, compatibility and supplementary ideographs.
WORDLESS_SCRIPTS = ((0x3040, 0x9FFF), (0xAC00, 0xD7AF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))


class CharGramEncoder(TextEncoder):
    """Hashes character n-grams; the better built-in for Chinese, and for codes and brand names."""

    name = "builtin:chargram"
    version = "1"
    dim = 384
    batch_size = 512

    def encode_batch(self, texts: Sequence[str]) -> FloatArray:
        """Return (n, 384) weighted counts of hashed n-grams; zeros for a text without a letter."""
        codes, owner = _code_points(texts)
        found = [_grams(codes, owner, length) for length in LENGTHS]
        found.append(_single_characters(codes, owner))
        grams = np.concatenate([hashes for hashes, _ in found])
        owners = np.concatenate([owners for _, owners in found])
        distinct, counts = np.unique(np.column_stack([owners, grams]), axis=0, return_counts=True)
        bucket = (distinct[:, 1] >> np.uint64(1)) % np.uint64(self.dim)
        sign = 1 - 2 * (distinct[:, 1] & np.uint64(1)).astype(np.float64)
        cell = distinct[:, 0].astype(np.int64) * self.dim + bucket.astype(np.int64)
        weight = sign * (1 + np.log(counts))
        table = np.bincount(cell, weights=weight, minlength=len(texts) * self.dim)
        return table.reshape(len(texts), self.dim).astype(np.float32)


def _code_points(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return every character of the normalised texts and the number of its text."""
    plain = [f" {' '.join(unicodedata.normalize('NFKC', t).casefold().split())} " for t in texts]
    codes = np.frombuffer("".join(plain).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    lengths = [len(text) for text in plain]
    owner = np.repeat(np.arange(len(plain), dtype=np.uint64), lengths)
    return codes.astype(np.uint64), owner


def _grams(
    codes: NDArray[np.uint64], owner: NDArray[np.uint64], length: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the hashes and owners of the n-grams of this length that lie within one word."""
    n = len(codes) - length + 1
    if n < 1:
        return codes[:0], owner[:0]
    spaces = np.concatenate([[0], np.cumsum(codes == SPACE)])
    inner_spaces = spaces[length - 1 : length - 1 + n] - spaces[1 : n + 1]
    # Two characters have no inside: " " beside " " is where one text ends and the next begins.
    blank = spaces[length : length + n] - spaces[:n] == length
    start = np.flatnonzero((inner_spaces == 0) & ~blank & (owner[:n] == owner[length - 1 :]))
    hashes = np.full(len(start), length, dtype=np.uint64)
    for offset in range(length):
        hashes = _mix(hashes ^ codes[start + offset])
    return hashes, owner[start]


def _single_characters(
    codes: NDArray[np.uint64], owner: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the hashes and owners of characters of scripts written without spaces."""
    inside = np.zeros(len(codes), dtype=bool)
    for first, last in WORDLESS_SCRIPTS:
        inside |= (codes >= first) & (codes <= last)
    return _mix(codes[inside] ^ np.uint64(1)), owner[inside]


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return splitmix64's output for each number: every input bit moves every output bit."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
