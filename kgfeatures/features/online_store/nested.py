"""Maps, structs and nested lists as JSON that SQL can read, and back without loss.

What JSON can say is said plainly: {"age": 3, "tags": ["a"]}. Any other value (bytes, an int32, a
list of times …) becomes {"$feast": "<base64 of the protobuf>"}.
"""

from __future__ import annotations

import base64
import math
from typing import Any

from feast.protos.feast.types.Value_pb2 import Value

TAG = "$feast"
# Integers up to here stay what they are in every reader of JSON.
LARGEST_WHOLE = 10**15


def to_json(value: Value) -> Any:
    """Return what json.dumps takes for a value."""
    kind = value.WhichOneof("val")
    if kind is None or kind == "null_val":
        return None
    plain = _PLAIN.get(kind)
    made = plain(getattr(value, kind)) if plain else None
    if made is None:
        return {TAG: base64.b64encode(value.SerializeToString()).decode()}
    return made


def from_json(given: Any) -> Value:
    """Return the value of what json.loads gave; the inverse of `to_json`."""
    made = Value()
    if given is None:
        return made
    if isinstance(given, dict):
        if TAG in given:
            made.ParseFromString(base64.b64decode(given[TAG]))
        else:
            _fill_map(made.map_val, given)
    elif isinstance(given, list):
        _fill_list(made, given)
    elif isinstance(given, bool):
        made.bool_val = given
    elif isinstance(given, int):
        made.int64_val = given
    elif isinstance(given, float):
        made.double_val = given
    else:
        made.string_val = str(given)
    return made


def map_to_json(given: Any) -> dict[str, Any] | None:
    """Return a Map as an object; None where a key would be taken for a tag."""
    if TAG in given.val:
        return None
    return {key: to_json(value) for key, value in given.val.items()}


def top_to_json(kind: str, message: Any) -> Any:
    """Return a map, struct, list of maps, nested list or other message that a column holds."""
    if kind in ("map_val", "struct_val"):
        made = map_to_json(message)
    elif kind in ("map_list_val", "struct_list_val"):
        made = _maps(message)
    elif kind in ("list_val", "set_val"):
        made = [to_json(value) for value in message.val]
    else:
        made = None
    if made is None:
        whole = Value()
        getattr(whole, kind).CopyFrom(message)
        return {TAG: base64.b64encode(whole.SerializeToString()).decode()}
    return made


def top_from_json(kind: str, given: Any) -> Value:
    """Return the value of a column of JSON whose field is `kind`."""
    if isinstance(given, dict) and TAG in given:
        return from_json(given)
    made = Value()
    message = getattr(made, kind)
    message.SetInParent()
    if kind in ("map_val", "struct_val"):
        _fill_map(message, given)
    elif kind in ("map_list_val", "struct_list_val"):
        for one in given:
            _fill_map(message.val.add(), one)
    elif kind in ("list_val", "set_val"):
        message.val.extend([from_json(one) for one in given])
    return made


def _fill_map(message: Any, given: dict[str, Any]) -> None:
    message.SetInParent()
    for key, one in given.items():
        message.val[key].CopyFrom(from_json(one))


def _fill_list(made: Value, given: list[Any]) -> None:
    """Fill in a list that `to_json` wrote plainly, or that SQL wrote: by what its elements are."""
    if given and all(isinstance(one, dict) and TAG not in one for one in given):
        for one in given:
            _fill_map(made.map_list_val.val.add(), one)
    elif given and all(isinstance(one, bool) for one in given):
        made.bool_list_val.val.extend(given)
    elif given and all(type(one) is int for one in given):
        made.int64_list_val.val.extend(given)
    elif given and all(type(one) in (int, float) for one in given):
        made.double_list_val.val.extend(given)
    elif all(isinstance(one, str) for one in given):
        made.string_list_val.val.extend(given)
    else:
        made.list_val.val.extend([from_json(one) for one in given])


def _text(given: str) -> str | None:
    return None if "\0" in given else given


def _number(given: float) -> float | None:
    whole = math.isfinite(given) and given == int(given)
    readable = math.isfinite(given) and not (whole and abs(given) >= LARGEST_WHOLE)
    # jsonb has no minus zero.
    return given if readable and not (given == 0 and math.copysign(1, given) < 0) else None


def _texts(given: Any) -> list[str] | None:
    found = list(given.val)
    return None if any("\0" in one for one in found) else found


def _numbers(given: Any) -> list[float] | None:
    found = [_number(one) for one in given.val]
    return None if not found or None in found else list(given.val)


def _whole_numbers(given: Any) -> list[int] | None:
    return list(given.val) or None


def _maps(given: Any) -> list[Any] | None:
    found = [map_to_json(one) for one in given.val]
    return None if not found or None in found else found


_PLAIN: dict[str, Any] = {
    "string_val": _text,
    "int64_val": int,
    "double_val": _number,
    "bool_val": bool,
    "map_val": map_to_json,
    "map_list_val": _maps,
    "string_list_val": _texts,
    "int64_list_val": _whole_numbers,
    "double_list_val": _numbers,
    "bool_list_val": _whole_numbers,
}
