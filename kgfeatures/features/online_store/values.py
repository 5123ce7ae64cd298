"""Feast's values and PostgreSQL's: which type a feature's column has, and how a value crosses.

A protobuf `Value` goes in as the Python object that Arrow takes for the column, and comes back from
what `kgfeatures.db.wide_tables.sessions` loads.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from feast.protos.feast.types import Value_pb2
from feast.protos.feast.types.Value_pb2 import Value

from kgfeatures.errors import DataError
from kgfeatures.features.online_store import nested, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from feast.value_type import ValueType

# Feast's word for "no time" (numpy's NaT).
NO_TIME = -(2**63)
MILLION = 1_000_000
_SCALARS = {
    "BYTES": "bytea",
    "PDF_BYTES": "bytea",
    "IMAGE_BYTES": "bytea",
    "STRING": "text",
    "INT32": "integer",
    "INT64": "bigint",
    "DOUBLE": "double precision",
    "FLOAT": "real",
    "BOOL": "boolean",
    "UNIX_TIMESTAMP": "timestamp with time zone",
    "UUID": "uuid",
    "TIME_UUID": "uuid",
    "DECIMAL": "numeric",
    "JSON": "json",
}
_FIELDS = {"PDF_BYTES": "bytes_val", "IMAGE_BYTES": "bytes_val"}
_ARROW = {
    "text": pa.string(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double precision": pa.float64(),
    "real": pa.float32(),
    "boolean": pa.bool_(),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "json": pa.string(),
    "jsonb": pa.string(),
}
NULL = Value()


@dataclass(frozen=True)
class Codec:
    """How values of one Feast type stand in PostgreSQL.

    Parameters
    ----------
    field : the field of `Value` that holds them.
    type : the column's type.
    encode : what the field holds, to what Arrow takes.
    decode : what the driver loads, to a Value; None is never given.
    """

    field: str
    type: str
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Value]

    @cached_property
    def write(self) -> Callable[[Any], bytes]:
        """What the driver loads, to one of the values of a FeatureVector as protobuf writes it."""
        return wire.as_value(self.field, self.decode)

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type of encoded values."""
        element = _ARROW.get(self.type.removesuffix("[]"), pa.string())
        return pa.list_(element) if self.type.endswith("[]") else element

    def array(self, values: Iterable[Value | None], title: str) -> pa.Array:
        """Return values as a column to load.

        Raises
        ------
        DataError : a value of another type that cannot be taken for one of this; `title` is named.
        """
        try:
            return pa.array([self._encoded(value) for value in values], self.arrow)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"{title} is {self.type}; a value does not fit: {error}") from error

    def _encoded(self, value: Value | None) -> Any:
        field = value.WhichOneof("val") if value is not None else None
        if value is None or field is None or field == "null_val":
            return None
        held = getattr(value, field)
        if field == self.field:
            return self.encode(held)
        return self.encode(_taken_for(held, field, self.field))


@cache
def codec(kind: ValueType) -> Codec:
    """Return how values of a Feast type cross.

    Raises
    ------
    DataError : Feast has the type, and no store knows what to do with it (UNKNOWN).
    """
    name = kind.name
    if name in _SCALARS:
        return _scalar(name)
    for ending in ("_LIST", "_SET"):
        base = name.removesuffix(ending)
        if base != name and base in _SCALARS:
            return _array(base, ending.lower())
    field = f"{name.lower()}_val"
    field = {"value_list_val": "list_val", "value_set_val": "set_val"}.get(field, field)
    if field in Value.DESCRIPTOR.fields_by_name:
        return _json(field)
    raise DataError(
        f"Feast's type {name} has no column type; declare the feature's dtype in its feature view"
    )


def _scalar(name: str) -> Codec:
    field = _FIELDS.get(name, f"{name.lower()}_val")
    encode, decode = _ELEMENTS.get(name, (_same, _same))
    if decode is _same:
        return Codec(field, _SCALARS[name], encode, lambda given: Value(**{field: given}))
    return Codec(field, _SCALARS[name], encode, lambda given: Value(**{field: decode(given)}))


