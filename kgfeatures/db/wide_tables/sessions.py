"""Connections of the online store: pooled, binary, given back whatever happens.

They read vectors and real[] as bytes of little-endian float4 (the form in which protobuf takes
them), timestamptz as microseconds since 1970 and json as its text.
"""

from __future__ import annotations

import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import psycopg
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.types import TypeInfo

from kgfeatures.db.binary import (
    EPOCH_MICROSECONDS,
    FUTURE_MICROSECONDS,
    PAST_MICROSECONDS,
)
from kgfeatures.db.connection import open_connection
from kgfeatures.db.failures import translated
from kgfeatures.db.pool import SIZE, Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from psycopg import Connection
    from psycopg.abc import Buffer
    from psycopg.rows import TupleRow

Result = TypeVar("Result")
# How near HNSW looks, and that it goes on looking where a filter leaves too few rows.
SEARCH = (
    "set hnsw.ef_search = 200",
    "set hnsw.iterative_scan = relaxed_order",
    "set hnsw.max_scan_tuples = 200000",
    "set hnsw.scan_mem_multiplier = 4",
)
# Another process changed the table since we looked, or the connection broke: look again.
STALE = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.DatatypeMismatch,
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.InternalError_,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)


class Sessions:
    """The store's connections to one database.

    Parameters
    ----------
    dsn : where it is.
    size : how many connections there may be at once.
    """

    def __init__(self, dsn: str, size: int = SIZE) -> None:
        self.dsn = dsn
        self._pool = _UncheckedPool(lambda: _open(dsn), size)

    def read(self, work: Callable[[Connection[TupleRow]], Result]) -> Result:
        """Return what `work` gives on a connection that commits each statement.

        It is called a second time, on a new connection, when the first one broke or a table
        changed under it.

        Raises
        ------
        DatabaseError : PostgreSQL refused, or cannot be reached.
        """
        try:
            with self._lent() as conn:
                return work(conn)
        except STALE:
            pass
        with translated("online store"), self._lent(fresh=True) as conn:
            return work(conn)

    @contextmanager
    def transaction(self) -> Generator[Connection[TupleRow]]:
        """Lend a connection: committed at the end, rolled back on any error.

        Raises
        ------
        DatabaseError : PostgreSQL refused, or cannot be reached.
        """
        with translated("online store"), self._lent(check=True) as conn:
            conn.autocommit = False
            with conn.transaction():
                yield conn

    @contextmanager
    def _lent(self, *, fresh: bool = False, check: bool = False) -> Generator[Connection[TupleRow]]:
        if fresh:
            self._pool.close()
        conn = self._pool.take_living() if check else self._pool.take()
        try:
            conn.autocommit = True
            yield conn
        except STALE:
            # Its prepared statements may be those of a table that is no more.
            conn.close()
            raise
        finally:
            self._pool.give_back(conn)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._pool.close()


class _UncheckedPool(Pool):
    """A pool that does not ask a connection whether it lives: that would be a second round trip."""

    def _idle_one(self) -> Connection[TupleRow] | None:
        while self._idle:
            try:
                conn = self._idle.pop()
            except IndexError:
                return None
            if not conn.closed:
                return conn
        return None

    def take_living(self) -> Connection[TupleRow]:
        """Lend a connection that was asked whether it lives."""
        while not _lives(conn := self.take()):
            conn.close()
            self.give_back(conn)
        return conn

    def give_back(self, conn: Connection[TupleRow]) -> None:
        """Take back a lent connection; one that is closed or in a transaction is not kept."""
        if conn.closed:
            self._free.release()
        else:
            super().give_back(conn)


def _lives(conn: Connection[TupleRow]) -> bool:
    try:
        conn.autocommit = True
        conn.execute("")
    except psycopg.Error:
        return False
    return True


def _open(dsn: str) -> Connection[TupleRow]:
    conn = open_connection(dsn)
    conn.autocommit = True
    for setting in SEARCH:
        conn.execute(setting)
    adapters = conn.adapters
    adapters.register_loader("timestamptz", MicrosecondLoader)
    adapters.register_loader(1021, RealArrayLoader)
    adapters.register_loader("json", TextLoader)
    for name, loader in (("vector", VectorBytesLoader), ("halfvec", HalfBytesLoader)):
        info = TypeInfo.fetch(conn, name)
        if info is not None:
            info.register(conn)
            adapters.register_loader(info.oid, loader)
    return conn


class MicrosecondLoader(Loader):
    """timestamptz to microseconds since 1970; infinite times are the ends of our years."""

    format = Format.BINARY

    def load(self, data: Buffer) -> int:
        """Return the moment."""
        moment = int.from_bytes(data, "big", signed=True) + EPOCH_MICROSECONDS
        if PAST_MICROSECONDS <= moment <= FUTURE_MICROSECONDS:
            return moment
        return PAST_MICROSECONDS if moment < 0 else FUTURE_MICROSECONDS


class RealArrayLoader(Loader):
    """real[] to the bytes of its numbers, little-endian; null elements are NaN."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        """Return four bytes per number."""
        raw = bytes(data)
        if len(raw) <= 12:
            return b""
        ndim, has_null = struct.unpack_from(">ii", raw)
        begin = 12 + 8 * ndim
        if not has_null:
            return np.frombuffer(raw, dtype=">f4", offset=begin)[1::2].astype("<f4").tobytes()
        numbers: list[float] = []
        while begin < len(raw):
            (length,) = struct.unpack_from(">i", raw, begin)
            present = length >= 0
            numbers.append(struct.unpack_from(">f", raw, begin + 4)[0] if present else np.nan)
            begin += 4 + max(length, 0)
        return np.array(numbers, dtype="<f4").tobytes()


class VectorBytesLoader(Loader):
    """vector to the bytes of its numbers, little-endian float4."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        """Return four bytes per number."""
        return np.frombuffer(data, dtype=">f4", offset=4).astype("<f4").tobytes()


class HalfBytesLoader(Loader):
    """halfvec to the bytes of its numbers, little-endian float4."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        """Return four bytes per number."""
        return np.frombuffer(data, dtype=">f2", offset=4).astype("<f4").tobytes()


class TextLoader(Loader):
    """json to its own text."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        """Return the text, as it was written."""
        return bytes(data).decode()
