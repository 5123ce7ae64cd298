"""Reads: Feast's keys become arrays, one statement answers for all views, column by column."""

from __future__ import annotations

import datetime as dt
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from kgfeatures.db.wide_tables.reading import Part, fetch, statement
from kgfeatures.errors import DataError
from kgfeatures.features.online_store.values import NULL, codec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from feast.protos.feast.types.Value_pb2 import Value
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.wide_tables import Column, Table
    from kgfeatures.features.online_store.layouts import Layouts
    from kgfeatures.features.online_store.values import Codec

    Row = tuple[dt.datetime | None, dict[str, Value] | None]

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# So many keys are read at once: more would only take memory.
MOST_KEYS = 4000
# Which fields of a Value a key column is compared with.
_KEYS = {
    "text": {"string_val"},
    "uuid": {"uuid_val", "time_uuid_val", "string_val"},
    "integer": {"int32_val", "int64_val"},
    "bigint": {"int32_val", "int64_val"},
    "timestamp with time zone": {"unix_timestamp_val", "int64_val"},
    "bytea": {"bytes_val"},
    "boolean": {"bool_val"},
    "real": {"float_val", "double_val"},
    "double precision": {"float_val", "double_val"},
    "numeric": {"decimal_val", "string_val"},
}


class Ask(NamedTuple):
    """What is asked of one view: features (None: all) for keys, given as a column per join key."""

    view: Any
    features: Sequence[str] | None
    keys: Mapping[str, Sequence[Value]]


class Values(NamedTuple):
    """A feature of each key as the driver loaded it, and how it is read."""

    codec: Codec
    values: Sequence[Any]


class Found(NamedTuple):
    """What a view has: its rows' event times in microseconds since 1970, and its features.

    Both have an entry per key; the time is None for a key that the table lacks.
    """

    moments: Sequence[int | None]
    columns: dict[str, Values]

    def rows(self) -> list[Row]:
        """Return time and features of each key, (None, None) for one that is not there."""
        rows: list[Row] = []
        for place, at in enumerate(self.moments):
            if at is None:
                rows.append((None, None))
                continue
            given = {name: column.values[place] for name, column in self.columns.items()}
            features = {
                name: NULL if one is None else self.columns[name].codec.decode(one)
                for name, one in given.items()
            }
            rows.append((moment(at), features))
        return rows


class Reader:
    """Answers asks; remembers the statements.

    Parameters
    ----------
    layouts : where the views' tables are.
    """

    def __init__(self, layouts: Layouts) -> None:
        self._layouts = layouts
        self._statements: dict[Any, bytes] = {}

    def forget(self) -> None:
        """Look everything up again."""
        self._layouts.forget()
        self._statements.clear()

    def read(self, conn: Connection[TupleRow], asks: Sequence[Ask]) -> list[Found]:
        """Return what each view has for the keys asked for.

        Raises
        ------
        DataError : a view without a table, or keys of another type than the table's.
        """
        most = max((_length(ask) for ask in asks), default=0)
        if most == 0:
            return [Found((), {}) for _ in asks]
        if most <= MOST_KEYS:
            return self._read(conn, asks)
        parts: list[list[Found]] = []
        for first in range(0, most, MOST_KEYS):
            # Asks for the same keys share their columns: sliced ones must go on doing so.
            slices: dict[int, Sequence[Value]] = {}
            parts.append(self._read(conn, [_sliced(ask, first, slices) for ask in asks]))
        return [_joined(found) for found in zip(*parts, strict=True)]

    def _read(self, conn: Connection[TupleRow], asks: Sequence[Ask]) -> list[Found]:
        arrays: list[list[Any]] = []
        places: dict[tuple[int, str], int] = {}
        parts: list[Part] = []
        codecs: list[dict[str, Codec]] = []
        for ask in asks:
            table, columns = self._columns(conn, ask)
            mine: list[int] = []
            for key in table.keys:
                values = _require_key(table, key, ask.keys)
                place = places.setdefault((id(values), key.type), len(arrays))
                if place == len(arrays):
                    arrays.append(_parameter(table, key, values))
                mine.append(place)
            parts.append(Part(table, tuple(columns.values()), tuple(mine)))
            codecs.append(_codecs(ask.view, columns))
        rows = fetch(conn, self._statement(conn, parts), arrays)
        # The joins may have lost the order.
        rows.sort(key=_place)
        columns = iter(zip(*rows, strict=True)) if rows else repeat(())
        next(columns)
        return [_taken(columns, _length(ask), one) for ask, one in zip(asks, codecs, strict=True)]

    def _columns(self, conn: Connection[TupleRow], ask: Ask) -> tuple[Table, dict[str, Column]]:
        """Return a view's table and those of the features asked for that it has."""
        table = self._layouts.table(conn, ask.view)
        names = ask.features or [field.name for field in ask.view.features]
        known = table.columns
        if any(name not in known for name in names):
            self._layouts.forget(ask.view)
            table = self._layouts.table(conn, ask.view)
            known = table.columns
        return table, {name: known[name] for name in names if name in known}

    def _statement(self, conn: Connection[TupleRow], parts: Sequence[Part]) -> bytes:
        card = tuple(
            (part.table.name, part.table.event, part.keys, tuple(c.name for c in part.columns))
            for part in parts
        )
        if card not in self._statements:
            self._statements[card] = statement(parts).as_bytes(conn)
        return self._statements[card]


