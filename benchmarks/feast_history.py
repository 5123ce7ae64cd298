"""Training sets from history: our offline store beside Feast's stock PostgreSQL store, in one run.

Three scalar views (5 versions of each product, 4 features) and two of vectors (128-d, 384-d) over
tables of their own in schema benchmark_history of the database that the environment names. Every
figure is a process of its own, so that memory is its own; ours and the stock store take turns.
The values of both are compared. The last line is one JSON object: seconds of 10,000, 100,000 and
1,000,000 labels, the stock store's seconds divided by ours at 100,000, and how much memory
grows over the loaded libraries for 100,000 labels with both vectors.

    python benchmarks/feast_history.py --products 20000
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kgfeatures import connect
from kgfeatures.db.environment import environment
from kgfeatures.db.transport import copy_in

SCHEMA = "benchmark_history"
OURS = "kgfeatures.features.offline_store.KGFeaturesOfflineStore"
SCALAR_TABLE = """
create table benchmark_history.scalar_{place} as
select
    'p' || product as product_id,
    '2024-01-01'::timestamptz + version * interval '30 days' + product % 30 * interval '1 day'
        as event_timestamp,
    '2024-01-01'::timestamptz + version * interval '30 days' + product % 30 * interval '1 day'
        as created_timestamp,
    (product * 7 + version + {place}) % 1000 / 8.0 as a{place},
    (product + version) % 100 as b{place},
    (product % 64)::real as c{place},
    'x' || product % 10 as d{place}
from generate_series(1, {products}) as product, generate_series(0, 4) as version;
"""
VECTOR_TABLE = """
create table benchmark_history.vector_{dim} (
    product_id text, event_timestamp timestamptz, created_timestamp timestamptz, e{dim} real[]
);
"""
KEYED = """
alter table benchmark_history.{table}
add primary key (product_id, event_timestamp, created_timestamp);
analyze benchmark_history.{table};
"""
SCALARS = [f"scalar_{place}:{name}{place}" for place in range(3) for name in "abcd"]
VECTORS = ["vector_128:e128", "vector_384:e384", *SCALARS[:4]]


def make_tables(products: int) -> None:
    """Make and fill the feature tables."""
    start = np.datetime64("2024-01-01", "us")
    rng = np.random.default_rng(0)
    with connect() as database, database.transaction() as conn:
        run = _runner(conn)
        run(f"drop schema if exists {SCHEMA} cascade; create schema {SCHEMA};")
        for place in range(3):
            run(SCALAR_TABLE.format(place=place, products=products))
            run(KEYED.format(table=f"scalar_{place}"))
        for dim in (128, 384):
            run(VECTOR_TABLE.format(dim=dim))
            for first in range(1, products + 1, 20_000):
                numbers = np.arange(first, min(first + 20_000, products + 1))
                times = np.full(len(numbers), start)
                columns = {
                    "product_id": [f"p{number}" for number in numbers],
                    "event_timestamp": times,
                    "created_timestamp": times,
                    f"e{dim}": rng.normal(size=(len(numbers), dim)).astype(np.float32),
                }
                copy_in(conn, f"{SCHEMA}.vector_{dim}", columns)
            run(KEYED.format(table=f"vector_{dim}"))


def drop_tables() -> None:
    """Drop what `make_tables` made."""
    with connect() as database, database.transaction() as conn:
        _runner(conn)(f"drop schema if exists {SCHEMA} cascade")


def _runner(conn: Any) -> Any:
    return conn.execute


def open_store(kind: str, folder: Path, plan: str) -> Any:
    """Return a Feast store over the tables: ours, or the stock one."""
    from feast import Entity, FeatureStore, FeatureView, Field, ValueType
    from feast.repo_config import RepoConfig
    from feast.types import Array, Float32, Float64, Int32, String

    from kgfeatures.features.source import KGFeaturesSource

    with connect() as database:
        where = environment(database.dsn)
    settings: dict[str, Any] = {
        "type": "postgres" if kind == "stock" else OURS,
        "host": where["KGFEATURES_PG_HOST"],
        "port": int(where["KGFEATURES_PG_PORT"]),
        "database": where["KGFEATURES_PG_DATABASE"],
        "user": where["KGFEATURES_PG_USER"],
        "password": where["KGFEATURES_PG_PASSWORD"],
        "sslmode": where["KGFEATURES_PG_SSLMODE"],
        "db_schema": SCHEMA,
    }
    config = RepoConfig(
        project="benchmark",
        provider="local",
        registry=str(folder / "registry.db"),
        offline_store=settings if kind == "stock" else {**settings, "plan": plan},
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        entity_key_serialization_version=3,
    )
    product = Entity(name="product", join_keys=["product_id"], value_type=ValueType.STRING)
    fields = {
        f"scalar_{place}": {
            f"a{place}": Float64, f"b{place}": Int32, f"c{place}": Float32, f"d{place}": String
        }
        for place in range(3)
    }  # fmt: skip
    fields |= {f"vector_{dim}": {f"e{dim}": Array(Float32)} for dim in (128, 384)}
    views = [
        FeatureView(
            name=name,
            entities=[product],
            ttl=dt.timedelta(days=3650),
            schema=[
                Field(name="product_id", dtype=String),
                *(Field(name=one, dtype=kind_) for one, kind_ in columns.items()),
            ],
            source=KGFeaturesSource(
                name=name,
                table=f"{SCHEMA}.{name}",
                timestamp_field="event_timestamp",
                created_timestamp_column="created_timestamp",
            ),
        )
        for name, columns in fields.items()
    ]
    store = FeatureStore(config=config)
    store.apply([product, *views])
    return store


def labels(n: int, products: int) -> pd.DataFrame:
    """Return n labels of random products at random times."""
    rng = np.random.default_rng(1)
    numbers = rng.integers(1, products + 1, n)
    seconds = rng.integers(0, 150 * 86_400, n)
    start = pd.Timestamp("2024-01-01", tz="UTC")
    return pd.DataFrame(
        {
            "product_id": [f"p{number}" for number in numbers],
            "event_timestamp": start + pd.to_timedelta(seconds, unit="s"),
            "label": np.arange(n),
        }
    )


def memory(what: str) -> float:
    """Return this process's memory in MB: VmRSS now, VmHWM at most."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if what in line)
    return int(line.split()[1]) / 1024


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Time one retrieval in this process."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(args.kind, Path(folder), args.plan)
        asked = labels(args.labels, args.products)
        before = memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew
        began, cpu = time.perf_counter(), time.process_time()
        features = VECTORS if args.vectors else SCALARS
        job = store.get_historical_features(asked, features)
        table = job.to_arrow() if args.arrow else job.to_df()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        peak = memory("VmHWM")
        if args.arrow:
            table = table.to_pandas()
        plan = getattr(job, "plan", "")
    found = table.sort_values("label")
    total = float(found[["a0", "b0"]].sum().sum())
    return {
        "seconds": seconds, "cpu_s": cpu, "growth_mb": peak - before, "peak_mb": peak,
        "rows": len(found), "sum": total, "plan": plan,
    }  # fmt: skip


