"""Read and drop the tables of Feast's own Postgres online store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from kgfeatures.db import queries
from kgfeatures.db.composing import template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from psycopg.rows import TupleRow

COLUMNS = {"entity_key", "feature_name", "value", "event_ts", "created_ts"}


def is_stock(conn: Connection[TupleRow], schema: str, name: str) -> bool:
    """Return whether there is such a table and Feast's own store made it."""
    rows = queries.fetch(conn, "features_online.columns", schema=schema, name=name)
    return {row["name"] for row in rows} >= COLUMNS


def rows_by_key(conn: Connection[TupleRow], schema: str, name: str) -> Iterator[TupleRow]:
    """Yield key, feature, value, event and created time; the rows of one key together."""
    query = template("wide_definitions.stock_rows", table=sql.Identifier(schema, name))
    with conn.cursor(name="kgfeatures_stock") as cursor:
        cursor.itersize = 5000
        cursor.execute(query)
        yield from cursor


def drop_table(conn: Connection[TupleRow], schema: str, name: str) -> None:
    """Drop a table."""
    conn.execute(template("wide_definitions.drop", table=sql.Identifier(schema, name)))
