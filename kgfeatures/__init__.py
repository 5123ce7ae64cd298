"""Knowledge-graph features for e-commerce: triples, vectors and feature tables in Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgfeatures.db import Database

__all__ = ["__version__", "connect"]
__version__ = "0.1.0"


def connect(dsn: str | None = None) -> Database:
    """Return the shop's database: `dsn`, else $KGFEATURES_DSN, else the embedded server.

    Parameters
    ----------
    dsn : a libpq connection string or URL; None takes the environment's.

    Raises
    ------
    ServerError : the embedded server cannot be started.
    DatabaseError : the database cannot be reached.
    """
    from kgfeatures.db import connect as connect_database

    return connect_database(dsn)
