"""What a database needs before it can hold wide tables: a schema, the tokens, the extension."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from kgfeatures.db import queries
from kgfeatures.db.sources import read, sql_folder
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.wide_tables.tables import Table


def prepare(conn: Connection[TupleRow], schema: str) -> None:
    """Make the schema and the function of tokens where they are missing.

    Two who change tables at once do so one after the other.
    """
    queries.execute(conn, "features_online.lock_changes")
    if not queries.scalar(conn, "features_online.schema_exists", schema=schema):
        conn.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
    if not queries.scalar(conn, "features_online.tokens_exist"):
        folder = sql_folder()
        conn.execute(read(folder / "functions" / "online_tokens.sql", folder).text)


def require_vectors(conn: Connection[TupleRow]) -> None:
    """Check that the database knows vectors.

    Raises
    ------
    DataError : it does not; the message says which line an administrator has to run.
    """
    if not queries.scalar(conn, "features_online.has_vectors"):
        raise DataError(
            "a feature view has vectors, and this database lacks pgvector; have an administrator "
            "run: create extension vector"
        )


def drop_plain_views(conn: Connection[TupleRow], table: Table) -> None:
    """Drop the views of schema plain that show a table; `refresh_plain_views` makes them again."""
    if queries.scalar(conn, "features_online.has_plain_views"):
        queries.execute(conn, "features_online.drop_plain_views", target=quoted(conn, table))


def refresh_plain_views(conn: Connection[TupleRow]) -> None:
    """Make the views of schema plain that tables lack, in a database that has such views."""
    if queries.scalar(conn, "features_online.has_plain_views"):
        queries.execute(conn, "features_online.refresh_plain_views")


def quoted(conn: Connection[TupleRow], table: Table) -> str:
    """Return the name of a table as to_regclass takes it."""
    return table.identifier.as_string(conn)
