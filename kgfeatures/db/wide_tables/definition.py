"""Make a wide table, and change it with its feature view as carefully as can be.

A column that comes is added, a type that holds all old values is widened, an empty column takes any
type. What would lose values is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from psycopg import sql

from kgfeatures.db import queries
from kgfeatures.db.composing import template
from kgfeatures.db.wide_tables.indexes import create_indexes
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.wide_tables.tables import Column, Table

# Every value of the first is a value of the others.
WIDER = {
    "smallint": {"integer", "bigint", "numeric", "real", "double precision"},
    "integer": {"bigint", "numeric", "double precision"},
    "bigint": {"numeric"},
    "real": {"double precision"},
    "uuid": {"text"},
    "json": {"text"},
    "jsonb": {"json", "text"},
    "halfvec": {"vector", "real[]"},
    "vector": {"real[]"},
}


def create(conn: Connection[TupleRow], table: Table, *, bare: bool = False) -> None:
    """Make a table that does not exist yet; `bare` leaves key and indexes out, for a bulk load.

    Parameters
    ----------
    bare : leave key and indexes out; `add_key` and `create_indexes` make them later.
    """
    definitions = [
        *(_declared(key, required=True) for key in table.keys),
        *(_declared(column) for column in table.features),
        sql.SQL("{} timestamptz not null").format(sql.Identifier(table.event)),
        sql.SQL("{} timestamptz").format(sql.Identifier(table.created)),
    ]
    columns = sql.SQL(", ").join(definitions)
    conn.execute(template("composing.create_table", table=table.identifier, definitions=columns))
    if not bare:
        add_key(conn, table)
        create_indexes(conn, table)
    describe(conn, table)


def add_key(conn: Connection[TupleRow], table: Table) -> None:
    """Add the primary key."""
    keys = sql.SQL(", ").join(key.identifier for key in table.keys)
    conn.execute(template("wide_definitions.add_key", table=table.identifier, keys=keys))


def describe(conn: Connection[TupleRow], table: Table) -> None:
    """Write the comments, and let the reader read."""
    text = "\n".join(part for part in (table.comment, table.mark) if part)
    conn.execute(sql.SQL("comment on table {} is {}").format(table.identifier, sql.Literal(text)))
    for column in (*table.keys, *table.features):
        _comment(conn, table, column.column, column.comment)
    _comment(conn, table, table.event, "When the row was true.")
    _comment(conn, table, table.created, "When the row could be known; null = not said.")
    grant(conn, table.identifier)


def grant(conn: Connection[TupleRow], relation: sql.Identifier) -> None:
    """Let the reader's role, where there is one, read a table or view."""
    if queries.scalar(conn, "features_online.reader"):
        conn.execute(sql.SQL("grant select on {} to kgf_reader").format(relation))


def adapt(conn: Connection[TupleRow], found: Table, wanted: Table) -> list[str]:
    """Change a table into what it should be, and return what was done, one sentence each.

    Parameters
    ----------
    found : the table as it is.
    wanted : as its feature view says; of the same name.

    Raises
    ------
    DataError : values would be lost; the message says which and what to do.
    """
    done: list[str] = []
    if not _same_keys(found, wanted):
        _require_empty(conn, found, wanted)
        drop(conn, found)
        create(conn, wanted)
        return [f"{wanted.title} has another key now"]
    there = found.identifier
    old = {column.column: column for column in found.features}
    new = {column.column: column for column in wanted.features}
    for name, column in new.items():
        if name not in old:
            added = {"name": column.identifier, "kind": _kind(column)}
            conn.execute(template("wide_definitions.add_column", table=there, **added))
            done.append(f"{wanted.title}.{name} was added")
        elif not fits(old[name].type, column.type):
            _retype(conn, found, old[name], column)
            done.append(f"{wanted.title}.{name} is {column.type} now")
    for name, column in old.items():
        if name not in new:
            gone = column.identifier
            conn.execute(template("wide_definitions.drop_column", table=there, name=gone))
            done.append(f"{wanted.title}.{name} left the feature view and was dropped")
    describe(conn, wanted)
    return done


