"""Rows into a wide table: COPY BINARY into a temporary table, then one upsert.

A newer row is never overwritten by an older one: newer by event time, then by created time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg import sql

from kgfeatures.db import transport
from kgfeatures.db.composing import template
from kgfeatures.db.wide_tables.dependents import without_views
from kgfeatures.db.wide_tables.indexes import create_indexes
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.wide_tables.tables import Column, Table

LOADED = "kgfeatures_loaded"
# What COPY BINARY writes itself; other types travel as text and are cast.
COPIED = {
    "boolean", "smallint", "integer", "bigint", "real", "double precision", "text", "date",
    "timestamp with time zone", "json", "jsonb",
    "boolean[]", "integer[]", "bigint[]", "real[]", "double precision[]", "text[]",
    "timestamp with time zone[]",
}  # fmt: skip


def travels_as(column: Column) -> str:
    """Return the type in which a column's values are loaded: its own, real[], text or text[]."""
    if column.vector_type:
        return "real[]"
    if column.type in COPIED:
        return column.type
    return "text[]" if column.type.endswith("[]") else "text"


def upsert(conn: Connection[TupleRow], table: Table, rows: Mapping[str, pa.Array]) -> int:
    """Write rows, at most one per key, and return how many were not older than those there.

    Parameters
    ----------
    table : as it is (`tables.find`).
    rows : by the names of keys, features (those left out stay as they are) and the two times;
        values in the type that `travels_as` says.

    Raises
    ------
    DataError : a value that its column cannot hold, with its row.
    """
    columns = table.columns
    given = [columns[name] for name in rows if name in columns]
    temporary = sql.Identifier(LOADED)
    definitions = [
        *(_declared(column) for column in given),
        sql.SQL("{} timestamptz").format(sql.Identifier(table.event)),
        sql.SQL("{} timestamptz").format(sql.Identifier(table.created)),
    ]
    conn.execute(
        template(
            "composing.create_temporary",
            table=temporary,
            definitions=sql.SQL(", ").join(definitions),
        )
    )
    named = {columns[name].column if name in columns else name: rows[name] for name in rows}
    transport.copy_in(conn, f"pg_temp.{LOADED}", named)
    kept = merge(conn, table, given, template("composing.everything", source=temporary))
    conn.execute(template("wide_definitions.drop", table=temporary))
    return kept


def merge(
    conn: Connection[TupleRow], table: Table, given: list[Column], source: sql.Composable
) -> int:
    """Upsert what a query gives, one row per key, and return how many rows changed.

    Parameters
    ----------
    given : the columns that the query gives, besides the two times, all under their own names.
    """
    times = [sql.Identifier(table.event), sql.Identifier(table.created)]
    names = [*(column.identifier for column in given), *times]
    keys = {key.column for key in table.keys}
    changing = [column.identifier for column in given if column.column not in keys] + times
    statement = template(
        "wide_tables.upsert",
        table=table.identifier,
        names=sql.SQL(", ").join(names),
        values=sql.SQL(", ").join([*(_cast(column) for column in given), *times]),
        source=source,
        keys=sql.SQL(", ").join(key.identifier for key in table.keys),
        changes=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in changing),
        conditions=sql.SQL("{} and {}").format(
            newer(table, "excluded", "stored"), different(table, given, "excluded", "stored")
        ),
    )
    return conn.execute(sql.Composed([statement])).rowcount


def newer(table: Table, one: str, other: str) -> sql.Composed:
    """Return the condition that row `one` is not older than row `other`."""
    return sql.SQL("({}, {}) >= ({}, {})").format(*_times(table, one), *_times(table, other))


def different(table: Table, given: list[Column], one: str, other: str) -> sql.Composed:
    """Return the condition that two rows of one key are not the same."""
    keys = {key.column for key in table.keys}
    pairs = [
        sql.SQL("{} is distinct from {}").format(
            _comparable(column, one), _comparable(column, other)
        )
        for column in given
        if column.column not in keys
    ]
    pairs += [
        sql.SQL("{} is distinct from {}").format(
            sql.Identifier(one, name), sql.Identifier(other, name)
        )
        for name in (table.event, table.created)
    ]
    return sql.SQL("({})").format(sql.SQL(" or ").join(pairs))


def set_width(conn: Connection[TupleRow], table: Table, column: Column, dim: int) -> Table:
    """Give a vector column that had no width one, and its index; return the table as it is then.

    Parameters
    ----------
    column : of type vector or halfvec without a width.
    dim : numbers of a vector, 1 to 16000.

    Raises
    ------
    DataError : `dim` is no width of a vector, or the column holds vectors of another one.
    """
    if not 1 <= dim <= 16_000:
        raise DataError(
            f"{table.title}.{column.column} is given a vector of {dim} numbers; 1 to 16000 are "
            "allowed"
        )
    wide = replace(column, type=f"{column.vector_type}({dim})")
    kind = sql.SQL(wide.type)  # pyright: ignore[reportArgumentType]  from our own list of types
    with without_views(conn, table):
        value = sql.SQL("{}::{}").format(wide.identifier, kind)
        parts = {"name": wide.identifier, "kind": kind, "value": value}
        conn.execute(template("wide_definitions.retype", table=table.identifier, **parts))
    features = tuple(wide if one.name == column.name else one for one in table.features)
    widened = replace(table, features=features)
    create_indexes(conn, widened)
    return widened


def _declared(column: Column) -> sql.Composed:
    kind = sql.SQL(travels_as(column))  # pyright: ignore[reportArgumentType]  from COPIED
    return sql.SQL("{} {}").format(column.identifier, kind)


def _cast(column: Column) -> sql.Composed:
    kind = sql.SQL(column.type)  # pyright: ignore[reportArgumentType]  from our own list of types
    return sql.SQL("given.{}::{}").format(column.identifier, kind)


def _comparable(column: Column, row: str) -> sql.Composable:
    name = sql.Identifier(row, column.column)
    # json knows no equality.
    return sql.SQL("{}::text").format(name) if column.type.startswith("json") else name


def _times(table: Table, row: str) -> tuple[sql.Composable, sql.Composable]:
    created = sql.Identifier(row, table.created)
    known = sql.SQL("coalesce({}, '-infinity')").format(created)
    return sql.Identifier(row, table.event), known
