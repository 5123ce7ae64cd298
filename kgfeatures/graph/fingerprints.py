"""Ids of rows by their content, the same in every build, whatever wrote the rows.

A text's hash is Zobrist's: the sum of one number per place and byte, mix(256 place + byte), and of
mix(-1 - length); a number's is mix(its 64 bits). A row's hash takes its columns in order,
h <- ODD h + column's hash, and ends with mix(h); a row's id is that hash for the first of several
equal rows and mix(hash + n) for the one that follows n of them. mix is splitmix64, all sums are
modulo 2^64. So ids depend on no library's hash function and on no order of rows.

Zobrist 1970, "A New Hashing Method with Application for Game Playing"; Steele, Lea, Flood 2014,
"Fast Splittable Pseudorandom Number Generators" (splitmix64).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kgfeatures.types import IntArray

Hashes = NDArray[np.uint64]

NOTHING = np.uint64(0x9E3779B97F4A7C15)
"""The hash of null, and splitmix64's step."""
ODD = np.uint64(0xD6E8FEB86659FD93)
BLOCK_BYTES = 1 << 22


def mix(numbers: Hashes) -> Hashes:
    """Return splitmix64's scrambling of each number; a bijection of 64 bits: (n,)."""
    mixed = numbers + NOTHING
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def hash_text(text: str) -> np.uint64:
    """Return the hash of one text."""
    return hash_texts(pa.array([text], pa.string()))[0]


def hash_texts(texts: pa.Array) -> Hashes:
    """Return the hash of each text's UTF-8 bytes: (n,); texts must not be null."""
    texts = texts.cast(pa.large_string())
    _, places, content = texts.buffers()
    offset, n = texts.offset, len(texts)
    if not n:
        return np.empty(0, dtype=np.uint64)
    bounds = np.frombuffer(places, dtype=np.int64)[offset : offset + n + 1]
    lengths = np.diff(bounds)
    hashes = mix(~lengths.astype(np.uint64))
    # In blocks of whole texts: eight bytes are needed for each byte of text.
    first = 0
    while first < n:
        end = np.searchsorted(bounds, bounds[first] + BLOCK_BYTES, side="right") - 1
        last = max(first + 1, int(end))
        here = bounds[first : last + 1] - bounds[first]
        size = int(here[-1])
        if size:
            data = np.frombuffer(content, dtype=np.uint8, count=size, offset=int(bounds[first]))
            place = np.arange(size, dtype=np.uint64)
            place -= np.repeat(here[:-1], lengths[first:last]).astype(np.uint64)
            sums = np.zeros(size + 1, dtype=np.uint64)
            np.cumsum(mix((place << np.uint64(8)) + data), out=sums[1:])
            hashes[first:last] += sums[here[1:]] - sums[here[:-1]]
        first = last
    return hashes


def hash_column(column: pa.Array) -> Hashes:
    """Return a hash of each value, of null too: (n,).

    Numbers, times and booleans are hashed by their bits, what else there is as text, each
    distinct one once.
    """
    if is_text(column.type):
        column = column.dictionary_encode()
    if pa.types.is_null(column.type):
        return np.full(len(column), NOTHING, dtype=np.uint64)
    if pa.types.is_dictionary(column.type):
        words = column.dictionary
        values = hash_texts(words) if is_text(words.type) else hash_column(words)
        # Null takes the last place.
        codes = codes_of(column, len(values))
        return np.append(values, NOTHING)[codes]
    hashes = mix(bits(column))
    if column.null_count:
        hashes[column.is_null().to_numpy(zero_copy_only=False)] = NOTHING
    return hashes


def codes_of(column: pa.DictionaryArray, null: int) -> NDArray[Any]:
    """Return the place of each value in the dictionary, `null` where there is none: (n,)."""
    codes = column.indices
    return (codes.fill_null(null) if codes.null_count else codes).to_numpy(zero_copy_only=False)


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds texts."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def bits(column: pa.Array) -> Hashes:
    """Return numbers, times and booleans as 64 bits each, anything for null: (n,)."""
    kind = column.type
    if pa.types.is_floating(kind):
        # 0.0 and -0.0 are one number.
        numbers: Any = column.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)
        return (numbers + 0.0).view(np.uint64)
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        column = column.cast(pa.int32())
    elif pa.types.is_temporal(kind):
        column = column.cast(pa.int64())
    whole: Any = column.cast(pa.int64(), safe=False).fill_null(0).to_numpy(zero_copy_only=False)
    return whole.astype(np.int64).view(np.uint64)


def hash_rows(columns: Iterable[pa.Array], n: int, salt: np.uint64 | Hashes) -> Hashes:
    """Return a hash of each row: (n,).

    Parameters
    ----------
    columns : (n,) each; their order matters.
    n : the number of rows.
    salt : what else the hash depends on, for all rows or (n,).
    """
    hashes = np.full(n, salt, dtype=np.uint64)
    for column in columns:
        hashes *= ODD
        hashes += hash_column(column)
    return mix(hashes)


def ids_of(hashes: Hashes) -> IntArray:
    """Return the id of each row, different ones for equal rows: (n,) int64.

    Parameters
    ----------
    hashes : (n,) of rows; which of several equal rows gets which id does not matter.
    """
    ids = hashes.copy()
    order = np.argsort(hashes)
    in_order = hashes[order]
    again = np.flatnonzero(in_order[1:] == in_order[:-1]) + 1
    if len(again):
        # How many equal rows go before: the length of the run of repeats that ends here.
        starts = np.flatnonzero(np.diff(again, prepend=-1) != 1)
        lengths = np.diff(starts, append=len(again))
        before = np.arange(len(again)) - np.repeat(starts, lengths) + 1
        ids[order[again]] = mix(in_order[again] + before.astype(np.uint64))
    return ids.view(np.int64)


def row_ids(table: pa.Table, salt: str = "") -> IntArray:
    """Return the id of each row of a table: (n,) int64, all different but for chance.

    Parameters
    ----------
    salt : what else the ids depend on, such as the source.
    """
    columns = [single(column) for column in table.columns]
    return ids_of(hash_rows(columns, table.num_rows, hash_text(salt)))


def single(column: pa.ChunkedArray) -> pa.Array:
    """Return a column in one chunk."""
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined
