"""Fill a wide table from history: the newest row of each key, all inside PostgreSQL.

One transaction, so readers see the old rows or the new ones. An empty table, or one whose vectors
all change, is built beside and takes the other's place at the end: load, then index.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from psycopg import sql

from kgfeatures.db.composing import template
from kgfeatures.db.wide_tables.definition import add_key, create, drop
from kgfeatures.db.wide_tables.dependents import has_foreign_views, without_views
from kgfeatures.db.wide_tables.indexes import create_indexes, rename_indexes
from kgfeatures.db.wide_tables.writing import different, merge, newer, set_width
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.composing import Statement
    from kgfeatures.db.wide_tables.tables import Column, Table

# From so many changed vectors on, and such a share of all, a new HNSW is made sooner (measured).
MANY, SHARE = 1000, 0.2
WORK_MEMORY = "256MB"


@dataclass(frozen=True)
class History:
    """Where rows come from.

    Parameters
    ----------
    relation : a table, or a query in brackets.
    columns : the source's name of each key and feature.
    event, created : the source's names of the two times; created None where there is none.
    since, until : only rows whose event time lies between, both included; None for all.
    """

    relation: sql.Composable
    columns: Mapping[str, str]
    event: str
    created: str | None
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    @property
    def names(self) -> list[str]:
        """The source's names of all that is read."""
        return [*self.columns.values(), self.event, *([self.created] if self.created else [])]


@dataclass(frozen=True)
class Filled:
    """What became of a table: rows written, rows removed, and what loading and indexing took."""

    rows: int
    removed: int
    load_seconds: float
    index_seconds: float


def search_in(conn: Connection[TupleRow], *schemas: str) -> None:
    """Have names without a schema found in these, until the transaction ends."""
    path = ", ".join(sql.Identifier(schema).as_string(conn) for schema in schemas)
    conn.execute("select set_config('search_path', %s, true)", [path])


def lock(conn: Connection[TupleRow], table: Table) -> None:
    """Let nobody else write or change a table until the transaction ends; readers read on."""
    conn.execute(sql.SQL("lock table {} in share row exclusive mode").format(table.identifier))


def fill(
    conn: Connection[TupleRow], table: Table, history: History, *, mirror: bool = False
) -> Filled:
    """Write the newest row of each key, never over a newer one.

    Parameters
    ----------
    table : as it is, with the metrics of its vectors.
    mirror : keys that the history does not have are removed.

    Raises
    ------
    DataError : vectors of another width than those there.
    DatabaseError : a value that its column cannot hold.
    """
    began = time.perf_counter()
    lock(conn, table)
    conn.execute(sql.SQL("set local work_mem = {}").format(sql.Literal(WORK_MEMORY)))
    conn.execute("set local jit = off")
    given = _given(table, history)
    empty = not _exists(conn, table)
    fitting = _fitting(conn, table, history, anew=empty or mirror)
    new_width = fitting.features != table.features
    source = latest(fitting, given_in(fitting, given), history)
    beside = new_width or empty or (mirror and _many_change(conn, table, given, source))
    if beside and not has_foreign_views(conn, table):
        return _beside(conn, table, fitting, history, began)
    if new_width:
        for column in fitting.features:
            if table.columns[column.name].dim is None and column.dim is not None:
                table = set_width(conn, table, column, column.dim)
    removed = _remove_missing(conn, table, history) if mirror else 0
    rows = merge(conn, table, given_in(fitting, given), source)
    return Filled(rows, removed, time.perf_counter() - began, 0.0)


def given_in(table: Table, given: list[Column]) -> list[Column]:
    """Return the columns of a table that bear these names."""
    columns = table.columns
    return [columns[column.name] for column in given]


def latest(table: Table, given: list[Column], history: History) -> Statement:
    """Return the query for the newest row of each key: columns of the table's names and types."""
    times = _times(history)
    values = [
        *(
            sql.SQL("{}::{} as {}").format(
                _value(history, column),
                sql.SQL(column.type),  # pyright: ignore[reportArgumentType]  our own types
                column.identifier,
            )
            for column in given
        ),
        sql.SQL("{} as {}").format(times[0], sql.Identifier(table.event)),
        sql.SQL("{} as {}").format(times[1], sql.Identifier(table.created)),
    ]
    return _newest(table, history, values)


