"""What recommendations from SQL cost, beside a primary-key select and `implicit`.

    python benchmarks/rec_sql.py [--shop generated | retail | large] [--sample 300]

A shop is loaded into a server of its own; the steps ingest, extract, embed text and recommend run
once. generated: --customers and --products; retail: the shipped one; large: 70,000 customers,
25,000 products and 650,000 purchases with Zipf skew. Then, in one process and on one connection,
for the same customers, in four rounds of all kinds of calls:
- a select by primary key, rec.recommend(customer, 20) as it comes, which reads the published list
  while the customer's purchases are those it was made from; the same computed from the live
  history, as for who bought something since; rec.explain(customer, its first product);
- `implicit` (ALS, 64 factors as in our own signal, one thread): recommend with the vector learned
  for the customer, and with one solved from the purchases given (recalculate_user);
and, in rounds too, rec.recommend_many and implicit.recommend for all these customers at once.

p50 and p95 are wall clock in milliseconds; cpu_ms is CPU of the server's process and this one per
call or, in batches, per customer, which a busy machine blurs less. The last line is one JSON
object. Lists of all customers: benchmarks/rec_bulk.py.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg import Connection

    from kgfeatures.db import Database

    Calls = dict[str, Sequence[Callable[[], object]]]

DAYS, SEED, BASKET_LINES = 365, 7, 5.0
ENCODER = "builtin:chargram"
K = 20
ROUNDS, AT_ONCE = 4, 3
NEAR = 1e-5
LARGE = """\
name: large
interactions: {file: interactions.parquet, customer: customer, product: product, timestamp: at,
               event: purchase}
products: {file: products.parquet, product: product, text: [title], relations: {theme: has_theme}}
"""


@contextmanager
def server(home: Path) -> Iterator[Database]:
    """Open a database of this version on a server of its own, which stops afterwards."""
    from kgfeatures.db import Database, launcher, migrate

    dsn = launcher.ensure_running(home)
    try:
        migrate(dsn)
        with Database(lambda: dsn) as database:
            yield database
    finally:
        launcher.stop(home)


def build(database: Database, shop: Path, *, lists: bool = True) -> dict[str, float]:
    """Run the steps that recommendations need; return the CPU seconds of each in this process."""
    from kgfeatures.steps.embed_text import run_text
    from kgfeatures.steps.extract import extract
    from kgfeatures.steps.ingest import ingest
    from kgfeatures.steps.recommend import RecommendSettings, recommend

    work: dict[str, Callable[[], Any]] = {
        "ingest": lambda: ingest(database, shop),
        "extract": lambda: extract(database),
        "embed text": lambda: run_text(database, ENCODER, features=True),
        "recommend": lambda: recommend(database, RecommendSettings(lists=lists)),
    }
    seconds: dict[str, float] = {}
    for name, step in work.items():
        began = time.process_time()
        step()
        seconds[name] = round(time.process_time() - began, 2)
        print(f"{name}: {seconds[name]} CPU s", flush=True)
    return seconds


def large_shop(folder: Path) -> Path:
    """Write the large shop into a folder, and return it."""
    import pandas as pd
    from recommend import GROUPS, PRODUCTS, generate

    lines, has = generate(SEED)
    folder.mkdir()
    at = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(lines.day, unit="D")
    keys = np.array([f"p{number:05}" for number in range(PRODUCTS)])
    bought = {"customer": lines.customer.astype(str), "product": keys[lines.product], "at": at}
    pd.DataFrame(bought).to_parquet(folder / "interactions.parquet")
    words = np.random.default_rng(SEED).integers(0, 4 * GROUPS, (PRODUCTS, 3))
    titles = [f"theme{g} w{a} w{b} w{c}" for g, (a, b, c) in zip(has.indices, words, strict=True)]
    themes = [f"theme {group}" for group in has.indices]
    products = pd.DataFrame({"product": keys, "title": titles, "theme": themes})
    products.to_parquet(folder / "products.parquet")
    (folder / "dataset.yaml").write_text(LARGE, encoding="utf-8")
    return folder


class Meter:
    """CPU seconds of this process and of one of the server's."""

    def __init__(self, conn: Connection[Any]) -> None:
        self._server = psutil.Process(conn.info.backend_pid)
        self._nanoseconds = Path(f"/proc/{conn.info.backend_pid}/schedstat")

    def server(self) -> float:
        """Return what the server's process has used so far, to the nanosecond where Linux tells."""
        try:
            return int(self._nanoseconds.read_text(encoding="ascii").split()[0]) * 1e-9
        except OSError:
            used = self._server.cpu_times()
            return used.user + used.system

    def seconds(self) -> float:
        """Return what both have used so far."""
        return time.process_time() + self.server()


