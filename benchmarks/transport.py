"""Rows per second into and out of PostgreSQL: kgfeatures.db.transport beside the usual ways.

Triples are two bigint and an int, vectors have 128 numbers. Every way fills the same table without
an index, in one transaction that is rolled back; the ways take turns, and the best round of each
counts. What was written is compared with what was meant. The last line is one JSON object: rows
per second of each way, and our ratio to it.

    python benchmarks/transport.py --rows 200000
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from pgvector import Vector
from pgvector.psycopg import register_vector
from psycopg import connect as plain_connect

from kgfeatures import connect
from kgfeatures.db import queries, transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

DIM = 128
TRIPLES, VECTORS = "raw.benchmark_triples", "emb.benchmark_vectors"
MAKE_TRIPLES = (
    "create table raw.benchmark_triples (head_id bigint, relation_id int, tail_id bigint)"
)
READ_VECTORS = "select entity_id, v from emb.benchmark_vectors limit %(k)s"
MAKE_VECTORS = f"create table emb.benchmark_vectors (entity_id bigint, v vector({DIM}))"
# The slow ways get fewer rows: their speed does not depend on how many there are.
SHARE = {"executemany": 0.1, "copy text": 0.2, "default fetch": 0.1}

Ways = dict[str, "Callable[[int], object]"]


def triples(n: int) -> dict[str, np.ndarray]:
    """Return n random triples by column."""
    rng = np.random.default_rng(0)
    return {
        "head_id": rng.integers(0, 2**63 - 1, n),
        "relation_id": rng.integers(0, 30, n).astype(np.int32),
        "tail_id": rng.integers(0, 2**63 - 1, n),
    }


def vectors(n: int) -> dict[str, np.ndarray]:
    """Return n random vectors with their keys."""
    rng = np.random.default_rng(0)
    return {"entity_id": np.arange(n), "v": rng.normal(size=(n, DIM)).astype(np.float32)}


def lists(columns: dict[str, np.ndarray], n: int) -> list[tuple[Any, ...]]:
    """Return the first n rows as tuples of Python values."""
    return list(zip(*(column[:n].tolist() for column in columns.values()), strict=True))


def write_triples(conn: Connection, n: int) -> Ways:
    """Return the ways to write triples."""
    columns = triples(n)
    rows = lists(columns, n)

    def executemany(k: int) -> None:
        conn.cursor().executemany("insert into raw.benchmark_triples values (%s, %s, %s)", rows[:k])

    def copy_text(k: int) -> None:
        with conn.cursor().copy("copy raw.benchmark_triples from stdin") as copy:
            for row in rows[:k]:
                copy.write_row(row)

    def copy_binary(k: int) -> None:
        with conn.cursor().copy("copy raw.benchmark_triples from stdin (format binary)") as copy:
            copy.set_types(["int8", "int4", "int8"])
            for row in rows[:k]:
                copy.write_row(row)

    def ours(k: int) -> None:
        transport.copy_in(conn, TRIPLES, {name: c[:k] for name, c in columns.items()})

    return {
        "executemany": executemany,
        "copy text": copy_text,
        "copy binary write_row": copy_binary,
        "ours": ours,
    }


def write_vectors(conn: Connection, n: int) -> Ways:
    """Return the ways to write vectors."""
    columns = vectors(n)
    keys, matrix = columns["entity_id"].tolist(), columns["v"]

    def executemany(k: int) -> None:
        rows = ((key, Vector(row)) for key, row in zip(keys[:k], matrix[:k], strict=True))
        conn.cursor().executemany("insert into emb.benchmark_vectors values (%s, %s)", list(rows))

    def copy_text(k: int) -> None:
        with conn.cursor().copy("copy emb.benchmark_vectors from stdin") as copy:
            for key, row in zip(keys[:k], matrix[:k], strict=True):
                copy.write_row((key, str(row.tolist())))

    def write_row(k: int) -> None:
        with conn.cursor().copy("copy emb.benchmark_vectors from stdin (format binary)") as copy:
            copy.set_types(["int8", "vector"])
            for key, row in zip(keys[:k], matrix[:k], strict=True):
                copy.write_row((key, Vector(row)))

    def ours(k: int) -> None:
        transport.copy_in(conn, VECTORS, {"entity_id": columns["entity_id"][:k], "v": matrix[:k]})

    return {
        "executemany": executemany,
        "copy text": copy_text,
        "pgvector write_row": write_row,
        "ours": ours,
    }


def read_vectors(conn: Connection) -> Ways:
    """Return the ways to read vectors into one matrix."""
    select = "select entity_id, v from emb.benchmark_vectors limit %s"

    def default_fetch(k: int) -> np.ndarray:
        rows = conn.execute(select, [k]).fetchall()
        return np.stack([row[1].to_numpy() for row in rows])

    def binary_fetch(k: int) -> np.ndarray:
        rows = conn.cursor(binary=True).execute(select, [k]).fetchall()
        return np.stack([row[1].to_numpy() for row in rows])

    def ours(k: int) -> np.ndarray:
        return transport.read_vectors(conn, "benchmark.vectors", k=k)[1]

    return {"default fetch": default_fetch, "binary fetch": binary_fetch, "ours": ours}


def take_turns(
    ways: Ways,
    n: int,
    rounds: int,
    prepare: Callable[[], object],
    check: Callable[[object, int], None],
) -> dict[str, float]:
    """Return the rows per second of each way's best round."""
    speeds = dict.fromkeys(ways, 0.0)
    for _ in range(rounds):
        for name, way in ways.items():
            k = max(1, int(n * SHARE.get(name, 1)))
            prepare()
            began = time.perf_counter()
            got = way(k)
            speeds[name] = max(speeds[name], k / (time.perf_counter() - began))
            check(got, k)
    return speeds


