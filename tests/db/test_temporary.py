"""Statements made of templates, and tables made of Arrow tables."""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal

import pyarrow as pa
import pytest

from kgfeatures.db import composing, temporary
from kgfeatures.db.composing import foreign, formatted, listed, name, value
from kgfeatures.db.transport import read_statement, read_table
from kgfeatures.db.visit import dsn_of, visit
from kgfeatures.errors import DatabaseError, DataError, UnknownNameError

NOON = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)


def test_parts_are_quoted_and_a_percent_sign_is_one(conn) -> None:
    columns = listed([formatted("{} as {}", value("10%s"), name('a "b"')), value(NOON)])
    rows = composing.rows(conn, "parts", formatted("select {}", columns))
    assert rows == [("10%s", NOON)]


def test_an_unknown_template_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'composing\.analyze'"):
        composing.template("composing.analyse")


def test_columns_of_a_query_and_of_nothing(conn) -> None:
    query = foreign("(select 1::bigint as a, '{}'::text[] as b, '[1]'::public.vector as c)")
    found = composing.columns(conn, "query", query)
    assert (found["a"], found["b"], found["c"].rpartition(".")[2]) == ("bigint", "text[]", "vector")
    with pytest.raises(DatabaseError, match="^nothing: relation .* does not exist"):
        composing.columns(conn, "nothing", foreign("no.such"))


def test_what_is_uploaded_comes_back_as_postgresql_holds_it(conn) -> None:
    given = {
        "flag": pa.array([True, None]),
        "small": pa.array([1, None], pa.int8()),
        "big": pa.array([2**40, None], pa.uint64()),
        "half": pa.array([0.5, None], pa.float32()),
        "price": pa.array([Decimal("1.25"), None]),
        "day": pa.array([NOON.date(), None]),
        "at": pa.array([NOON, None], pa.timestamp("ns", "Asia/Shanghai")),
        "naive": pa.array([NOON.replace(tzinfo=None), None]),
        "raw": pa.array([b"\x00\xff", None]),
        "word": pa.array(["数", None]).dictionary_encode(),
        "pair": pa.array([{"a": 1}, None]),
        "pairs": pa.array([[("k", "v")], None], pa.map_(pa.string(), pa.string())),
        "raws": pa.array([[b"\x00", None], None]),
        "vector": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
    }
    table = temporary.upload(conn, "uploaded", pa.table(given))
    back = read_table(conn, table).to_pylist()
    assert back[1] == dict.fromkeys(given)
    assert back[0] == {
        "flag": True, "small": 1, "big": 2**40, "half": 0.5, "price": 1.25, "day": NOON.date(),
        "at": NOON, "naive": NOON.replace(tzinfo=None), "raw": b"\x00\xff", "word": "数",
        "pair": '{"a": 1}', "pairs": '{"k": "v"}', "raws": [b"\x00", None], "vector": [1.0, 2.0],
    }  # fmt: skip


def test_rows_are_cast_where_copy_cannot_write_a_type(conn) -> None:
    conn.execute("create table raw.odd (id uuid, price numeric, v public.vector(2))")
    key = "00000000-0000-0000-0000-000000000001"
    rows = pa.table({"id": [key], "v": [[1.0, 2.0]], "price": [0.5]})
    known = composing.columns(conn, "raw.odd", foreign("raw.odd"))
    assert temporary.append(conn, "raw.odd", rows, known) == 1
    found = read_statement(conn, "odd", formatted("select * from raw.odd")).to_pylist()
    assert found == [{"id": key, "price": 0.5, "v": [1.0, 2.0]}]


def test_a_column_given_twice_is_named(conn) -> None:
    twice = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(DataError, match="two columns are called 'a'"):
        temporary.upload(conn, "twice", twice)


def test_a_visit_sees_one_moment_and_leaves_nothing(db_dsn, db) -> None:
    tables = formatted("select count(*) from pg_tables")
    with visit(db_dsn) as conn:
        temporary.upload(conn, "mine", pa.table({"n": [1]}))
        before = composing.rows(conn, "count", tables)
        with db.transaction() as other:
            other.execute("create table raw.later (n int)")
        assert composing.rows(conn, "count", tables) == before
    with db.transaction() as conn:
        left = conn.execute("select count(*) from pg_class where relname = 'mine'")
        assert left.fetchone() == (0,)


def test_a_statement_of_a_visit_ends_in_time(db_dsn) -> None:
    began = time.monotonic()
    with pytest.raises(DatabaseError, match="statement timeout"), visit(db_dsn, 0.05) as conn:
        conn.execute("select pg_sleep(20)")
    assert time.monotonic() - began < 15


def test_a_dsn_of_parts_leaves_out_what_is_not_given() -> None:
    parts = {"host": "/run", "port": 5433, "dbname": "kg", "user": "me", "password": ""}
    made = dsn_of(parts, schema="feature")
    assert made == ("host=/run port=5433 dbname=kg user=me options='-c search_path=feature,public'")