def moment(microseconds: int) -> dt.datetime:
    """Return a time that was read as microseconds since 1970."""
    return EPOCH + dt.timedelta(microseconds=microseconds)


def _place(row: TupleRow) -> int:
    return row[0]


def _length(ask: Ask) -> int:
    return max((len(values) for values in ask.keys.values()), default=0)


def _sliced(ask: Ask, first: int, slices: dict[int, Sequence[Value]]) -> Ask:
    keys = {
        name: slices.setdefault(id(values), values[first : first + MOST_KEYS])
        for name, values in ask.keys.items()
    }
    return ask._replace(keys=keys)


def _taken(columns: Iterator[Sequence[Any]], keys: int, codecs: Mapping[str, Codec]) -> Found:
    """Return the next columns of an answer: the event time, then the features."""
    moments = next(columns)[:keys]
    return Found(moments, {name: Values(one, next(columns)[:keys]) for name, one in codecs.items()})


def _joined(parts: Sequence[Found]) -> Found:
    """Return the answers for slices of the keys as one."""
    first = parts[0]
    columns = {
        name: Values(column.codec, list(chain(*(one.columns[name].values for one in parts))))
        for name, column in first.columns.items()
    }
    return Found(list(chain(*(one.moments for one in parts))), columns)


def _codecs(view: Any, names: Iterable[str]) -> dict[str, Codec]:
    types = {field.name: field.dtype for field in view.features}
    if any(name not in types for name in names):
        types |= {field.name: field.dtype for field in view.entity_columns}
    return {name: codec(types[name].to_value_type()) for name in names}


def kinds(view: Any) -> dict[str, Any]:
    """Return Feast's type of each feature and join key of a view."""
    found = {field.name: field.dtype.to_value_type() for field in view.features}
    for field in getattr(view, "entity_columns", ()):
        found.setdefault(field.name, field.dtype.to_value_type())
    return found


def _require_key(
    table: Table, key: Column, given: Mapping[str, Sequence[Value]]
) -> Sequence[Value]:
    if key.name not in given:
        raise DataError(
            f"{table.title} is keyed by {', '.join(one.name for one in table.keys)}; the request "
            f"has no {key.name!r}: add it to the entity rows"
        )
    return given[key.name]


def _parameter(table: Table, key: Column, values: Sequence[Value]) -> list[Any]:
    """Return key values as the parameter that the column is compared with.

    Raises
    ------
    DataError : they are of another type than the column.
    """
    accepted = _KEYS.get(key.type, {"string_val"})
    found: list[Any] = []
    for value in values:
        field = value.WhichOneof("val")
        if field is None or field == "null_val":
            found.append(None)
        elif field in accepted:
            found.append(getattr(value, field))
        else:
            given = getattr(value, field)
            raise DataError(
                f"key {key.name!r} is {given!r} ({field.removesuffix('_val')}), but "
                f"{table.title}.{key.column} holds {key.type}; convert the key"
            )
    return found
