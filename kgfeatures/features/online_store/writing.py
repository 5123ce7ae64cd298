"""Writes: Feast's rows become columns, the newest row of each key goes to the database."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from feast.value_type import ValueType

from kgfeatures.db.wide_tables import Column
from kgfeatures.db.wide_tables.definition import create
from kgfeatures.db.wide_tables.writing import set_width, upsert
from kgfeatures.errors import DataError, nearest
from kgfeatures.features.online_store.layouts import searchable
from kgfeatures.features.online_store.reading import kinds
from kgfeatures.features.online_store.values import Codec, codec, matrix_widths

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.wide_tables import Table
    from kgfeatures.features.online_store.layouts import Layouts

    Given = tuple[EntityKey, dict[str, Value], dt.datetime, dt.datetime | None]

TIME = pa.timestamp("us", "UTC")
LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)
_FIELD_TYPES = {
    "string_val": "text",
    "int32_val": "integer",
    "int64_val": "bigint",
    "bytes_val": "bytea",
    "unix_timestamp_val": "timestamp with time zone",
    "bool_val": "boolean",
    "float_val": "real",
    "double_val": "double precision",
    "uuid_val": "uuid",
    "decimal_val": "numeric",
}


def write(conn: Connection[TupleRow], layouts: Layouts, view: Any, given: Sequence[Given]) -> int:
    """Write rows of a view and return how many were not older than those there.

    Raises
    ------
    DataError : a feature that the table does not have, a value that its column cannot hold,
        vectors of another width.
    """
    if not given:
        return 0
    table = layouts.found(conn, layouts.name(view))
    if table is None:
        table = _made(conn, layouts, view, given[0][0])
    table = searchable(table, view)
    rows = _newest(table, given)
    _require_known(table, rows)
    columns: dict[str, pa.Array] = {}
    types = kinds(view)
    for place, key in enumerate(table.keys):
        values = [keys[place] for keys, *_ in rows]
        columns[key.name] = key_codec(key).array(values, f"key {key.name!r} of {table.title}")
    for column in table.features:
        if any(column.name in features for _, features, *_ in rows):
            values = [features.get(column.name) for _, features, *_ in rows]
            title = f"{table.title}.{column.column}"
            if column.vector_type:
                table = _of_width(conn, table, column, matrix_widths(values))
            columns[column.name] = codec(types[column.name]).array(values, title)
    columns[table.event] = pa.array([event for *_, event, _ in rows], TIME)
    columns[table.created] = pa.array([created for *_, created in rows], TIME)
    return upsert(conn, table, columns)


def _made(conn: Connection[TupleRow], layouts: Layouts, view: Any, key: EntityKey) -> Table:
    """Make the table of a view that was never applied: Feast's precomputed vectors have such."""
    wanted = layouts.wanted(view)
    if not getattr(view, "entity_columns", ()):
        pairs = sorted(zip(key.join_keys, key.entity_values, strict=True), key=lambda pair: pair[0])
        keys = [Column(name, _FIELD_TYPES[str(value.WhichOneof("val"))]) for name, value in pairs]
        wanted = replace(wanted, keys=tuple(keys) or wanted.keys)
    create(conn, wanted)
    return wanted


def _newest(table: Table, given: Iterable[Given]) -> list[tuple[Any, ...]]:
    """Return the newest row of each key: key values, features, event and created time."""
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for entity, features, event, created in given:
        values = _key_values(table, entity)
        plain = tuple(getattr(value, value.WhichOneof("val") or "null_val") for value in values)
        row = (values, features, aware(event), aware(created) if created is not None else None)
        if plain not in found or _age(row) >= _age(found[plain]):
            found[plain] = row
    return list(found.values())


def _key_values(table: Table, entity: Any) -> list[Any]:
    """Return the values of a row's keys in the table's order.

    Raises
    ------
    DataError : the row has other keys than the table.
    """
    names = [key.name for key in table.keys]
    by_name = dict(zip(entity.join_keys, entity.entity_values, strict=True))
    if by_name.keys() != set(names):
        raise DataError(
            f"{table.title} is keyed by {', '.join(names)}, and a row by "
            f"{', '.join(by_name) or 'nothing'}; apply the feature view again"
        )
    return [by_name[name] for name in names]


def aware(moment: dt.datetime) -> dt.datetime:
    """Return a time with its zone; without one it is UTC."""
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment


def _age(row: tuple[Any, ...]) -> tuple[dt.datetime, dt.datetime]:
    return row[2], row[3] or LONG_AGO


def _require_known(table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    known = table.columns
    for _, features, *_ in rows:
        for name in features:
            if name not in known:
                raise DataError(
                    f"{table.title} has no feature {name!r}{nearest(name, known)} If it is new, "
                    "run `feast apply`"
                )


def _of_width(conn: Connection[TupleRow], table: Table, column: Column, widths: set[int]) -> Table:
    """Return the table, its vector column as wide as the vectors to write.

    Raises
    ------
    DataError : they are of several widths, or of another one than the column.
    """
    if len(widths) > 1 or (widths and column.dim not in (None, *widths)):
        raise DataError(
            f"{table.title}.{column.column} is {column.type} and is given vectors of "
            f"{', '.join(map(str, sorted(widths)))} numbers; write vectors of one model, and of "
            "another model under another name"
        )
    if widths and column.dim is None:
        return set_width(conn, table, column, widths.pop())
    return table


def key_codec(key: Column) -> Codec:
    """Return how the values of a key column cross."""
    return codec(ValueType[_KEY_TYPES[key.type]])


_KEY_TYPES = {
    "text": "STRING",
    "integer": "INT32",
    "bigint": "INT64",
    "bytea": "BYTES",
    "timestamp with time zone": "UNIX_TIMESTAMP",
    "boolean": "BOOL",
    "real": "FLOAT",
    "double precision": "DOUBLE",
    "uuid": "UUID",
    "numeric": "DECIMAL",
}