def compare(conn: Connection, n: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return the speeds of all ways, by what they move."""
    conn.execute(MAKE_TRIPLES)
    conn.execute(MAKE_VECTORS)
    matrix = vectors(n)["v"]

    def written(table: str) -> Callable[[object, int], None]:
        def check(_: object, k: int) -> None:
            row = conn.execute(f"select count(*) from {table}").fetchone()  # noqa: S608
            if row != (k,):
                raise SystemExit(f"{row} rows in {table} instead of {k}")

        return check

    def same(got: object, k: int) -> None:
        if not np.array_equal(got, matrix[:k]):
            raise SystemExit("the vectors read are not those written")

    def emptied(table: str) -> Callable[[], object]:
        return lambda: conn.execute(f"truncate {table}")

    return {
        "write triples": take_turns(
            write_triples(conn, n), n, rounds, emptied(TRIPLES), written(TRIPLES)
        ),
        "write vectors": take_turns(
            write_vectors(conn, n), n, rounds, emptied(VECTORS), written(VECTORS)
        ),
        # The last way to write was ours: all n vectors stand in the table.
        "read vectors": take_turns(read_vectors(conn), n, rounds, lambda: None, same),
    }


def main() -> None:
    """Compare, print a table, and one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    queries.catalogue()["benchmark.vectors"] = READ_VECTORS
    with connect() as database, plain_connect(database.dsn) as conn:
        register_vector(conn)
        speeds = compare(conn, options.rows, options.rounds)
        conn.rollback()
    answer: dict[str, Any] = {"rows": options.rows, "dim": DIM}
    for what, ways in speeds.items():
        for name, speed in ways.items():
            ratio = ways["ours"] / speed
            print(f"{what:14} {name:22} {speed:12,.0f} rows/s   ours {ratio:6.1f}x")
        key = what.replace(" ", "_")
        answer[f"{key}_rows_per_second"] = {name: round(speed) for name, speed in ways.items()}
        answer[f"{key}_ratio"] = {
            name: round(ways["ours"] / speed, 2) for name, speed in ways.items() if name != "ours"
        }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
