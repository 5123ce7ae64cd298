"""Connections: lent, translated, replaced, and never a password in sight."""

from __future__ import annotations

import datetime as dt
import os
import threading
from typing import TYPE_CHECKING

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from kgfeatures.db import Database, connect, launcher
from kgfeatures.db.connection import open_connection
from kgfeatures.db.pool import Pool
from kgfeatures.errors import BusyError, ConfigError, DatabaseError, MigrationError

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUES_OF_EVERY_KIND = """
select
    '[1,2.5]'::vector as v,
    'infinity'::timestamptz as later,
    '-infinity'::timestamptz as earlier,
    null::timestamptz as never,
    '2010-12-01 08:26+02'::timestamptz as then
"""


@pytest.fixture
def shared(shared_dsn: str) -> Iterator[Database]:
    """Give the database in which nobody commits."""
    with Database(lambda: shared_dsn) as database:
        yield database


def test_frame_has_vectors_as_float32_arrays_and_times_in_utc(shared: Database) -> None:
    row = shared.sql(VALUES_OF_EVERY_KIND).iloc[0]
    assert row["v"].dtype == np.float32
    assert row["v"].tolist() == [1.0, 2.5]
    assert row["then"] == dt.datetime(2010, 12, 1, 6, 26, tzinfo=dt.UTC)
    assert (row["earlier"].year, row["later"].year) == (1, 9999)
    assert np.isnat(row["never"].to_datetime64())


def test_times_without_end_go_back_as_infinity(conn) -> None:
    ends = conn.execute("select 'infinity'::timestamptz, '-infinity'::timestamptz").fetchone()
    query = "select %s = 'infinity'::timestamptz, %s = '-infinity'::timestamptz"
    assert conn.execute(query, ends).fetchone() == (True, True)


def test_arrays_are_parameters_floats_as_vectors(conn) -> None:
    params = {
        "v": np.array([1.5, 2e-8], dtype=np.float32),
        "ids": np.array([1, 2]),
        "keys": np.array(["a", "b'\"\\"], dtype=object),
    }
    query = "select %(v)s::vector, %(v)s::vector::real[], %(ids)s::bigint[], %(keys)s::text[]"
    vector, reals, ids, keys = conn.execute(query, params).fetchone()
    assert vector.tolist() == params["v"].tolist() == [np.float32(x) for x in reals]
    assert (ids, keys) == ([1, 2], ["a", "b'\"\\"])


def test_binary_cursor_gives_the_same_vector(conn) -> None:
    row = conn.cursor(binary=True).execute("select '[1,-2.5]'::vector").fetchone()
    assert row[0].tolist() == [1.0, -2.5]


def test_vector_parameter_with_nan_is_refused(conn) -> None:
    with pytest.raises(Exception, match=r"vector\[1\] is nan"):
        conn.execute("select %s::vector", [np.array([1.0, np.nan])])


def test_transaction_commits_at_its_end_and_rolls_back_on_error(db: Database) -> None:
    with db.transaction() as conn:
        conn.execute("insert into kg.entity values (1, 'brand', 'kept')")

    def lose() -> None:
        with db.transaction() as conn:
            conn.execute("insert into kg.entity values (2, 'brand', 'lost')")
            raise KeyError

    with pytest.raises(KeyError):
        lose()
    assert db.sql("select key from kg.entity")["key"].tolist() == ["kept"]


def test_snapshot_does_not_see_what_others_commit_meanwhile(db: Database) -> None:
    with db.transaction(snapshot=True) as conn:
        conn.execute("select 1")
        db.sql("insert into kg.entity values (1, 'brand', 'new')")
        assert conn.execute("select count(*) from kg.entity").fetchone() == (0,)
    with db.transaction() as conn:
        assert conn.execute("show transaction_isolation").fetchone() == ("read committed",)


def test_statement_without_rows_gives_an_empty_frame(db: Database) -> None:
    assert db.sql("create table raw.nothing ()").empty


def test_closed_database_opens_again_when_used(shared: Database) -> None:
    shared.close()
    assert shared.sql("select 1 as one")["one"].tolist() == [1]


def test_connections_are_opened_when_needed_and_at_most_four(db: Database, administrator) -> None:
    def connected() -> int:
        query = "select count(*) from pg_stat_activity where datname = %s and pid <> 0"
        return administrator.execute(query, [database]).fetchone()[0]

    database = db.sql("select current_database() as name")["name"][0]
    assert connected() == 1
    barrier = threading.Barrier(9, timeout=20)

    def use() -> None:
        barrier.wait()
        for _ in range(5):
            db.sql("select pg_sleep(0.005)")

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    barrier.wait()
    for thread in threads:
        thread.join()
    assert 1 <= connected() <= 4


