"""The PostgreSQL types that bulk transport knows, and what they are in Arrow and in COPY BINARY.

Times are microseconds since 2000-01-01 UTC in PostgreSQL, since 1970-01-01 in Arrow; -infinity and
infinity are the first and the last microsecond of the years 1 and 9999 on our side, as in rows().
Source: PostgreSQL documentation, "COPY", binary format; src/backend/utils/adt/*send functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

EPOCH_MICROSECONDS = 946_684_800_000_000
EPOCH_DAYS = 10_957
# The years 1 and 9999 as microseconds since 1970.
PAST_MICROSECONDS = -62_135_596_800_000_000
FUTURE_MICROSECONDS = 253_402_300_799_999_999


@dataclass(frozen=True)
class Kind:
    """One type: its oid, what it is in Arrow, and its bytes when they are of fixed width.

    `wire` None means bytes of varying length; `element` is the type that an array holds.
    """

    name: str
    oid: int
    arrow: pa.DataType
    wire: DTypeLike | None = None
    element: Kind | None = None


def _kinds() -> dict[str, Kind]:
    scalars = (
        Kind("bool", 16, pa.bool_(), "u1"),
        Kind("int2", 21, pa.int16(), ">i2"),
        Kind("int4", 23, pa.int32(), ">i4"),
        Kind("int8", 20, pa.int64(), ">i8"),
        Kind("float4", 700, pa.float32(), ">f4"),
        Kind("float8", 701, pa.float64(), ">f8"),
        Kind("date", 1082, pa.date32(), ">i4"),
        Kind("timestamp", 1114, pa.timestamp("us"), ">i8"),
        Kind("timestamptz", 1184, pa.timestamp("us", "UTC"), ">i8"),
        Kind("text", 25, pa.string()),
        Kind("varchar", 1043, pa.string()),
        Kind("bpchar", 1042, pa.string()),
        Kind("name", 19, pa.string()),
        Kind("json", 114, pa.string()),
        Kind("jsonb", 3802, pa.string()),
        Kind("bytea", 17, pa.binary()),
    )
    known = {kind.name: kind for kind in scalars}
    arrays = {
        "bool": 1000, "int2": 1005, "int4": 1007, "int8": 1016, "float4": 1021,
        "float8": 1022, "text": 1009, "varchar": 1015, "timestamptz": 1185, "date": 1182,
        "timestamp": 1115, "json": 199, "jsonb": 3807, "bytea": 1001,
    }  # fmt: skip
    for name, oid in arrays.items():
        element = known[name]
        known[f"_{name}"] = Kind(f"_{name}", oid, pa.list_(element.arrow), None, element)
    # The extension's type has another oid in each database.
    known["vector"] = Kind("vector", 0, pa.list_(pa.float32()))
    return known


KINDS = _kinds()
