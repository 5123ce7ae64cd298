"""Bulk transport both ways, by COPY BINARY: numpy, pandas and Arrow in, Arrow and numpy out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple

import pyarrow as pa
from psycopg import sql
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.types import TypeInfo

from kgfeatures.db import decode, queries
from kgfeatures.db.binary import KINDS, SIGNATURE, TRAILER
from kgfeatures.db.composing import template
from kgfeatures.db.encode import pack, pieces
from kgfeatures.db.failures import translated
from kgfeatures.db.tabular import Place, columns_of, rows_of
from kgfeatures.errors import DataError, UnknownNameError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import numpy as np
    from psycopg import Connection, Copy
    from psycopg.abc import Buffer
    from psycopg.rows import TupleRow

    from kgfeatures.db.binary import Kind
    from kgfeatures.db.tabular import Columns
    from kgfeatures.types import FloatArray

# Rows are packed in chunks of about so many bytes: small enough for the processor's cache and for
# the server to work on one while the next is packed (8 MB chunks were a fifth slower).
CHUNK_BYTES = 1 << 19
FIRST_ROWS = 500
# Rows are read in batches of about so many bytes.
BATCH_BYTES = 8 << 20
# numeric, numeric[] and uuid[] have no twin in Arrow.
SENT_AS: dict[int, tuple[str, LiteralString]] = {
    1700: ("float8", "::float8"),
    1231: ("_float8", "::float8[]"),
    2951: ("_text", "::text[]"),
}
# Types of extensions have larger oids, others in each database.
LAST_OWN_OID = 16_383


class _Target(NamedTuple):
    """One column that is written to."""

    name: str
    kind: Kind
    dim: int | None


def copy_in(conn: Connection[TupleRow], table: str, columns: Columns) -> int:
    """Append rows to a table and return how many.

    Parameters
    ----------
    table : "schema.table".
    columns : a frame, an Arrow table, or arrays by column name; (n, d) floats fill a column of
        type vector or real[]. Columns of the table that are left out get their defaults.
        Naive times are UTC; the first and last microsecond of the years 1 and 9999 become
        -infinity and infinity.

    Raises
    ------
    DataError : a value that its column cannot hold, an unknown column, columns of different
        lengths; with row and value.
    UnknownNameError : there is no such table.
    DatabaseError : the database refuses the rows (a key twice, no such reference …).
    """
    given, n_rows = columns_of(table, columns)
    targets = _targets(conn, table, list(given))
    into = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, given))
    )
    with translated(f"copy into {table}"), conn.cursor() as cursor, cursor.copy(into) as copy:
        copy.write(SIGNATURE)
        for chunk in _chunks(table, given, targets, n_rows):
            copy.write(chunk)
        copy.write(TRAILER)
    return n_rows


def read_arrow(conn: Connection[TupleRow], name: str, /, **params: object) -> pa.Table:
    """Return the rows of a named query as an Arrow table.

    numeric arrives as float64, types without an Arrow twin (uuid, interval …) as text, vectors
    as lists of float32; infinite times are the ends of the years 1 and 9999.

    Parameters
    ----------
    name : "topic.query", a named query.
    params : what its %(name)s stand for.

    Raises
    ------
    UnknownNameError : there is no such query.
    DataError : two columns of one name.
    DatabaseError : the database refuses it.
    """
    return read_statement(conn, name, sql.SQL(queries.text(name)), params)


def read_statement(
    conn: Connection[TupleRow],
    name: str,
    query: sql.Composable,
    params: dict[str, object] | None = None,
) -> pa.Table:
    """Return the rows of a statement as an Arrow table of one chunk, as `read_arrow` does.

    Parameters
    ----------
    name : opens the messages of errors.
    params : None means that a percent sign in the statement is one.
    """
    with translated(name):
        names, kinds, statement = _prepared(conn, name, query, params)
        batches = [
            decode.to_batch(data, lengths, kinds, names)
            for data, lengths in _batches(conn, statement, params, BATCH_BYTES)
        ]
    fields = zip(names, (kind.arrow for kind in kinds), strict=True)
    return pa.Table.from_batches(batches, pa.schema(list(fields))).combine_chunks()


def read_table(
    conn: Connection[TupleRow], table: str, since: tuple[str, datetime] | None = None
) -> pa.Table:
    """Return the rows of the table or view "schema.table", types as `read_arrow` gives them.

    Parameters
    ----------
    since : a column of times and the earliest time that is read; None reads all rows.

    Raises
    ------
    UnknownNameError : there is no such table.
    DataError : the column named by `since` holds no times.
    DatabaseError : the database refuses it.
    """
    columns = queries.fetch(conn, "transport.columns", target=table)
    if not columns:
        raise UnknownNameError(f"no table {table!r}; name it schema.table, or create it first")
    query = template("composing.everything", source=sql.Identifier(*table.split(".")))
    if since is not None:
        kinds = {row["name"]: row["type"] for row in columns}
        if kinds.get(since[0]) not in {"date", "timestamp", "timestamptz"}:
            raise DataError(
                f"{table}, column {since[0]!r} is of type {kinds.get(since[0])}; rows can be "
                "read since a time only by a date, timestamp or timestamptz"
            )
        query += sql.SQL(" where {} >= {}").format(sql.Identifier(since[0]), since[1])
    return read_statement(conn, table, query)


def read_vectors(
    conn: Connection[TupleRow], name: str, /, **params: object
) -> tuple[np.ndarray[Any, Any], FloatArray]:
    """Return keys and vectors of a named query that gives two columns: a key and a vector.

    Parameters
    ----------
    name : "topic.query", a named query.
    params : what its %(name)s stand for.

    Returns
    -------
    keys : (n,), int64 or object (text), in the query's order.
    vectors : (n, dim) float32; (0, 0) when there are no rows.

    Raises
    ------
    DataError : the query gives other columns, null vectors, or vectors of several widths.
    """
    with translated(name):
        query = sql.SQL(queries.text(name))
        names, kinds, statement = _prepared(conn, name, query, params)
        if len(kinds) != 2 or kinds[1].name != "vector":
            listed = ", ".join(f"{n} {k.name}" for n, k in zip(names, kinds, strict=True))
            raise DataError(f"query {name} gives ({listed}); it must give a key and a vector")
        # All rows as one batch: the matrix is made once, from what came over the wire.
        batches = [*_batches(conn, statement, params, sys.maxsize)]
    data, lengths = batches[0] if batches else (bytearray(), [])
    spans = decode.columns(data, lengths, 2)
    keys = decode.array(spans[0], kinds[0]).to_numpy(zero_copy_only=False)
    return keys, decode.matrix(spans[1], name)


def _targets(conn: Connection[TupleRow], table: str, given: list[str]) -> list[_Target]:
    """Return what the catalogue says about the columns, in the order given.

    Raises
    ------
    UnknownNameError : no such table.
    DataError : no such column, or a type that bulk transport does not know.
    """
    found = {row["name"]: row for row in queries.fetch(conn, "transport.columns", target=table)}
    if not found:
        raise UnknownNameError(f"no table {table!r}; name it schema.table, or create it first")
    targets: list[_Target] = []
    for name in given:
        if name not in found:
            raise DataError(f"table {table} has no column {name!r}{nearest(name, found)}")
        row = found[name]
        if row["type"] not in KINDS:
            raise DataError(
                f"{table}.{name} is of type {row['type']}, which copy_in cannot write; "
                f"it knows {', '.join(sorted(KINDS))}"
            )
        targets.append(_Target(name, KINDS[row["type"]], row["dim"]))
    return targets


def _chunks(
    table: str, given: dict[str, Any], targets: list[_Target], n_rows: int
) -> Iterator[memoryview]:
    """Yield packed rows, about CHUNK_BYTES at a time."""
    first, step = 0, FIRST_ROWS
    while first < n_rows:
        last = min(first + step, n_rows)
        made = [
            pieces(
                rows_of(given[target.name], first, last),
                target.kind,
                target.dim,
                Place(table, target.name, first),
            )
            for target in targets
        ]
        packed = pack(made)
        yield packed
        step = max(1, CHUNK_BYTES * (last - first) // len(packed))
        first = last


def _prepared(
    conn: Connection[TupleRow],
    name: str,
    query: sql.Composable,
    params: dict[str, object] | None,
) -> tuple[list[str], list[Kind], sql.Composed]:
    """Return the columns of a query and the COPY that sends them in known types."""
    source = sql.SQL("(\n") + query + sql.SQL("\n)")
    described = conn.execute(template("composing.described", source=source), params)
    columns = described.description or []
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        twice = next(column for column in names if names.count(column) > 1)
        raise DataError(f"query {name} gives two columns called {twice!r}; rename one")
    by_oid = {kind.oid: kind for kind in KINDS.values() if kind.oid} | _vector_kind(conn)
    kinds: list[Kind] = []
    selected: list[sql.Composable] = []
    for column in columns:
        kind, cast = _sent_as(conn, by_oid, column.type_code)
        kinds.append(kind)
        selected.append(sql.Identifier(column.name) + sql.SQL(cast))
    statement = (
        sql.SQL("copy (select {} from (\n").format(sql.SQL(", ").join(selected))
        + query
        + sql.SQL("\n)) to stdout (format binary)")
    )
    return names, kinds, statement


def _sent_as(
    conn: Connection[TupleRow], by_oid: dict[int, Kind], oid: int
) -> tuple[Kind, LiteralString]:
    if oid in by_oid:
        return by_oid[oid], ""
    if oid > LAST_OWN_OID:
        half = TypeInfo.fetch(conn, "halfvec")
        if half is not None and half.oid == oid:
            return KINDS["_float4"], "::real[]"
    name, cast = SENT_AS.get(oid, ("text", "::text"))
    return KINDS[name], cast


def _vector_kind(conn: Connection[TupleRow]) -> dict[int, Kind]:
    info = conn.adapters.types.get("vector")
    return {info.oid: KINDS["vector"]} if info else {}


def _batches(
    conn: Connection[TupleRow],
    statement: sql.Composed,
    params: dict[str, object] | None,
    batch_bytes: int,
) -> Iterator[tuple[bytearray, list[int]]]:
    """Yield rows until they are about so many bytes, with the length of each row."""
    with conn.cursor() as cursor, cursor.copy(statement, params) as copy:
        data, lengths = bytearray(), list[int]()
        skip = len(SIGNATURE)
        for message in _messages(conn, copy):
            row = memoryview(message)[skip:] if skip else message
            skip = 0
            if len(row) == len(TRAILER):
                continue
            # Copied at once: thousands of small buffers kept alive cost twice the time.
            data += row
            lengths.append(len(row))
            if len(data) >= batch_bytes:
                yield data, lengths
                data, lengths = bytearray(), list[int]()
        if lengths:
            yield data, lengths


def _messages(conn: Connection[TupleRow], copy: Copy) -> Iterator[Buffer]:
    """Yield the messages of a COPY, one per row.

    psycopg waits for each; those that libpq has received already are taken here without it, in a
    fifth of the time. So it may be here that the COPY ends, with the server's last word on it.
    """
    received = conn.pgconn.get_copy_data
    while message := copy.read():
        yield message
        size, more = received(1)
        while size > 0:
            yield more
            size, more = received(1)
        if size < 0:
            last = conn.pgconn.get_result()
            while conn.pgconn.get_result():
                pass
            if last is not None and last.status != ExecStatus.COMMAND_OK:
                raise error_from_result(last)
            return