def latest_raw(table: Table, history: History, types: Mapping[str, str]) -> Statement:
    """Return the query for the newest row of each key: columns as the source calls them."""
    values = [
        sql.SQL("{}::{}").format(sql.Identifier("given", name), sql.SQL(kind))  # pyright: ignore[reportArgumentType]
        for name, kind in types.items()
    ]
    return _newest(table, history, values)


def _newest(table: Table, history: History, values: list[sql.Composed]) -> Statement:
    keys = [
        sql.Identifier("given", history.columns[key.name])
        for key in table.keys
        if key.name in history.columns
    ]
    order = [*keys, *(sql.SQL("{} desc nulls last").format(one) for one in _times(history))]
    # A view without entities has one row; a bare constant cannot be ordered by.
    distinct = sql.SQL(", ").join(keys or [sql.SQL("(1 = 1)")])
    return template(
        "wide_tables.newest",
        keys=distinct,
        values=sql.SQL(", ").join(values),
        source=history.relation,
        conditions=_within(history, keys),
        order_by=sql.SQL(", ").join([distinct, *order[len(keys) :]]),
    )


def _given(table: Table, history: History) -> list[Column]:
    """Return the keys and those features that the history has."""
    return [*table.keys, *(one for one in table.features if one.name in history.columns)]


def _value(history: History, column: Column) -> sql.Composable:
    """Return a column of the history; the dummy key of a view without entities is empty."""
    if column.name not in history.columns:
        return sql.SQL("''")
    return sql.Identifier("given", history.columns[column.name])


def _times(history: History) -> tuple[sql.Composable, sql.Composable]:
    event = sql.SQL("{}::timestamptz").format(sql.Identifier("given", history.event))
    if history.created is None:
        return event, sql.SQL("null::timestamptz")
    return event, sql.SQL("{}::timestamptz").format(sql.Identifier("given", history.created))


def _within(history: History, keys: list[sql.Identifier]) -> sql.Composable:
    event = _times(history)[0]
    parts: list[sql.Composable] = [sql.SQL("{} is not null").format(one) for one in (*keys, event)]
    if history.since is not None:
        parts.append(sql.SQL("{} >= {}").format(event, sql.Literal(history.since)))
    if history.until is not None:
        parts.append(sql.SQL("{} <= {}").format(event, sql.Literal(history.until)))
    return sql.SQL(" and ").join(parts)


def _exists(conn: Connection[TupleRow], table: Table) -> bool:
    query = sql.SQL("select exists (select from {})").format(table.identifier)
    row = conn.execute(query).fetchone()
    return bool(row and row[0])


def _fitting(conn: Connection[TupleRow], table: Table, history: History, *, anew: bool) -> Table:
    """Return the table with its vectors as wide as the history's.

    Raises
    ------
    DataError : they have another width already, and rows that stay.
    """
    features: list[Column] = []
    for column in table.features:
        width = None
        if column.vector_type and column.name in history.columns:
            width = _width(conn, history, history.columns[column.name])
        if width is None or width == column.dim:
            features.append(column)
        elif column.dim is None or anew:
            features.append(replace(column, type=f"{column.vector_type}({width})"))
        else:
            raise DataError(
                f"{table.title}.{column.column} is {column.type}, and its source has vectors of "
                f"{width} numbers now; `kgfeatures features materialize` replaces them all, or "
                f"empty the table (truncate {table.title}) first"
            )
    return replace(table, features=tuple(features))


def _width(conn: Connection[TupleRow], history: History, name: str) -> int | None:
    column = sql.Identifier("given", name)
    query = sql.SQL(
        "select vector_dims({0}::real[]::vector) from {1} as given where {0} is not null limit 1"
    )
    row = conn.execute(query.format(column, history.relation)).fetchone()
    return row[0] if row else None


