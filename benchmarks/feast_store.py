"""Our online store and batch engine beside Feast's own, in one run on the embedded server.

Three feature views with one key: four numbers, 128-d and 384-d vectors. Both stores materialize
them, then answer in turns. Recall is measured against an exact scan. The stock store materializes
under a thousand vectors a second, so it may be given fewer rows (--stock-rows; what it is asked for
then lies among them). The last line is one JSON object.

    KGFEATURES_HOME=/var/tmp/feast_bench python benchmarks/feast_store.py --rows 200000
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import io
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from feast import Entity, FeatureStore, FeatureView, Field, RepoConfig, ValueType
from feast.filter_models import ComparisonFilter
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import (
    PostgreSQLSource,
)
from feast.types import Array, Float32, Float64, Int32, String

from kgfeatures import connect
from kgfeatures.db import transport
from kgfeatures.db.environment import environment

if TYPE_CHECKING:
    from kgfeatures.db import Database

DAY = np.datetime64("2024-01-01", "us")
START, END = dt.datetime(2023, 12, 1, tzinfo=dt.UTC), dt.datetime(2024, 2, 1, tzinfo=dt.UTC)
CHUNK = 20_000
TURN = 10
WIDTHS = {"benchmark_narrow": 128, "benchmark_wide": 384}
FEATURES = [
    *(f"benchmark_numbers:n{n}" for n in range(4)),
    "benchmark_narrow:v128",
    "benchmark_wide:v384",
]


def fill(database: Database, rows: int) -> None:
    """Make the three feature tables: clustered vectors, one row per key."""
    rng = np.random.default_rng(0)
    head = "product_id text, event_timestamp timestamptz, created_timestamp timestamptz"
    key = "primary key (product_id, event_timestamp, created_timestamp)"
    numbers = "n0 float8, n1 float8, n2 float8, n3 int"
    with database.transaction() as conn:
        for name, columns in {
            "benchmark_numbers": numbers,
            **{view: f"v{width} vector({width}), bucket int" for view, width in WIDTHS.items()},
        }.items():
            conn.execute(f"drop table if exists feature.{name} cascade")
            conn.execute(f"create table feature.{name} ({head}, {columns}, {key})")
    centres = {name: rng.normal(size=(500, width)) for name, width in WIDTHS.items()}
    for first in range(0, rows, CHUNK):
        n = min(CHUNK, rows - first)
        times = np.full(n, DAY)
        keys = {
            "product_id": np.array([f"p{i}" for i in range(first, first + n)]),
            "event_timestamp": times,
            "created_timestamp": times,
        }
        four = {f"n{i}": rng.random(n) for i in range(3)} | {"n3": rng.integers(0, 9, n)}
        with database.transaction() as conn:
            transport.copy_in(conn, "feature.benchmark_numbers", keys | four)
            for name, width in WIDTHS.items():
                vectors = centres[name][rng.integers(0, 500, n)] + rng.normal(size=(n, width)) * 0.8
                columns = {f"v{width}": vectors, "bucket": rng.integers(0, 100, n)}
                transport.copy_in(conn, f"feature.{name}", keys | columns)
    with database.session() as conn:
        conn.execute("vacuum analyze")


def definitions(rows: int | None) -> list[Any]:
    """Return entity and views; with `rows`, only of the first so many keys."""
    product = Entity(name="product", join_keys=["product_id"], value_type=ValueType.STRING)
    numbers = {"n0": Float64, "n1": Float64, "n2": Float64, "n3": Int32}
    wanted = {"benchmark_numbers": [Field(name=name, dtype=kind) for name, kind in numbers.items()]}
    for name, width in WIDTHS.items():
        vector = {"name": f"v{width}", "dtype": Array(Float32), "vector_search_metric": "cosine"}
        searched = name == "benchmark_wide"
        wanted[name] = [Field(**vector, vector_index=searched), Field(name="bucket", dtype=Int32)]
    views: list[Any] = [product]
    for name, fields in wanted.items():
        width = WIDTHS.get(name)
        shown = f"v{width}::real[] as v{width}, bucket" if width else "n0, n1, n2, n3"
        query = (
            f"select product_id, event_timestamp, created_timestamp, {shown} from feature.{name}"  # noqa: S608
        )
        if rows is not None:
            query += f" where substr(product_id, 2)::int < {rows}"
        source = PostgreSQLSource(
            name=f"{name}_source",
            query=query,
            timestamp_field="event_timestamp",
            created_timestamp_column="created_timestamp",
        )
        schema = [Field(name="product_id", dtype=String), *fields]
        views.append(
            FeatureView(
                name=name, entities=[product], schema=schema, source=source, ttl=dt.timedelta(0)
            )
        )
    return views


def open_store(database: Database, *, stock: bool) -> FeatureStore:
    """Return a Feast store over the database: Feast's own classes, or ours."""
    given = environment(database.dsn)
    place = {
        "host": given["KGFEATURES_PG_HOST"],
        "port": int(given["KGFEATURES_PG_PORT"]),
        "database": given["KGFEATURES_PG_DATABASE"],
        "user": given["KGFEATURES_PG_USER"],
        "password": given["KGFEATURES_PG_PASSWORD"],
        "sslmode": given["KGFEATURES_PG_SSLMODE"],
    }
    online = "kgfeatures.features.online_store.KGFeaturesOnlineStore"
    engine = "kgfeatures.features.engine.KGFeaturesEngine"
    schema = "benchmark_stock" if stock else "benchmark_ours"
    return FeatureStore(
        config=RepoConfig(
            project=schema,
            provider="local",
            registry={"registry_type": "sql", "path": given["KGFEATURES_REGISTRY_URL"]},
            offline_store={"type": "postgres", **place, "db_schema": "feast_registry"},
            online_store={
                "type": "postgres" if stock else online,
                **place,
                "db_schema": schema,
                "vector_enabled": True,
            },
            batch_engine={"type": "local" if stock else engine},
            materialization={"pull_latest_features": True, "online_write_batch_size": 10_000},
            entity_key_serialization_version=3,
        )
    )


