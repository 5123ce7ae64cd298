"""Rows from another database, as they come over the wire: COPY out there, COPY in here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg import sql

from kgfeatures.db import composing
from kgfeatures.db.visit import visit
from kgfeatures.db.wide_tables.filling import History, latest_raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.wide_tables.tables import Table

PULLED = "kgfeatures_pulled"
# Types whose binary form is the same in every database; all others travel as text.
PORTABLE = {
    "boolean", "smallint", "integer", "bigint", "real", "double precision", "numeric", "text",
    "bytea", "uuid", "json", "jsonb", "date", "timestamp with time zone",
    "timestamp without time zone", "character varying", "interval",
}  # fmt: skip


def pull(
    conn: Connection[TupleRow],
    dsn: str,
    table: Table,
    history: History,
    told: Callable[[int], object],
) -> History:
    """Copy the newest row of each key of a history elsewhere into a temporary table.

    Parameters
    ----------
    dsn : where the history is.
    told : called with the number of bytes of each piece that came.

    Returns
    -------
    history : the temporary table's, gone with the transaction.
    """
    wanted = {name: history.columns[name] for name in table.columns if name in history.columns}
    names = [*wanted.values(), history.event, *([history.created] if history.created else [])]
    with visit(dsn) as other:
        types = composing.columns(other, "source", history.relation)
        kinds = {name: _travels_as(types[name]) for name in dict.fromkeys(names)}
        _create(conn, kinds)
        query = latest_raw(table, history, kinds)
        out = sql.SQL("copy ({}) to stdout (format binary)").format(query)
        into = sql.SQL("copy {} from stdin (format binary)").format(sql.Identifier(PULLED))
        with (
            other.cursor() as reader,
            conn.cursor() as writer,
            reader.copy(out) as source,
            writer.copy(into) as target,
        ):
            for piece in source:
                target.write(piece)
                told(len(piece))
    conn.execute(sql.SQL("analyze {}").format(sql.Identifier(PULLED)))
    return replace(history, relation=sql.Identifier(PULLED), since=None, until=None)


def _travels_as(kind: str) -> str:
    plain = kind.partition("(")[0]
    if plain in ("vector", "halfvec"):
        return "real[]"
    base = plain.removesuffix("[]")
    if base in PORTABLE:
        return plain
    return "text[]" if plain.endswith("[]") else "text"


def _create(conn: Connection[TupleRow], kinds: dict[str, str]) -> None:
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(name), composing.foreign(kind))
        for name, kind in kinds.items()
    ]
    conn.execute(
        sql.SQL("create temporary table {} ({}) on commit drop").format(
            sql.Identifier(PULLED), sql.SQL(", ").join(columns)
        )
    )
