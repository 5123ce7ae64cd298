"""Views that read a table stand in the way of changing its types or replacing it.

Those that kgfeatures made (feature services, schema plain) are dropped and made again as they were;
anybody else's are left alone, and the change is refused.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from psycopg import sql

from kgfeatures.db import queries
from kgfeatures.db.wide_tables.definition import grant
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Generator

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.wide_tables.tables import Table


@contextmanager
def without_views(conn: Connection[TupleRow], table: Table) -> Generator[None]:
    """Have no view read the table for a while, and make the views again afterwards.

    Raises
    ------
    DataError : somebody else's view reads it.
    """
    rows = _dependents(conn, table)
    for row in rows:
        if not row["ours"]:
            raise DataError(
                f"{table.title} has to change, and the view {row['schema']}.{row['name']} reads "
                "it; drop that view, do this again, and make it again"
            )
    for row in rows:
        conn.execute(sql.SQL("drop view {}").format(_identifier(row)))
    yield
    for row in rows:
        view = _identifier(row)
        query: Any = row["definition"].rstrip().rstrip(";")
        conn.execute(
            sql.SQL("create view {} with (security_invoker = true) as {}").format(
                view, sql.SQL(query.replace("{", "{{").replace("}", "}}")).format()
            )
        )
        comment = sql.Literal(row["comment"])
        conn.execute(sql.SQL("comment on view {} is {}").format(view, comment))
        grant(conn, view)


def has_foreign_views(conn: Connection[TupleRow], table: Table) -> bool:
    """Return whether somebody else's view reads the table."""
    return any(not row["ours"] for row in _dependents(conn, table))


def _dependents(conn: Connection[TupleRow], table: Table) -> list[dict[str, Any]]:
    target = table.identifier.as_string(conn)
    return queries.fetch(conn, "features_online.dependents", target=target)


def _identifier(row: dict[str, Any]) -> sql.Identifier:
    return sql.Identifier(row["schema"], row["name"])
