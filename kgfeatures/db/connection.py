"""A shop's database: at most four connections per process that know vectors and speak UTC."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, LiteralString, Self

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import make_conninfo

from kgfeatures.config import settings
from kgfeatures.db import launcher, migrations, queries
from kgfeatures.db.adapters import register
from kgfeatures.db.failures import login, parse_dsn, translated
from kgfeatures.db.pool import Pool
from kgfeatures.db.target import is_embedded
from kgfeatures.errors import KGFeaturesError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from types import TracebackType

    import pandas as pd
    from psycopg import Connection
    from psycopg.rows import TupleRow


def connect(dsn: str | None = None) -> Database:
    """Return the shop's database: `dsn`, else $KGFEATURES_DSN, else the embedded server.

    The embedded server is started and migrated where needed. A database named by a DSN is never
    changed here: `kgfeatures db migrate` does that.

    Raises
    ------
    ConfigError : the DSN cannot be parsed.
    ServerError : the embedded server cannot be started.
    DatabaseError : the database cannot be reached.
    MigrationError : its schema is not this version's.
    """
    now = settings()
    named = dsn or now.dsn
    # The DSN that `kgfeatures db env` exported means the embedded server too.
    if named is None or (dsn is None and is_embedded(now)):
        migrations.migrate(launcher.ensure_running(now.home))
        return Database(lambda: launcher.ensure_running(now.home))
    parse_dsn(named)
    database = Database(lambda: named)
    try:
        with database.transaction() as conn:
            migrations.require_current(conn)
    except KGFeaturesError:
        database.close()
        raise
    return database


class Database:
    """A shop's database.

    Connections are opened when first needed and replaced when the server was restarted. Threads
    may share a Database; each call takes a connection of its own.

    Parameters
    ----------
    locate : returns the connection string; asked before each new connection.
    """

    def __init__(self, locate: Callable[[], str]) -> None:
        self._locate = locate
        self._pool = Pool(lambda: open_connection(locate()))

    @property
    def dsn(self) -> str:
        """The connection string, with its password if it has one: do not show it."""
        return self._locate()

    @contextmanager
    def transaction(self, *, snapshot: bool = False) -> Generator[Connection[TupleRow]]:
        """Lend a connection: committed at the end, rolled back on any error.

        Parameters
        ----------
        snapshot : see the database as it is at the first statement, until the end (repeatable
            read); else each statement sees what others committed before it.

        Raises
        ------
        DatabaseError : PostgreSQL refused a statement, or cannot be reached.
        BusyError : all connections of this process have been in use for half a minute.
        """
        with translated(), self._lent() as conn:
            conn.isolation_level = IsolationLevel.REPEATABLE_READ if snapshot else None
            with conn.transaction():
                yield conn

    @contextmanager
    def session(self) -> Generator[Connection[TupleRow]]:
        """Lend a connection that commits each statement; raises what `transaction` raises."""
        with translated(), self._lent() as conn:
            conn.autocommit = True
            yield conn

    @contextmanager
    def _lent(self) -> Generator[Connection[TupleRow]]:
        conn = self._pool.take()
        try:
            yield conn
        finally:
            self._pool.give_back(conn)

    def rows(self, name: str, /, **params: object) -> list[dict[str, Any]]:
        """Return the rows of the named query "topic.query", one dict per row."""
        with self.transaction() as conn:
            return queries.fetch(conn, name, **params)

    def frame(self, name: str, /, **params: object) -> pd.DataFrame:
        """Return the rows of a named query as a frame; vectors are float32 arrays."""
        with self.transaction() as conn:
            return queries.frame(conn, name, **params)

    def execute(self, name: str, /, **params: object) -> int:
        """Run a named query, commit, and return how many rows it touched."""
        with self.transaction() as conn:
            return queries.execute(conn, name, **params)

    def sql(
        self,
        statement: LiteralString,
        params: Mapping[str, object] | Sequence[object] | None = None,
    ) -> pd.DataFrame:
        """Return what a statement gives, as a frame; `%(name)s` in it stand for `params`.

        >>> database.sql("select 1 + %(n)s as two", {"n": 1})  # doctest: +SKIP
           two
        0    2
        """
        with self.transaction() as conn, conn.cursor() as cursor:
            return queries.as_frame(cursor.execute(statement, params))

    def close(self) -> None:
        """Close the connections that nobody uses; the next call opens new ones."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        parts = parse_dsn(self._locate())
        shown = {key: part for key, part in parts.items() if "password" not in key}
        return f"Database({make_conninfo(**shown)!r})"


def open_connection(dsn: str) -> Connection[TupleRow]:
    """Return a new connection: vectors known, time zone UTC, named kgfeatures in pg_stat_activity.

    Raises
    ------
    psycopg.OperationalError : the server cannot be reached.
    """
    conn = psycopg.connect(login(dsn, "kgfeatures"))
    with ExitStack() as failing:
        failing.callback(conn.close)
        conn.autocommit = True
        conn.execute("set time zone 'UTC'")
        with suppress(psycopg.errors.InvalidParameterValue):
            # Work of a killed client ends soon, not with its statement; not on every platform.
            conn.execute("set client_connection_check_interval = '2s'")
        register(conn)
        conn.autocommit = False
        failing.pop_all()
    return conn