def _array(base: str, ending: str) -> Codec:
    short = "bytes" if base.endswith("_BYTES") else base.lower()
    field = f"{short}{ending}_val"
    if field == "float_list_val":
        return Codec(field, "real[]", _floats, float_list)
    kind: Any = Value.DESCRIPTOR.fields_by_name[field].message_type
    message = getattr(Value_pb2, kind.name)
    encode, decode = _ELEMENTS.get(base, (_same, _same))
    if base == "FLOAT":
        # real[] is loaded as bytes.
        return Codec(
            field,
            "real[]",
            lambda given: list(given.val),
            lambda given: Value(**{field: message(val=np.frombuffer(given, "<f4").tolist())}),
        )

    def encoded(given: Any) -> list[Any]:
        return list(given.val) if encode is _same else [encode(one) for one in given.val]

    def decoded(given: Any) -> Value:
        elements = given if decode is _same else [decode(one) for one in given]
        return Value(**{field: message(val=elements)})

    return Codec(field, f"{_SCALARS[base]}[]", encoded, decoded)


def _json(field: str) -> Codec:
    def encode(given: Any) -> str:
        return json.dumps(nested.top_to_json(field, given), ensure_ascii=False)

    return Codec(field, "jsonb", encode, lambda given: nested.top_from_json(field, given))


def _same(given: Any) -> Any:
    return given


def _time(seconds: int) -> int | None:
    return None if seconds == NO_TIME else seconds * MILLION


def _seconds(microseconds: int | None) -> int:
    return NO_TIME if microseconds is None else microseconds // MILLION


def _hex(given: bytes) -> str:
    return "\\x" + given.hex()


def _json_text(given: Any) -> str:
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


# Encode to Arrow, decode from the driver, where both are not the same thing.
_ELEMENTS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "BYTES": (_hex, bytes),
    "PDF_BYTES": (_hex, bytes),
    "IMAGE_BYTES": (_hex, bytes),
    "UNIX_TIMESTAMP": (_time, _seconds),
    "UUID": (str, str),
    "TIME_UUID": (str, str),
    "DECIMAL": (str, str),
    "JSON": (_same, _json_text),
}


def _floats(given: Any) -> np.ndarray[Any, Any]:
    """Return a FloatList as an array, without a Python object per number."""
    if not isinstance(given, Value_pb2.FloatList):
        return np.array(given.val, dtype="<f4")
    data = given.SerializeToString()
    # 0a <length> <numbers>: the numbers end the message.
    return np.frombuffer(data, dtype="<f4", offset=len(data) - 4 * len(given.val))


def float_list(data: bytes) -> Value:
    """Return the Value whose float_list_val holds these little-endian numbers."""
    return Value.FromString(wire.float_list_head(len(data)) + data)


def matrix_widths(values: Sequence[Value | None]) -> set[int]:
    """Return the lengths of the lists that these values hold."""
    return {len(getattr(value, field).val) for value, field in _held(values)}


def _held(values: Sequence[Value | None]) -> Iterable[tuple[Value, str]]:
    for value in values:
        field = value.WhichOneof("val") if value is not None else None
        if value is not None and field not in (None, "null_val"):
            yield value, str(field)


def _taken_for(held: Any, given: str, wanted: str) -> Any:
    """Return what a field of another type holds, where that is only a matter of width.

    Raises
    ------
    TypeError : it is not.
    """
    for family in _FAMILIES:
        if given in family and wanted in family:
            return held
    raise TypeError(f"a {given.removesuffix('_val')} is no {wanted.removesuffix('_val')}")


_FAMILIES = (
    {"int32_val", "int64_val", "double_val", "float_val", "unix_timestamp_val"},
    {"int32_list_val", "int64_list_val", "double_list_val", "float_list_val"},
    {"string_val", "json_val", "uuid_val", "time_uuid_val", "decimal_val"},
    {"string_list_val", "json_list_val", "uuid_list_val", "decimal_list_val"},
    {"map_val", "struct_val"},
)