def in_turns(calls: Calls, meter: Meter, each: int = 1) -> dict[str, dict[str, float]]:
    """Return p50, p95 and cpu_ms of each kind of calls, a call standing for so many customers.

    Every round makes all calls of one kind, then all of the next: each finds its own data in the
    processor's caches, and what else the machine does meets them all.
    """
    waits: dict[str, list[float]] = {kind: [] for kind in calls}
    used = dict.fromkeys(calls, 0.0)
    for turn in range(ROUNDS + 1):
        for kind, made in calls.items():
            before = meter.seconds()
            for call in made:
                began = time.perf_counter()
                call()
                waits[kind].append((time.perf_counter() - began) / each)
            used[kind] += meter.seconds() - before
        if turn == 0:  # to get warm
            waits = {kind: [] for kind in calls}
            used = dict.fromkeys(calls, 0.0)
    found: dict[str, dict[str, float]] = {}
    for kind, seconds in waits.items():
        p50, p95 = np.quantile(seconds, [0.5, 0.95]) * 1e3
        cpu = used[kind] / len(seconds) / each * 1e3
        found[kind] = {"p50": round(p50, 4), "p95": round(p95, 4), "cpu_ms": round(cpu, 4)}
    return found


def sql_calls(conn: Connection[Any], customers: list[str]) -> Calls:
    """Return the calls of SQL for one customer after the other."""

    def asking(statement: str, values: Sequence[tuple[str, ...]]) -> list[Callable[[], object]]:
        return [lambda v=v: conn.execute(statement.encode(), v).fetchall() for v in values]

    one = [(customer,) for customer in customers]
    first = [
        (customer, conn.execute("select product_id from rec.recommend(%s, 1)", [customer]))
        for customer in customers
    ]
    pairs = [(customer, found.fetchall()[0][0]) for customer, found in first]
    keys = [(product,) for _, product in pairs]
    return {
        "primary key": asking("select * from rec.popular where product_id = %s", keys),
        "rec.recommend": asking("select * from rec.recommend(%s, 20)", one),
        "rec.recommend, computed": asking(
            """select * from rec.recommend(%s, 20, ignore => '{"products": []}')""", one
        ),
        "rec.explain": asking("select * from rec.explain(%s, %s)", pairs),
    }


def peer_calls(conn: Connection[Any], customers: list[str]) -> tuple[Calls, Calls]:
    """Return implicit's calls for one customer after the other, and for all at once."""
    from kgfeatures.recommend.als import Als
    from kgfeatures.steps.recommend_shop import read_shop

    shop = read_shop(conn)
    als = Als().fit(shop.lines.purchases())
    bought = als.purchases_.matrix().astype(np.float32)
    place = {key: row for row, key in enumerate(shop.customers.to_pylist())}
    rows = np.array([place[customer] for customer in customers])

    def asking(asked: Any, *, anew: bool) -> Callable[[], object]:
        given = bought[asked]
        return lambda: als.model_.recommend(asked, given, N=K, recalculate_user=anew)

    ways = {"implicit": False, "implicit, recalculated": True}
    one = {name: [asking(row, anew=anew) for row in rows] for name, anew in ways.items()}
    many = {name: [asking(rows, anew=anew)] * AT_ONCE for name, anew in ways.items()}
    return one, many


