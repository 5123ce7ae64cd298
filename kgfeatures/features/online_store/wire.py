"""Values as protobuf writes them, set side by side without a message for each.

A response is made of bytes and parsed once per feature: making a message per value, and copying it
into a list and the list into the response, takes longer than reading the rows.
"""

from __future__ import annotations

import struct
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from feast.protos.feast.serving.ServingService_pb2 import GetOnlineFeaturesResponse
from feast.protos.feast.types.Value_pb2 import Value

if TYPE_CHECKING:
    from collections.abc import Callable

# Wire types of protobuf: https://protobuf.dev/programming-guides/encoding/#structure
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_VALUE: Any = Value.DESCRIPTOR
_VECTOR: Any = GetOnlineFeaturesResponse.FeatureVector.DESCRIPTOR
MOST_KEPT = 4096


def varint(number: int) -> bytes:
    """Return a number, not negative, seven bits a byte."""
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)
    return bytes(made)


def tag(message: Any, field: str, kind: int) -> bytes:
    """Return what stands before a field of a message."""
    return varint(message.fields_by_name[field].number << 3 | kind)


VALUES = tag(_VECTOR, "values", LENGTH)
STATUSES = tag(_VECTOR, "statuses", LENGTH)
TIMES = tag(_VECTOR, "event_timestamps", LENGTH)
NULL = VALUES + b"\0"


def framed(before: bytes, data: bytes) -> bytes:
    """Return a message or a text as a field of another message."""
    return before + varint(len(data)) + data


@cache
def float_list_head(length: int) -> bytes:
    """Return what stands before so many bytes of numbers in a Value's float_list_val."""
    inner = b"" if length == 0 else b"\x0a" + varint(length)
    return tag(_VALUE, "float_list_val", LENGTH) + varint(len(inner) + length) + inner


def as_value(field: str, decode: Callable[[Any], Value]) -> Callable[[Any], bytes]:
    """Return the function that writes one of FeatureVector's values.

    Parameters
    ----------
    field : the field of `Value` that holds it.
    decode : what the driver loads, to a Value; for fields that are seldom.
    """
    if field in _PACKED:
        return _packed(field).pack_with
    if field in {"int32_val", "int64_val", "bool_val"}:
        return _kept(decode)
    if field == "string_val":
        return _text
    if field == "float_list_val":
        return _float_list
    return lambda given: framed(VALUES, decode(given).SerializeToString())


_PACKED = {"double_val": "<d", "float_val": "<f"}


class _Packed:
    """A number of fixed width behind what always stands before it."""

    def __init__(self, field: str, form: str, kind: int) -> None:
        number = struct.Struct(form)
        before = tag(_VALUE, field, kind)
        self._before = VALUES + varint(len(before) + number.size) + before
        self._pack = number.pack

    def pack_with(self, given: float) -> bytes:
        """Return the number as a value."""
        return self._before + self._pack(given)


@cache
def _packed(field: str) -> _Packed:
    form = _PACKED[field]
    return _Packed(field, form, FIXED64 if form == "<d" else FIXED32)


def _kept(decode: Callable[[Any], Value]) -> Callable[[Any], bytes]:
    """Return the function that remembers what it wrote: small numbers come again and again."""
    return lru_cache(MOST_KEPT)(lambda given: framed(VALUES, decode(given).SerializeToString()))


_TEXT = tag(_VALUE, "string_val", LENGTH)


def _text(given: str) -> bytes:
    return framed(VALUES, framed(_TEXT, given.encode()))


def _float_list(given: bytes) -> bytes:
    return _float_list_frame(len(given)) + given


@cache
def _float_list_frame(length: int) -> bytes:
    head = float_list_head(length)
    return VALUES + varint(len(head) + length) + head
