"""How feature views stand in the database: looked up once, and again when that no longer holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kgfeatures.db.wide_tables.tables import find, mark
from kgfeatures.errors import DataError
from kgfeatures.features.online_store.definition import candidates, view_name, wanted_table

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.wide_tables import Column, Table


class Layouts:
    """The tables of a project's views, as they are.

    Parameters
    ----------
    project, schema : whose tables, and where.
    versioned : each version of a feature view has a table of its own.
    """

    def __init__(self, project: str, schema: str, *, versioned: bool) -> None:
        self.project = project
        self.schema = schema
        self.versioned = versioned
        self._known: dict[str, Table] = {}

    def name(self, view: Any) -> str:
        """Return what a view's table is called for Feast."""
        return view_name(view, versioned=self.versioned)

    def wanted(self, view: Any) -> Table:
        """Return the table that a view should have."""
        return wanted_table(view, self.project, self.schema, versioned=self.versioned)

    def found(self, conn: Connection[TupleRow], name: str) -> Table | None:
        """Return the table of the view called `name`; None when it has none."""
        places = candidates(self.project, name)
        return find(conn, self.schema, places, mark(self.project, name))

    def table(self, conn: Connection[TupleRow], view: Any) -> Table:
        """Return the table of a view, from memory where it was looked up before.

        Raises
        ------
        DataError : it has none.
        """
        name = self.name(view)
        if name not in self._known:
            table = self.found(conn, name)
            if table is None:
                raise DataError(
                    f"feature view {view.name!r} has no online table {self.schema}.{name}; make it "
                    "with `feast apply`"
                )
            self._known[name] = searchable(table, view)
        return self._known[name]

    def known(self, view: Any) -> Table | None:
        """Return the table of a view that was looked up before."""
        return self._known.get(self.name(view))

    def forget(self, view: Any | None = None) -> None:
        """Look the tables up again: of one view, or all."""
        if view is None:
            self._known.clear()
        else:
            self._known.pop(self.name(view), None)


def searchable(found: Table, view: Any) -> Table:
    """Return a table as it is, with the metrics and texts that its view's fields ask for."""
    try:
        wanted = wanted_table(view, "", found.schema, versioned=False).columns
    except DataError:
        return found
    names: dict[str, Column] = {column.column: column for column in wanted.values()}
    return replace(
        found,
        keys=tuple(_named(key, names) for key in found.keys),
        features=tuple(_named(column, names) for column in found.features),
    )


def _named(column: Column, names: dict[str, Column]) -> Column:
    asked = names.get(column.name)
    if asked is None:
        return column
    return replace(column, name=asked.name, metric=asked.metric, words=asked.words)
