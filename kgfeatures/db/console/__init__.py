"""The SQL console's engine: statements of analysts as jobs, over the read-only login.

A statement runs in a thread over a connection of its own, in a transaction that cannot write;
its rows go to disk and are read in pages. How many run at once, for how long and how many rows
are kept is limited.
"""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple, cast

from kgfeatures.db.connection import Database
from kgfeatures.db.console import plans
from kgfeatures.db.console.connection import open_reader
from kgfeatures.db.console.query import ENDED, Query, columns_of
from kgfeatures.db.failures import translated
from kgfeatures.errors import BusyError, DatabaseError, DataError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgfeatures.db.console.plans import Plan
    from kgfeatures.db.console.spool import Column

__all__ = ["Console", "Limits", "Query"]


@dataclass(frozen=True)
class Limits:
    """What a console may use.

    Parameters
    ----------
    rows : of one result; the rest is not read.
    bytes : of one result on disk.
    seconds : of one statement.
    at_once : statements that run; others wait.
    kept : statements that are remembered, results and all; the oldest ended one goes first.
    """

    rows: int = 1_000_000
    bytes: int = 512 << 20
    seconds: float = 120.0
    at_once: int = 3
    kept: int = 20


class Result(NamedTuple):
    """All of a short result, in JSON's types."""

    columns: list[Column]
    rows: list[tuple[Any, ...]]


class Console:
    """Runs statements and remembers their results.

    Parameters
    ----------
    dsn : returns the reader's connection string; asked for each statement.
    """

    def __init__(self, dsn: Callable[[], str], limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._dsn = dsn
        # Plans are asked for before each statement: on connections that stay.
        self._planner = Database(dsn)
        self._queries: dict[str, Query] = {}
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(self.limits.at_once, "kgfeatures-console")

    def submit(self, sql: str, row_cap: int | None = None) -> Query:
        """Start a statement and return at once.

        Parameters
        ----------
        sql : one statement, as it was typed.
        row_cap : rows kept at most, 1 to the console's limit; None takes that limit.

        Raises
        ------
        DataError : there is no statement, or `row_cap` is not from 1 to the limit.
        BusyError : as many statements as are remembered have not ended.
        """
        most = self.limits.rows
        rows = most if row_cap is None else row_cap
        if not sql.strip().strip(";"):
            raise DataError("there is no statement to run; write one, such as: select 1")
        if "\0" in sql:
            raise DataError("the statement holds a NUL character, which SQL cannot; remove it")
        if not 1 <= rows <= most:
            raise DataError(f"row_cap is {rows}; it must be from 1 to {most}")
        with self._lock:
            self._make_room()
            query = Query(secrets.token_hex(8), sql, rows, self.limits.bytes)
            self._queries[query.query_id] = query
        self._workers.submit(query.run, self._dsn, self.limits.seconds)
        return query

    def get(self, query_id: str) -> Query:
        """Return a statement that is remembered.

        Raises
        ------
        UnknownNameError : there is none of that name (any more).
        """
        query = self._queries.get(query_id)
        if query is None:
            raise UnknownNameError(
                f"no query {query_id!r}: it was removed, or made room for others"
            )
        return query

    def all(self) -> list[Query]:
        """Return the statements that are remembered, the latest first."""
        return list(self._queries.values())[::-1]

    def remove(self, query_id: str) -> None:
        """Cancel a statement where it runs, and forget it."""
        query = self.get(query_id)
        query.cancel()
        with self._lock:
            self._queries.pop(query_id, None)
        query.spool.close()

    def read(self, sql: str) -> Result:
        """Return all rows of a short statement at once; raises DatabaseError where refused."""
        with (
            translated(),
            open_reader(self._dsn(), self.limits.seconds) as conn,
            conn.cursor() as cursor,
        ):
            rows = list(cursor.stream(cast("LiteralString", sql)))
            return Result(columns_of(cursor), rows)

    def explain(self, sql: str) -> Plan:
        """Return the plan of a statement; raises DatabaseError where PostgreSQL refuses it."""
        try:
            with translated(), open_reader(self._dsn(), self.limits.seconds) as conn:
                return plans.explain(conn, sql)
        except DatabaseError as error:
            if error.position is not None:
                error.position -= len(plans.EXPLAIN)
            raise

    def warnings(self, sql: str) -> list[str]:
        """Return what to think about before running a statement."""
        with self._planner.transaction() as conn:
            return plans.warnings(conn, sql)

    def close(self) -> None:
        """Cancel what runs and give everything back."""
        for query in self.all():
            self.remove(query.query_id)
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._planner.close()

    def _make_room(self) -> None:
        if len(self._queries) < self.limits.kept:
            return
        for query_id, query in self._queries.items():
            if query.state in ENDED:
                query.spool.close()
                del self._queries[query_id]
                return
        raise BusyError(f"{self.limits.kept} statements have not ended; cancel one")
