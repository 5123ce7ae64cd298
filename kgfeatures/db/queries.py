"""Named queries: sql/queries/<topic>.sql holds statements, each after `-- name: <query>`.

They are called "topic.query"; values are written %(name)s, a percent sign %%. This and
sources.py are the only places where text from a file becomes a LiteralString.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, LiteralString, cast

import numpy as np
from psycopg.rows import dict_row

from kgfeatures.db.failures import translated
from kgfeatures.db.sources import Source, read_all
from kgfeatures.errors import DataError, UnknownNameError, nearest

if TYPE_CHECKING:
    import pandas as pd
    from psycopg import Connection, Cursor
    from psycopg.rows import TupleRow

_NAME = re.compile(r"^-- name: *(\S+) *$", re.MULTILINE)


def parse(source: Source) -> dict[str, LiteralString]:
    """Return the statements of one file by name.

    Raises
    ------
    DataError : a name twice, or SQL before the first name.
    """
    head, *parts = _NAME.split(source.text)
    if any(line and not line.startswith("--") for line in head.splitlines()):
        raise DataError(f"{source.name} has SQL before its first `-- name:` line; name it")
    names = parts[::2]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{source.name} names {twice!r} twice; rename one")
    bodies = (body.strip().rstrip(";") for body in parts[1::2])
    return {name: cast("LiteralString", body) for name, body in zip(names, bodies, strict=True)}


@functools.cache
def catalogue(*, folder: str = "queries") -> dict[str, LiteralString]:
    """Return all statements of sql/<folder>, "topic.query" to text; read once per process."""
    found: dict[str, LiteralString] = {}
    for source in read_all(folder):
        topic = source.name.rpartition("/")[2].removesuffix(".sql")
        found |= {f"{topic}.{name}": text for name, text in parse(source).items()}
    return found


def text(name: str) -> LiteralString:
    """Return the statement called "topic.query".

    Raises
    ------
    UnknownNameError : there is none; the message names the nearest.
    """
    known = catalogue()
    if name not in known:
        raise UnknownNameError(f"no query {name!r} in sql/queries{nearest(name, known)}")
    return known[name]


def fetch(conn: Connection[TupleRow], name: str, /, **params: object) -> list[dict[str, Any]]:
    """Return the rows of a named query, one dict per row.

    Parameters
    ----------
    name : "topic.query": the query in sql/queries/<topic>.sql.
    params : what its %(name)s stand for.
    """
    statement = text(name)
    with translated(name), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, params).fetchall()


def frame(conn: Connection[TupleRow], name: str, /, **params: object) -> pd.DataFrame:
    """Return the rows of a named query as a frame; vectors are float32 arrays, times UTC.

    Parameters
    ----------
    name : "topic.query".
    params : what its %(name)s stand for.
    """
    statement = text(name)
    with translated(name), conn.cursor() as cursor:
        return as_frame(cursor.execute(statement, params))


def execute(conn: Connection[TupleRow], name: str, /, **params: object) -> int:
    """Run a named query and return how many rows it touched.

    Parameters
    ----------
    name : "topic.query".
    params : what its %(name)s stand for.
    """
    statement = text(name)
    with translated(name):
        return conn.execute(statement, params).rowcount


def scalar(conn: Connection[TupleRow], name: str, /, **params: object) -> Any:
    """Return the first column of the first row, None when there is no row.

    Parameters
    ----------
    name : "topic.query".
    params : what its %(name)s stand for.
    """
    statement = text(name)
    with translated(name):
        row = conn.execute(statement, params).fetchone()
    return None if row is None else row[0]


def as_frame(cursor: Cursor[TupleRow]) -> pd.DataFrame:
    """Return what `cursor` holds as a frame, empty without columns when it gave no rows."""
    import pandas as pd

    if cursor.description is None:
        return pd.DataFrame()
    names = [column.name for column in cursor.description]
    rows = cursor.fetchall()
    made = pd.DataFrame(rows, columns=pd.Index(names))
    for place, column in enumerate(cursor.description):
        if column.type_code == _TIMESTAMPTZ:
            # Microseconds hold the years 1 and 9999, which stand for -infinity and infinity.
            times = [row[place] for row in rows]
            naive = [at if at is None else at.replace(tzinfo=None) for at in times]
            utc = pd.Series(np.array(naive, dtype="datetime64[us]"))
            made.isetitem(place, utc.dt.tz_localize("UTC"))
    return made


_TIMESTAMPTZ = 1184
