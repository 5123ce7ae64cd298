"""What recommendations from SQL cost, beside a primary-key select, `implicit` and the bulk lists.

    python benchmarks/rec_sql.py --customers 3000 --products 2000 --sample 300

A shop is generated and loaded into a server of its own; the steps ingest, extract, embed text and
recommend run once. Then, in one process and on one connection, for the same customers:
- a select by primary key, rec.recommend(customer, 20), rec.explain(customer, its first product);
- `implicit` (ALS, 64 factors, one thread): recommend, one customer at a time;
- the lists of all customers, as `kgfeatures recommend` computes them, beside rec.recommend for
  each customer in a lateral join: the same lists, and how much less CPU.

p50 and p95 are wall clock in milliseconds; cpu_ms is CPU of the server's process and this one per
call, which a busy machine does not blur. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection

    from kgfeatures.db import Database
    from kgfeatures.recommend.served import Served
    from kgfeatures.steps.recommend_shop import Shop

DAYS, SEED, BASKET_LINES = 365, 7, 5.0
ENCODER = "builtin:chargram"
K = 20
WARM = 10
NEAR = 1e-5


def build(database: Database, shop: Path) -> dict[str, float]:
    """Run the steps that recommendations need; return the CPU seconds of each in this process."""
    from kgfeatures.steps.embed_text import run_text
    from kgfeatures.steps.extract import extract
    from kgfeatures.steps.ingest import ingest
    from kgfeatures.steps.recommend import recommend

    work: dict[str, Callable[[], Any]] = {
        "ingest": lambda: ingest(database, shop),
        "extract": lambda: extract(database),
        "embed text": lambda: run_text(database, ENCODER, features=True),
        "recommend": lambda: recommend(database),
    }
    seconds: dict[str, float] = {}
    for name, step in work.items():
        began = time.process_time()
        step()
        seconds[name] = round(time.process_time() - began, 2)
        print(f"{name}: {seconds[name]} CPU s", flush=True)
    return seconds


class Meter:
    """CPU seconds of this process and of one of the server's."""

    def __init__(self, conn: Connection[Any] | None) -> None:
        self._server = psutil.Process(conn.info.backend_pid) if conn else None

    def seconds(self) -> float:
        """Return what both have used so far."""
        server = self._server.cpu_times() if self._server else None
        return time.process_time() + (server.user + server.system if server else 0.0)


def asked(calls: Sequence[Callable[[], object]], conn: Connection[Any] | None) -> dict[str, float]:
    """Return p50, p95 and cpu_ms of some calls, after the first few were made once."""
    for call in calls[:WARM]:
        call()
    meter, waits = Meter(conn), np.empty(len(calls))
    before = meter.seconds()
    for place, call in enumerate(calls):
        began = time.perf_counter()
        call()
        waits[place] = time.perf_counter() - began
    cpu = (meter.seconds() - before) / len(calls)
    p50, p95 = np.quantile(waits, [0.5, 0.95]) * 1e3
    return {"p50": round(p50, 3), "p95": round(p95, 3), "cpu_ms": round(cpu * 1e3, 3)}


def fitted(conn: Connection[Any]) -> tuple[Shop, Served]:
    """Return the shop and the very blend that SQL serves, fitted in Python."""
    from kgfeatures.db import queries
    from kgfeatures.recommend import NeighborSettings
    from kgfeatures.recommend.favourites import Favourites
    from kgfeatures.recommend.served import Served
    from kgfeatures.steps import recommend_model, recommend_shop
    from kgfeatures.types import NoProgress

    shop = recommend_shop.read_shop(conn)
    [run] = queries.fetch(conn, "recommend.run")
    weights = dict(conn.execute("select signal, weight from rec.blend").fetchall())
    neighbors = NeighborSettings(**run["settings"]["neighbors"])
    half_life = run["settings"]["popular_half_life_days"]
    graph = recommend_shop.read_graph(conn, shop)
    signals = recommend_model.signals_of(shop, graph, neighbors, half_life, NoProgress())
    favourites = Favourites(recommend_shop.read_segments(conn, shop).members, half_life)
    blend = recommend_model.blend_of(signals, weights)
    return shop, Served(blend, favourites).fit(shop.lines.purchases())


def served_by_sql(conn: Connection[Any], customers: list[str]) -> dict[str, dict[str, Any]]:
    """Return what one customer costs: a select by key, a recommendation, an explanation."""
    first = {
        customer: conn.execute(
            "select product_id from rec.recommend(%s, 1)", [customer]
        ).fetchone()[0]  # pyright: ignore[reportOptionalSubscript]  never empty
        for customer in customers
    }
    kinds: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
        "primary key": (
            "select * from rec.popular where product_id = %s",
            [(product,) for product in first.values()],
        ),
        "rec.recommend": (
            "select * from rec.recommend(%s, 20)",
            [(customer,) for customer in customers],
        ),
        "rec.explain": ("select * from rec.explain(%s, %s)", list(first.items())),
    }
    return {
        kind: asked([lambda s=s, v=v: conn.execute(s.encode(), v).fetchall() for v in values], conn)
        for kind, (s, values) in kinds.items()
    }