def measure(conn: Connection[Any], sample: int) -> dict[str, Any]:
    """Return every figure, and print a table."""
    found = conn.execute(
        """select customer_id from (select distinct customer_id from raw.interaction
        where event = 'purchase') as known order by md5(customer_id) limit %s""",
        [sample],
    ).fetchall()
    customers, meter = [row[0] for row in found], Meter(conn)
    conn.execute("vacuum analyze raw.interaction, rec.popular, rec.customer_list")
    [history] = conn.execute(
        """select avg(products) from (select count(distinct product_id) as products
        from raw.interaction where customer_id = any(%s) and event = 'purchase'
        group by customer_id) as one""",
        [customers],
    ).fetchall()[0]
    with threadpool_limits(1):
        one, many = peer_calls(conn, customers)
        costs = in_turns({**sql_calls(conn, customers), **one}, meter)
        many_of_sql = b"select * from rec.recommend_many(%s, 20)"
        ask = [lambda: conn.execute(many_of_sql, [customers]).fetchall()] * AT_ONCE
        batch = in_turns({"rec.recommend_many": ask, **many}, meter, len(customers))
    costs |= {f"{kind}, at once": cost for kind, cost in batch.items()}
    for kind, cost in costs.items():
        print(
            f"{kind:<32} p50 {cost['p50']:9.3f} ms  p95 {cost['p95']:9.3f} ms  "
            f"CPU {cost['cpu_ms']:8.3f} ms"
        )
    return {
        "products_per_customer": round(float(history), 1),
        "costs": costs,
        **ratios({kind: cost["cpu_ms"] for kind, cost in costs.items()}),
        **{
            f"{name}_p95_by_primary_key": round(
                costs[f"rec.{name}"]["p95"] / costs["primary key"]["p95"], 1
            )
            for name in ("recommend", "explain")
        },
    }


def ratios(cpu: dict[str, float]) -> dict[str, float]:
    """Return how many customers SQL serves while implicit serves one, and other shares of CPU."""

    def share(peer: str, own: str) -> float:
        return round(cpu[peer] / cpu[own], 2)

    return {
        "throughput_by_implicit": share("implicit", "rec.recommend"),
        "throughput_by_implicit_recalculated": share("implicit, recalculated", "rec.recommend"),
        "computed_by_implicit_recalculated": share(
            "implicit, recalculated", "rec.recommend, computed"
        ),
        "at_once_by_implicit": share("implicit, at once", "rec.recommend_many, at once"),
        "at_once_by_implicit_recalculated": share(
            "implicit, recalculated, at once", "rec.recommend_many, at once"
        ),
        "explain_cpu_by_primary_key": share("rec.explain", "primary key"),
    }


def main() -> None:
    """Build a shop, ask, and print what it costs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shop", choices=["generated", "retail", "large"], default="generated")
    parser.add_argument("--customers", type=int, default=3000)
    parser.add_argument("--products", type=int, default=2000)
    parser.add_argument("--sample", type=int, default=300)
    given = parser.parse_args()
    from kgfeatures.datasets import generate, online_retail

    with tempfile.TemporaryDirectory(prefix="kgfeatures-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server may run as another user
        sizes = (given.customers, given.products, DAYS, SEED, "en")
        if given.shop == "retail":
            shop = online_retail()
        elif given.shop == "large":
            shop = large_shop(folder / "shop")
        else:
            shop = generate(*sizes, folder=folder / "shop", basket_lines=BASKET_LINES)
        with server(folder / "home") as database:
            steps = build(database, shop)
            with database.session() as conn:
                summary = measure(conn, given.sample)
    summary = {"benchmark": "rec_sql", **vars(given), "step_cpu_seconds": steps, **summary}
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
