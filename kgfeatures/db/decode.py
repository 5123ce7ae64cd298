"""COPY BINARY to Arrow and numpy without Python per value.

PostgreSQL sends one message per row, so the rows' ends are known; the fields of a column are
then found for all rows at once: its length stands where the column before it ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from kgfeatures.db.binary import (
    EPOCH_DAYS,
    EPOCH_MICROSECONDS,
    FUTURE_MICROSECONDS,
    PAST_MICROSECONDS,
)
from kgfeatures.db.encode import ARRAY_HEADER
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    from kgfeatures.db.binary import Kind
    from kgfeatures.types import FloatArray, IntArray

    Bytes = NDArray[np.uint8]

# The years 1 and 9999 in days since 1970.
FIRST_DAY, LAST_DAY = -719_162, 2_932_896


@dataclass(frozen=True)
class Spans:
    """The bytes of one column: where each value begins and how long it is (-1: null)."""

    data: Bytes
    begins: IntArray
    lengths: IntArray

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Which values are not null."""
        return self.lengths >= 0

    def numbers(self, wire: DTypeLike, skip: int = 0) -> NDArray[Any]:
        """Return the number at `skip` bytes into each value; nulls give whatever stands there."""
        return at(self.data, self.begins + skip, wire)

    def inner(self, skip: int) -> Spans:
        """Return the values without their first `skip` bytes."""
        lengths = np.where(self.valid, self.lengths - skip, -1)
        return Spans(self.data, self.begins + skip, lengths)


def at(data: Bytes, places: IntArray, wire: DTypeLike) -> NDArray[Any]:
    """Return the numbers that begin at these places, in this machine's byte order: (n,)."""
    return wide_at(data, places, wire, 1)[:, 0]


def wide_at(data: Bytes, places: IntArray, wire: DTypeLike, width: int) -> NDArray[Any]:
    """Return the `width` numbers that begin at each of these places: (n, width)."""
    layout = np.dtype(wire)
    native = layout.newbyteorder("=")
    size = layout.itemsize * width
    if len(places) == 0 or len(data) < size:
        return np.zeros((len(places), width), dtype=native)
    step = int(places[1] - places[0]) if len(places) > 1 else size
    inside = step > 0 and int(places[-1]) + size <= len(data)
    if inside and bool((np.diff(places) == step).all()):
        shape, strides = (len(places), width), (step, layout.itemsize)
        found = np.ndarray(shape, layout, data.data, int(places[0]), strides)
    else:
        windows = np.lib.stride_tricks.sliding_window_view(data, size)
        # A null at the end of the data has nothing behind it; what is read instead is masked.
        found = windows[np.minimum(places, len(windows) - 1)].view(layout)
    return found.astype(native)


def to_batch(
    data: bytearray, lengths: Sequence[int], kinds: Sequence[Kind], names: Sequence[str]
) -> pa.RecordBatch:
    """Return the rows that stand in `data` one after the other, of these lengths."""
    found = zip(columns(data, lengths, len(kinds)), kinds, strict=True)
    return pa.RecordBatch.from_arrays([array(spans, kind) for spans, kind in found], list(names))


def columns(data: bytearray, lengths: Sequence[int], count: int) -> list[Spans]:
    """Return where the values of each of `count` columns stand; makes `data` a little longer."""
    ends = np.cumsum(np.array(lengths, dtype=np.int64))
    # Eight spare bytes, so that a null at the end can be read as if it were a number.
    data += bytes(8)
    content = np.frombuffer(data, dtype=np.uint8)
    found: list[Spans] = []
    place = ends - lengths + 2
    for _ in range(count):
        widths = at(content, place, ">i4").astype(np.int64)
        found.append(Spans(content, place + 4, widths))
        place = place + 4 + np.maximum(widths, 0)
    return found


def array(spans: Spans, kind: Kind) -> pa.Array:
    """Return the values of one column."""
    if kind.name == "vector":
        return _vectors(spans)
    if kind.element is not None:
        return _arrays(spans, kind)
    if kind.wire is None:
        return _texts(spans.inner(1) if kind.name == "jsonb" else spans, kind.arrow)
    return pa.array(_numbers(spans, kind), mask=~spans.valid).cast(kind.arrow)


