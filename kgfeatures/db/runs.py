"""Run a step once: skip it when nothing changed, keep all or nothing, write down what happened.

A step is up to date when an earlier finished run had the same params, the same code version and
the same content of every input, and its outputs still hold what that run left. Its rows are made
in one transaction; the book (ops.run) is written over a second connection, so that a failed run
leaves its record and no rows. What computes for long reads in a transaction of its own before.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg.types.json import Jsonb

from kgfeatures.db import queries
from kgfeatures.db.cost import Cost
from kgfeatures.db.rehearsal import Forecast, Rehearsal, why
from kgfeatures.db.step import StepResult
from kgfeatures.errors import BusyError, DatabaseError
from kgfeatures.types import NoProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.connection import Database
    from kgfeatures.db.step import Hashes, Step
    from kgfeatures.types import Progress

    Write = Callable[[Connection[TupleRow]], dict[str, int]]
    Compute = Callable[[], Write]
    Work = Callable[[Connection[TupleRow], Progress], dict[str, int] | Compute]

PROGRESS_SECONDS = 1.0
ERROR_LENGTH = 2000


@dataclass
class _Attempt:
    """One line of ops.run, written over its own connection; none before `begin`."""

    book: Connection[TupleRow]
    step: Step
    params: Mapping[str, object]
    run_id: int | None = None
    cost: Cost = field(default_factory=Cost)

    @property
    def seconds(self) -> float:
        return self.cost.seconds

    def standing(self, conn: Connection[TupleRow], inputs: Hashes) -> dict[str, int] | None:
        """Return the rows of the run whose result still stands, None when there is none."""
        found = queries.fetch(
            conn,
            "runs.last_finished",
            step=self.step.name,
            code_version=self.step.version,
            params=Jsonb(self.params),
        )
        if not found or found[0]["inputs"] != inputs:
            return None
        outputs: Hashes = found[0]["outputs"]
        return found[0]["row_counts"] if hashes(conn, outputs) == outputs else None

    def begin(self, inputs: Hashes) -> None:
        self.run_id = queries.scalar(
            self.book,
            "runs.begin",
            step=self.step.name,
            code_version=self.step.version,
            params=Jsonb(self.params),
            inputs=Jsonb(inputs),
            process_id=os.getpid(),
        )
        self.cost.watch()

    def report(self, state: Mapping[str, object]) -> None:
        queries.execute(self.book, "runs.progress", run_id=self.run_id, progress=Jsonb(state))

    def fail(self, error: BaseException) -> None:
        """Write down why; the error that is on its way matters more than a lost book."""
        if self.run_id is not None:
            cancelled = isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)
            words = f"{type(error).__name__}: {error}".rstrip(": ")
            with suppress(DatabaseError):
                self.end("cancelled" if cancelled else "failed", error=words[:ERROR_LENGTH])

    def end(
        self,
        status: str,
        rows: Mapping[str, int] | None = None,
        outputs: Hashes | None = None,
        error: str | None = None,
    ) -> None:
        peak = self.cost.stop()
        queries.execute(
            self.book,
            "runs.end",
            run_id=self.run_id,
            status=status,
            error=error,
            outputs=Jsonb(outputs or {}),
            row_counts=Jsonb(rows or {}),
            seconds=self.seconds,
            cpu_seconds=self.cost.cpu_seconds,
            peak_memory_bytes=peak,
            written=list(outputs or {}),
        )


class BookedProgress:
    """Passes progress on, and writes it into the run's line at most once a second."""

    def __init__(self, report: Callable[[Mapping[str, object]], None], inner: Progress) -> None:
        self._report = report
        self._inner = inner
        self._written = -PROGRESS_SECONDS
        self._label = ""
        self._done = 0
        self._total: int | None = None
        self._note: str | None = None
        self._held_back = False

    def start(self, label: str, total: int | None = None) -> None:
        """Begin a stage."""
        self._inner.start(label, total)
        self._label, self._done, self._total = label, 0, total
        self._write()

    def advance(self, n: int = 1) -> None:
        """Count steps of the stage."""
        self._inner.advance(n)
        self._done += n
        self._write()

    def note(self, text: str) -> None:
        """Keep a sentence."""
        self._inner.note(text)
        self._note = text
        self._write()

    def flush(self) -> None:
        """Write what the last second held back."""
        if self._held_back:
            self._written -= PROGRESS_SECONDS
            self._write()

    def _write(self) -> None:
        now = time.monotonic()
        self._held_back = now - self._written < PROGRESS_SECONDS
        if not self._held_back:
            self._written = now
            state = {"label": self._label, "done": self._done, "total": self._total}
            self._report(state | {"note": self._note} if self._note else state)


