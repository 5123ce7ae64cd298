"""Which names of the database may stand where somebody types in a statement."""

from __future__ import annotations

import re
from typing import Any

_LAST_NAME = re.compile(r"[\w.]*$")
_QUALIFIED = re.compile(r"\b(\w+)\.(\w+)\b")


def complete(known: dict[str, Any], before: str, statement: str) -> list[str]:
    """Return whole names for the one that `before` ends with, sorted.

    Parameters
    ----------
    known : what `Catalogue.completions` returns.
    before : the text up to the cursor.
    statement : the whole; the columns of tables that it names may stand alone.
    """
    typed = last_name(before)
    schemas = {schema["name"]: schema for schema in known["schemas"]}
    parts = typed.split(".")
    if len(parts) == 1:
        names = _bare(schemas, statement)
    elif len(parts) == 2:
        names = _members(schemas, parts[0])
    else:
        names = [
            f"{parts[0]}.{parts[1]}.{column}" for column in _columns(schemas, parts[0], parts[1])
        ]
    return sorted({name for name in names if name.startswith(typed) and name != typed})


def last_name(before: str) -> str:
    """Return the name, dots and all, that a text ends with; "" when it ends with none."""
    found = _LAST_NAME.search(before)
    return found[0] if found else ""


def _bare(schemas: dict[str, Any], statement: str) -> list[str]:
    """Return schemas, and the columns of the tables named in the statement."""
    named = [
        column
        for schema, table in _QUALIFIED.findall(statement)
        for column in _columns(schemas, schema, table)
    ]
    return [*schemas, *named]


def _members(schemas: dict[str, Any], schema: str) -> list[str]:
    found = schemas.get(schema, {"relations": [], "functions": []})
    tables = [f"{schema}.{table['name']}" for table in found["relations"]]
    return tables + [f"{schema}.{function['name']}(" for function in found["functions"]]


def _columns(schemas: dict[str, Any], schema: str, table: str) -> list[str]:
    for one in schemas.get(schema, {"relations": []})["relations"]:
        if one["name"] == table:
            return [column["name"] for column in one["columns"]]
    return []
