"""The memory that a transaction builds an index with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kgfeatures.db import queries

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

KB = 1024


@pytest.fixture
def loaded(conn: Connection[TupleRow]) -> int:
    """A table of some MB, in a transaction with little memory; its size in bytes."""
    conn.execute("set local maintenance_work_mem = '1MB'")
    conn.execute("create temp table loaded as select 'x' as v from generate_series(1, 100000)")
    found = conn.execute("select pg_table_size('loaded')").fetchone()
    assert found is not None
    return found[0]


def setting(conn: Connection[TupleRow]) -> int:
    found = conn.execute("select pg_size_bytes(current_setting('maintenance_work_mem'))").fetchone()
    assert found is not None
    return found[0]


def test_a_build_gets_twice_the_table(conn: Connection[TupleRow], loaded: int) -> None:
    conn.execute("set local effective_cache_size = '1GB'")
    queries.execute(conn, "indexes.reserve_memory", schema="pg_temp", name="loaded")
    assert setting(conn) == 2 * loaded


def test_a_build_never_gets_more_than_its_share_of_the_machine(
    conn: Connection[TupleRow], loaded: int
) -> None:
    conn.execute("set local effective_cache_size = '8MB'")
    queries.execute(conn, "indexes.reserve_memory", schema="pg_temp", name="loaded")
    assert setting(conn) == 2048 * KB < 2 * loaded


def test_a_build_keeps_more_memory_that_it_already_has(
    conn: Connection[TupleRow], loaded: int
) -> None:
    conn.execute("set local maintenance_work_mem = '1GB'")
    queries.execute(conn, "indexes.reserve_memory", schema="pg_temp", name="loaded")
    assert setting(conn) == KB**3 > 2 * loaded


def test_what_comes_after_the_transaction_has_what_the_server_gives(
    conn: Connection[TupleRow], loaded: int
) -> None:
    before = setting(conn)
    with conn.transaction(force_rollback=True):
        queries.execute(conn, "indexes.reserve_memory", schema="pg_temp", name="loaded")
        assert setting(conn) == 2 * loaded
    assert setting(conn) == before
