"""What the lists of all customers cost, beside rec.recommend for each of them in a lateral join.

    python benchmarks/rec_bulk.py --customers 100000 --products 50000 --folder FOLDER

A shop is generated and loaded into a server of its own in FOLDER; ingest, extract, embed text and
recommend run once, and are found done when the command is run again. Then the blend that SQL
serves is fitted in Python, and its lists of all customers are computed, on one thread. In between,
some customers are asked of `rec.recommend` in lateral joins; the server's CPU for them is scaled
up to all. Both take turns, so that a busy machine weighs on both. The lists are compared: product
ids in order, and scores. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from rec_sql import BASKET_LINES, DAYS, NEAR, SEED, build, server
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from psycopg import Connection

    from kgfeatures.recommend.bulk import Bulk
    from kgfeatures.steps.recommend_shop import Shop

ROUNDS = 10


def fitted(conn: Connection[Any]) -> tuple[Shop, Bulk]:
    """Return the shop and the blend that SQL serves, fitted in Python."""
    from kgfeatures.db import queries
    from kgfeatures.recommend import NeighborSettings
    from kgfeatures.recommend.bulk import Bulk
    from kgfeatures.recommend.favourites import Favourites
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
    return shop, Bulk(blend, favourites).fit(shop.lines.purchases())


def lateral(conn: Connection[Any], customers: list[str], k: int) -> dict[str, list[Any]]:
    """Return each customer's list, as SQL makes it."""
    rows = conn.execute(
        """select customer_id, array_agg(product_id order by rank), array_agg(score order by rank)
        from unnest(%s::text[]) as asked (customer_id)
        cross join lateral rec.recommend(customer_id, %s) as listed
        group by customer_id""",
        [customers, k],
    ).fetchall()
    return {row[0]: list(row[1:]) for row in rows}


def compare(conn: Connection[Any], shop: Shop, bulk: Bulk, sample: int, k: int) -> dict[str, Any]:
    """Return what both cost, and how equal their lists are."""
    n = len(shop.customers)
    asked = np.random.default_rng(SEED).permutation(n)[:sample]
    keys, ids = shop.customers.to_pylist(), np.array(shop.products.to_pylist())
    server = psutil.Process(conn.info.backend_pid)
    products, scores = np.full((n, k), -1), np.full((n, k), -np.inf, dtype=np.float32)
    here = there = 0.0
    found: dict[str, list[Any]] = {}
    lateral(conn, [keys[row] for row in asked[:5]], k)
    blocks = zip(np.array_split(np.arange(n), ROUNDS), np.array_split(asked, ROUNDS), strict=True)
    for block, some in blocks:
        began = time.process_time()
        products[block], scores[block] = bulk.recommend(block, k)
        here += time.process_time() - began
        before = server.cpu_times()
        found |= lateral(conn, [keys[row] for row in some], k)
        after = server.cpu_times()
        there += after.user + after.system - before.user - before.system
        print(f"{here:7.1f} CPU s for {block[-1] + 1:,} lists; {there:6.2f} of SQL", flush=True)
    equal = near = 0
    for row in asked:
        wanted, values = found[keys[row]]
        own = products[row] >= 0
        equal += ids[products[row][own]].tolist() == wanted
        near += np.allclose(scores[row][own], values, atol=NEAR)
    return {
        "python_cpu_seconds": round(here, 2),
        "python_cpu_ms_per_customer": round(here / n * 1e3, 4),
        "lateral_cpu_seconds": round(there / sample * n, 1),
        "lateral_cpu_ms_per_customer": round(there / sample * 1e3, 3),
        "lateral_from_a_sample_of": sample,
        "times_cheaper": round(there / sample * n / here, 1),
        "lists_equal": equal / sample,
        "scores_equal_to_1e-5": near / sample,
    }


def shape(shop: Shop, bulk: Bulk) -> dict[str, Any]:
    """Return how much is added up for a customer."""
    return {
        "customers": len(shop.customers),
        "products": len(shop.products),
        "purchases": len(shop.lines.customer),
        "products_per_customer": round(float(np.diff(bulk.bought_.indptr).mean()), 1),
        "neighbors_per_customer": round(float(bulk.reach_.mean()), 1),
        "weights": {name: weight for name, weight in bulk.blend.weights_.items() if weight > 0},
    }


def main() -> None:
    """Build a shop, or find it built, compare, and print what it costs."""
    parser = argparse.ArgumentParser(description="What the lists of all customers cost.")
    parser.add_argument("--customers", type=int, default=3000)
    parser.add_argument("--products", type=int, default=2000)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("-k", type=int, default=20)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    from kgfeatures.datasets import generate

    given.folder.mkdir(parents=True, exist_ok=True)
    given.folder.chmod(0o755)  # the server may run as another user
    sizes = (given.customers, given.products, DAYS, SEED, "en")
    shop_folder = given.folder / "shop"
    if not shop_folder.exists():
        generate(*sizes, folder=shop_folder, basket_lines=BASKET_LINES)
    with server(given.folder / "home") as database, threadpool_limits(1):
        build(database, shop_folder, lists=False)
        with database.session() as conn:
            shop, bulk = fitted(conn)
            found = shape(shop, bulk) | compare(conn, shop, bulk, given.sample, given.k)
    found["peak_memory_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"benchmark": "rec_bulk", "k": given.k, **found}))


if __name__ == "__main__":
    main()