def test_fifth_transaction_waits_and_then_says_that_four_are_in_use(shared_dsn: str) -> None:
    pool = Pool(lambda: open_connection(shared_dsn), size=1, wait_seconds=0.05)
    held = pool.take()
    with pytest.raises(BusyError, match="all 1 connections of this process"):
        pool.take()
    pool.give_back(held)
    assert pool.take() is held
    pool.give_back(held)
    pool.close()


def test_connection_that_failed_to_open_frees_its_place() -> None:
    pool = Pool(lambda: open_connection("host=/nowhere"), size=1, wait_seconds=0.05)
    for _ in range(3):
        with pytest.raises(psycopg.OperationalError):
            pool.take()


def test_connection_killed_by_the_server_is_replaced(shared: Database, administrator) -> None:
    process = shared.sql("select pg_backend_pid() as pid")["pid"][0]
    administrator.execute("select pg_terminate_backend(%s, 5000)", [int(process)])
    assert shared.sql("select pg_backend_pid() as pid")["pid"][0] != process


def test_connection_killed_during_a_transaction_says_so_and_the_next_works(
    db: Database, administrator
) -> None:
    def die() -> None:
        with db.transaction() as conn:
            process = conn.info.backend_pid
            administrator.execute("select pg_terminate_backend(%s, 5000)", [process])
            conn.execute("select 1")

    with pytest.raises(DatabaseError, match="the next call opens a new"):
        die()
    assert db.sql("select 1 as one")["one"].tolist() == [1]


@pytest.mark.slow
def test_database_works_again_after_the_server_was_restarted(fresh_home, monkeypatch) -> None:
    monkeypatch.setenv("KGFEATURES_HOME", str(fresh_home))
    monkeypatch.delenv("KGFEATURES_DSN", raising=False)
    with connect() as database:
        database.sql("insert into kg.entity values (1, 'brand', 'kept')")
        launcher.stop(fresh_home)
        assert database.sql("select key from kg.entity")["key"].tolist() == ["kept"]


def test_forked_child_leaves_its_parents_connections_alone(shared: Database) -> None:
    process = shared.sql("select pg_backend_pid() as pid")["pid"][0]
    pool = shared._pool
    pool._process_id = os.getpid() + 1
    assert shared.sql("select pg_backend_pid() as pid")["pid"][0] != process
    assert [conn.info.backend_pid for conn in pool._inherited] == [process]
    pool._inherited[0].close()


def test_session_names_itself_and_speaks_utc(conn) -> None:
    query = "select current_setting('application_name'), current_setting('timezone')"
    assert conn.execute(query).fetchone() == ("kgfeatures", "UTC")


def test_repr_shows_the_database_without_its_password() -> None:
    database = Database(lambda: "postgresql://ann:secret@db.example/shop")
    assert repr(database) == "Database('user=ann dbname=shop host=db.example')"


@pytest.mark.parametrize(
    ("statement", "sqlstate", "words"),
    [
        ("select * from raw.nothing", "42P01", "run `kgfeatures db migrate`"),
        ("select raw.nothing()", "42883", "run `kgfeatures db migrate`"),
        ("set statement_timeout = 1; select pg_sleep(1)", "57014", "statement_timeout"),
        ("set transaction read only; create table raw.x ()", "25006", "owner's DSN"),
        ("create role somebody", "42501", "ask for the right"),
        ("select 1 / 0", "22012", "division by zero"),
    ],
)
def test_refusals_say_what_to_do(
    shared: Database, statement: str, sqlstate: str, words: str
) -> None:
    with pytest.raises(DatabaseError, match=words) as caught:
        shared.sql(statement)
    assert caught.value.sqlstate == sqlstate


def test_nobody_listening_says_to_check_host_and_port() -> None:
    with pytest.raises(DatabaseError, match="check that the server runs"):
        connect("host=127.0.0.1 port=1 user=ann password=secret dbname=shop")


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresl://ann:secret@host/shop",
        "host=h password=secret x",
        "postgresql://ann:secret/x@host/shop",
        "postgresql://ann:x@secret/x@host/shop",
    ],
)
def test_dsn_that_cannot_be_parsed_is_not_repeated(dsn: str) -> None:
    with pytest.raises(ConfigError, match="cannot be parsed") as caught:
        connect(dsn)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_unknown_database_says_to_create_it(shared_dsn: str) -> None:
    with pytest.raises(DatabaseError, match="create the database"):
        connect(make_conninfo(shared_dsn, dbname="nope"))


def test_connect_to_an_unmigrated_database_says_how_to_migrate(make_database) -> None:
    with pytest.raises(MigrationError, match="not set up .* run `kgfeatures db migrate`"):
        connect(make_database(None))


def test_reader_reads_and_cannot_write(reader) -> None:
    assert reader.execute("select count(*) from kg.entity").fetchone() == (0,)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        reader.execute("delete from kg.entity")
    reader.rollback()
    reader.execute("set default_transaction_read_only = off")
    reader.commit()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("delete from kg.entity")
