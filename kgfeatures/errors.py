"""Every error that kgfeatures raises on purpose.

    KGFeaturesError
    ├── ConfigError           a setting or an environment variable            (ValueError)
    ├── ManifestError         dataset.yaml says something that cannot be      (ValueError)
    ├── DataError             a file, a column, a vector or an argument       (ValueError)
    ├── UnknownNameError      no such customer, relation, alias, segment …    (LookupError)
    ├── MissingExtraError     an optional dependency is not installed         (ImportError)
    ├── ServerError           the embedded server cannot be started or used   (RuntimeError)
    ├── BusyError             somebody else holds the lock                    (RuntimeError)
    └── DatabaseError         PostgreSQL refused; `sqlstate` says how         (RuntimeError)
        └── MigrationError    the schema and the code do not fit together

A message says what is wrong, the value, what is allowed and what to do.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class KGFeaturesError(Exception):
    """Base of all errors of this package."""


class ConfigError(KGFeaturesError, ValueError):
    """A setting or an environment variable cannot be used."""


class ManifestError(KGFeaturesError, ValueError):
    """dataset.yaml cannot be read or asks for something that does not exist."""


class DataError(KGFeaturesError, ValueError):
    """Data or an argument cannot be used as given."""


class UnknownNameError(KGFeaturesError, LookupError):
    """A name that nothing goes by."""


class MissingExtraError(KGFeaturesError, ImportError):
    """An optional dependency is needed and not installed."""


class ServerError(KGFeaturesError, RuntimeError):
    """The embedded server cannot be started, stopped or reached."""


class BusyError(KGFeaturesError, RuntimeError):
    """Another process holds the lock that this call needs."""


class DatabaseError(KGFeaturesError, RuntimeError):
    """PostgreSQL refused a statement or the connection broke.

    Parameters
    ----------
    message : what is wrong and what to do.
    sqlstate : PostgreSQL's five-character code, None when the connection itself failed.
    position : the character of the statement, from 1, that PostgreSQL points at.
    """

    def __init__(
        self, message: str, sqlstate: str | None = None, position: int | None = None
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.position = position


class MigrationError(DatabaseError):
    """The schema in the database and the files of this version do not fit together."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'? Known: …", to end a message about an unknown name with.

    Parameters
    ----------
    name : what was asked for.
    known : what there is; at most ten are listed.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    listed = ", ".join(names[:10]) + (" …" if len(names) > 10 else "")
    return f"{hint} Known: {listed or 'none yet'}"