def run_step(
    db: Database,
    step: Step,
    params: Mapping[str, object],
    work: Work,
    *,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Do `work` in one transaction, unless an earlier run already left exactly its result.

    Parameters
    ----------
    db : the shop's database; two of its connections are used.
    step : its name, version, inputs and outputs.
    params : what the result depends on beside the inputs; anything that JSON can hold.
    work : gets a connection in a transaction and the progress to report to; returns rows by
        table. Tables named there ("emb.m_1234") count as outputs too. It sees one snapshot of
        the database; what it raises rolls everything back and is raised again. Work that takes
        long only reads, and returns a function that computes without a transaction; what that
        returns writes, in a transaction of its own. So nobody waits for its locks, and vacuum not
        for its snapshot; the inputs booked are those that were read.
    progress : told how far it is.
    force : run even when nothing changed.

    Raises
    ------
    BusyError : another process is running this step.
    DatabaseError : PostgreSQL refused.
    """
    if isinstance(db, Rehearsal):
        return _rehearse(db, step, params, force=force)
    with _book(db, step) as book:
        attempt = _Attempt(book, step, params)
        try:
            with db.transaction(snapshot=True) as conn:
                inputs = hashes(conn, step.inputs)
                standing = None if force else attempt.standing(conn, inputs)
                if standing is not None:
                    return StepResult(step.name, standing, attempt.seconds, skipped=True)
                attempt.begin(inputs)
                queries.execute(conn, "runs.name", run_id=attempt.run_id)
                booked = BookedProgress(attempt.report, progress or NoProgress())
                done = work(conn, booked)
                rows, outputs = ({}, {}) if callable(done) else _made(conn, step, done)
            if callable(done):
                write = done()
                with db.transaction(snapshot=True) as conn:
                    queries.execute(conn, "runs.name", run_id=attempt.run_id)
                    rows, outputs = _made(conn, step, write(conn))
        except BaseException as error:
            attempt.fail(error)
            raise
        booked.flush()
        attempt.end("finished", rows, outputs)
        return StepResult(step.name, rows, attempt.seconds, skipped=False)


def _made(
    conn: Connection[TupleRow], step: Step, done: Mapping[str, int]
) -> tuple[dict[str, int], Hashes]:
    """Return the rows by table, and the hashes of all that the step leaves."""
    rows = {table: int(count) for table, count in done.items()}
    tables = [name for name in rows if "." in name]
    return rows, hashes(conn, dict.fromkeys([*step.outputs, *tables]))


def _rehearse(
    db: Rehearsal, step: Step, params: Mapping[str, object], *, force: bool
) -> StepResult:
    """Write down what `run_step` would do; it decides by what decides there."""
    with db.transaction(snapshot=True) as conn:
        inputs = hashes(conn, step.inputs)
        standing = None if force else _Attempt(conn, step, params).standing(conn, inputs)
        found = queries.fetch(conn, "runs.last", step=step.name)
        last = found[0] if found else None
        reason = None
        if standing is None:
            reason = "never run"
            if last is not None:
                reason = why(step, params, inputs, hashes(conn, last["outputs"]), last)
    db.forecasts.append(Forecast(step, reason, inputs, last))
    return StepResult(step.name, standing or {}, 0.0, skipped=standing is not None)


@contextmanager
def booked(
    db: Database, step: Step, params: Mapping[str, object]
) -> Generator[tuple[dict[str, int], Callable[[Mapping[str, object]], None]]]:
    """Hold a step's lock, and a line of ops.run, around work that commits by itself.

    Parameters
    ----------
    step : its name is the lock's, and that of the line.
    params : kept in ops.run as JSON.

    Returns
    -------
    rows, report : a dict to fill with rows by name; takes how far the work is, as JSON.

    Raises
    ------
    BusyError : another process holds the lock; the message says which one, and since when.
    """
    with _book(db, step) as book:
        attempt = _Attempt(book, step, params)
        rows: dict[str, int] = {}
        attempt.begin({})
        try:
            yield rows, attempt.report
        except BaseException as error:
            attempt.fail(error)
            raise
        attempt.end("finished", rows)


def hashes(conn: Connection[TupleRow], tables: Iterable[str]) -> Hashes:
    """Return the content hash of each table; None where there is no such table.

    Parameters
    ----------
    tables : "schema.table" each.
    """
    rows = queries.fetch(conn, "runs.hashes", names=list(tables))
    return {row["name"]: row["content_hash"] for row in rows}


@contextmanager
def _book(db: Database, step: Step) -> Generator[Connection[TupleRow]]:
    """Lend an autocommitting connection that holds the step's lock.

    Raises
    ------
    BusyError : somebody else holds it.
    """
    with db.session() as book:
        if not queries.scalar(book, "runs.try_lock", step=step.name):
            raise BusyError(_who_runs(book, step))
        try:
            # Whoever wrote 'running' held this lock, and does not any more.
            queries.execute(book, "runs.bury_crashed", step=step.name)
            yield book
        finally:
            with suppress(DatabaseError):
                queries.execute(book, "runs.unlock", step=step.name)


def _who_runs(book: Connection[TupleRow], step: Step) -> str:
    running = queries.fetch(book, "runs.running", step=step.name)
    if not running:
        return f"step {step.name!r} is being run by another process; wait for it to end"
    run = running[0]
    return (
        f"step {step.name!r} is already running: run {run['run_id']} of process "
        f"{run['process_id']}, since {run['started_at']:%Y-%m-%d %H:%M:%S} UTC; wait for it to end"
    )
