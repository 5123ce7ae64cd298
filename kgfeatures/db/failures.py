"""The one place where driver errors become DatabaseError, with words that say what to do.

No message holds a password: libpq's texts name host, port, user and database only, and a DSN
that cannot be parsed is never repeated.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from kgfeatures.errors import ConfigError, DatabaseError

if TYPE_CHECKING:
    from collections.abc import Generator

_MIGRATE = "if it belongs to kgfeatures, run `kgfeatures db migrate`"
CONNECT_SECONDS = 10
_UNPARSED = (
    "the DSN cannot be parsed; write postgresql://user:password@host:port/database "
    "(special characters percent-encoded) or host=… dbname=… user=…"
)
_UNREACHABLE = ("connection is bad", "connection failed", "refused", "resolve", "could not")
_ADVICE = {
    "08": "the connection broke; the next call opens a new one",
    "28": "the server refused this login; check user and password of the DSN",
    "3D000": "create the database, or name another one in the DSN",
    "3F000": _MIGRATE,
    "40001": "another process changed the same rows meanwhile; run it again",
    "40P01": "two processes waited for each other; run it again",
    "42501": "this login may not do that; use the owner's DSN, or ask for the right",
    "42704": _MIGRATE,
    "42883": _MIGRATE,
    "42P01": _MIGRATE,
    "53100": "the disk is full; free some space and run it again, nothing was half-written",
    "53200": "the server is out of memory; lower work_mem or k",
    "53300": "the server has no free connection; close some, or raise max_connections",
    "55P03": "another process holds the lock; wait for it and run it again",
    "57014": "the statement was cancelled or ran past statement_timeout",
    "57P01": "the server was stopped; the next call opens a new connection",
    "57P03": "the server is starting up; try again in a few seconds",
    "25006": "this connection is read-only; use the owner's DSN for writing",
}


@contextmanager
def translated(what: str = "") -> Generator[None]:
    """Turn psycopg's errors into DatabaseError; `what` opens the message (a query's name)."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error, what) from error


def translate(error: psycopg.Error, what: str = "") -> DatabaseError:
    """Return the DatabaseError that says the same as `error` and what to do."""
    primary = error.diag.message_primary or str(error).strip() or type(error).__name__
    diag = error.diag
    # The context of a COPY is the line of the data; of a function, its inside.
    line = diag.context if diag.context and diag.context.startswith("COPY") else None
    parts = [primary, diag.message_detail, line, diag.message_hint, _advice(error, primary)]
    text = "; ".join(" ".join(part.split()).rstrip(".") for part in parts if part)
    place = diag.statement_position
    return DatabaseError(
        f"{what}: {text}" if what else text, error.sqlstate, int(place) if place else None
    )


def parse_dsn(dsn: str) -> dict[str, str]:
    """Return the parts of a connection string as libpq reads it.

    Raises
    ------
    ConfigError : it cannot be parsed; the message does not repeat it (it may hold a password).
    """
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # `from None`: libpq's own message quotes the string.
        raise ConfigError(_UNPARSED) from None
    given = {key: str(value) for key, value in parts.items() if value is not None}
    port = (given.get("port") or "0").replace(",", "0")
    # A password with an unencoded sign ends up as port, host or database, and in messages.
    if not port.isdigit() or ("://" in dsn and dsn.count("@") > 1):
        raise ConfigError(_UNPARSED)
    return given


def login(dsn: str, application_name: str) -> str:
    """Return `dsn` with what we add where it says nothing: our name, and a limit for connecting."""
    ours = {"application_name": application_name, "connect_timeout": str(CONNECT_SECONDS)}
    return make_conninfo(**ours | parse_dsn(dsn) | {"client_encoding": "UTF8"})


def _advice(error: psycopg.Error, primary: str) -> str | None:
    state = error.sqlstate
    if state:
        return _ADVICE.get(state) or _ADVICE.get(state[:2])
    if not isinstance(error, psycopg.OperationalError):
        return None
    if "authentication failed" in primary or "no password" in primary:
        return _ADVICE["28"]
    if "does not exist" in primary:
        return _ADVICE["3D000"]
    if any(words in primary for words in _UNREACHABLE):
        return "check that the server runs and that host and port of the DSN are right"
    return _ADVICE["08"]