def served_by_implicit(shop: Shop, customers: list[str]) -> dict[str, float]:
    """Return what implicit.recommend costs for the same customers, one by one on one thread."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    bought = shop.lines.purchases().matrix().astype(np.float32)
    place = {key: row for row, key in enumerate(shop.customers.to_pylist())}
    with threadpool_limits(1):
        model = AlternatingLeastSquares(factors=64, iterations=5, num_threads=1, random_state=0)
        model.fit(bought, show_progress=False)
        rows = [place[customer] for customer in customers]
        return asked([lambda r=r: model.recommend(r, bought[r], N=K) for r in rows], None)


def bulk(conn: Connection[Any], customers: list[str]) -> dict[str, Any]:
    """Return what the lists of all customers cost, what SQL would take, and how equal they are."""
    shop, served = fitted(conn)
    everybody = np.arange(len(shop.customers))
    began = time.process_time()
    products, scores = served.recommend(everybody, K)
    here = time.process_time() - began
    meter = Meter(conn)
    before = meter.seconds()
    rows = conn.execute(
        """select customer_id, product_id, score
        from unnest(%s::text[]) as asked (customer_id)
        cross join lateral rec.recommend(customer_id, %s) as listed
        order by customer_id, rank""",
        [customers, K],
    ).fetchall()
    there = (meter.seconds() - before) / len(customers) * len(everybody)
    place = {key: row for row, key in enumerate(shop.customers.to_pylist())}
    number = {key: row for row, key in enumerate(shop.products.to_pylist())}
    same = equal = 0
    for customer in customers:
        own = [(number[p], s) for c, p, s in rows if c == customer]
        wanted = products[place[customer]][: len(own)]
        equal += [p for p, _ in own] == wanted.tolist()
        # Products within rounding of each other may change places.
        same += np.allclose([s for _, s in own], scores[place[customer]][: len(own)], atol=NEAR)
    return {
        "customers": len(everybody),
        "python_cpu_seconds": round(here, 2),
        "lateral_cpu_seconds": round(there, 1),
        "lateral_from_a_sample_of": len(customers),
        "times_cheaper": round(there / here, 1),
        "lists_equal": equal / len(customers),
        "scores_equal_to_1e-5": same / len(customers),
    }


def main() -> None:
    """Build a shop, ask, and print what it costs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--customers", type=int, default=3000)
    parser.add_argument("--products", type=int, default=2000)
    parser.add_argument("--sample", type=int, default=300)
    given = parser.parse_args()
    from kgfeatures.datasets import generate
    from kgfeatures.db import Database, launcher

    with tempfile.TemporaryDirectory(prefix="kgfeatures-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server may run as another user
        sizes = (given.customers, given.products, DAYS, SEED, "en")
        shop = generate(*sizes, folder=folder / "shop", basket_lines=BASKET_LINES)
        home = folder / "home"
        from kgfeatures.db import migrate

        dsn = launcher.ensure_running(home)
        try:
            migrate(dsn)
            with Database(lambda: dsn) as database:
                steps = build(database, shop)
                with database.session() as conn:
                    summary = measure(conn, given.sample)
        finally:
            launcher.stop(home)
    summary = {"benchmark": "rec_sql", **vars(given), "step_cpu_seconds": steps, **summary}
    print(json.dumps(summary))


def measure(conn: Connection[Any], sample: int) -> dict[str, Any]:
    """Return every figure, and print a table."""
    found = conn.execute(
        """select customer_id from (select distinct customer_id from raw.interaction
        where event = 'purchase') as known order by md5(customer_id) limit %s""",
        [sample],
    ).fetchall()
    customers = [row[0] for row in found]
    costs: dict[str, dict[str, Any]] = served_by_sql(conn, customers)
    lists = bulk(conn, customers)
    from kgfeatures.steps.recommend_shop import read_shop

    costs["implicit.recommend"] = served_by_implicit(read_shop(conn), customers)
    for kind, cost in costs.items():
        print(
            f"{kind:<20} p50 {cost['p50']:9.3f} ms  p95 {cost['p95']:9.3f} ms  "
            f"CPU {cost['cpu_ms']:8.3f} ms"
        )
    print(f"bulk: {lists}")
    key, sql = costs["primary key"], costs["rec.recommend"]
    return {
        "costs": costs,
        "recommend_p95_by_primary_key": round(sql["p95"] / key["p95"], 1),
        "explain_p95_by_primary_key": round(costs["rec.explain"]["p95"] / key["p95"], 1),
        "explain_cpu_by_primary_key": round(costs["rec.explain"]["cpu_ms"] / key["cpu_ms"], 1),
        "throughput_by_implicit": round(costs["implicit.recommend"]["cpu_ms"] / sql["cpu_ms"], 3),
        "bulk": lists,
    }


if __name__ == "__main__":
    main()
