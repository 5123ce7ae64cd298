"""The indexes of wide tables: HNSW on vectors, GIN on the tokens of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from kgfeatures.db import queries
from kgfeatures.db.composing import template
from kgfeatures.db.wide_tables.tables import short_name
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.wide_tables.tables import Column, Table

# metric: operator, end of the operator class's name
METRICS: dict[str, tuple[LiteralString, LiteralString]] = {
    "cosine": ("<=>", "cosine_ops"),
    "l2": ("<->", "l2_ops"),
    "inner_product": ("<#>", "ip_ops"),
    "l1": ("<+>", "l1_ops"),
}
ALIASES = {
    "euclidean": "l2",
    "l2_norm": "l2",
    "ip": "inner_product",
    "dot": "inner_product",
    "dot_product": "inner_product",
    "manhattan": "l1",
}
# pgvector indexes no wider ones; they are scanned exactly.
WIDEST = {"vector": 2000, "halfvec": 4000}


def metric(name: str) -> str:
    """Return the metric that goes by `name`, as Feast, Milvus and pgvector write it.

    Raises
    ------
    DataError : there is none.
    """
    plain = name.strip().lower()
    plain = ALIASES.get(plain, plain)
    if plain not in METRICS:
        raise DataError(f"no distance metric {name!r}; choose cosine, L2, inner_product or L1")
    return plain


def create_indexes(conn: Connection[TupleRow], table: Table) -> None:
    """Make the indexes that a table lacks, and drop those of a metric that it no longer has."""
    there = {
        row["name"]: row["definition"]
        for row in queries.fetch(
            conn, "features_online.indexes", schema=table.schema, name=table.name
        )
    }
    wanted = wanted_indexes(table)
    missing = [definition for name, definition in wanted.items() if name not in there]
    if missing:
        queries.execute(conn, "indexes.reserve_memory", schema=table.schema, name=table.name)
    for definition in missing:
        conn.execute(definition)
    for name in there.keys() - wanted.keys():
        if name.startswith(_prefix(table)) and name.endswith(("_hnsw", "_words")):
            index = sql.Identifier(table.schema, name)
            conn.execute(template("wide_definitions.drop_index", index=index))


def wanted_indexes(table: Table) -> dict[str, sql.Composed]:
    """Return the statements that make a table's indexes, by the names of the indexes."""
    found: dict[str, sql.Composed] = {}
    for column in table.features:
        kind, metric = column.vector_type, column.metric
        if kind and metric and column.dim and column.dim <= WIDEST[kind]:
            name = index_name(table, column, f"{metric}_hnsw")
            operators = sql.SQL(kind) + sql.SQL("_") + sql.SQL(METRICS[metric][1])  # pyright: ignore[reportArgumentType]
            found[name] = template(
                "wide_definitions.nearest_index",
                name=sql.Identifier(name),
                table=table.identifier,
                vector=column.identifier,
                operators=operators,
            )
        if column.words:
            name = index_name(table, column, "words")
            found[name] = template(
                "wide_definitions.words_index",
                name=sql.Identifier(name),
                table=table.identifier,
                words=column.identifier,
            )
    return found


def index_name(table: Table, column: Column, kind: str) -> str:
    """Return the name of an index."""
    tail = f"_{column.column}_{kind}"
    if len(f"{table.name}{tail}".encode()) <= 63:
        return table.name + tail
    return short_name(f"{table.name}_{column.column}")[: 63 - len(kind) - 1] + "_" + kind


def rename_indexes(conn: Connection[TupleRow], before: Table, after: Table) -> None:
    """Give the indexes of a renamed table the names that go with it."""
    old, new = wanted_indexes(before), wanted_indexes(after)
    pairs = list(zip(old, new, strict=True))
    pairs.append((short_name(f"{before.name}_pkey"), short_name(f"{after.name}_pkey")))
    for one, other in pairs:
        index, name = sql.Identifier(before.schema, one), sql.Identifier(other)
        conn.execute(template("wide_definitions.rename_index", index=index, name=name))


def _prefix(table: Table) -> str:
    return f"{table.name}_"
