"""Up to which moment a step looks: the one asked for, else the end of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgfeatures.db import queries
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    import datetime as dt

    from psycopg import Connection
    from psycopg.rows import TupleRow


def known_moment(conn: Connection[TupleRow], known_at: dt.datetime | None) -> dt.datetime:
    """Return `known_at`, or the data cut-off when it is None.

    Raises
    ------
    DataError : there are no interactions.
    """
    moment = known_at or queries.scalar(conn, "embed.cutoff")
    if moment is None:
        raise DataError("raw.interaction holds no rows; run `kgfeatures ingest DIR` first")
    return moment


def iso(known_at: dt.datetime | None) -> str | None:
    """Return the moment as JSON can hold it."""
    return None if known_at is None else known_at.isoformat()
