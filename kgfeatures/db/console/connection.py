"""A connection for statements that somebody typed: reads only, ends in time, shows text."""

from __future__ import annotations

import functools
import math
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg
from psycopg.adapt import AdaptersMap, Loader
from psycopg.conninfo import make_conninfo
from psycopg.types import TypeInfo
from psycopg.types.string import TextLoader

from kgfeatures.db.failures import login, parse_dsn

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.abc import Buffer
    from psycopg.rows import TupleRow

APPLICATION = "kgfeatures console"
# The largest integer that a browser's number holds exactly.
EXACT = 2**53
VECTORS = ("vector", "halfvec")


class IntegerLoader(Loader):
    """bigint to int, to text where a browser's number would round it."""

    def load(self, data: Buffer) -> int | str:
        """Return the number, or its digits."""
        number = int(bytes(data))
        return number if abs(number) <= EXACT else str(number)


class FloatLoader(Loader):
    """float to float; NaN and the infinities, which JSON does not know, to their names."""

    def load(self, data: Buffer) -> float | str:
        """Return the number, or its name."""
        number = float(bytes(data))
        return number if math.isfinite(number) else bytes(data).decode()


@functools.cache
def shown() -> AdaptersMap:
    """Return loaders that give JSON's own types, and text as PostgreSQL writes it for all else.

    A type that psycopg does not know, such as vector, arrives as text anyway.
    """
    adapters = AdaptersMap(psycopg.adapters)
    kept = {"bool"}
    numbers = {"int2": IntegerLoader, "int4": IntegerLoader, "int8": IntegerLoader}
    numbers |= {"oid": IntegerLoader, "float4": FloatLoader, "float8": FloatLoader}
    for info in adapters.types:
        if info.name not in kept:
            adapters.register_loader(info.oid, numbers.get(info.name, TextLoader))
        if info.array_oid:
            adapters.register_loader(info.array_oid, TextLoader)
    return adapters


def open_reader(dsn: str, timeout_seconds: float) -> Connection[TupleRow]:
    """Return a reader's connection, in a transaction that no statement can make write.

    Parameters
    ----------
    dsn : the reader's connection string.
    timeout_seconds : no statement runs longer; what the login's own settings say does not count.

    Raises
    ------
    ConfigError : the DSN cannot be parsed.
    psycopg.OperationalError : the server cannot be reached.
    """
    options = (
        f"{parse_dsn(dsn).get('options', '')} -c statement_timeout={int(timeout_seconds * 1000)}"
        " -c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601 -c extra_float_digits=1"
    )
    named = make_conninfo(login(dsn, APPLICATION), application_name=APPLICATION, options=options)
    conn = psycopg.connect(named, context=shown())
    with ExitStack() as failing:
        failing.callback(conn.close)
        for name in VECTORS:
            if (info := TypeInfo.fetch(conn, name)) is not None:
                conn.adapters.types.add(info)
        conn.rollback()
        conn.read_only = True
        # After its first query a transaction cannot be turned into one that writes.
        conn.execute("select 1")
        failing.pop_all()
    return conn
