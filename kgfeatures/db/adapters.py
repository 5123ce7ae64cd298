"""How values cross the driver: vectors are float32 arrays, infinite times the years 1 and 9999.

pgvector-python returns its own Vector class and SQLAlchemy lists; here they become arrays once.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format
from psycopg.types import TypeInfo
from psycopg.types.array import ListDumper
from psycopg.types.datetime import DatetimeDumper, TimestamptzLoader

from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from psycopg import Connection
    from psycopg.abc import Buffer, DumperKey, PyFormat
    from psycopg.rows import TupleRow

    from kgfeatures.types import FloatArray

PAST = dt.datetime.min.replace(tzinfo=dt.UTC)
FUTURE = dt.datetime.max.replace(tzinfo=dt.UTC)


def register(conn: Connection[TupleRow]) -> None:
    """Teach `conn` vectors, numpy arrays and infinite times.

    A database without the extension `vector` (not set up yet) just has no vectors.
    """
    adapters = conn.adapters
    adapters.register_loader("timestamptz", TimeLoader)
    adapters.register_dumper(dt.datetime, TimeDumper)
    adapters.register_dumper(np.ndarray, ArrayDumper)
    info = TypeInfo.fetch(conn, "vector")
    if info is not None:
        info.register(conn)
        adapters.register_loader(info.oid, VectorLoader)
        adapters.register_loader(info.oid, VectorBinaryLoader)


class VectorLoader(Loader):
    """vector, as text, to (dim,) float32."""

    def load(self, data: Buffer) -> FloatArray:
        """Return the numbers between the brackets."""
        return np.fromstring(bytes(data[1:-1]).decode(), dtype=np.float32, sep=",")


class VectorBinaryLoader(Loader):
    """vector, in binary (int16 dim, int16 unused, float4 each), to (dim,) float32."""

    format = Format.BINARY

    def load(self, data: Buffer) -> FloatArray:
        """Return the numbers after the header, in this machine's byte order."""
        return np.frombuffer(data, dtype=">f4", offset=4).astype(np.float32)


class VectorDumper(Dumper):
    """(dim,) floats to vector; the server infers the type, so that real[] columns work too."""

    def dump(self, obj: NDArray[Any]) -> Buffer:
        """Return [1,2,…]; raises DataError when a number is not finite or the shape is wrong."""
        if obj.ndim != 1:
            raise DataError(f"an array of shape {obj.shape} is no vector; give one row at a time")
        if not np.isfinite(obj).all():
            place = int(np.flatnonzero(~np.isfinite(obj))[0])
            raise DataError(f"vector[{place}] is {obj[place]}; a vector holds finite numbers only")
        numbers = obj.astype(np.float32).astype(str).tolist()
        return f"[{','.join(numbers)}]".encode()


class ArrayDumper(ListDumper):
    """A numpy array as parameter: floats become a vector, all else an array of their kind."""

    def get_key(self, obj: Any, format: PyFormat) -> DumperKey:  # noqa: A002  psycopg's names
        """Tell psycopg which dumper fits: one per kind of array."""
        if obj.dtype.kind == "f":
            return (self.cls, VectorDumper)
        return super().get_key(obj.tolist(), format)

    def upgrade(self, obj: Any, format: PyFormat) -> Any:  # noqa: A002
        """Return the dumper that get_key announced."""
        if obj.dtype.kind == "f":
            return VectorDumper(self.cls, self.connection)
        return super().upgrade(obj.tolist(), format)

    def dump(self, obj: Any) -> Buffer | None:
        """Return {1,2,…}."""
        return super().dump(obj.tolist())


class TimeLoader(TimestamptzLoader):
    """timestamptz to datetime in UTC; what lies beyond Python's years becomes their ends."""

    def load(self, data: Buffer) -> dt.datetime:
        """Return a moment, PAST for -infinity, FUTURE for infinity."""
        if data == b"infinity":
            return FUTURE
        if data == b"-infinity":
            return PAST
        return super().load(data).astimezone(dt.UTC)


class TimeDumper(DatetimeDumper):
    """datetime to timestamptz; PAST and FUTURE become -infinity and infinity."""

    def dump(self, obj: dt.datetime) -> Buffer | None:
        """Return the moment as text."""
        if obj == FUTURE:
            return b"infinity"
        if obj == PAST:
            return b"-infinity"
        return super().dump(obj)