def _many_change(
    conn: Connection[TupleRow], table: Table, given: list[Column], source: sql.Composable
) -> bool:
    """Return whether so many indexed vectors change that a new index is quicker."""
    vectors = [column for column in given if column.metric and column.dim]
    if not vectors:
        return False
    keys = sql.SQL(", ").join(key.identifier for key in table.keys)
    query = template(
        "wide_tables.changed",
        conditions=different(table, vectors, "excluded", "stored"),
        source=source,
        table=table.identifier,
        keys=keys,
    )
    row = conn.execute(sql.Composed([query])).fetchone()
    rows, changed = row or (0, 0)
    return changed > max(MANY, SHARE * rows)


def _remove_missing(conn: Connection[TupleRow], table: Table, history: History) -> int:
    pairs = [
        sql.SQL("stored.{} = {}::{}").format(
            key.identifier,
            sql.Identifier("given", history.columns[key.name]),
            sql.SQL(key.type),  # pyright: ignore[reportArgumentType]  our own types
        )
        for key in table.keys
        if key.name in history.columns
    ]
    condition = sql.SQL(" and ").join([*pairs, _within(history, [])])
    query = template(
        "wide_tables.delete_missing",
        table=table.identifier,
        source=history.relation,
        conditions=condition,
    )
    return conn.execute(sql.Composed([query])).rowcount


def _beside(
    conn: Connection[TupleRow], old: Table, wanted: Table, history: History, began: float
) -> Filled:
    """Build a new table, indexes last, and put it in the place of the old one."""
    fresh = wanted.renamed(f"{wanted.name}__fresh")
    create(conn, fresh, bare=True)
    given = _given(fresh, history)
    times = [sql.Identifier(fresh.event), sql.Identifier(fresh.created)]
    names = [*(column.identifier for column in given), *times]
    insert = template(
        "wide_tables.insert",
        table=fresh.identifier,
        names=sql.SQL(", ").join(names),
        query=latest(fresh, given, history),
    )
    rows = conn.execute(sql.Composed([insert])).rowcount
    add_key(conn, fresh)
    if old.features == wanted.features:
        _keep_newer(conn, old, fresh)
    loaded = time.perf_counter()
    create_indexes(conn, fresh)
    conn.execute(sql.SQL("analyze {}").format(fresh.identifier))
    indexed = time.perf_counter()
    removed = _take_place(conn, old, wanted, fresh)
    return Filled(rows, removed, loaded - began, indexed - loaded)


def _keep_newer(conn: Connection[TupleRow], old: Table, fresh: Table) -> None:
    """Take over rows of the old table that are newer than the history's: somebody pushed them."""
    keys = [key.identifier for key in fresh.keys]
    changed = [column.identifier for column in fresh.features]
    changed += [sql.Identifier(fresh.event), sql.Identifier(fresh.created)]
    same = sql.SQL(" and ").join(sql.SQL("fresh.{0} = stored.{0}").format(key) for key in keys)
    query = template(
        "wide_tables.keep_newer",
        table=fresh.identifier,
        changes=sql.SQL(", ").join(sql.SQL("{0} = stored.{0}").format(name) for name in changed),
        source=old.identifier,
        conditions=sql.SQL("{} and not {}").format(same, newer(fresh, "fresh", "stored")),
    )
    conn.execute(sql.Composed([query]))


def _take_place(conn: Connection[TupleRow], old: Table, wanted: Table, fresh: Table) -> int:
    """Drop the old table and call the new one like it; return how many keys went."""
    keys = sql.SQL(", ").join(key.identifier for key in old.keys)
    query = template(
        "wide_tables.count_gone",
        source=old.identifier,
        table=fresh.identifier,
        keys=keys,
        conditions=sql.SQL("fresh.{} is null").format(sql.Identifier(fresh.event)),
    )
    row = conn.execute(sql.Composed([query])).fetchone()
    with without_views(conn, old):
        drop(conn, old)
        name = sql.Identifier(wanted.name)
        conn.execute(template("wide_definitions.rename", table=fresh.identifier, name=name))
        rename_indexes(conn, fresh, wanted)
    return row[0] if row else 0
