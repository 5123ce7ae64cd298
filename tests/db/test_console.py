"""The SQL console's engine: what is typed runs as a reader, in time, and its rows are paged."""

from __future__ import annotations

import io
import json
import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pyarrow import parquet

from kgfeatures.db.console import Console, Limits
from kgfeatures.db.console.connection import APPLICATION
from kgfeatures.db.console.query import ENDED
from kgfeatures.db.console.spool import csv_chunks, parquet_chunks
from kgfeatures.errors import BusyError, DatabaseError, DataError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kgfeatures.db import Database
    from kgfeatures.db.console import Query


@pytest.fixture
def reader_dsn(shared_dsn: str) -> str:
    return make_conninfo(shared_dsn, user="kgf_reader")


@pytest.fixture
def console(reader_dsn: str) -> Iterator[Console]:
    made = Console(lambda: reader_dsn, Limits(rows=5000, seconds=20))
    yield made
    made.close()


def ended(query: Query) -> Query:
    deadline = time.monotonic() + 30
    while query.state not in ENDED:
        assert time.monotonic() < deadline, "the statement does not end"
        time.sleep(0.01)
    return query


def rows(query: Query) -> list[list[object]]:
    return [json.loads(line) for line in ended(query).spool.lines(0, 10_000)]


def test_values_arrive_as_json_knows_them_and_as_postgresql_writes_them(console) -> None:
    query = console.submit(
        "select 1, 2.5::float8, true, null, '中文', 9007199254740993, 'nan'::float8,"
        " 1.50::numeric, 'infinity'::timestamptz, array[1, 2], '{\"a\": 1}'::jsonb, '[1,2]'::vector"
    )
    assert rows(query) == [
        [
            1,
            2.5,
            True,
            None,
            "中文",
            "9007199254740993",
            "NaN",
            "1.50",
            "infinity",
            "{1,2}",
            '{"a": 1}',
            "[1,2]",
        ]
    ]
    types = [column.type for column in query.columns or []]
    assert types[:3] == ["int4", "float8", "bool"]
    assert types[-3:] == ["int4[]", "jsonb", "vector"]


def test_rows_are_read_from_any_place(console) -> None:
    query = ended(console.submit("select i from generate_series(0, 1999) as i"))
    assert query.spool.rows == 2000
    assert [json.loads(line) for line in query.spool.lines(498, 4)] == [[498], [499], [500], [501]]
    assert [json.loads(line) for line in query.spool.lines(1998, 10)] == [[1998], [1999]]
    assert query.spool.lines(2000, 10) == []


def test_no_more_rows_are_kept_than_allowed(console) -> None:
    query = ended(console.submit("select i from generate_series(1, 100000000) as i", row_cap=700))
    assert (query.state, query.spool.rows, query.capped) == ("done", 700, True)


def test_result_of_exactly_the_allowed_rows_is_whole(console) -> None:
    query = ended(console.submit("select i from generate_series(1, 700) as i", row_cap=700))
    assert (query.spool.rows, query.capped) == (700, False)


def test_result_that_would_fill_the_disk_is_cut_off(reader_dsn) -> None:
    console = Console(lambda: reader_dsn, Limits(bytes=10_000))
    query = ended(console.submit("select repeat('x', 999) from generate_series(1, 100000)"))
    assert query.capped
    assert query.spool.rows == 10
    console.close()


def test_error_says_where_in_the_statement(console) -> None:
    query = ended(console.submit("select 1 from nowhere"))
    assert query.state == "failed"
    assert query.error is not None
    assert query.error["position"] == 15
    assert 'relation "nowhere" does not exist' in query.error["message"]


@pytest.mark.parametrize(
    "statement",
    [
        "create table public.mine (i int)",
        "delete from kg.triple",
        (
            "do $$ begin perform set_config('transaction_read_only', 'off', true);"
            " create table public.mine (i int); end $$"
        ),
        "alter role kgf_reader set statement_timeout = 0",
        "alter role kgf_reader password 'mine'",
        "set session authorization kgf_owner",
        "select lo_create(0)",
        "select pg_read_file('postgresql.conf')",
        "copy (select 1) to program 'true'",
        "select 1; select 2",
        "begin; delete from kg.triple; commit",
        "commit; delete from kg.triple",
    ],
)
def test_nothing_can_be_written_nor_read_beyond_the_readers_rights(console, statement) -> None:
    assert ended(console.submit(statement)).state == "failed"


def test_statement_cannot_outlive_its_time(reader_dsn) -> None:
    console = Console(lambda: reader_dsn, Limits(seconds=0.3))
    for statement in (
        "select pg_sleep(20)",
        "select set_config('statement_timeout', '0', false), pg_sleep(20)",
        (
            "do $$ begin perform set_config('statement_timeout', '0', false);"
            " perform pg_sleep(20); end $$"
        ),
    ):
        query = ended(console.submit(statement))
        assert query.state == "failed"
        assert "statement timeout" in str(query.error)
    # The next statement has its own time again.
    ended(console.submit("set statement_timeout = 0"))
    assert ended(console.submit("select pg_sleep(20)")).state == "failed"
    console.close()


