"""A table's columns with what the planner's statistics say of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgfeatures.db import composing, queries
from kgfeatures.db.composing import name, value

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

TIMES = ("event_timestamp", "created_timestamp")
NUMBERS = ("smallint", "integer", "bigint", "real", "double precision", "numeric")
MOST_COMMON = 5
SAMPLED = 1000
# A value shown in a list; the rest of a long text helps nobody there.
SHOWN = 60


def columns(conn: Connection[TupleRow], schema: str, table: str) -> list[dict[str, Any]]:
    """Return one dict per column: name, type, role, description, null rate, range, common values.

    Ranges and shares are those of the last analyze, of a sample; None where there was none.

    Parameters
    ----------
    schema, table : of one table or view, as PostgreSQL calls it.
    """
    rows = queries.fetch(conn, "catalogue.columns", schema_name=schema, table_name=table)
    return [_column(conn, schema, table, row) for row in rows]


def indexes(conn: Connection[TupleRow], schema: str, table: str) -> list[dict[str, Any]]:
    """Return one dict per index: name, method, columns, whether it is valid.

    Parameters
    ----------
    schema, table : of one table, as PostgreSQL calls it.
    """
    return queries.fetch(conn, "catalogue.indexes", schema_name=schema, table_name=table)


def _column(
    conn: Connection[TupleRow], schema: str, table: str, row: dict[str, Any]
) -> dict[str, Any]:
    is_vector = row["type"].startswith(("vector", "halfvec"))
    shares = zip(row["common"] or (), row["shares"] or (), strict=False)
    minimum, maximum = _range(row)
    return {
        "name": row["name"],
        "type": row["type"],
        "role": _role(row, is_vector=is_vector),
        "description": row["description"] or "",
        "null_rate": row["null_rate"],
        "distinct": row["distinct_values"],
        "minimum": minimum,
        "maximum": maximum,
        "common": [
            {"value": _short(common), "share": share} for common, share in shares if not is_vector
        ][:MOST_COMMON],
        "norm": norm(conn, schema, table, row["name"]) if is_vector else None,
    }


def norm(
    conn: Connection[TupleRow], schema: str, table: str, column: str
) -> dict[str, float] | None:
    """Return the least, mean and greatest norm of a column's first vectors; None without any.

    Parameters
    ----------
    schema, table : of one table, as PostgreSQL calls it.
    column : one of vectors.
    """
    statement = composing.template(
        "catalogue.norms",
        table=name(schema, table),
        vectors=name(column),
        k=value(SAMPLED),
    )
    [(minimum, mean, maximum)] = composing.rows(conn, "norms", statement)
    return None if mean is None else {"minimum": minimum, "mean": mean, "maximum": maximum}


def _role(row: dict[str, Any], *, is_vector: bool) -> str:
    if row["name"] in TIMES:
        return "time"
    if row["is_key"]:
        return "key"
    return "vector" if is_vector else "feature"


def _range(row: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the least and the greatest value that the statistics know, as text."""
    known = [*(row["bounds"] or ()), *(row["common"] or ())]
    if not known or row["type"].endswith("[]") or row["type"].startswith(("vector", "halfvec")):
        return None, None
    by_number = row["type"].startswith(NUMBERS)
    ordered = sorted(known, key=float) if by_number else sorted(known)
    return _short(ordered[0]), _short(ordered[-1])


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
