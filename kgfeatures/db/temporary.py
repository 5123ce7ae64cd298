"""Tables made of Arrow tables: temporary ones for a transaction, and lasting ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import types

from kgfeatures.db import queries
from kgfeatures.db.binary import KINDS
from kgfeatures.db.composing import foreign, formatted, listed, name, run, template
from kgfeatures.db.transport import copy_in
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection
    from psycopg.rows import TupleRow

# What an Arrow type becomes in PostgreSQL; the first test that holds.
_SQL_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (types.is_boolean, "boolean"),
    (lambda kind: kind in (pa.int8(), pa.int16(), pa.uint8()), "smallint"),
    (lambda kind: kind in (pa.int32(), pa.uint16()), "integer"),
    (types.is_integer, "bigint"),
    (lambda kind: kind in (pa.float16(), pa.float32()), "real"),
    (types.is_floating, "double precision"),
    # copy_in writes no numeric.
    (types.is_decimal, "double precision"),
    (types.is_date, "date"),
    (lambda kind: types.is_timestamp(kind) and kind.tz is not None, "timestamptz"),
    (types.is_timestamp, "timestamp"),
    (lambda kind: types.is_binary(kind) or types.is_large_binary(kind), "bytea"),
    (lambda kind: types.is_map(kind) or types.is_struct(kind), "jsonb"),
)


def sql_type(kind: pa.DataType) -> str:
    """Return the PostgreSQL type for values of an Arrow type; text for what has no twin.

    >>> sql_type(pa.list_(pa.float32())), sql_type(pa.timestamp("ns", "Asia/Shanghai"))
    ('real[]', 'timestamptz')
    """
    if types.is_dictionary(kind):
        return sql_type(kind.value_type)
    if not types.is_map(kind) and (
        types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    ):
        inner = sql_type(kind.value_type)
        return "jsonb" if inner.endswith("[]") else f"{inner}[]"
    return next((given for test, given in _SQL_TYPES if test(kind)), "text")


def upload(conn: Connection[TupleRow], table: str, columns: pa.Table) -> str:
    """Write rows to a new temporary table, analyzed and gone with the transaction.

    Returns
    -------
    table : its name with its schema: "pg_temp.<table>".

    Raises
    ------
    DataError : a value that PostgreSQL cannot hold, with its row.
    DatabaseError : PostgreSQL refused: the login may make no temporary tables, the database is
        read-only, the disk is full.
    """
    what = f"temporary table {table}"
    made = template(
        "composing.create_temporary", table=name(table), definitions=_definitions(columns.schema)
    )
    run(conn, what, made)
    copy_in(conn, f"pg_temp.{table}", writable(columns))
    run(conn, what, template("composing.analyze", table=name("pg_temp", table)))
    return f"pg_temp.{table}"


def append(conn: Connection[TupleRow], table: str, rows: pa.Table, known: dict[str, str]) -> int:
    """Append rows to a table and return how many; what COPY cannot write is cast by the server.

    Parameters
    ----------
    known : the table's columns and their types as PostgreSQL writes them.

    Raises
    ------
    DataError : a value that its column cannot hold.
    DatabaseError : PostgreSQL refuses the rows.
    """
    catalogue = queries.fetch(conn, "transport.columns", target=table)
    if all(row["type"] in KINDS for row in catalogue if row["name"] in rows.column_names):
        return copy_in(conn, table, writable(rows))
    given = upload(conn, "kgfeatures_appended", rows)
    made = template(
        "composing.append_cast",
        table=name(*table.split(".")),
        names=listed(map(name, rows.column_names)),
        cast_columns=listed(
            formatted("{}::{}", name(column), foreign(known[column]))
            for column in rows.column_names
        ),
        rows_table=name(*given.split(".")),
    )
    return run(conn, table, made)


def drop(conn: Connection[TupleRow], table: str) -> None:
    """Drop a table ("schema.table"), if there is one."""
    run(conn, table, template("composing.drop_table", table=name(*table.split("."))))


def create(conn: Connection[TupleRow], table: str, columns: pa.Table) -> int:
    """Write rows to a new table ("schema.table" or "table") and return how many.

    Raises
    ------
    DataError, DatabaseError : as `upload`; there is such a table already.
    """
    place = name(*table.split("."))
    made = template("composing.create_table", table=place, definitions=_definitions(columns.schema))
    run(conn, table, made)
    written = copy_in(conn, table, writable(columns))
    run(conn, table, template("composing.analyze", table=place))
    return written


def exists(conn: Connection[TupleRow], table: str) -> bool:
    """Return whether there is a table "schema.table" (or "table", by the search path)."""
    return bool(queries.fetch(conn, "transport.columns", target=table))


def writable(columns: pa.Table) -> pa.Table:
    """Return a table whose columns COPY can write: maps and structs as JSON, decimals as text."""
    made = {
        field.name: _writable(columns.column(place)) for place, field in enumerate(columns.schema)
    }
    return pa.table(made) if made else columns


def _writable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if types.is_dictionary(kind):
        return _writable(column.cast(kind.value_type))
    if sql_type(kind) == "jsonb":
        texts = [None if one is None else _json(one) for one in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    if types.is_decimal(kind):
        return column.cast(pa.float64())
    if types.is_unsigned_integer(kind) and kind.bit_width == 64:
        return column.cast(pa.int64())
    if sql_type(kind) == "text" and not (types.is_string(kind) or types.is_large_string(kind)):
        return column.cast(pa.string())
    return column


def _json(value: Any) -> str:
    # Arrow gives a map as pairs.
    plain = (
        dict(value) if isinstance(value, list) and value and isinstance(value[0], tuple) else value
    )
    return json.dumps(plain, ensure_ascii=False, default=str)


def _definitions(schema: pa.Schema) -> Any:
    """Return `"name" type` of each column.

    Raises
    ------
    DataError : a name twice.
    """
    if len(set(schema.names)) < len(schema.names):
        twice = next(one for one in schema.names if schema.names.count(one) > 1)
        raise DataError(f"two columns are called {twice!r}; rename one")
    return listed(
        formatted("{} {}", name(field.name), foreign(sql_type(field.type))) for field in schema
    )
