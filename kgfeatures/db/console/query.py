"""One statement that somebody typed: it runs in a thread, can be watched, paged and cancelled."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, LiteralString, cast

import psycopg

from kgfeatures.db.console.connection import open_reader
from kgfeatures.db.console.spool import Column, Spool
from kgfeatures.db.failures import translate
from kgfeatures.errors import KGFeaturesError

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection, Cursor
    from psycopg.rows import TupleRow

State = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED = frozenset({"done", "failed", "cancelled"})
FETCHED_AT_ONCE = 500
NOTICES = 100


class Query:
    """A statement and what has become of it so far.

    Parameters
    ----------
    query_id : what it is called.
    sql : one statement; several are refused by PostgreSQL.
    row_cap, byte_cap : no more rows are kept; the rest is not read.
    """

    def __init__(self, query_id: str, sql: str, row_cap: int, byte_cap: int) -> None:
        self.query_id = query_id
        self.sql = sql
        self.row_cap = row_cap
        self.state: State = "queued"
        self.columns: list[Column] | None = None
        self.spool = Spool(byte_cap)
        self.capped = False
        self.error: dict[str, Any] | None = None
        self.notices: list[str] = []
        self._started: float | None = None
        self._seconds: float | None = None
        self._conn: Connection[TupleRow] | None = None
        self._lock = threading.Lock()
        self._unwanted = False

    def run(self, dsn: Callable[[], str], timeout_seconds: float) -> None:
        """Run the statement to its end; what goes wrong stands in `error` afterwards."""
        with self._lock:
            if self.state != "queued":
                return
            self.state, self._started = "running", time.monotonic()
        try:
            with open_reader(dsn(), timeout_seconds) as conn:
                self._attach(conn)
                conn.add_notice_handler(self._note)
                with conn.cursor() as cursor:
                    self._read(cursor)
                conn.rollback()
        except psycopg.Error as error:
            self._fail(_said(error), cancelled=self._unwanted)
        except KGFeaturesError as error:
            self._fail({"kind": "unavailable", "message": str(error), "position": None})
        except OSError as error:
            # The one that keeps the rows, not the server's.
            self._fail({"kind": "unavailable", "message": f"no room to keep the rows: {error}"})
        else:
            self._end("done")
        finally:
            self._conn = None

    def cancel(self) -> None:
        """Stop the statement in the server; one that has ended stays as it is."""
        with self._lock:
            if self.state in ENDED:
                return
            self._unwanted = True
            if self.state == "queued":
                self.state = "cancelled"
            conn = self._conn
        if conn is not None:
            with suppress(psycopg.Error):
                conn.cancel_safe(timeout=5)

    def describe(self) -> dict[str, Any]:
        """Return how it stands, in JSON's types."""
        running = None if self._started is None else time.monotonic() - self._started
        seconds = self._seconds if self._seconds is not None else running
        columns = self.columns
        return {
            "id": self.query_id,
            "sql": self.sql,
            "state": self.state,
            "columns": None if columns is None else [column._asdict() for column in columns],
            "rows": self.spool.rows,
            "capped": self.capped,
            "seconds": round(seconds or 0.0, 3),
            "error": self.error,
            "notices": list(self.notices),
        }

    def _attach(self, conn: Connection[TupleRow]) -> None:
        with self._lock:
            self._conn = conn
            unwanted = self._unwanted
        if unwanted:
            raise psycopg.errors.QueryCanceled

    def _read(self, cursor: Cursor[TupleRow]) -> None:
        try:
            for row in cursor.stream(cast("LiteralString", self.sql), size=FETCHED_AT_ONCE):
                if self.columns is None:
                    self.columns = columns_of(cursor)
                full = self.spool.rows >= self.row_cap
                if full or not self.spool.add(row):
                    self.capped = True
                    break
        except psycopg.ProgrammingError as error:
            # A statement that gives no rows by its nature, such as SET.
            if error.sqlstate is not None:
                raise
        if self.columns is None:
            self.columns = columns_of(cursor)

    def _note(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if len(self.notices) < NOTICES:
            self.notices.append(f"{diagnostic.severity}: {diagnostic.message_primary}")

    def _fail(self, error: dict[str, Any], *, cancelled: bool = False) -> None:
        self.error = None if cancelled else error
        self._end("cancelled" if cancelled else "failed")

    def _end(self, state: State) -> None:
        with self._lock:
            self.state = state
            if self._started is not None:
                self._seconds = time.monotonic() - self._started


def columns_of(cursor: Cursor[TupleRow]) -> list[Column]:
    """Return the columns of a cursor's result, none for a statement without one."""
    return [
        Column(column.name, _type_name(cursor, column.type_code))
        for column in cursor.description or ()
    ]


def _type_name(cursor: Cursor[TupleRow], oid: int) -> str:
    info = cursor.connection.adapters.types.get(oid)
    if info is not None:
        return f"{info.name}[]" if info.array_oid == oid else info.name
    return f"oid {oid}"


def _said(error: psycopg.Error) -> dict[str, Any]:
    """Return an error of PostgreSQL, with the character of the statement that it points at."""
    told = translate(error)
    return {
        "kind": "input" if error.sqlstate else "unavailable",
        "message": str(told),
        "position": told.position,
        "hint": error.diag.message_hint,
    }
