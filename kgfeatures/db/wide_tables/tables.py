"""What a wide table is: keys, features, two times; and how the catalogue describes one.

A table belongs to one feature view of one Feast project. The last line of its comment says so:
"Feast: project shop, feature view customer_profile."
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from psycopg import sql

from kgfeatures.db import queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

LONGEST_NAME = 63
MARK = re.compile(r"(?:\n|^)(Feast: project .+)\Z")
_VECTOR = re.compile(r"(?:\w+\.)?(vector|halfvec)(?:\((\d+)\))?\Z")


def short_name(name: str) -> str:
    """Return `name`, shortened where PostgreSQL would cut it off, so that two stay two."""
    if len(name.encode()) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return name.encode()[: LONGEST_NAME - 9].decode(errors="ignore") + "_" + digest


@dataclass(frozen=True)
class Column:
    """One column.

    Parameters
    ----------
    name : as Feast calls it.
    type : as PostgreSQL's format_type writes it; "vector" where the width is not known yet.
    comment : what it says.
    metric : of its HNSW index ("cosine", "l2", "inner_product", "l1"); None without one.
    words : its texts are indexed by their tokens.
    """

    name: str
    type: str
    comment: str = ""
    metric: str | None = None
    words: bool = False

    @property
    def column(self) -> str:
        """Its name in the table."""
        return short_name(self.name)

    @property
    def identifier(self) -> sql.Identifier:
        """Its name in a statement."""
        return sql.Identifier(self.column)

    @property
    def vector_type(self) -> str | None:
        """The type without its width: "vector" or "halfvec"; None for any other type."""
        found = _VECTOR.match(self.type)
        return found[1] if found else None

    @property
    def dim(self) -> int | None:
        """The width of a vector; None when it is unknown or no vector."""
        found = _VECTOR.match(self.type)
        return int(found[2]) if found and found[2] else None


@dataclass(frozen=True)
class Table:
    """A wide table, as it should be or as it is.

    Parameters
    ----------
    schema, name : where it is.
    mark : whose it is: "Feast: project …, feature view … .".
    keys : the primary key, in order.
    features : all else but the two times.
    event, created : the columns that hold when a row was true and when it was known.
    comment : what it says, without the mark.
    """

    schema: str
    name: str
    mark: str
    keys: tuple[Column, ...]
    features: tuple[Column, ...]
    event: str = "event_timestamp"
    created: str = "created_timestamp"
    comment: str = ""

    @property
    def identifier(self) -> sql.Identifier:
        """Its name in a statement."""
        return sql.Identifier(self.schema, self.name)

    @property
    def title(self) -> str:
        """Its name for a person."""
        return f"{self.schema}.{self.name}"

    @property
    def columns(self) -> dict[str, Column]:
        """Keys and features by name."""
        return {column.name: column for column in (*self.keys, *self.features)}

    @property
    def vectors(self) -> tuple[Column, ...]:
        """The features that have, or want, an HNSW index."""
        return tuple(column for column in self.features if column.metric)

    def renamed(self, name: str) -> Table:
        """Return the same table under another name."""
        return replace(self, name=short_name(name))


def mark(project: str, view: str) -> str:
    """Return the line that says whose a table is."""
    return f"Feast: project {project}, feature view {view}."


def find(conn: Connection[TupleRow], schema: str, names: Sequence[str], mark: str) -> Table | None:
    """Return the table among `names` that carries the mark, as it is; None when there is none."""
    rows = queries.fetch(conn, "features_online.tables", schema=schema, names=list(names))
    for row in rows:
        comment = row["comment"] or ""
        marked = MARK.search(comment)
        if marked and marked[1] == mark:
            return _read(conn, schema, row["name"], mark, comment[: marked.start()])
    return None


def taken(conn: Connection[TupleRow], schema: str, name: str) -> bool:
    """Return whether something is called so already."""
    return bool(queries.fetch(conn, "features_online.relations", schema=schema, names=[name]))


def _read(conn: Connection[TupleRow], schema: str, name: str, mark: str, comment: str) -> Table:
    rows = queries.fetch(conn, "features_online.columns", schema=schema, name=name)
    columns = {
        row["place"] or 0: Column(row["name"], row["type"], row["comment"] or "")
        for row in rows
        if row["place"]
    }
    # The times stand last, whatever they are called: features may bear their usual names.
    rest = [Column(row["name"], row["type"], row["comment"] or "") for row in rows]
    rest = [column for column in rest if column not in columns.values()]
    times = time_columns([column.name for column in rest])
    return Table(
        schema,
        name,
        mark,
        keys=tuple(columns[place] for place in sorted(columns)),
        features=tuple(column for column in rest if column.name not in times),
        event=times[0],
        created=times[1],
        comment=comment,
    )


def time_columns(names: Sequence[str]) -> tuple[str, str]:
    """Return what the two time columns are called in a table that has these columns."""
    if "feast_event_timestamp" in names:
        return "feast_event_timestamp", "feast_created_timestamp"
    return "event_timestamp", "created_timestamp"


def marked(
    conn: Connection[TupleRow], schema: str, project: str, view: str, *, versions: bool
) -> list[Table]:
    """Return the tables of a view, with those of its later versions (_v<n>) where `versions`."""
    end = r"(_v\d+)?" if versions else ""
    pattern = rf"Feast: project {re.escape(project)}, feature view {re.escape(view)}{end}\.\Z"
    found: list[Table] = []
    for row in queries.fetch(conn, "features_online.marked_tables", schema=schema, marks=pattern):
        comment = row["comment"] or ""
        line = MARK.search(comment)
        if line:
            found.append(_read(conn, schema, row["name"], line[1], comment[: line.start()]))
    return found
