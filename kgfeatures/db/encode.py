"""Columns to COPY BINARY without Python per row.

A column becomes *pieces*: per row its length as int32, then its bytes; ffffffff for null. Pieces
of fixed width are one numpy structured array; others are Arrow arrays of bytes, written one
after the other. Rows of fixed width are assembled in one structured array, others by Arrow's
element-wise join.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from kgfeatures.db.binary import (
    EPOCH_DAYS,
    EPOCH_MICROSECONDS,
    FUTURE_MICROSECONDS,
    NULL,
    PAST_MICROSECONDS,
)
from kgfeatures.db.tabular import to_arrow, wanted
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from kgfeatures.db.binary import Kind
    from kgfeatures.db.tabular import Place

    Fixed = NDArray[np.void]
    Pieces = Fixed | list[pa.LargeBinaryArray]

ARRAY_HEADER = np.dtype(
    [("ndim", ">i4"), ("has_null", ">i4"), ("oid", ">i4"), ("dim", ">i4"), ("lower", ">i4")]
)


def pack(columns: Sequence[Pieces]) -> memoryview:
    """Return the rows made of these columns, without the signature and the trailer."""
    fixed = [column for column in columns if isinstance(column, np.ndarray)]
    if len(fixed) == len(columns):
        # As opaque bytes (V): numpy copies those at once, structured fields one by one.
        opaque = [column.view(f"V{column.dtype.itemsize}") for column in fixed]
        layout = [("count", ">i2"), *((str(i), column.dtype) for i, column in enumerate(opaque))]
        rows = np.empty(len(fixed[0]), dtype=layout)
        rows["count"] = len(fixed)
        for i, column in enumerate(opaque):
            rows[str(i)] = column
        return rows.view(np.uint8).data
    count = pa.scalar(len(columns).to_bytes(2, "big"), pa.large_binary())
    parts = [part for column in columns for part in as_bytes(column)]
    return data_of(joined([count, *parts]))


def pieces(values: Any, kind: Kind, dim: int | None, place: Place) -> Pieces:
    """Return the pieces of one column.

    Parameters
    ----------
    values : numpy, pandas or Arrow; (n,) or, for arrays and vectors, (n, d) too.
    kind, dim : the column's type; dim of vector(dim), None where it takes any.

    Raises
    ------
    DataError : a value that the column cannot hold, with its row.
    """
    if isinstance(values, np.ndarray) and values.ndim != 1:
        return _from_matrix(values, kind, dim, place)
    array = to_arrow(values, kind, place)
    if kind.name == "vector":
        return _vectors(array, kind, dim, place)
    if kind.element is not None:
        return _arrays(array, kind, place)
    if kind.wire is not None:
        return _with_nulls(_numbers(array, kind), array)
    return _texts(array, kind, place)


def as_bytes(column: Pieces) -> list[pa.LargeBinaryArray]:
    """Return pieces as Arrow bytes, whatever they are."""
    if isinstance(column, list):
        return column
    width = column.dtype.itemsize
    offsets = np.arange(0, (len(column) + 1) * width, width, dtype=np.int64)
    return [_bytes_array(offsets, pa.py_buffer(np.ascontiguousarray(column).data))]


def joined(parts: Sequence[pa.LargeBinaryArray | pa.LargeBinaryScalar]) -> pa.LargeBinaryArray:
    """Return the parts of each row joined."""
    return pc.call_function("binary_join_element_wise", [*parts, pa.scalar(b"", pa.large_binary())])


def data_of(array: pa.LargeBinaryArray) -> memoryview:
    """Return the bytes of all rows one after the other."""
    offsets, data = offsets_of(array), array.buffers()[2]
    if data is None:
        return memoryview(b"")
    return memoryview(data)[int(offsets[0]) : int(offsets[-1])]


def offsets_of(array: pa.LargeBinaryArray) -> NDArray[np.int64]:
    """Return where each row begins and the last one ends: (n + 1,)."""
    offsets = np.frombuffer(array.buffers()[1] or bytes(8), dtype=np.int64)
    return offsets[array.offset : array.offset + len(array) + 1]


def _bytes_array(offsets: NDArray[np.int64], data: pa.Buffer) -> pa.LargeBinaryArray:
    buffers = [None, pa.py_buffer(np.ascontiguousarray(offsets).data), data]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def _numbers(array: pa.Array, kind: Kind) -> Fixed:
    """Return length and value of each row; nulls hold zero."""
    if types.is_timestamp(kind.arrow):
        numbers = _times(array)
    elif types.is_date(kind.arrow):
        numbers = _plain(array.view(pa.int32())) - EPOCH_DAYS
    else:
        numbers = _plain(array.cast(pa.uint8()) if types.is_boolean(kind.arrow) else array)
    wire = np.dtype(kind.wire)
    made = np.empty(len(array), dtype=[("length", ">i4"), ("value", wire)])
    made["length"] = wire.itemsize
    made["value"] = numbers
    return made


def _plain(array: pa.Array) -> NDArray[Any]:
    filled = array if array.null_count == 0 else array.fill_null(0)
    return filled.to_numpy(zero_copy_only=False)


def _times(array: pa.Array) -> NDArray[np.int64]:
    ours = _plain(array.view(pa.int64()))
    theirs = ours - EPOCH_MICROSECONDS
    theirs[ours >= FUTURE_MICROSECONDS] = np.iinfo(np.int64).max
    theirs[ours <= PAST_MICROSECONDS] = np.iinfo(np.int64).min
    return theirs


def _with_nulls(fixed: Fixed, array: pa.Array) -> Pieces:
    """Return pieces of fixed width, with the null rows of `array` as ffffffff."""
    if array.null_count == 0:
        return fixed
    return [_else_null(array.is_valid(), as_bytes(fixed)[0])]


def _else_null(valid: pa.BooleanArray, parts: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    return pc.call_function("if_else", [valid, parts, pa.scalar(NULL, pa.large_binary())])


def _texts(array: pa.Array, kind: Kind, place: Place) -> Pieces:
    """Return lengths and texts or bytes; jsonb begins with the version of its format, 1."""
    texts = array.cast(pa.large_binary())
    if kind.name != "bytea" and b"\0" in bytes(data_of(texts)):
        row = next(row for row, text in enumerate(texts) if b"\0" in (text.as_py() or b""))
        raise place.error(row, array[row].as_py(), "PostgreSQL's text cannot hold \\x00; remove it")
    lengths = _plain(pc.call_function("binary_length", [texts]))
    version = kind.name == "jsonb"
    header = np.ones(
        len(array), dtype=[("length", ">i4"), ("version", "u1")] if version else [("length", ">i4")]
    )
    header["length"] = lengths + version
    prefix = as_bytes(header)[0]
    if array.null_count == 0:
        return [prefix, texts]
    return [_else_null(array.is_valid(), prefix), texts.fill_null(b"")]


def _arrays(array: pa.Array, kind: Kind, place: Place) -> Pieces:
    """Return arrays of one dimension: their headers, then the pieces of their elements."""
    if kind.element is None:
        raise DataError(f"{place.table}.{place.column} is no array")
    ends = array.offsets.to_numpy()
    # A slice of an array still holds all its values: those of other rows are not for this one.
    values = array.values.slice(ends[0], ends[-1] - ends[0])
    ends = ends - ends[0]
    elements = as_bytes(pieces(values, kind.element, None, replace(place, ends=ends)))
    together = elements[0] if len(elements) == 1 else joined(elements)
    offsets = offsets_of(together)[ends]
    counts = np.diff(ends)
    header = _array_header(counts, kind, has_null=bool(values.null_count))
    header["length"] = ARRAY_HEADER.itemsize + np.diff(offsets)
    data = together.buffers()[2] or pa.py_buffer(b"")
    prefix, payload = as_bytes(header)[0], _bytes_array(offsets, data)
    if array.null_count == 0:
        return [prefix, payload]
    empty = pa.scalar(b"", pa.large_binary())
    return [
        _else_null(array.is_valid(), prefix),
        pc.call_function("if_else", [array.is_valid(), payload, empty]),
    ]


def _array_header(counts: NDArray[Any], kind: Kind, *, has_null: bool) -> Fixed:
    made = np.empty(len(counts), dtype=[("length", ">i4"), *_fields(ARRAY_HEADER)])
    made["ndim"], made["has_null"], made["lower"] = 1, has_null, 1
    made["oid"] = kind.element.oid if kind.element else 0
    made["dim"] = counts
    return made


def _fields(layout: np.dtype[Any]) -> list[tuple[str, np.dtype[Any]]]:
    return [(name, layout[name]) for name in layout.names or ()]


def _from_matrix(values: NDArray[Any], kind: Kind, dim: int | None, place: Place) -> Pieces:
    """Return the rows of (n, d) numbers as vectors or arrays."""
    if values.ndim != 2 or not types.is_list(kind.arrow):
        raise DataError(
            f"{place.table}.{place.column} is given an array of shape {values.shape}; "
            f"{wanted(kind)}: give (n,) values"
        )
    if kind.name == "vector":
        return _vector_pieces(values, dim, np.arange(len(values)), place)
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    width = values.shape[1]
    ends = np.arange(0, (len(values) + 1) * width, width, dtype=np.int32)
    return _arrays(pa.ListArray.from_arrays(pa.array(ends), flat), kind, place)


def _vectors(array: pa.Array, kind: Kind, dim: int | None, place: Place) -> Pieces:
    """Return vectors given as lists, one per row; null rows stay null."""
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(valid)
    counts = np.diff(array.offsets.to_numpy())[rows]
    width = dim or (int(counts[0]) if len(counts) else 1)
    wrong = np.flatnonzero(counts != width)
    if len(wrong):
        row = int(rows[wrong[0]])
        raise _wrong_width(place, row, int(counts[wrong[0]]), width)
    flat = array.flatten()
    if not (types.is_integer(flat.type) or types.is_floating(flat.type)) and len(flat):
        raise place.error(int(rows[0]), flat[0].as_py(), wanted(kind))
    filled = flat.cast(pa.float32(), safe=False).fill_null(float("nan"))
    matrix = filled.to_numpy(zero_copy_only=False).reshape(len(rows), width)
    made = _vector_pieces(matrix, dim, rows, place)
    if len(rows) == len(array):
        return made
    spread = np.zeros(len(array), dtype=made.dtype)
    spread[rows] = made
    return _with_nulls(spread, array)


def _vector_pieces(
    values: NDArray[Any], dim: int | None, rows: NDArray[np.int64], place: Place
) -> Fixed:
    width = values.shape[1]
    if values.dtype.kind not in "fiu":
        raise place.error(0, values.dtype, "a vector holds numbers")
    if not 1 <= width <= 16_000 or dim not in (None, width):
        raise _wrong_width(place, int(rows[0]) if len(rows) else 0, width, dim)
    with np.errstate(over="ignore"):
        numbers = values.astype(">f4", copy=False)
    finite = np.isfinite(numbers)
    if not finite.all():
        row, column = (int(place_) for place_ in np.argwhere(~finite)[0])
        raise place.error(
            int(rows[row]), values[row, column].item(), "a vector holds finite float4 numbers only"
        )
    layout = [("length", ">i4"), ("dim", ">i2"), ("unused", ">i2"), ("values", ">f4", (width,))]
    made = np.empty(len(values), dtype=layout)
    made["length"], made["dim"], made["unused"] = 4 + 4 * width, width, 0
    made["values"] = numbers
    return made


def _wrong_width(place: Place, row: int, width: int, dim: int | None) -> DataError:
    allowed = f"the column is vector({dim})" if dim else "a vector has 1 to 16000 numbers"
    return DataError(
        f"row {place.first_row + row} (from 0): {place.table}.{place.column} is given a vector of "
        f"{width} numbers; {allowed}"
    )
