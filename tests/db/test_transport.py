"""Bulk transport: what goes in comes out, and what cannot go in is named with row and value."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgfeatures.db import queries, transport
from kgfeatures.db.adapters import FUTURE, PAST
from kgfeatures.errors import DatabaseError, DataError, UnknownNameError

TABLE = "pg_temp.things"
EVERY_TYPE = """
create temporary table things (
    n bigint generated always as identity,
    i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, flag bool, day date,
    at timestamptz, word text, words text[], numbers real[], counts bigint[], v vector(3), j jsonb
)
"""
COLUMNS = (
    *("i2", "i4", "i8", "f4", "f8", "flag", "day", "at"),
    *("word", "words", "numbers", "counts", "v", "j"),
)

text = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=8)
float4 = st.floats(width=32, allow_nan=False)
finite4 = st.floats(width=32, allow_nan=False, allow_infinity=False)
rows = st.fixed_dictionaries(
    {
        "i2": st.none() | st.integers(-(2**15), 2**15 - 1),
        "i4": st.none() | st.integers(-(2**31), 2**31 - 1),
        "i8": st.none() | st.integers(-(2**63), 2**63 - 1),
        "f4": st.none() | float4,
        "f8": st.none() | st.floats(allow_nan=False),
        "flag": st.none() | st.booleans(),
        "day": st.none() | st.dates(),
        "at": st.none() | st.datetimes(timezones=st.just(dt.UTC)) | st.sampled_from([PAST, FUTURE]),
        "word": st.none()
        | text
        | st.sampled_from(["", "\\N", 'a"b', "x,\ny", "\r\n", "{}", "NULL"]),
        "words": st.none() | st.lists(st.none() | text, max_size=3),
        "numbers": st.none() | st.lists(st.none() | float4, max_size=3),
        "counts": st.none() | st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=3),
        "v": st.none() | st.lists(finite4, min_size=3, max_size=3),
        "j": st.none() | st.dictionaries(text, st.none() | st.booleans() | text, max_size=2),
    }
)


@pytest.fixture
def things(conn, monkeypatch):
    """Give a connection with a table of every type, and queries that read it."""
    conn.execute(EVERY_TYPE)
    monkeypatch.setitem(queries.catalogue(), "t.all", "select * from things order by n")
    monkeypatch.setitem(queries.catalogue(), "t.v", "select i8, v from things order by n")
    monkeypatch.setitem(queries.catalogue(), "t.named", "select word, v from things order by n")
    return conn


def single(number: float | None) -> float | None:
    """Return the float4 that a text stands for: 1.2298395e+08 is 122983952."""
    return None if number is None else float(np.float32(number))


def by_the_driver(conn, columns: tuple[str, ...] = COLUMNS) -> list[dict[str, Any]]:
    """Return the rows as psycopg reads them, by text and one by one."""
    found = queries.fetch(conn, "t.all")
    for row in found:
        row["v"] = None if row["v"] is None else row["v"].tolist()
        row["f4"] = single(row["f4"])
        row["numbers"] = row["numbers"] and [single(number) for number in row["numbers"]]
    return [{name: row[name] for name in columns} for row in found]


def arrow_table(given_rows: list[dict[str, Any]]) -> pa.Table:
    types = {
        "i2": pa.int16(), "i4": pa.int32(), "i8": pa.int64(), "f4": pa.float32(),
        "f8": pa.float64(), "flag": pa.bool_(), "day": pa.date32(),
        "at": pa.timestamp("us", "UTC"), "word": pa.string(), "words": pa.list_(pa.string()),
        "numbers": pa.list_(pa.float32()), "counts": pa.list_(pa.int64()),
        "v": pa.list_(pa.float32()), "j": pa.string(),
    }  # fmt: skip
    dumped = [row | {"j": None if row["j"] is None else json.dumps(row["j"])} for row in given_rows]
    return pa.table({name: pa.array([r[name] for r in dumped], types[name]) for name in COLUMNS})


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(given_rows=st.lists(rows, min_size=1, max_size=6))
def test_every_value_survives_the_round_trip(things, given_rows: list[dict[str, Any]]) -> None:
    things.execute("truncate things restart identity")
    assert transport.copy_in(things, TABLE, arrow_table(given_rows)) == len(given_rows)
    assert by_the_driver(things) == given_rows
    back = transport.read_arrow(things, "t.all").to_pylist()
    for row in back:
        row["j"] = None if row["j"] is None else json.loads(row["j"])
    assert [{name: row[name] for name in COLUMNS} for row in back] == given_rows


def test_frame_of_every_pandas_kind_goes_in(things) -> None:
    frame = pd.DataFrame(
        {
            "i2": np.array([1, 2], dtype=np.int8),
            "i4": pd.array([1, None], dtype="Int64"),
            "f8": [0.5, np.nan],
            "flag": pd.array([True, None], dtype="boolean"),
            "at": pd.to_datetime(["2010-12-01 08:26+02:00", None]),
            "word": pd.Categorical(["a", None]),
            "words": [["x"], []],
            "v": [np.array([1.0, 2.0, 3.0]), None],
            "j": [{"a": 1}, "[2]"],
        }
    )
    transport.copy_in(things, TABLE, frame)
    first, second = by_the_driver(things, tuple(frame.columns))
    moment = dt.datetime(2010, 12, 1, 6, 26, tzinfo=dt.UTC)
    expected = (1, 1, 0.5, True, moment, "a", ["x"], [1.0, 2.0, 3.0], {"a": 1})
    assert tuple(first.values()) == expected
    assert tuple(second.values()) == (2, None, None, None, None, None, [], None, [2])


def test_arrays_of_numpy_go_in_and_left_out_columns_are_null(things) -> None:
    columns = {
        "i8": np.arange(2),
        "f4": np.array([1, 2]),
        "at": np.array(["2010-12-01T06:26", "NaT"], dtype="datetime64[s]"),
        "word": np.array(["a", "b"]),
        "numbers": np.array([[1.0, 2.0], [3.0, np.inf]]),
        "v": np.array([[1, 2, 3], [4, 5, 6]]),
    }
    transport.copy_in(things, TABLE, columns)
    second = by_the_driver(things, (*columns, "i4"))[1]
    assert tuple(second.values()) == (1, 2.0, None, "b", [3.0, float("inf")], [4, 5, 6], None)


def test_lists_of_python_values_go_in(things) -> None:
    days = [dt.date(2010, 12, 1), None]
    transport.copy_in(things, TABLE, {"day": days, "word": ["a", None], "f8": [1, 2.5]})
    assert by_the_driver(things, ("day", "word", "f8")) == [
        {"day": days[0], "word": "a", "f8": 1.0},
        {"day": None, "word": None, "f8": 2.5},
    ]


def test_what_is_not_in_a_slice_of_lists_is_not_looked_at(things) -> None:
    # Chunks are slices: whoever looks at all values for each of them works for hours.
    words = pa.array([["a", "b"], None, ["c"], ["no\0text"]])
    assert transport.copy_in(things, TABLE, {"words": words.slice(1, 2)}) == 2
    assert [row["words"] for row in by_the_driver(things, ("words",))] == [None, ["c"]]
    with pytest.raises(DataError, match="row 2"):
        transport.copy_in(things, TABLE, {"words": words.slice(1)})


def test_slices_and_chunks_of_arrow_go_in(things) -> None:
    words = pa.chunked_array([["zero", "one"], ["two"]]).slice(1)
    lists = pa.array([["x"], None, ["y", "z"]], pa.large_list(pa.string())).slice(1)
    coded = pa.array(["p", "q", "p"]).dictionary_encode().slice(1)
    columns = pa.table({"word": words, "words": lists})
    transport.copy_in(things, TABLE, columns)
    transport.copy_in(things, TABLE, {"word": coded})
    read = by_the_driver(things, ("word", "words"))
    assert [row["word"] for row in read] == ["one", "two", "q", "p"]
    assert [row["words"] for row in read] == [None, ["y", "z"], None, None]


def test_many_rows_go_through_in_several_chunks(things, monkeypatch) -> None:
    monkeypatch.setattr(transport, "CHUNK_BYTES", 4_000)
    monkeypatch.setattr(transport, "BATCH_BYTES", 9_000)
    n = 3_000
    matrix = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    words = np.array([f"word {'x' * (i % 50)}" for i in range(n)])
    transport.copy_in(things, TABLE, {"i8": np.arange(n), "word": words, "v": matrix})
    table = transport.read_arrow(things, "t.all")
    assert table["word"].to_pylist() == words.tolist()
    keys, vectors = transport.read_vectors(things, "t.v")
    np.testing.assert_array_equal(keys, np.arange(n))
    np.testing.assert_array_equal(vectors, matrix)


def test_vectors_come_with_keys_of_text_too(things) -> None:
    matrix = np.eye(3, dtype=np.float32)
    transport.copy_in(things, TABLE, {"word": ["a", "", "漢字"], "v": matrix})
    keys, vectors = transport.read_vectors(things, "t.named")
    assert keys.tolist() == ["a", "", "漢字"]
    np.testing.assert_array_equal(vectors, matrix)


def test_nothing_goes_in_and_comes_out(things) -> None:
    assert transport.copy_in(things, TABLE, {"i8": [], "word": [], "v": np.empty((0, 3))}) == 0
    keys, vectors = transport.read_vectors(things, "t.v")
    assert (keys.shape, keys.dtype, vectors.shape) == ((0,), np.int64, (0, 0))
    table = transport.read_arrow(things, "t.all")
    assert table.num_rows == 0
    assert table.schema.field("words").type == pa.list_(pa.string())


def test_types_without_a_twin_come_as_text_or_float(conn, monkeypatch) -> None:
    query = (
        "select 1.5::numeric as price, interval '1 day' as span, null::uuid as id, %(x)s::int as x"
    )
    monkeypatch.setitem(queries.catalogue(), "t.odd", query)
    table = transport.read_arrow(conn, "t.odd", x=7)
    assert table.to_pylist() == [{"price": 1.5, "span": "1 day", "id": None, "x": 7}]


def test_ten_megabytes_in_one_field_survive(things) -> None:
    long = "é" * 5_000_000
    transport.copy_in(things, TABLE, {"word": ["short", long, None]})
    assert transport.read_arrow(things, "t.all")["word"].to_pylist() == ["short", long, None]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"i2": [1, 70_000]},
            r"row 1 .*things\.i2 is 70000; the column is smallint: -32768 to 32767",
        ),
        ({"i8": [1.0, 2.5]}, r"row 0 .*i8 is 1\.0; the column is bigint, not double"),
        ({"i4": ["1"]}, r"row 0 .*i4 is '1'; the column is integer, not string"),
        ({"i8": ["a", 1]}, r"row 0 .*i8 is 'a'; the column is bigint"),
        ({"word": ["a", 1]}, r"row 1 .*word is 1; the column is text"),
        ({"word": ["a", "b\0c"]}, r"row 1 .*word is 'b\\x00c'; PostgreSQL's text cannot hold"),
        ({"word": ["a", "\ud800"]}, r"row 1 .*word is '\\ud800'; the column is text"),
        ({"f4": [0.0, 1e300]}, r"row 1 .*f4 is 1e\+300; the column is real"),
        ({"flag": [1, 0]}, r"row 0 .*flag is 1; the column is boolean, not int64"),
        ({"at": ["2010-12-01"]}, r"row 0 .*at is '2010-12-01'; the column is timestamptz"),
        ({"words": ["a"]}, r"row 0 .*words is 'a'; the column is text\[\], not string"),
        ({"counts": [[1], [2.5]]}, r"row 0 .*counts is 1\.0; the column is bigint, not"),
        ({"v": [[1, 2, 3], [1, 2]]}, r"row 1 .*v is given a vector of 2 numbers; .*vector\(3\)"),
        ({"v": np.ones((2, 4))}, r"row 0 .*vector of 4 numbers; the column is vector\(3\)"),
        ({"v": np.array([[1, 2, 3], [4, np.nan, 6]])}, r"row 1 .*v is nan; .*finite"),
        ({"v": [[1, 2, 3], None, [4, 5, np.inf]]}, r"row 2 .*v is inf; .*finite"),
        ({"v": [[1, None, 3]]}, r"row 0 .*v is nan; .*finite"),
        ({"v": np.full((1, 3), 1e300)}, r"row 0 .*v is 1e\+300; .*finite float4"),
        ({"words": [["a"], ["b", "c\0"]]}, r"row 1 .*words is 'c\\x00'; "),
        ({"v": [["a", "b", "c"]]}, r"row 0 .*v is 'a'; the column is vector"),
        ({"i8": np.ones((2, 2), dtype=int)}, r"i8 is given an array of shape \(2, 2\)"),
        ({"j": [{"a": 1}, {"a": {2}}]}, r"row 1 .*j is \{'a': \{2\}\}; .* not JSON serializable"),
        ({"j": [{"a": float("nan")}]}, r"row 0 .*j is .*; the column is jsonb"),
        ({"nope": [1]}, r"has no column 'nope'\. Known: at, counts, day"),
        ({"wrd": [1]}, r"has no column 'wrd'; did you mean 'word'\?"),
        ({"i8": [1], "i4": [1, 2]}, r"differ in length \(i8 1, i4 2\)"),
        ({}, "no columns to write"),
        (pd.DataFrame([[1, 2]], columns=["i8", "i8"]), "'i8' is given twice"),
    ],
)
def test_what_cannot_go_in_is_named_with_row_and_value(things, columns, words: str) -> None:
    with pytest.raises(DataError, match=words):
        transport.copy_in(things, TABLE, columns)


def test_row_of_an_error_counts_from_the_first_chunk(things, monkeypatch) -> None:
    monkeypatch.setattr(transport, "FIRST_ROWS", 10)
    matrix = np.zeros((25, 3), dtype=np.float32)
    matrix[23, 1] = np.nan
    with pytest.raises(DataError, match="row 23 "), things.transaction():
        transport.copy_in(things, TABLE, {"v": matrix})
    assert by_the_driver(things) == []


def test_no_such_table_says_how_to_name_one(conn) -> None:
    with pytest.raises(UnknownNameError, match=r"no table 'products'; name it schema\.table"):
        transport.copy_in(conn, "products", {"a": [1]})


def test_key_twice_is_refused_with_table_line_and_key(conn) -> None:
    with pytest.raises(
        DatabaseError, match=r"customer_id\)=\(a\) already exists.*line 2"
    ) as caught:
        transport.copy_in(conn, "raw.customer", {"customer_id": ["a", "a"]})
    assert caught.value.sqlstate == "23505"


def test_query_that_gives_no_vectors_is_refused(things, monkeypatch) -> None:
    with pytest.raises(DataError, match="it must give a key and a vector"):
        transport.read_vectors(things, "t.all")
    transport.copy_in(things, TABLE, {"i8": [1], "v": [None]})
    with pytest.raises(DataError, match="null vector"):
        transport.read_vectors(things, "t.v")
    mixed = "select n, ('[1' || repeat(',1', n) || ']')::vector from generate_series(1, 2) as n"
    monkeypatch.setitem(queries.catalogue(), "t.mixed", mixed)
    with pytest.raises(DataError, match="vectors of 2 and of 3 numbers"):
        transport.read_vectors(things, "t.mixed")


def test_table_is_read_whole_and_an_unknown_one_named(things) -> None:
    transport.copy_in(things, TABLE, {"i8": [2, 1], "word": ["b", "a"]})
    table = transport.read_table(things, TABLE).select(["i8", "word"])
    assert table.to_pydict() == {"i8": [2, 1], "word": ["b", "a"]}
    with pytest.raises(UnknownNameError, match=r"no table 'raw\.nothing'"):
        transport.read_table(things, "raw.nothing")


def test_two_columns_of_one_name_are_refused(conn, monkeypatch) -> None:
    monkeypatch.setitem(queries.catalogue(), "t.twice", "select 1 as n, 2 as n")
    with pytest.raises(DataError, match="two columns called 'n'"):
        transport.read_arrow(conn, "t.twice")


def test_table_of_two_dimensional_arrays_is_refused(conn, monkeypatch) -> None:
    monkeypatch.setitem(queries.catalogue(), "t.square", "select array[[1, 2], [3, 4]] as n")
    with pytest.raises(DataError, match="more than one dimension"):
        transport.read_arrow(conn, "t.square")


def test_unreadable_values_do_not_break_the_connection(things) -> None:
    with pytest.raises(DataError), things.transaction():
        transport.copy_in(things, TABLE, {"v": np.full((1, 3), np.nan)})
    assert things.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    assert transport.copy_in(things, TABLE, {"v": np.ones((1, 3))}) == 1