def memory_mb(*, forget: bool = False) -> float:
    """Return the most memory that this process has held, since it was told to forget."""
    if forget:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def materialize(store: FeatureStore, view: str) -> float:
    """Return the seconds that materializing a view took."""
    began = time.perf_counter()
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        store.materialize(START, END, feature_views=[view])
    return time.perf_counter() - began


def load_ours(store: FeatureStore, rows: int) -> dict[str, float]:
    """Fill our tables; the 384-d view's load and index apart."""
    engine: Any = store.provider.batch_engine
    before = memory_mb(forget=True)
    filled = engine.fill(store.get_feature_view("benchmark_wide"), START, END)
    for view in ("benchmark_numbers", "benchmark_narrow"):
        materialize(store, view)
    return {
        "materialize_rows_per_s": rows / filled.load_seconds,
        "hnsw_build_s": filled.index_seconds,
        "materialize_client_mb": memory_mb() - before,
    }


def online_ratio(stores: list[FeatureStore], keys: int, last: int, rounds: int) -> list[float]:
    """Return the median milliseconds of each store for a read of so many keys, in turns.

    A turn is several reads of which the first is not counted: Feast keeps what it knows of a
    request for one registry at a time, so that stores that alternate read by read would each look
    everything up again, which no process with one store does.
    """
    rng = np.random.default_rng(keys)
    taken: list[list[float]] = [[] for _ in stores]
    for _ in range(-(-rounds // TURN)):
        rows = [[{"product_id": f"p{n}"} for n in rng.integers(0, last, keys)] for _ in range(TURN)]
        for store, times in zip(stores, taken, strict=True):
            store.get_online_features(features=FEATURES, entity_rows=rows[0])
            for one in rows:
                began = time.perf_counter()
                store.get_online_features(features=FEATURES, entity_rows=one)
                times.append((time.perf_counter() - began) * 1000)
    return [statistics.median(times) for times in taken]


def ask(store: FeatureStore, query: np.ndarray, **more: Any) -> list[str]:
    """Return the keys of the ten nearest."""
    found = store.retrieve_online_documents_v2(
        features=["benchmark_wide:bucket"], query=query.tolist(), top_k=10, **more
    )
    return found.to_dict()["product_id"]


def exact(database: Database, query: np.ndarray, bucket: int | None) -> set[str]:
    """Return the keys of the ten nearest, every vector compared."""
    statement = (
        "select product_id from feature.benchmark_wide where %(b)s::int is null or bucket = %(b)s"
        " order by (v384 <=> %(q)s::vector) + 0 limit 10"
    )
    return set(database.sql(statement, {"q": query.astype("f4"), "b": bucket})["product_id"])


def search(
    database: Database, ours: FeatureStore, stock: FeatureStore, rounds: int
) -> dict[str, float]:
    """Measure the search: time of both, recall of ours without and with a filter of 1 %."""
    rng = np.random.default_rng(9)
    sample = database.sql("select v384 from feature.benchmark_wide order by random() limit 200")
    queries = np.stack(sample["v384"])[:rounds] + rng.normal(size=(rounds, 384)) * 0.3
    ask(ours, queries[0])
    times: list[float] = []
    stock_times: list[float] = []
    hits, filtered_hits, short = 0, 0, 0
    for place, query in enumerate(queries):
        began = time.perf_counter()
        found = ask(ours, query)
        times.append((time.perf_counter() - began) * 1000)
        hits += len(exact(database, query, None) & set(found))
        bucket = place % 100
        filters = ComparisonFilter(type="eq", key="bucket", value=bucket)
        found = ask(ours, query, filters=filters)
        short += len(found) < 10
        filtered_hits += len(exact(database, query, bucket) & set(found))
        if place < 10:
            began = time.perf_counter()
            ask(stock, query)
            stock_times.append((time.perf_counter() - began) * 1000)
    return {
        "search_p50_ms": statistics.median(times),
        "stock_search_p50_ms": statistics.median(stock_times),
        "search_recall_at_10": hits / (10 * rounds),
        "filtered_recall": filtered_hits / (10 * rounds),
        "filtered_short_lists": short,
    }


def compare_with_sql(database: Database, ours: FeatureStore, keys: int) -> dict[str, int]:
    """Count the vectors that SQL and get_online_features give differently: none."""
    names = [f"p{n}" for n in range(keys)]
    rows = [{"product_id": name} for name in names]
    served = ours.get_online_features(features=["benchmark_wide:v384"], entity_rows=rows).to_dict()
    stored = database.sql("select product_id, v384 from benchmark_ours.benchmark_wide")
    by_key = dict(zip(stored["product_id"], stored["v384"], strict=True))
    different = sum(
        np.asarray(vector, dtype="f4").tobytes() != by_key[name].tobytes()
        for name, vector in zip(names, served["v384"], strict=True)
    )
    return {"compared_keys": keys, "different_from_sql": different}


def history() -> dict[str, float]:
    """Return what benchmarks/feast_history.py measures: training sets of both offline stores."""
    command = [sys.executable, str(Path(__file__).with_name("feast_history.py"))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    *lines, figures = done.stdout.splitlines()
    print("\n".join(lines), flush=True)
    return json.loads(figures)


def main() -> None:
    """Run everything and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--stock-rows", type=int, default=None, help="all by default")
    parser.add_argument("--rounds", type=int, default=100)
    given = parser.parse_args()
    stock_rows = min(given.stock_rows or given.rows, given.rows)
    with connect() as database:
        fill(database, given.rows)
        ours = open_store(database, stock=False)
        stock = open_store(database, stock=True)
        with database.transaction() as conn:
            for schema in ("benchmark_ours", "benchmark_stock"):
                conn.execute(f"drop schema if exists {schema} cascade")
        ours.apply(definitions(None))
        stock.apply(definitions(stock_rows))
        print("tables are filled", flush=True)
        result: dict[str, float] = {"rows": given.rows, "stock_rows": stock_rows}
        result |= load_ours(ours, given.rows)
        print(result, flush=True)
        seconds = {view: materialize(stock, view) for view in ("benchmark_numbers", *WIDTHS)}
        result["stock_materialize_rows_per_s"] = stock_rows / seconds["benchmark_wide"]
        with database.session() as conn:
            conn.execute("vacuum analyze")
        for keys in (1, 100):
            mine, theirs = online_ratio([ours, stock], keys, stock_rows, given.rounds * 3)
            result |= {f"online_{keys}_ms": mine, f"stock_online_{keys}_ms": theirs}
            result[f"online_{keys}_ratio"] = mine / theirs
        print(result, flush=True)
        result |= search(database, ours, stock, given.rounds)
        result |= compare_with_sql(database, ours, min(10_000, given.rows))
    result |= history()
    print(json.dumps({name: round(figure, 4) for name, figure in result.items()}))


if __name__ == "__main__":
    main()
