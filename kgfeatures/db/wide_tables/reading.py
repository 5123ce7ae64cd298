"""Rows out of wide tables by key: several tables in one statement, in one round trip.

The keys of each table are an array; `unnest` sets the arrays side by side, and row i of the answer
holds what each table has for its i-th key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import sql

from kgfeatures.db.composing import template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.wide_tables.tables import Column, Table

# The type of a key's parameter; a wider one than the column's is compared all the same.
PARAMETERS = {
    "smallint": "bigint",
    "integer": "bigint",
    "bigint": "bigint",
    "real": "double precision",
    "double precision": "double precision",
    "timestamp with time zone": "bigint",
}


class Part(NamedTuple):
    """What is read of one table: the columns, and which of the key arrays hold its keys."""

    table: Table
    columns: tuple[Column, ...]
    keys: tuple[int, ...]


def statement(parts: Sequence[Part]) -> sql.Composed:
    """Return the query: a place, then for each part its event time and its columns.

    Its parameters are the key arrays, in order; `Part.keys` counts them from 0. A key that a table
    does not have leaves null in all columns of its part.
    """
    arrays: dict[int, Column] = {}
    joins: list[sql.Composed] = []
    shown: list[sql.Composable] = [sql.SQL("wanted.place")]
    for number, part in enumerate(parts):
        row = f"t{number}"
        arrays |= dict(zip(part.keys, part.table.keys, strict=True))
        shown.append(sql.Identifier(row, part.table.event))
        shown += [sql.Identifier(row, column.column) for column in part.columns]
        pairs = zip(part.table.keys, part.keys, strict=True)
        joins.append(
            sql.SQL("left join {} as {} on {}").format(
                part.table.identifier,
                sql.Identifier(row),
                sql.SQL(" and ").join(_equal(row, key, place) for key, place in pairs),
            )
        )
    made = template(
        "wide_tables.by_keys",
        columns=sql.SQL(", ").join(shown),
        rows=sql.SQL(", ").join(_parameter(arrays[place]) for place in sorted(arrays)),
        names=sql.SQL(", ").join(sql.Identifier(f"k{place}") for place in sorted(arrays)),
        joins=sql.SQL(" ").join(joins),
    )
    return sql.Composed([made])


def fetch(conn: Connection[TupleRow], query: bytes, arrays: Sequence[list[Any]]) -> list[TupleRow]:
    """Return the rows of a statement made by `statement`, values as `sessions` loads them."""
    with conn.cursor(binary=True) as cursor:
        return cursor.execute(query, arrays, prepare=True).fetchall()


def _parameter(key: Column) -> sql.SQL:
    kind = PARAMETERS.get(key.type, key.type)
    return sql.SQL(f"%s::{kind}[]")  # pyright: ignore[reportArgumentType]  our own types


def _equal(row: str, key: Column, place: int) -> sql.Composed:
    wanted: sql.Composable = sql.Identifier("wanted", f"k{place}")
    if key.type == "timestamp with time zone":
        wanted = sql.SQL("to_timestamp({}::double precision)").format(wanted)
    return sql.SQL("{} = {}").format(sql.Identifier(row, key.column), wanted)
