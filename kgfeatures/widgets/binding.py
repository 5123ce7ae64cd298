"""Python variables in a SQL statement: `:name` becomes a bound value, never a part of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple, cast

import numpy as np

from kgfeatures.errors import DataError, UnknownNameError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

# What may hold a colon and is no variable comes first; a variable is what is left.
_TOKEN = re.compile(
    r"""
      --[^\n]* | /\*.*?\*/                            # comments
    | [eE]'(?:\\.|''|[^'\\])*' | '(?:''|[^'])*'       # texts
    | "(?:""|[^"])*"                                  # quoted names
    | (?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag)         # dollar quotes
    | ::                                              # casts
    | (?<![\w\])]):(?P<name>[^\W\d]\w*)               # variables, not the end of a slice
    """,
    re.VERBOSE | re.DOTALL,
)


class Bound(NamedTuple):
    """A statement with %(name)s for its variables, their values, and the pieces it is made of."""

    statement: LiteralString
    given: dict[str, Any]
    # (where it begins in the cell, its length there, its length as the server sees it)
    pieces: list[tuple[int, int, int]]

    def place(self, position: int) -> int:
        """Return where the server's character `position` (from 1) stands in the cell (from 0)."""
        sent = 0
        for start, length, sent_length in self.pieces:
            if position - 1 < sent + sent_length:
                return start + min(position - 1 - sent, max(length - 1, 0))
            sent += sent_length
        return sum(self.pieces[-1][:2]) if self.pieces else 0


def bind(cell: str, variables: Mapping[str, Any]) -> Bound:
    """Return a cell's statement with the values of the variables that it names.

    Parameters
    ----------
    cell : SQL with `:name` in the places of values.
    variables : what there is; arrays of floats become vectors, lists arrays.

    Raises
    ------
    UnknownNameError : there is no such variable.
    DataError : a variable is nothing that SQL has a type for.
    """
    text: list[str] = []
    values: dict[str, Any] = {}
    pieces: list[tuple[int, int, int]] = []
    numbers: dict[str, int] = {}
    done = 0
    for token in _TOKEN.finditer(cell):
        name = token["name"]
        if name is None:
            continue
        if name not in variables:
            known = [other for other in variables if not other.startswith("_")]
            raise UnknownNameError(f"the cell asks for :{name}, no variable{nearest(name, known)}")
        values[name] = sql_value(name, variables[name])
        number = numbers.setdefault(name, len(numbers) + 1)
        before = cell[done : token.start()]
        text += [before.replace("%", "%%"), f"%({name})s"]
        pieces.append((done, len(before), len(before)))
        pieces.append((token.start(), len(name) + 1, len(f"${number}")))
        done = token.end()
    rest = cell[done:]
    text.append(rest.replace("%", "%%"))
    pieces.append((done, len(rest), len(rest)))
    return Bound(cast("LiteralString", "".join(text)), values, pieces)


def sql_value(name: str, value: Any) -> Any:
    """Return a value that the driver can send; None for the missing values of numpy and pandas.

    Parameters
    ----------
    name : the variable's, for the message.
    value : text, number, time, list, array, Series …, or missing.

    Raises
    ------
    DataError : it is a table, a function or anything else without a type in SQL.
    """
    if hasattr(value, "to_pydatetime"):
        # pandas' NaT is its own kind of missing.
        return None if value != value else value.to_pydatetime()  # noqa: PLR0124
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and np.isnan(value):
        return None
    if (items := _items(value)) is not None:
        return [sql_value(name, one) for one in items]
    if isinstance(value, np.ndarray):
        return value
    if value is None or isinstance(value, _SENT):
        return value
    raise DataError(
        f":{name} is a {type(value).__name__}; a value in SQL is a number, a text, a time, a list "
        "or column of them, or an array of floats (a vector)"
    )


def _items(value: Any) -> list[Any] | None:
    """Return what a list, a set or a column of a frame holds; None for anything else."""
    if isinstance(value, set | frozenset):
        return sorted(cast("set[Any]", value))
    if isinstance(value, list | tuple):
        return list(cast("list[Any]", value))
    is_column = hasattr(value, "to_numpy") and getattr(value, "ndim", 0) == 1
    return value.tolist() if is_column else None


def _sent() -> tuple[type, ...]:
    import datetime as dt
    import uuid
    from decimal import Decimal

    return (bool, int, float, str, bytes, dt.date, dt.time, dt.timedelta, Decimal, uuid.UUID)


_SENT = _sent()
