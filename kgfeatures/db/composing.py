"""Statements whose tables and columns are known only at run time, made of templates and parts.

Templates stand in sql/templates/<topic>.sql, each after `-- name: <template>`; {part} in them
stands for a piece made by the functions below. Values become literals: a percent sign is only that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString, cast

from psycopg import sql
from psycopg.rows import dict_row

from kgfeatures.db.failures import translated
from kgfeatures.db.queries import catalogue
from kgfeatures.errors import UnknownNameError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection
    from psycopg.rows import TupleRow

    Statement = sql.Composable


def name(*parts: str) -> Statement:
    """Return an identifier, quoted: name("feature", "customer_profile") or name("t", "column")."""
    return sql.Identifier(*parts)


def value(given: object, kind: LiteralString | None = None) -> Statement:
    """Return a literal, with `::kind` where one is given.

    Parameters
    ----------
    given : None, a number, text, a time, bytes or a list of such.
    kind : of PostgreSQL, such as "timestamptz"; None leaves the server to see.
    """
    literal = sql.Literal(given)
    return literal if kind is None else literal + sql.SQL("::" + kind)


def listed(parts: Iterable[Statement], between: LiteralString = ", ") -> Statement:
    """Return the parts with `between` between them."""
    return sql.SQL(between).join(parts)


def foreign(text: str) -> Statement:
    """Return SQL that somebody else wrote and answers for: a source's table or query, a type."""
    return sql.SQL(cast("LiteralString", text.strip().rstrip(";")))


def formatted(text: LiteralString, *parts: Statement) -> Statement:
    """Return a short piece of SQL with the parts in the places of {}."""
    return sql.SQL(text).format(*parts)


def template(called: str, **parts: Statement) -> sql.Composed:
    """Return the template "topic.template" with {part} filled in.

    Raises
    ------
    UnknownNameError : there is none; the message names the nearest.
    """
    known = catalogue(folder="templates")
    if called not in known:
        raise UnknownNameError(f"no template {called!r} in sql/templates{nearest(called, known)}")
    return sql.SQL(known[called]).format(**parts)


def text_of(statement: Statement) -> str:
    """Return a statement as text that runs by itself."""
    return statement.as_string(None)


def run(conn: Connection[TupleRow], what: str, statement: Statement) -> int:
    """Run a statement and return how many rows it touched; `what` opens the message of an error.

    Parameters
    ----------
    what : the statement's purpose, in a word or two; an error's message opens with it.
    statement : whole, without a semicolon.

    Raises
    ------
    DatabaseError : PostgreSQL refused.
    """
    with translated(what):
        return conn.execute(_whole(statement)).rowcount


def rows(conn: Connection[TupleRow], what: str, statement: Statement) -> list[tuple[Any, ...]]:
    """Return the rows of a statement; raises what `run` raises.

    Parameters
    ----------
    what : opens the message of an error.
    statement : whole; one that gives rows.
    """
    with translated(what):
        return conn.execute(_whole(statement)).fetchall()


def dicts(conn: Connection[TupleRow], what: str, statement: Statement) -> list[dict[str, Any]]:
    """Return the rows of a statement, one dict per row; raises what `run` raises.

    Parameters
    ----------
    what : opens the message of an error.
    statement : whole; its columns have different names.
    """
    with translated(what), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_whole(statement)).fetchall()


def columns(conn: Connection[TupleRow], what: str, source: Statement) -> dict[str, str]:
    """Return the columns that `select * from source` gives, name to type as PostgreSQL writes it.

    Parameters
    ----------
    what : opens the message of an error.
    source : a table's name, or a query in parentheses.

    Raises
    ------
    DatabaseError : there is no such source, or PostgreSQL refuses it.
    """
    with translated(what):
        described = conn.execute(_whole(template("composing.described", source=source)))
        names = [column.name for column in described.description or []]
    if not names:
        return {}
    kinds = listed(formatted("pg_typeof({})::text", name("source", one)) for one in names)
    [types] = rows(conn, what, template("composing.types", kinds=kinds, source=source))
    return dict(zip(names, types, strict=True))


def estimate(conn: Connection[TupleRow], what: str, statement: Statement) -> dict[str, Any]:
    """Return what the planner expects of a statement: Total Cost, Plan Rows, Plan Width ….

    Parameters
    ----------
    what : opens the message of an error.
    statement : whole; it is planned, not run.
    """
    explained = rows(conn, what, template("composing.explained", statement=statement))
    return explained[0][0][0]["Plan"]


def _whole(statement: Statement) -> sql.Composed:
    return sql.Composed([statement])
