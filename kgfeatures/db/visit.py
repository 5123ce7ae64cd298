"""One connection for one piece of work, to a database that settings describe part by part."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from psycopg import IsolationLevel
from psycopg.conninfo import make_conninfo

from kgfeatures.db.connection import open_connection
from kgfeatures.db.failures import translated

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow


def dsn_of(parts: Mapping[str, str | int | None], schema: str | None = None) -> str:
    """Return the connection string made of libpq's parts; None and "" are left out.

    Parameters
    ----------
    parts : host, port, dbname, user, password, sslmode … as libpq calls them.
    schema : where tables without a schema are looked for, before public.
    """
    given = {name: str(part) for name, part in parts.items() if part not in (None, "")}
    if schema:
        path = schema if schema == "public" else f"{schema},public"
        given["options"] = f"-c search_path={path.replace(' ', '')}"
    return make_conninfo(**given)


@contextmanager
def visit(dsn: str, seconds: float | None = None) -> Generator[Connection[TupleRow]]:
    """Lend a new connection in one transaction that sees the database as it was at its start.

    Temporary tables and the connection itself are gone afterwards, also when the work failed.

    Parameters
    ----------
    seconds : how long a statement may take.

    Raises
    ------
    DatabaseError : PostgreSQL refused a statement, took too long, or cannot be reached.
    """
    with translated():
        conn = open_connection(dsn)
        try:
            conn.isolation_level = IsolationLevel.REPEATABLE_READ
            with conn.transaction():
                # Long sorts in memory; compiling expressions costs more than it saves here.
                conn.execute("set local work_mem = '64MB'")
                conn.execute("set local jit = off")
                if seconds is not None:
                    conn.execute(
                        "select set_config('statement_timeout', %s, true)",
                        [str(max(1, int(seconds * 1000)))],
                    )
                yield conn
        finally:
            conn.close()


def may_make_temporary_tables(conn: Connection[TupleRow]) -> bool:
    """Return whether this login may: not on a read-only server, nor without the right TEMP."""
    row = conn.execute(
        "select not current_setting('transaction_read_only')::bool"
        " and has_database_privilege(current_database(), 'temporary')"
    ).fetchone()
    return bool(row and row[0])
