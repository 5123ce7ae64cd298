"""Ids of rows by their content: the same whatever wrote the rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from kgfeatures.graph import fingerprints

WHOLE = 2**64 - 1
STEP, ODD = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
TEXTS = ["", "a", "ab", "ba", "北京 x", "a" * 300]


def mixed(number):
    """Return splitmix64 with Python's own numbers."""
    number = (number + STEP) & WHOLE
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & WHOLE
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & WHOLE
    return number ^ (number >> 31)


def text_hash(text):
    data = text.encode()
    sums = (mixed(256 * place + byte) for place, byte in enumerate(data))
    return (mixed(-1 - len(data) & WHOLE) + sum(sums)) & WHOLE


def row_hash(salt, values):
    for value in values:
        salt = (salt * ODD + value) & WHOLE
    return mixed(salt)


def test_texts_are_hashed_as_the_formula_says_in_whatever_blocks(monkeypatch):
    expected = [text_hash(text) for text in TEXTS]
    assert fingerprints.hash_texts(pa.array(TEXTS)).tolist() == expected
    assert fingerprints.hash_texts(pa.array(TEXTS)[1:4]).tolist() == expected[1:4]
    monkeypatch.setattr(fingerprints, "BLOCK_BYTES", 3)
    assert fingerprints.hash_texts(pa.array(TEXTS)).tolist() == expected


def test_a_row_is_hashed_column_by_column_and_equal_rows_are_numbered():
    table = pa.table({"t": ["x", "x", None], "n": [1.5, 1.5, -0.0]})
    salt = text_hash("shop")
    bits = int(np.float64(1.5).view(np.uint64))
    twice = row_hash(salt, [text_hash("x"), mixed(bits)])
    other = row_hash(salt, [STEP, mixed(0)])
    found = fingerprints.row_ids(table, "shop").view(np.uint64).tolist()
    assert sorted(found) == sorted([twice, mixed(twice + 1 & WHOLE), other])
    assert found[2] == other


def test_an_encoding_changes_no_id():
    words = pa.array(["b", "a", None, "b"])
    shuffled = pa.DictionaryArray.from_arrays([1, 0, None, 1], ["a", "b"])
    plain, encoded = (pa.table({"t": column}) for column in (words, shuffled))
    chunked = pa.table({"t": pa.chunked_array([words[:1], words[1:]])})
    ids = fingerprints.row_ids(plain).tolist()
    assert fingerprints.row_ids(encoded).tolist() == ids
    assert fingerprints.row_ids(chunked).tolist() == ids


def test_lines_may_move():
    rng = np.random.default_rng(0)
    table = pa.table({"a": rng.integers(0, 5, 400), "b": rng.choice(["x", "y"], 400)})
    moved = table.take(rng.permutation(400))
    ids = fingerprints.row_ids(table).tolist()
    assert len(set(ids)) == 400
    assert sorted(ids) == sorted(fingerprints.row_ids(moved).tolist())


@pytest.mark.parametrize("kind", [pa.bool_(), pa.int8(), pa.date32(), pa.timestamp("us", "UTC")])
def test_every_kind_of_value_is_told_from_another_and_from_null(kind):
    column = pa.array([0, 1, None], pa.int32()).cast(pa.int64())
    if kind == pa.bool_() or pa.types.is_integer(kind):
        column = column.cast(kind)
    elif kind == pa.date32():
        column = column.cast(pa.int32()).cast(kind)
    else:
        column = column.cast(kind)
    assert len(set(fingerprints.hash_column(column).tolist())) == 3
