"""What may be given to copy_in, turned into Arrow arrays of the column's type or refused.

Numbers never change their meaning on the way: no float becomes an integer, no text a number.
NaN in a frame or a numpy array means "no value" (null), as in pandas; in Arrow it stays NaN.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

    from kgfeatures.db.binary import Kind

    Columns = pd.DataFrame | pa.Table | Mapping[str, Any]

_SQL_NAMES = {
    "bool": "boolean",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
}
_JSON = {"json", "jsonb"}
FLOAT4_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Place:
    """Where a value stands, for messages; `ends` are the lists' ends when it is an element."""

    table: str
    column: str
    first_row: int = 0
    ends: NDArray[np.int32] | None = None

    def error(self, row: int, value: object, wrong: str) -> DataError:
        """Return the error about one value; rows are counted from 0."""
        if self.ends is not None:
            row = int(np.searchsorted(self.ends, row, side="right")) - 1
        shown = repr(value)
        shown = shown if len(shown) <= 80 else shown[:77] + "…"
        return DataError(
            f"row {self.first_row + row} (from 0): {self.table}.{self.column} is {shown}; {wrong}"
        )


def columns_of(table: str, columns: Columns) -> tuple[dict[str, Any], int]:
    """Return the columns by name, each sliceable by rows, and the number of rows.

    Raises
    ------
    DataError : no columns, a name twice, or columns of different lengths.
    """
    if isinstance(columns, Mapping):
        names = [str(name) for name in columns]
        values = [_sliceable(column) for column in columns.values()]
    elif hasattr(columns, "iloc"):
        names = [str(name) for name in columns.columns]
        values = [cast("Any", columns).iloc[:, place] for place in range(len(names))]
    else:
        names, values = cast("Any", columns).column_names, cast("Any", columns).columns
    if not names:
        raise DataError(f"no columns to write to {table}; give at least one")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"column {twice!r} is given twice for {table}; give it once")
    lengths = {name: len(column) for name, column in zip(names, values, strict=True)}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"the columns for {table} differ in length ({listed}); make them equal")
    return dict(zip(names, values, strict=True)), lengths[names[0]]


def rows_of(column: Any, first: int, last: int) -> Any:
    """Return rows first … last-1 of a column, without copying."""
    if hasattr(column, "iloc"):
        return column.iloc[first:last]
    return column[first:last]


def to_arrow(values: Any, kind: Kind, place: Place) -> pa.Array:
    """Return `values` as an Arrow array of the kind's type; lists keep the type of their elements.

    Raises
    ------
    DataError : a value of another type or out of range, with row and value.
    """
    array = _as_arrow(values, kind, place)
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if types.is_null(array.type):
        return pa.nulls(len(array), kind.arrow)
    if not accepts(kind, array.type):
        raise _wrong_type(array, kind, place)
    if types.is_list(kind.arrow):
        return array.cast(pa.list_(array.type.value_type))
    _require_range(array, kind, place)
    return array.cast(kind.arrow, safe=False)


def accepts(kind: Kind, given: pa.DataType) -> bool:
    """Return whether values of the Arrow type `given` may go into a column of this kind."""
    if types.is_list(kind.arrow):
        nested = types.is_list(given) or types.is_large_list(given)
        return nested or types.is_fixed_size_list(given)
    return _TESTS[kind.name](given)


def _sliceable(column: Any) -> Any:
    known = isinstance(column, pa.Array | pa.ChunkedArray | np.ndarray | list)
    return column if known or hasattr(column, "iloc") else list(column)


def _is_number(given: pa.DataType) -> bool:
    return types.is_integer(given) or types.is_floating(given)


def _is_text(given: pa.DataType) -> bool:
    return types.is_string(given) or types.is_large_string(given) or types.is_string_view(given)


def _is_bytes(given: pa.DataType) -> bool:
    return types.is_binary(given) or types.is_large_binary(given)


def _is_time(given: pa.DataType) -> bool:
    return types.is_timestamp(given) or types.is_date(given)


_TESTS: dict[str, Callable[[pa.DataType], bool]] = {
    "bool": types.is_boolean,
    **dict.fromkeys(("int2", "int4", "int8"), types.is_integer),
    **dict.fromkeys(("float4", "float8"), _is_number),
    "date": types.is_date,
    **dict.fromkeys(("timestamp", "timestamptz"), _is_time),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "json", "jsonb"), _is_text),
    "bytea": _is_bytes,
}


def _as_arrow(values: Any, kind: Kind, place: Place) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        combined = values.combine_chunks()
        return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)
    if isinstance(values, pa.Array):
        return values
    try:
        if kind.name in _JSON:
            values = [_json(value) for value in values]
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, UnicodeEncodeError, TypeError, ValueError):
        raise _first_bad(values, kind, place) from None


def _json(value: object) -> str | None:
    """Return JSON text: a str is taken as JSON already."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and np.isnan(value):
        return None
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _first_bad(values: Any, kind: Kind, place: Place) -> DataError:
    """Return the error about the first value that cannot go into the column."""
    for row, value in enumerate(values):
        try:
            plain = _json(value) if kind.name in _JSON else value
            fits = pa.array([plain], from_pandas=True).type
        except (pa.ArrowException, UnicodeEncodeError, TypeError, ValueError) as error:
            return place.error(row, value, f"{wanted(kind)} ({error})")
        if not types.is_null(fits) and not accepts(kind, fits):
            return place.error(row, value, wanted(kind))
    return place.error(0, values[0], f"{wanted(kind)}, all rows of one type")


def _wrong_type(array: pa.Array, kind: Kind, place: Place) -> DataError:
    row = next((row for row in range(len(array)) if array[row].is_valid), 0)
    value = array[row].as_py() if len(array) else None
    return place.error(row, value, f"{wanted(kind)}, not {array.type}; convert the column first")


def wanted(kind: Kind) -> str:
    """Return what a column of this kind takes, by its SQL name (int8 means another in numpy)."""
    element = kind.name.removeprefix("_")
    brackets = "[]" if kind.element else ""
    return f"the column is {_SQL_NAMES.get(element, element)}{brackets}"


def _require_range(array: pa.Array, kind: Kind, place: Place) -> None:
    """Check that no number is too large for its column.

    Raises
    ------
    DataError : one is; its row and value.
    """
    if types.is_integer(kind.arrow):
        limits = np.iinfo(kind.arrow.to_pandas_dtype())
        low, high = int(limits.min), int(limits.max)
    elif kind.name == "float4" and types.is_float64(array.type):
        low, high = -FLOAT4_MAX, FLOAT4_MAX
        array = pc.call_function(
            "if_else", [pc.call_function("is_finite", [array]), array, pa.scalar(None, array.type)]
        )
    else:
        return
    ends = pc.call_function("min_max", [array])
    least, most = ends["min"].as_py(), ends["max"].as_py()
    if least is None or (low <= least and most <= high):
        return
    value = least if least < low else most
    row = pc.index(array, pa.scalar(value, array.type)).as_py()
    raise place.error(row, value, f"{wanted(kind)}: {low} to {high}")
