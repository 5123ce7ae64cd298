"""`feast apply`: tables as the feature views say, then what tells of them.

All in one transaction: readers see the old tables or the new ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgfeatures.db.wide_tables.definition import adapt, changes, create, describe, drop
from kgfeatures.db.wide_tables.indexes import create_indexes
from kgfeatures.db.wide_tables.preparing import (
    drop_plain_views,
    prepare,
    refresh_plain_views,
    require_vectors,
)
from kgfeatures.db.wide_tables.services import drop_views
from kgfeatures.db.wide_tables.tables import marked, taken
from kgfeatures.features.online_store import catalogue, stock
from kgfeatures.features.online_store.definition import candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feast import RepoConfig
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.wide_tables import Table
    from kgfeatures.features.online_store.catalogue import Changed
    from kgfeatures.features.online_store.layouts import Layouts


def update(
    conn: Connection[TupleRow],
    config: RepoConfig,
    layouts: Layouts,
    changed: Changed,
) -> None:
    """Drop the tables of views that are gone, make or change those of the others.

    Rows in tables of Feast's own Postgres store are taken over, and those tables dropped.

    Raises
    ------
    DataError : a change would lose values; nothing is changed then.
    """
    prepare(conn, layouts.schema)
    wanted = [(view, layouts.wanted(view)) for view in changed.kept]
    found = {table.name: layouts.found(conn, layouts.name(view)) for view, table in wanted}
    dropped = [table for view in changed.gone for table in _tables(conn, layouts, view)]
    altered = [
        one for _, table in wanted if (one := found[table.name]) is not None and changes(one, table)
    ]
    if dropped or altered:
        drop_views(conn, layouts.schema, layouts.project)
    for table in (*dropped, *altered):
        drop_plain_views(conn, table)
    for table in dropped:
        drop(conn, table)
    for view, table in wanted:
        if table.vectors:
            require_vectors(conn)
        _make(conn, layouts, view, table, found[table.name])
        stock.take_over(conn, config, layouts, view)
    refresh_plain_views(conn)
    catalogue.refresh(conn, config, layouts, changed)


def teardown(conn: Connection[TupleRow], layouts: Layouts, views: Sequence[Any]) -> None:
    """Drop the tables of views, in all versions, and the views over feature services."""
    drop_views(conn, layouts.schema, layouts.project)
    for view in views:
        for table in _tables(conn, layouts, view):
            drop_plain_views(conn, table)
            drop(conn, table)


def _tables(conn: Connection[TupleRow], layouts: Layouts, view: Any) -> list[Table]:
    """Return the tables of a view: of all its versions where versions have tables."""
    return marked(conn, layouts.schema, layouts.project, view.name, versions=layouts.versioned)


def _make(
    conn: Connection[TupleRow], layouts: Layouts, view: Any, wanted: Table, found: Table | None
) -> None:
    if found is None:
        first, second = candidates(layouts.project, layouts.name(view))
        create(conn, wanted.renamed(second if taken(conn, layouts.schema, first) else first))
        return
    table = wanted.renamed(found.name)
    if changes(found, table):
        adapt(conn, found, table)
        found = layouts.found(conn, layouts.name(view)) or table
    else:
        describe(conn, table)
    create_indexes(conn, _as_found(table, found))


def _as_found(wanted: Table, found: Table) -> Table:
    """Return the table with the widths that its vectors have got."""
    from dataclasses import replace

    types = {column.column: column.type for column in found.features}
    return replace(
        wanted,
        features=tuple(
            replace(column, type=types.get(column.column, column.type))
            for column in wanted.features
        ),
    )
