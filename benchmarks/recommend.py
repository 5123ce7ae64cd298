"""Every recommender and their blend on purchases held out.

    python benchmarks/recommend.py DIR [--time-split 2010-10-10] [--strict | --refit]
    python benchmarks/recommend.py --generated

DIR holds a dataset.yaml; without one it is the shop that kgfeatures ships. This is what
`kgfeatures evaluate recommend DIR` does too; docs/evaluation.md tells protocols and measures.
In short: the data's column `split`, else each customer's last new product is the test and the one
before it validation, or what is bought from a day on; settings and weights are chosen on
validation, the test is asked once; the whole catalogue is ranked for every customer, what the
customer had before is masked and not asked for.

--generated makes 650,000 distinct purchases of 70,000 customers and 25,000 products with Zipf skew
and tells what training costs, in CPU seconds and memory, with settings that are not searched for:
what is chosen for a real shop means nothing on made-up tastes.

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

import kgfeatures
from kgfeatures.cli.evaluate import parse_day
from kgfeatures.cli.progress import LineProgress
from kgfeatures.errors import KGFeaturesError
from kgfeatures.recommend import Als, Attributes, Blend, Lines, Neighbors, NeighborSettings, Popular
from kgfeatures.recommend.lineup import settings_of
from kgfeatures.recommend.marking import Paper
from kgfeatures.recommend.protocols import last_two_out, sample
from kgfeatures.recommend.scoreboard import cell, report, summary
from kgfeatures.steps.evaluate import EvaluationSettings, evaluate_folder

SHOP = Path(kgfeatures.__file__).parent / "datasets" / "online_retail"
CUSTOMERS, PRODUCTS, EVENTS = 70_000, 25_000, 650_000
GROUPS, TASTES, DAYS = 500, 3, 365
ASKED = 10_000


def zipf(rng: np.random.Generator, size: int, among: int) -> np.ndarray:
    """Return numbers below `among`, n with a probability like 1 / (n + 5)."""
    weight = 1 / np.arange(5, among + 5)
    borders = np.cumsum(weight / weight.sum())
    return np.minimum(np.searchsorted(borders, rng.random(size)), among - 1)


def generate(seed: int = 0) -> tuple[Lines, csr_matrix]:
    """Return purchases and which group each product is of.

    Activity and popularity have Zipf's skew; 60 % of the purchases come from three groups that a
    customer likes. Every pair is distinct.
    """
    rng = np.random.default_rng(seed)
    group = rng.integers(0, GROUPS, PRODUCTS)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(GROUPS + 1))
    liked = zipf(rng, CUSTOMERS * TASTES, GROUPS).reshape(CUSTOMERS, TASTES)
    renumbered = rng.permutation(CUSTOMERS)
    pairs = np.zeros(0, dtype=np.int64)
    while len(pairs) < EVENTS:
        n = EVENTS
        customer = np.where(
            rng.random(n) < 0.5,
            rng.integers(0, CUSTOMERS, n),
            renumbered[zipf(rng, n, CUSTOMERS)],
        )
        taste = liked[customer, rng.integers(0, TASTES, n)]
        place = (starts[taste + 1] - starts[taste]) * rng.random(n) ** 3
        own = order[np.minimum(starts[taste] + place.astype(np.int64), PRODUCTS - 1)]
        product = np.where(rng.random(n) < 0.6, own, zipf(rng, n, PRODUCTS))
        fresh = rng.permutation(np.unique(customer * PRODUCTS + product))
        pairs = np.unique(np.concatenate([pairs, fresh[~np.isin(fresh, pairs)]]))
    pairs = np.sort(rng.permutation(pairs)[:EVENTS])
    day = rng.uniform(0, DAYS, EVENTS)
    has = csr_matrix((np.ones(PRODUCTS), (np.arange(PRODUCTS), group)), (PRODUCTS, GROUPS))
    return Lines(pairs // PRODUCTS, pairs % PRODUCTS, day, CUSTOMERS, PRODUCTS), has


def peak_bytes() -> int:
    """Return the most memory that this process had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def generated(seed: int) -> dict[str, Any]:
    """Train every algorithm that needs no search, and say what it costs."""
    lines, has = generate(seed)
    test = last_two_out(lines, refit=True).test
    began_with = peak_bytes()
    parts = {
        "popular": Popular(),
        "item-item": Neighbors(NeighborSettings(0.5, 0.7, 0.1, None)),
        "ALS": Als(),
        "attributes": Attributes(has),
    }
    seconds: dict[str, float] = {}
    for name, part in parts.items():
        began = time.process_time()
        part.fit(test.learned)
        seconds[name] = time.process_time() - began
        print(f"{name:<12} fitted in {seconds[name]:6.2f} CPU s", flush=True)
    blend = Blend(parts, {"popular": 0.05, "item-item": 0.5, "ALS": 0.3, "attributes": 0.15})
    blend.adopt(test.known)
    paper = Paper(sample(test, ASKED), Attributes(has).weighted(), seed)
    algorithms: dict[str, Any] = {}
    for name, model in {**parts, "blend": blend}.items():
        spent = seconds.get(name, sum(seconds.values()))
        made_of = blend.weights_ if model is blend else settings_of(model)
        row = paper.mark(model, spent, made_of)
        algorithms[name] = {
            **{measure: round(value.mean, 6) for measure, value in row.estimates.items()},
            "cpu_seconds": round(row.fit_seconds + row.rank_seconds, 2),
            "fit_cpu_seconds": round(row.fit_seconds, 2),
            "rank_cpu_seconds": round(row.rank_seconds, 2),
            "made_of": made_of,
        }
        words = "  ".join(f"{measure} {cell(row.estimates[measure])}" for measure in SHOWN)
        print(f"{name:<12} {words}  ranked in {row.rank_seconds:.1f} CPU s", flush=True)
    return {
        "dataset": f"generated {CUSTOMERS} x {PRODUCTS} x {EVENTS}, Zipf",
        "protocol": "leave last two out, learned from all but the test",
        "customers": len(paper.asked.asked),
        "events": len(lines.customer),
        "seed": seed,
        "algorithms": algorithms,
        "training_cpu_seconds": round(sum(seconds.values()), 2),
        "memory_before_training_bytes": began_with,
    }


SHOWN = ("recall@20", "ndcg@20", "hr@10", "coverage@20")


def main() -> None:
    """Run the comparison and print tables, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=SHOP)
    parser.add_argument("--generated", action="store_true")
    parser.add_argument("--time-split", help="a day such as 2024-05-31")
    parser.add_argument("--refit", action=argparse.BooleanOptionalAction, default=None)
    parser.add_argument("--strict", action="store_false", dest="refit")
    parser.add_argument("--no-graph", action="store_false", dest="graph")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with threadpool_limits(1):
        if given.generated:
            found = generated(given.seed)
        else:
            if not (given.folder / "dataset.yaml").exists():
                parser.exit(2, f"{given.folder} holds no dataset.yaml; name a folder that does\n")
            settings = EvaluationSettings(
                time_split=None if given.time_split is None else parse_day(given.time_split),
                refit=given.refit,
                graph=given.graph,
                epochs=given.epochs,
                seed=given.seed,
            )
            outcome = evaluate_folder(given.folder, settings, progress=LineProgress())
            print(report(outcome))
            found = summary(outcome)
    print(json.dumps({"benchmark": "recommend", **found, "peak_memory_bytes": peak_bytes()}))


if __name__ == "__main__":
    try:
        main()
    except KGFeaturesError as error:
        sys.exit(f"recommend: {error}")