def in_process(args: argparse.Namespace, kind: str, n: int, *flags: str) -> dict[str, Any]:
    """Return what `measure` says in a process of its own."""
    command = [sys.executable, __file__, "--measure", "--kind", kind, "--labels", str(n)]
    command += ["--products", str(args.products), "--plan", args.plan, *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    shown = {key: round(value, 2) for key, value in found.items() if isinstance(value, float)}
    print(kind, f"{n:,}", *flags, shown, flush=True)
    if found["plan"]:
        print("   ", found["plan"].replace("\n", "\n    "), flush=True)
    return found


def history(args: argparse.Namespace) -> dict[str, float]:
    """Return all figures, by the names that the summary uses."""
    make_tables(args.products)
    try:
        few = in_process(args, "ours", 10_000)
        ours = [in_process(args, "ours", 100_000)]
        stock = None if args.no_stock else in_process(args, "stock", 100_000)
        ours.append(in_process(args, "ours", 100_000))
        many = in_process(args, "ours", 1_000_000)
        vectors = in_process(args, "ours", 100_000, "--vectors")
        lists = in_process(args, "ours", 100_000, "--vectors", "--arrow")
    finally:
        drop_tables()
    if stock is not None and (stock["rows"], stock["sum"]) != (ours[0]["rows"], ours[0]["sum"]):
        raise SystemExit("the stock store gives other values than ours")
    best = min(one["seconds"] for one in ours)
    return {
        "history_10k_s": round(few["seconds"], 2),
        "history_100k_s": round(best, 2),
        "history_1m_s": round(many["seconds"], 2),
        "history_100k_ratio": round(stock["seconds"] / best, 1) if stock else 0.0,
        "history_vectors_mb": round(vectors["growth_mb"]),
        "history_vectors_arrow_mb": round(lists["growth_mb"]),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--plan", default="auto", choices=["auto", "lateral", "merge", "client"])
    parser.add_argument("--no-stock", action="store_true")
    for name in ("--measure", "--vectors", "--arrow"):
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--kind", default="ours", help=argparse.SUPPRESS)
    parser.add_argument("--labels", type=int, default=10_000, help=argparse.SUPPRESS)
    args = parser.parse_args()
    print(json.dumps(measure(args) if args.measure else history(args)))


if __name__ == "__main__":
    main()
