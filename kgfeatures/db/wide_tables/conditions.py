"""Filters of a search as SQL: what a column is compared with has the column's own kind of type."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql

from kgfeatures.errors import DataError, UnknownNameError, nearest

if TYPE_CHECKING:
    from kgfeatures.db.wide_tables.tables import Column, Table

OPERATORS: dict[str, LiteralString] = {
    "eq": "=",
    "ne": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
}
NUMBERS = {"smallint", "integer", "bigint", "numeric"}


@dataclass(frozen=True)
class Comparison:
    """One feature against a value: eq, ne, gt, gte, lt, lte; against a list: in, nin."""

    operator: str
    name: str
    value: Any


@dataclass(frozen=True)
class Together:
    """Several conditions: "and" of all, "or" of any."""

    operator: str
    members: tuple[Comparison | Together, ...]


Condition = Comparison | Together


def where(table: Table, condition: Condition | None) -> tuple[sql.Composable, list[Any]]:
    """Return a condition as SQL with its parameters; true when there is none.

    Raises
    ------
    UnknownNameError : a feature that the table does not have; names the nearest.
    DataError : a value that cannot be compared with its column.
    """
    if condition is None:
        return sql.SQL("true"), []
    if isinstance(condition, Comparison):
        return _compared(table, condition)
    if not condition.members:
        return sql.SQL("true"), []
    parts = [where(table, member) for member in condition.members]
    word = sql.SQL(" and ") if condition.operator == "and" else sql.SQL(" or ")
    joined = sql.SQL("({})").format(word.join(part for part, _ in parts))
    return joined, [value for _, values in parts for value in values]


def _compared(table: Table, asked: Comparison) -> tuple[sql.Composable, list[Any]]:
    known = table.columns
    if asked.name not in known:
        raise UnknownNameError(
            f"{table.title} has no column {asked.name!r} to filter by{nearest(asked.name, known)}"
        )
    column = known[asked.name]
    if asked.operator in ("in", "nin"):
        if not isinstance(asked.value, list | tuple | set):
            raise DataError(
                f"filter {asked.operator!r} on {asked.name!r} needs a list, not {asked.value!r}"
            )
        values = [_value(column, value) for value in asked.value]
        end = sql.SQL("= any" if asked.operator == "in" else "<> all")
        kind = _kind(column)
        text = sql.SQL("{} {} (%s::{}[])").format(column.identifier, end, sql.SQL(kind))
        return text, [values]
    if asked.operator not in OPERATORS:
        known_operators = ", ".join([*OPERATORS, "in", "nin"])
        raise DataError(f"no filter {asked.operator!r}; choose one of {known_operators}")
    if column.type.endswith("[]"):
        return _contains(column, asked)
    operator = sql.SQL(OPERATORS[asked.operator])
    text = sql.SQL("{} {} %s::{}").format(column.identifier, operator, sql.SQL(_kind(column)))
    return text, [_value(column, asked.value)]


def _contains(column: Column, asked: Comparison) -> tuple[sql.Composable, list[Any]]:
    """Return that an array holds, or does not hold, a value."""
    ends: dict[str, LiteralString] = {"eq": "= any", "ne": "<> all"}
    if asked.operator not in ends:
        raise DataError(
            f"{asked.name!r} is {column.type}; filter it by eq (holds) or ne (does not hold)"
        )
    kind: Any = column.type[:-2]
    end = sql.SQL(ends[asked.operator])
    text = sql.SQL("%s::{} {} ({})").format(sql.SQL(kind), end, column.identifier)
    return text, [str(asked.value)]


def _kind(column: Column) -> Any:
    """Return the type that a value gets; 20.5 is compared with integers as a numeric."""
    return "numeric" if column.type in NUMBERS else column.type


def _value(column: Column, value: Any) -> str | bool:
    """Return a value as the parameter of a comparison.

    Raises
    ------
    DataError : it is not of the column's kind.
    """
    if column.type == "boolean" and isinstance(value, bool | int):
        return bool(value)
    if column.type in NUMBERS or column.type in ("real", "double precision"):
        try:
            float(value)
        except (TypeError, ValueError):
            raise DataError(
                f"{column.name!r} is {column.type} and cannot be compared with {value!r}; give a "
                "number"
            ) from None
        return str(float(value) if isinstance(value, bool) else value)
    if column.type == "timestamp with time zone":
        if isinstance(value, int | float):
            return dt.datetime.fromtimestamp(value, tz=dt.UTC).isoformat()
        return value.isoformat() if hasattr(value, "isoformat") else str(value)
    return str(value)
