"""What PostgreSQL would do for a statement, and a warning before it reads very many vectors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple, cast

import psycopg

from kgfeatures.db import queries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from psycopg.rows import TupleRow

# An exact scan of so many takes milliseconds (design: up to here exact search is the better one).
FEW_VECTORS = 20_000
EXPLAIN = "explain (verbose) "
OPERATORS = ("<->", "<=>", "<#>", "<+>", "cosine_distance", "l2_distance", "inner_product")
# The first words of statements that can be explained.
EXPLAINED = ("select", "with", "values", "table")


class Plan(NamedTuple):
    """A plan as text, and what to think about before running the statement."""

    text: str
    warnings: list[str]


def explain(conn: Connection[TupleRow], sql: str) -> Plan:
    """Return the plan of a statement, without running it.

    Raises
    ------
    psycopg.Error : PostgreSQL does not understand the statement.
    """
    lines = _rows(conn, f"{EXPLAIN}{sql}")
    return Plan("\n".join(str(line) for line in lines), warnings(conn, sql))


def warnings(conn: Connection[TupleRow], sql: str) -> list[str]:
    """Return one sentence per table of more than 20,000 vectors that would be read as a whole.

    What functions do inside is not seen. A statement that cannot be explained has none.
    """
    if not sql.lstrip(" \t\r\n(").lower().startswith(EXPLAINED):
        return []
    try:
        with conn.transaction():
            [found] = _rows(conn, f"explain (format json, verbose) {sql}")
    except psycopg.Error:
        if conn.closed:
            raise
        # It will say so itself, with the place, when it is run.
        return []
    # A connection may read JSON, or leave it as text.
    [whole] = json.loads(found) if isinstance(found, str) else found
    if not any(operator in json.dumps(whole) for operator in OPERATORS):
        return []
    sizes = {
        (row["schema_name"], row["table_name"]): row["vectors"]
        for row in queries.fetch(conn, "catalogue.vector_tables", least=FEW_VECTORS)
    }
    return [
        f"this reads all {sizes[table]:,} vectors of {table[0]}.{table[1]}; `order by <vector> <-> "
        "<query> limit k`, on its own and ascending, would use the index"
        for table in _scanned(whole["Plan"])
        if table in sizes
    ]


def _scanned(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if node["Node Type"] in {"Seq Scan", "Bitmap Heap Scan"}:
        yield node["Schema"], node["Relation Name"]
    for inner in node.get("Plans", ()):
        yield from _scanned(inner)


def _rows(conn: Connection[TupleRow], statement: str) -> list[Any]:
    # `stream` takes one statement only; a plain execute would take several.
    with conn.cursor() as cursor:
        return [row[0] for row in cursor.stream(cast("LiteralString", statement))]
