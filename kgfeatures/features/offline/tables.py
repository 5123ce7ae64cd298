"""What is joined to labels: a table or query with keys, times and columns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from kgfeatures.db import composing
from kgfeatures.errors import UnknownNameError, nearest

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from psycopg import Connection
    from psycopg.rows import TupleRow

_INTEGERS = {"smallint", "integer", "bigint"}
_TEXTS = {"text", "character varying", "character", "name"}


@dataclass(frozen=True)
class Key:
    """One join key: the labels' column, the source's column, and the source's type."""

    label: str
    source: str
    sql: str = ""

    @property
    def arrow(self) -> pa.DataType:
        """What labels bring their keys to; all but four types are compared as text or cast."""
        if self.sql in _INTEGERS:
            return pa.int64()
        return {"date": pa.date32(), "boolean": pa.bool_()}.get(self.sql, pa.string())

    @property
    def label_cast(self) -> str:
        """The type that a label's key is cast to where the server compares it, "" for none."""
        plain = self.sql in _INTEGERS | {"date", "boolean", "text", "character varying", "name"}
        return "" if plain else self.sql.replace("character", "bpchar")

    @property
    def source_cast(self) -> str:
        """The type that the source's key is fetched as, to be compared here."""
        if self.sql in _INTEGERS:
            return "bigint"
        return self.sql if self.sql in {"date", "boolean"} else "text"

    @property
    def is_text(self) -> bool:
        """Whether the key is text, and a number among the labels a mistake."""
        return self.sql in _TEXTS


@dataclass(frozen=True)
class FeatureTable:
    """A feature view's history and what is asked of it.

    Parameters
    ----------
    view : the name that messages call it by.
    source : what stands after `from`: a table, or a query in brackets.
    keys : the join keys; none for a view that has one value for everybody.
    features : the columns that come back and where they come from: (output, source).
    event, created : the source's times; created None where it has none.
    ttl : how old a row may be; None or zero for any age.
    known_only : rows that were created after the label's time are left out.
    since : rows before this moment are left out.
    """

    view: str
    source: str
    keys: tuple[Key, ...]
    features: tuple[tuple[str, str], ...]
    event: str
    created: str | None = None
    ttl: dt.timedelta | None = None
    known_only: bool = False
    since: dt.datetime | None = None
    types: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def outputs(self) -> list[str]:
        """The names of the columns that come back."""
        return [output for output, _ in self.features]

    @property
    def microseconds(self) -> int | None:
        """The ttl in microseconds, None for any age."""
        return microseconds(self.ttl) if self.ttl and self.ttl.days < LONGEST_DAYS else None


# Longer than PostgreSQL's times reach back; a ttl beyond it means any age.
LONGEST_DAYS = 2_000_000


def microseconds(span: dt.timedelta) -> int:
    """Return a span of time in whole microseconds."""
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def described(conn: Connection[TupleRow], table: FeatureTable) -> FeatureTable:
    """Return the table with the types of its columns.

    Raises
    ------
    UnknownNameError : a column that the source does not have; names the nearest.
    DatabaseError : there is no such source.
    """
    types = composing.columns(conn, f"feature view {table.view!r}", composing.foreign(table.source))
    needed = [key.source for key in table.keys] + [source for _, source in table.features]
    needed += [table.event] + ([table.created] if table.created else [])
    require_columns(table.view, needed, types)
    keys = tuple(replace(key, sql=types[key.source]) for key in table.keys)
    return replace(table, keys=keys, types=types)


def require_columns(view: str, needed: Iterable[str], known: Iterable[str]) -> None:
    """Check that a feature view's source has the columns that are read.

    Raises
    ------
    UnknownNameError : it lacks one; names the nearest.
    """
    names = list(known)
    for column in needed:
        if column not in names:
            raise UnknownNameError(
                f"the source of feature view {view!r} has no column {column!r}"
                f"{nearest(column, names)}"
            )
