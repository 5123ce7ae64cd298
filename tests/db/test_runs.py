"""Steps: skipped when nothing changed, whole or not at all, and always written down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from kgfeatures.db.runs import BookedProgress, run_step
from kgfeatures.db.step import Step, StepResult
from kgfeatures.errors import BusyError, DatabaseError, DataError
from kgfeatures.types import NoProgress

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.types import Progress

COUNT = Step("count", "1", inputs=("raw.product",), outputs=("raw.customer",))
SLEEPING = """
import sys
from kgfeatures.db import connect
from kgfeatures.db.runs import run_step
from kgfeatures.db.step import Step

def work(conn, progress):
    conn.execute("insert into raw.customer values ('lost')")
    print("begun", flush=True)
    conn.execute("select pg_sleep(60)")

run_step(connect(sys.argv[1]), Step("count", "1"), {}, work)
"""


def count_products(conn: Connection[TupleRow], progress: Progress) -> dict[str, int]:
    """Put as many customers as there are products."""
    conn.execute("truncate raw.customer")
    progress.start("customers", total=1)
    done = conn.execute("insert into raw.customer select product_id from raw.product")
    progress.advance()
    return {"raw.customer": done.rowcount}


def run(db: Database, step: Step = COUNT, work: Any = count_products, **options: Any) -> StepResult:
    params = options.pop("params", {})
    return run_step(db, step, params, work, **options)


def when_free(db: Database) -> StepResult:
    """Run as soon as the server noticed that a client is gone; it looks every two seconds."""
    for _ in range(100):
        try:
            return run(db)
        except BusyError:
            time.sleep(0.1)
    return run(db)


def book(db: Database) -> list[dict[str, Any]]:
    return db.sql("select * from ops.run order by run_id").to_dict("records")


def customers(db: Database) -> list[str]:
    return db.sql("select customer_id from raw.customer order by 1")["customer_id"].tolist()


@pytest.fixture
def shop(db: Database) -> Database:
    """Give a shop of two products."""
    db.sql("insert into raw.product (product_id) values ('a'), ('b')")
    return db


def test_finished_run_is_written_down_with_rows_hashes_and_times(shop: Database) -> None:
    result = run(shop, params={"k": 3})
    (line,) = book(shop)
    assert (result.step, result.rows, result.skipped) == ("count", {"raw.customer": 2}, False)
    assert (line["status"], line["params"], line["code_version"]) == ("finished", {"k": 3}, "1")
    assert line["row_counts"] == {"raw.customer": 2}
    assert line["process_id"] == os.getpid()
    assert line["inputs"]["raw.product"].startswith("2:")
    assert line["outputs"]["raw.customer"].startswith("2:")
    assert 0 < line["seconds"] <= (line["finished_at"] - line["started_at"]).total_seconds() + 1


def test_step_is_skipped_when_nothing_changed(shop: Database) -> None:
    run(shop)
    again = run(shop)
    assert again.skipped
    assert again.rows == {"raw.customer": 2}
    assert len(book(shop)) == 1


@pytest.mark.parametrize(
    "change",
    [
        "insert into raw.product (product_id) values ('c')",
        "update raw.product set title = 'other' where product_id = 'a'",
        "delete from raw.customer where customer_id = 'a'",
        "update raw.customer set body = 'touched' where customer_id = 'b'",
    ],
)
def test_step_runs_again_when_a_row_of_an_input_or_output_changed(shop: Database, change) -> None:
    run(shop)
    shop.sql(change)
    assert not run(shop).skipped
    assert len(customers(shop)) == len(shop.sql("select from raw.product"))


def test_step_runs_again_with_other_params_code_or_force(shop: Database) -> None:
    run(shop)
    assert not run(shop, params={"k": 1}).skipped
    assert not run(shop, Step("count", "2", COUNT.inputs, COUNT.outputs)).skipped
    assert not run(shop, force=True).skipped


def test_step_with_two_sets_of_params_remembers_both(shop: Database) -> None:
    nothing = Step("read", "1", inputs=("raw.product",))
    for params in ({"k": 1}, {"k": 2}):
        run(shop, nothing, lambda *_: {}, params=params)
    assert run(shop, nothing, count_products, params={"k": 1}).skipped


def test_table_named_in_the_rows_counts_as_an_output(shop: Database) -> None:
    def build(conn: Connection[TupleRow], _: Progress) -> dict[str, int]:
        conn.execute("create table if not exists emb.m_7 as select 1 as n")
        return {"emb.m_7": 1, "vectors": 1}

    step = Step("build", "1")
    run(shop, step, build)
    assert run(shop, step, build).skipped
    shop.sql("drop table emb.m_7")
    assert not run(shop, step, build).skipped


def test_error_leaves_no_rows_and_a_failed_run(shop: Database) -> None:
    def work(conn: Connection[TupleRow], progress: Progress) -> dict[str, int]:
        count_products(conn, progress)
        raise DataError("row 7 is wrong")

    with pytest.raises(DataError, match="row 7 is wrong"):
        run(shop, work=work)
    (line,) = book(shop)
    assert (line["status"], line["error"]) == ("failed", "DataError: row 7 is wrong")
    assert customers(shop) == []
    assert not run(shop).skipped


def test_refused_statement_is_translated_and_written_down(shop: Database) -> None:
    with pytest.raises(DatabaseError, match="division by zero"):
        run(shop, work=lambda conn, _: conn.execute("select 1 / 0"))
    assert book(shop)[0]["error"] == "DatabaseError: division by zero"


def test_interrupt_leaves_no_rows_and_a_cancelled_run(shop: Database) -> None:
    def work(conn: Connection[TupleRow], progress: Progress) -> dict[str, int]:
        count_products(conn, progress)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(shop, work=work)
    assert book(shop)[0]["status"] == "cancelled"
    assert customers(shop) == []
    assert not run(shop).skipped


def test_ctrl_c_stops_a_long_statement(shop: Database) -> None:
    def work(conn: Connection[TupleRow], _: Progress) -> dict[str, int]:
        conn.execute("insert into raw.customer values ('lost')")
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        conn.execute("select pg_sleep(30)")
        return {}

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(shop, work=work)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert book(shop)[0]["status"] == "cancelled"
    assert customers(shop) == []


def test_killed_process_leaves_no_rows_and_is_recognised(shop: Database) -> None:
    command = [sys.executable, "-c", SLEEPING, shop.dsn]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        with pytest.raises(BusyError, match=rf"run 1 of process {process.pid}, since "):
            run(shop)
        process.kill()
    assert when_free(shop).rows == {"raw.customer": 2}
    crashed, finished = book(shop)
    assert (crashed["status"], finished["status"]) == ("failed", "finished")
    assert crashed["error"] == "the process ended before the run did"
    assert customers(shop) == ["a", "b"]


def test_step_that_is_running_is_busy_and_other_steps_are_not(shop: Database) -> None:
    def work(*_: object) -> dict[str, int]:
        with pytest.raises(BusyError, match="'count' is already running: run 1"):
            run(shop)
        return run(shop, Step("other", "1"), lambda *_: {"n": 1}).rows

    assert run(shop, work=work).rows == {"n": 1}


def test_lock_is_free_after_a_run_even_in_the_same_process(shop: Database) -> None:
    run(shop)
    held = "select count(*) as n from pg_locks where locktype = 'advisory'"
    assert shop.sql(held)["n"].tolist() == [0]


def test_lost_connection_is_reported_as_such(shop: Database, administrator) -> None:
    def work(conn: Connection[TupleRow], _: Progress) -> dict[str, int]:
        administrator.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s",
            [conn.info.dbname],
        )
        conn.execute("select 1")
        return {}

    with pytest.raises(DatabaseError, match="the next call opens a new"):
        run(shop, work=work)
    assert run(shop).rows == {"raw.customer": 2}
    assert [line["status"] for line in book(shop)] == ["failed", "finished"]


def test_work_cannot_commit_half_of_itself(shop: Database) -> None:
    with pytest.raises(DatabaseError, match="commit"):
        run(shop, work=lambda conn, _: conn.commit())


def test_work_sees_one_snapshot(shop: Database) -> None:
    def work(conn: Connection[TupleRow], progress: Progress) -> dict[str, int]:
        shop.sql("insert into raw.product (product_id) values ('late')")
        return count_products(conn, progress)

    assert run(shop, work=work).rows == {"raw.customer": 2}
    assert run(shop).rows == {"raw.customer": 3}


def test_progress_is_passed_on_and_written_down(shop: Database) -> None:
    run(shop)
    assert book(shop)[0]["progress"] == {"label": "customers", "done": 1, "total": 1}


def test_progress_is_written_at_most_once_a_second(monkeypatch) -> None:
    written: list[dict[str, object]] = []
    progress = BookedProgress(lambda state: written.append(dict(state)), NoProgress())
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    progress.start("rows", total=None)
    for _ in range(12):
        clock[0] += 0.25
        progress.advance(10)
    progress.note("too soon to be written")
    assert [state["done"] for state in written] == [0, 40, 80, 120]
    for _ in range(2):
        progress.flush()
    assert [state.get("note") for state in written] == [*[None] * 4, "too soon to be written"]


def test_no_such_input_is_a_hash_of_nothing(shop: Database) -> None:
    run(shop, Step("odd", "1", inputs=("raw.missing",)), lambda *_: {})
    assert book(shop)[0]["inputs"] == {"raw.missing": None}


def test_book_is_closed_to_the_reader(reader) -> None:
    assert reader.execute("select count(*) from ops.run").fetchone() == (0,)
    with pytest.raises(psycopg.Error):
        reader.execute(
            "insert into ops.run (step, code_version, status) values ('x', '1', 'failed')"
        )


def copied(conn: Connection[TupleRow], progress: Progress) -> Any:
    """Read the products; what writes them as customers comes after a computation without both."""
    read = [row[0] for row in conn.execute("select product_id from raw.product order by 1")]

    def write(later: Connection[TupleRow]) -> dict[str, int]:
        for product in read:
            later.execute("insert into raw.customer values (%s)", [product])
        if "bad" in read:
            raise DataError("a bad product")
        return {"raw.customer": len(read)}

    def compute() -> Any:
        assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        return write

    return compute


def test_long_work_computes_without_a_transaction_and_writes_in_one(shop: Database) -> None:
    assert run(shop, work=copied).rows == {"raw.customer": 2}
    assert customers(shop) == ["a", "b"]
    [line] = book(shop)
    assert (line["status"], line["row_counts"]) == ("finished", {"raw.customer": 2})
    assert line["outputs"]["raw.customer"].startswith("2:")
    assert run(shop, work=copied).skipped


def test_long_work_that_fails_while_it_writes_leaves_nothing(shop: Database) -> None:
    shop.sql("insert into raw.product (product_id) values ('bad')")
    with pytest.raises(DataError, match="a bad product"):
        run(shop, work=copied)
    assert customers(shop) == []
    assert [line["status"] for line in book(shop)] == ["failed"]


def test_long_work_books_the_inputs_that_it_read(shop: Database) -> None:
    def changed_meanwhile(conn: Connection[TupleRow], progress: Progress) -> Any:
        compute = copied(conn, progress)

        def change() -> Any:
            shop.sql("insert into raw.product (product_id) values ('c')")
            return compute()

        return change

    run(shop, work=changed_meanwhile)
    assert customers(shop) == ["a", "b"]
    [line] = book(shop)
    assert line["inputs"]["raw.product"].startswith("2:")
    shop.sql("delete from raw.customer")
    assert not run(shop, work=copied).skipped
    assert customers(shop) == ["a", "b", "c"]
