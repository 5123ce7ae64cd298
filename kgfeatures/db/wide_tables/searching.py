"""Search a wide table: the nearest vectors, the rows with all the words, under a filter.

Filters hold before the best k are taken, so the list is as long as the filter allows. Where the
planner expects few candidates, or HNSW found too few, all of them are compared (exactly).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from kgfeatures.db.composing import template
from kgfeatures.db.wide_tables.conditions import where
from kgfeatures.db.wide_tables.indexes import METRICS, WIDEST
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.composing import Statement
    from kgfeatures.db.wide_tables.conditions import Condition
    from kgfeatures.db.wide_tables.tables import Column, Table

# So many candidates are compared one by one sooner than HNSW finds them (measured).
FEW = 20_000
FIRST_UNSPACED = 0x3005


@dataclass(frozen=True)
class Search:
    """What is looked for.

    Parameters
    ----------
    k : how many rows.
    column, metric, vector : nearest to this vector; column None looks for words alone.
    texts, words : rows whose text columns together hold all the words; "" looks for none.
    condition : holds for every row found.
    shown : the columns that come back.
    """

    k: int
    column: Column | None
    metric: str
    vector: Sequence[float] | None
    texts: tuple[Column, ...]
    words: str
    condition: Condition | None
    shown: tuple[Column, ...]


def search(conn: Connection[TupleRow], table: Table, asked: Search) -> list[TupleRow]:
    """Return rows of keys, event time, shown columns, distance (or null), text rank (or null).

    Vectors come nearest first, words in falling rank (the share of a text's tokens that were
    asked for, in [0, 1]), both by rank and then by distance.

    Parameters
    ----------
    table : one that is there.
    asked : vector or words or both, conditions, and how many rows.

    Raises
    ------
    DataError : a vector of another width, a filter that cannot be.
    """
    if asked.k < 1:
        return []
    condition, values = where(table, asked.condition)
    if asked.words:
        return _by_words(conn, table, asked, condition, values)
    if asked.column is None or asked.vector is None:
        return []
    _require_width(table, asked.column, asked.vector)
    exact = not _is_indexed(asked) or (
        asked.condition is not None and _estimate(conn, table, condition, values) <= FEW
    )
    rows = _nearest(conn, table, asked, condition, values, exact=exact)
    if len(rows) < asked.k and not exact:
        rows = _nearest(conn, table, asked, condition, values, exact=True)
    return rows


def tokens(conn: Connection[TupleRow], words: str) -> list[str]:
    """Return the tokens of a text, as they are indexed, each once.

    Parameters
    ----------
    words : as somebody typed them.
    """
    row = conn.execute("select online.tokens(%s)", [words]).fetchone()
    return list(dict.fromkeys(row[0])) if row else []


def _is_indexed(asked: Search) -> bool:
    column = asked.column
    if column is None or column.vector_type is None or column.dim is None:
        return False
    return column.metric == asked.metric and column.dim <= WIDEST[column.vector_type]


def _require_width(table: Table, column: Column, vector: Sequence[float]) -> None:
    if column.dim not in (None, len(vector)):
        raise DataError(
            f"the query has {len(vector)} numbers, but {table.title}.{column.column} holds "
            f"{column.type}; encode it with the model that made the column"
        )


def _estimate(
    conn: Connection[TupleRow], table: Table, condition: sql.Composable, values: list[Any]
) -> float:
    """Return how many rows the planner expects under a condition."""
    query = sql.SQL("explain (format json) select from {} where {}")
    row = conn.execute(query.format(table.identifier, condition), values).fetchone()
    return row[0][0]["Plan"]["Plan Rows"] if row else 0


def _nearest(
    conn: Connection[TupleRow],
    table: Table,
    asked: Search,
    condition: sql.Composable,
    values: list[Any],
    *,
    exact: bool,
) -> list[TupleRow]:
    if asked.column is None or asked.vector is None:
        return []
    measure = _distance(asked.column, asked.metric)
    # + 0 keeps the planner from the index.
    order = measure + sql.SQL(" + 0") if exact else measure
    keys = sql.SQL(", ").join(key.identifier for key in table.keys)
    query = template(
        "wide_tables.nearest",
        keys=keys,
        measure=measure,
        table=table.identifier,
        vector=asked.column.identifier,
        conditions=condition,
        order_by=order,
        k=sql.Literal(asked.k),
        columns=_shown(table, asked, "found"),
        order_keys=sql.SQL(", ").join(
            sql.SQL("{} asc").format(key.identifier) for key in table.keys
        ),
    )
    text = _literal(asked.vector)
    return _fetch(conn, query, [text, *values, text])


def _by_words(
    conn: Connection[TupleRow],
    table: Table,
    asked: Search,
    condition: sql.Composable,
    values: list[Any],
) -> list[TupleRow]:
    """Return rows that hold all the words, by falling rank, then by distance."""
    wanted = tokens(conn, asked.words)
    if not wanted or not asked.texts:
        return []
    measure, before = _measure(table, asked)
    held = [sql.SQL("online.tokens({})").format(text.identifier) for text in asked.texts]
    every = sql.SQL(" and ").join(_holds(asked.texts, token) for token in wanted)
    together = sql.SQL(" || ").join(sql.SQL("coalesce({}, '{{}}')").format(text) for text in held)
    query = template(
        "wide_tables.with_words",
        columns=_shown(table, asked, table.name),
        measure=measure,
        wanted=sql.SQL("%s"),
        tokens=together,
        table=table.identifier,
        words=every,
        conditions=condition,
        order_keys=sql.SQL(", ").join(
            sql.SQL("{} asc").format(sql.Literal(place + 1)) for place in range(len(table.keys))
        ),
        k=sql.Literal(asked.k),
    )
    repeated = [token for token in wanted for _ in held]
    return _fetch(conn, query, [*before, wanted, *repeated, *values])


def _measure(table: Table, asked: Search) -> tuple[sql.Composable, list[Any]]:
    """Return the distance of a row that words find, and its parameters; null without a vector."""
    if asked.column is None or asked.vector is None:
        return sql.SQL("null::double precision"), []
    _require_width(table, asked.column, asked.vector)
    return _distance(asked.column, asked.metric), [_literal(asked.vector)]


def _holds(texts: Sequence[Column], token: str) -> sql.Composed:
    """Return that one of the texts holds a token, one parameter each.

    A single Chinese character is looked for anywhere: the tokens of longer texts are pairs.
    """
    alone = len(token) == 1 and ord(token) > FIRST_UNSPACED
    each = sql.SQL("strpos({}, %s) > 0") if alone else sql.SQL("online.tokens({}) @> array[%s]")
    parts = [each.format(text.identifier) for text in texts]
    return sql.SQL("({})").format(sql.SQL(" or ").join(parts))


def _shown(table: Table, asked: Search, row: str) -> sql.Composed:
    names = [key.column for key in table.keys] + [table.event]
    names += [column.column for column in asked.shown]
    # A key may be asked for as a feature too; a name stands once in a common table expression.
    parts = [
        sql.SQL("{} as {}").format(sql.Identifier(row, name), sql.Identifier(f"c{place}"))
        for place, name in enumerate(names)
    ]
    return sql.SQL(", ").join(parts)


def _distance(column: Column, metric: str) -> sql.Composed:
    kind = column.vector_type or "vector"
    operator = METRICS[metric][0]
    vector: sql.Composable = column.identifier
    if column.vector_type is None:
        vector = sql.SQL("{}::vector").format(vector)
    cast = sql.SQL("%s::halfvec") if kind == "halfvec" else sql.SQL("%s::vector")
    return sql.SQL("({} {} {})").format(vector, sql.SQL(operator), cast)


def _literal(vector: Sequence[float]) -> str:
    return f"[{','.join(map(repr, map(float, vector)))}]"


def _fetch(conn: Connection[TupleRow], query: Statement, values: Sequence[Any]) -> list[TupleRow]:
    with conn.cursor(binary=True) as cursor:
        return cursor.execute(sql.Composed([query]), values).fetchall()