def changes(found: Table, wanted: Table) -> bool:
    """Return whether `adapt` would alter the table, comments aside."""
    old = {column.column: column.type for column in found.features}
    new = {column.column: column.type for column in wanted.features}
    if old.keys() != new.keys() or not _same_keys(found, wanted):
        return True
    return any(not fits(old[name], new[name]) for name in new)


def fits(old: str, new: str) -> bool:
    """Return whether a column of the type `old` serves where `new` is wanted."""
    if old == new:
        return True
    return new in ("vector", "halfvec") and old.startswith(f"{new}(")


def drop(conn: Connection[TupleRow], table: Table) -> None:
    """Drop a table."""
    conn.execute(template("wide_definitions.drop", table=table.identifier))


def _declared(column: Column, *, required: bool = False) -> sql.Composed:
    end = sql.SQL(" not null") if required else sql.SQL("")
    return sql.SQL("{} {}{}").format(column.identifier, _kind(column), end)


def _kind(column: Column) -> sql.SQL:
    return sql.SQL(column.type)  # pyright: ignore[reportArgumentType]  from our own list of types


def _comment(conn: Connection[TupleRow], table: Table, column: str, text: str) -> None:
    name = sql.Identifier(table.schema, table.name, column)
    conn.execute(sql.SQL("comment on column {} is {}").format(name, sql.Literal(text or None)))


def _same_keys(found: Table, wanted: Table) -> bool:
    return [(key.column, key.type) for key in found.keys] == [
        (key.column, key.type) for key in wanted.keys
    ]


def _retype(conn: Connection[TupleRow], table: Table, old: Column, new: Column) -> None:
    """Give a column another type; its indexes are made again for the new one.

    Raises
    ------
    DataError : the column holds values that the new type might not hold.
    """
    if not is_wider(old.type, new.type) and (count := _count(conn, table, old)):
        raise DataError(
            f"feature {new.name!r} is {new.type} now, but {table.title}.{old.column} is {old.type} "
            f"and holds {count} values that may not fit; give the changed feature a new name, or "
            f"empty {table.title}.{old.column} first and apply again"
        )
    for row in queries.fetch(conn, "features_online.indexes", schema=table.schema, name=table.name):
        if re.search(rf"\W{re.escape(old.column)}\W", row["definition"]):
            index = sql.Identifier(table.schema, row["name"])
            conn.execute(template("wide_definitions.drop_index", index=index))
    kind = _kind(new)
    value = sql.SQL("{}::{}").format(old.identifier, kind)
    if not is_wider(old.type, new.type):
        value = sql.SQL("null::{}").format(kind)
    parts = {"name": old.identifier, "kind": kind, "value": value}
    conn.execute(template("wide_definitions.retype", table=table.identifier, **parts))


def is_wider(old: str, new: str) -> bool:
    """Return whether every value of the type `old` is one of the type `new`.

    Parameters
    ----------
    old, new : as PostgreSQL writes types: "integer", "vector(64)" ….
    """
    if old.endswith("[]") and new.endswith("[]"):
        return is_wider(old[:-2], new[:-2])
    plain = old.partition("(")[0]
    return new.partition("(")[0] in WIDER.get(plain, ()) or (plain == old == new.partition("(")[0])


def _count(conn: Connection[TupleRow], table: Table, column: Column) -> int:
    query = sql.SQL("select count({}) from {}").format(column.identifier, table.identifier)
    row = conn.execute(query).fetchone()
    return row[0] if row else 0


def _require_empty(conn: Connection[TupleRow], found: Table, wanted: Table) -> None:
    query = sql.SQL("select exists (select from {})").format(found.identifier)
    row = conn.execute(query).fetchone()
    if row and row[0]:
        old, new = (
            ", ".join(f"{key.column} {key.type}" for key in one.keys) for one in (found, wanted)
        )
        raise DataError(
            f"{found.title} is keyed by {old}, and the feature view by {new} now; its rows cannot "
            f"be kept: give the view a new name, or empty it (truncate {found.title}) and apply "
            "again"
        )