def test_cancelled_statement_is_gone_from_the_server(console, shared_dsn) -> None:
    query = console.submit("select pg_sleep(60) as cancelled_statement")
    with psycopg.connect(make_conninfo(shared_dsn, user="kgf"), autocommit=True) as conn:

        def running() -> int:
            statement = (
                "select count(*) from pg_stat_activity"
                " where application_name = %s and query like '%%cancelled_statement%%'"
            )
            row = conn.execute(statement, [APPLICATION]).fetchone()
            return row[0] if row else 0

        deadline = time.monotonic() + 20
        while not running():
            assert time.monotonic() < deadline, "the statement does not begin"
            time.sleep(0.01)
        query.cancel()
        assert ended(query).state == "cancelled"
        assert query.error is None
        while running():
            assert time.monotonic() < deadline, "the statement still runs"
            time.sleep(0.01)


def test_statement_cancelled_while_it_waits_never_runs(reader_dsn) -> None:
    console = Console(lambda: reader_dsn, Limits(at_once=1))
    first = console.submit("select pg_sleep(0.3)")
    second = console.submit("select 1")
    second.cancel()
    assert second.state == "cancelled"
    assert ended(first).state == "done"
    assert second.columns is None
    console.close()


def test_oldest_result_makes_room_and_running_ones_do_not(reader_dsn) -> None:
    console = Console(lambda: reader_dsn, Limits(kept=2, at_once=2))
    slow = console.submit("select pg_sleep(60)")
    quick = ended(console.submit("select 1"))
    later = console.submit("select pg_sleep(60)")
    assert console.all() == [later, slow]
    with pytest.raises(UnknownNameError, match="made room"):
        console.get(quick.query_id)
    with pytest.raises(BusyError, match="2 statements have not ended"):
        console.submit("select 1")
    console.close()
    assert ended(slow).state == "cancelled"


def test_statements_without_rows_and_their_notices(console) -> None:
    query = ended(console.submit("do $$ begin raise notice 'hello'; end $$"))
    assert (query.state, query.columns, query.notices) == ("done", [], ["NOTICE: hello"])


@pytest.mark.parametrize(
    ("statement", "row_cap", "words"),
    [
        (" ; ", None, "no statement"),
        ("select 1", 0, "row_cap is 0"),
        ("select 1", 5001, "from 1 to 5000"),
        ("select '\0'", None, "NUL"),
    ],
)
def test_what_cannot_be_run_is_refused(console, statement, row_cap, words) -> None:
    with pytest.raises(DataError, match=words):
        console.submit(statement, row_cap)


def test_files_hold_the_same_as_the_table(console) -> None:
    query = ended(
        console.submit(
            "select i::bigint as n, i / 2.0 as half, 'a,\"' || i as words, null as none,"
            " '[1,2]'::vector as v, i as n from generate_series(1, 1200) as i"
        )
    )
    assert query.columns is not None
    text = b"".join(csv_chunks(query.columns, query.spool)).decode().splitlines()
    assert text[0] == "n,half,words,none,v,n"
    assert text[1] == '1,0.50000000000000000000,"a,""1",,"[1,2]",1'
    assert len(text) == 1201
    table = parquet.read_table(io.BytesIO(b"".join(parquet_chunks(query.columns, query.spool))))
    assert table.num_rows == 1200
    assert table.column_names == ["n", "half", "words", "none", "v", "n_2"]
    assert table.slice(1199).to_pylist() == [
        {"n": 1200, "half": 600.0, "words": 'a,"1200', "none": None, "v": [1.0, 2.0], "n_2": 1200}
    ]


def test_plan_warns_before_many_vectors_are_read(db: Database) -> None:
    with db.transaction() as conn:
        conn.execute("create table feature.many (key int primary key, v vector(2))")
        conn.execute(
            "insert into feature.many select i, format('[%s,1]', i)::vector"
            " from generate_series(1, 20001) as i"
        )
    with db.session() as conn:
        conn.execute("analyze feature.many")
    console = Console(lambda: make_conninfo(db.dsn, user="kgf_reader"))
    nearest = "select key from feature.many order by v <-> '[1,1]' limit 3"
    [warning] = console.explain(nearest).warnings
    assert "all 20,001 vectors of feature.many" in warning
    assert (
        console.warnings("select key from feature.many where key = 3 order by v <-> '[1,1]'") == []
    )
    assert console.warnings("select count(*) from feature.many") == []
    assert console.warnings("selec 1") == []
    with pytest.raises(DatabaseError, match="syntax error"):
        console.explain("selec 1")
    with db.transaction() as conn:
        conn.execute("create index on feature.many using hnsw (v vector_l2_ops)")
    assert console.warnings(nearest) == []
    console.close()