def matrix(spans: Spans, name: str) -> FloatArray:
    """Return vectors of one width as (n, dim) float32; `name` is for the message.

    Raises
    ------
    DataError : a null, or vectors of different widths.
    """
    if len(spans.begins) == 0:
        return np.empty((0, 0), dtype=np.float32)
    if not spans.valid.all():
        raise DataError(f"{name} gives a null vector; leave such rows out with `is not null`")
    widths = np.unique(spans.numbers(">i2"))
    if len(widths) > 1:
        raise DataError(
            f"{name} gives vectors of {widths[0]} and of {widths[-1]} numbers; ask for one model"
        )
    return wide_at(spans.data, spans.begins + 4, ">f4", int(widths[0]))


def _numbers(spans: Spans, kind: Kind) -> NDArray[Any]:
    numbers = spans.numbers(np.dtype(kind.wire))
    if kind.name == "bool":
        return numbers != 0
    if types.is_date(kind.arrow):
        return np.clip(numbers.astype(np.int64) + EPOCH_DAYS, FIRST_DAY, LAST_DAY).astype(np.int32)
    if types.is_timestamp(kind.arrow):
        # Clipped first: infinity plus the epoch would wrap around.
        clipped = np.clip(
            numbers,
            PAST_MICROSECONDS - EPOCH_MICROSECONDS,
            FUTURE_MICROSECONDS - EPOCH_MICROSECONDS,
        )
        return clipped + EPOCH_MICROSECONDS
    return numbers


def _texts(spans: Spans, type_: pa.DataType) -> pa.Array:
    """Return texts or bytes: every second stretch of the data is one, others are left out."""
    count = len(spans.begins)
    ends = np.empty(2 * count + 1, dtype=np.int64)
    ends[0:-1:2] = spans.begins
    ends[1::2] = spans.begins + np.maximum(spans.lengths, 0)
    ends[-1] = len(spans.data)
    buffers = [None, pa.py_buffer(ends.data), pa.py_buffer(spans.data.data)]
    stretches = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 2 * count, buffers)
    chosen = pa.array(np.arange(0, 2 * count, 2), mask=~spans.valid)
    return pc.take(stretches, chosen).cast(type_)


def _arrays(spans: Spans, kind: Kind) -> pa.Array:
    """Return lists: the elements of all rows as one column, cut at the rows' ends."""
    if kind.element is None:
        raise DataError(f"{kind.name} is no array")
    ndim = np.where(spans.valid, spans.numbers(">i4"), 0)
    if (ndim > 1).any():
        raise DataError("an array has more than one dimension; unnest it in the query")
    counts = np.where(ndim == 1, spans.numbers(">i4", skip=12), 0).astype(np.int64)
    begins = spans.begins + ARRAY_HEADER.itemsize
    has_null = bool((np.where(ndim == 1, spans.numbers(">i4", skip=4), 0) != 0).any())
    if kind.element.wire is not None and not has_null:
        elements = _even_elements(spans.data, begins, counts, np.dtype(kind.element.wire).itemsize)
    else:
        elements = _walked_elements(spans.data, begins, counts)
    return _lists(array(elements, kind.element), counts, spans.valid)


def _even_elements(data: Bytes, begins: IntArray, counts: IntArray, width: int) -> Spans:
    """Return elements that are all `width` bytes long."""
    firsts = np.cumsum(counts) - counts
    within = np.arange(counts.sum()) - np.repeat(firsts, counts)
    places = np.repeat(begins, counts) + within * (4 + width) + 4
    return Spans(data, places, np.full(len(places), width, dtype=np.int64))


def _walked_elements(data: Bytes, begins: IntArray, counts: IntArray) -> Spans:
    """Return elements of any length: the first of all rows, then of the second, and so on."""
    firsts = np.cumsum(counts) - counts
    places = np.empty(int(counts.sum()), dtype=np.int64)
    lengths = np.empty_like(places)
    place = begins.copy()
    for nth in range(int(counts.max(initial=0))):
        active = np.flatnonzero(counts > nth)
        found = at(data, place[active], ">i4").astype(np.int64)
        places[firsts[active] + nth] = place[active] + 4
        lengths[firsts[active] + nth] = found
        place[active] += 4 + np.maximum(found, 0)
    return Spans(data, places, lengths)


def _vectors(spans: Spans) -> pa.Array:
    counts = np.where(spans.valid, spans.numbers(">i2"), 0).astype(np.int64)
    firsts = np.cumsum(counts) - counts
    within = np.arange(counts.sum()) - np.repeat(firsts, counts)
    places = np.repeat(spans.begins + 4, counts) + within * 4
    return _lists(pa.array(at(spans.data, places, ">f4")), counts, spans.valid)


def _lists(items: pa.Array, counts: IntArray, valid: NDArray[np.bool_]) -> pa.Array:
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), items, mask=pa.array(~valid))
