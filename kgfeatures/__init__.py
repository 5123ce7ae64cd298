"""Knowledge-graph features for e-commerce: triples, vectors and feature tables in Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from kgfeatures.db import Database

__all__ = ["__version__", "connect", "load_ipython_extension"]
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


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add `%kgsql` and `%%kgsql` to a notebook: what `%load_ext kgfeatures` runs."""
    from kgfeatures.widgets.magics import load

    load(shell)
