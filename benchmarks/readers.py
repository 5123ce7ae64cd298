"""What a refresh costs those who read meanwhile: latencies at rest and during it, and lock waits.

    python benchmarks/readers.py FOLDER --customers 3000 --products 1500

FOLDER (by default a temporary one) gets a generated shop and a home with a server of its own, built
through every step. Then two analysts (sessions of the reader's login) and three kernels
(kgfeatures.connect(), whole frames) ask in turn, each in a process of its own, with pauses to
think: first at rest, then while another process loads a changed shop and runs every step anew with
force. A look at pg_locks every 20 ms finds who waits for what, and for whom.

seconds by kind of question: p50, p95, max; ratio is p95 during / p95 at rest. errors must be none.
The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Event

    from kgfeatures.db import Database

DAYS, SEED, BASKET_LINES = 365, 7, 7.0
ENCODER = "builtin:chargram"
LOOK_SECONDS = 0.02
CHANGED, DELETED = 0.01, 0.001
ANALYST = {
    "rec.recommend": "select * from rec.recommend(%(customer)s, 10)",
    "kg.similar": "select * from kg.similar('graph', 'product', %(product)s, 10)",
    "kg.neighbors": "select * from kg.neighbors('customer', %(customer)s, k => 50)",
    "profiles by month": """
        select event_timestamp, count(*), avg(spend_90d), percentile_cont(0.5)
            within group (order by orders_365d)
        from feature.customer_profile
        group by event_timestamp
        order by event_timestamp""",
    "plain vectors": """
        select product_id, graph_vector, graph_vector_norm
        from plain.feature_product_graph_vector
        limit 200""",
    "kg.fact of a day": """
        select count(*)
        from kg.triple
        where valid_from <= now() and now() < valid_to""",
}
KERNEL = {
    "frame of profiles": """
        select *
        from feature.customer_profile
        where event_timestamp = (select max(event_timestamp) from feature.customer_profile)""",
    "frame of vectors": "select product_id, graph_vector from feature.product_graph_vector",
    "frame of recommendations": """
        select customer_id, product_ids
        from feature.customer_recommendation""",
    "frame of text vectors": "select product_id, text_vector from feature.product_text_vector",
}
WAITS = """
select
    waiting.pid,
    extract(epoch from clock_timestamp() - waiting.waitstart)::float as seconds,
    waiting.mode,
    waiting.relation::regclass::text as relation,
    (
        select string_agg(distinct left(blocker.query, 160), ' | ')
        from pg_stat_activity as blocker
        where blocker.pid = any (pg_blocking_pids(waiting.pid))
    ) as blocker
from pg_locks as waiting
where not waiting.granted and waiting.waitstart is not null"""


@dataclass
class Waits:
    """The longest wait of each session, and what for."""

    longest: dict[tuple[int, str], tuple[float, str]] = field(default_factory=dict[Any, Any])

    def see(self, pid: int, seconds: float, what: str) -> None:
        """Keep the longest wait of a session for one thing."""
        if seconds > self.longest.get((pid, what), (0.0, ""))[0]:
            self.longest[pid, what] = (seconds, what)

    def worst(self, pids: set[int], n: int = 8) -> list[dict[str, Any]]:
        """Return the longest waits of some sessions, longest first."""
        kept = sorted(
            (value for (pid, _), value in self.longest.items() if pid in pids), reverse=True
        )
        return [{"seconds": round(seconds, 3), "for": what} for seconds, what in kept[:n]]


@dataclass(frozen=True)
class Asked:
    """One answer: who asked what when (seconds since the epoch), how long it took, what failed."""

    kind: str
    began: float
    seconds: float
    error: str = ""


def build(database: Database, shop: Path, *, force: bool) -> dict[str, float]:
    """Run every step; return the seconds of each."""
    from kgfeatures.embedding.base import TrainingSettings
    from kgfeatures.steps.embed import run_graph
    from kgfeatures.steps.embed_text import run_text
    from kgfeatures.steps.extract import extract
    from kgfeatures.steps.ingest import ingest
    from kgfeatures.steps.profile import profile
    from kgfeatures.steps.publish import publish
    from kgfeatures.steps.recommend import recommend
    from kgfeatures.steps.segment import segment

    settings = TrainingSettings(epochs=8)
    work: dict[str, Callable[[], Any]] = {
        "ingest": lambda: ingest(database, shop, force=force),
        "extract": lambda: extract(database, force=force),
        "embed graph": lambda: run_graph(database, settings=settings, force=force),
        "embed text": lambda: run_text(database, ENCODER, features=True, force=force),
        "profile": lambda: profile(database, force=force),
        "segment": lambda: segment(database, force=force),
        "recommend": lambda: recommend(database, force=force),
        "publish": lambda: publish(database, force=force),
    }
    seconds: dict[str, float] = {}
    for name, step in work.items():
        began = time.perf_counter()
        step()
        seconds[name] = round(time.perf_counter() - began, 1)
        print(f"{'again' if force else 'first'} {name}: {seconds[name]:.1f} s", flush=True)
    return seconds


def change(shop: Path) -> None:
    """Correct some order lines, take some away, add some: the next day's export."""
    import pandas as pd

    file = shop / "orders.parquet"
    lines = pd.read_parquet(file)
    rng = np.random.default_rng(SEED)
    draw = rng.random(len(lines))
    lines.loc[draw < CHANGED / 10, "quantity"] += 1
    new = lines[draw > 1 - CHANGED].copy()
    new["ordered_at"] += pd.Timedelta(hours=1)
    new["order_id"] = "N" + new["order_id"]
    kept = lines[(draw >= CHANGED / 10 + DELETED) | (draw < CHANGED / 10)]
    # The server's account reads the files through Python, not the server: the mode does not matter.
    pd.concat([kept, new]).to_parquet(file, index=False)


def analyst(number: int, dsn: str, keys: dict[str, list[str]], think: float, talk: Any) -> None:
    """Ask as somebody at psql does: the reader's login, one statement after the other."""
    import psycopg

    conn = psycopg.connect(dsn, autocommit=True)
    pid = conn.info.backend_pid

    def ask(statement: str, values: dict[str, str]) -> None:
        conn.execute(statement.encode(), values).fetchall()

    asking(number, pid, ask, ANALYST, keys, think, talk)


def kernel(number: int, home: str, keys: dict[str, list[str]], think: float, talk: Any) -> None:
    """Ask as a notebook does: kgfeatures.connect(), frames."""
    os.environ["KGFEATURES_HOME"] = home
    import kgfeatures

    database = kgfeatures.connect()
    pid = int(database.sql("select pg_backend_pid() as pid").pid[0])

    def ask(statement: str, values: dict[str, str]) -> None:
        del values
        database.sql(statement)  # pyright: ignore[reportArgumentType]

    asking(number, pid, ask, KERNEL, keys, think, talk)


def asking(
    number: int,
    pid: int,
    ask: Callable[[str, dict[str, str]], None],
    questions: dict[str, str],
    keys: dict[str, list[str]],
    think: float,
    talk: tuple[Queue[Any], Event],
) -> None:
    """Ask the questions in turn until told to stop; hand over how long each took."""
    answers, stop = talk
    rng = np.random.default_rng(number)
    answers.put(("pid", pid))
    while not stop.is_set():
        for kind, statement in questions.items():
            values = {name: str(rng.choice(known)) for name, known in keys.items()}
            began, clock, error = time.time(), time.perf_counter(), ""
            try:
                ask(statement, values)
            except Exception as exc:  # noqa: BLE001  every failure of a reader is a finding
                error = f"{type(exc).__name__}: {str(exc).splitlines()[0]}"
            answers.put(("answer", Asked(kind, began, time.perf_counter() - clock, error)))
            time.sleep(float(rng.exponential(think)))


def refreshing(home: str, shop: str, done: Queue[Any]) -> None:
    """Load the changed shop and run every step anew."""
    os.environ["KGFEATURES_HOME"] = home
    import kgfeatures

    change(Path(shop))
    with kgfeatures.connect() as database:
        done.put(build(database, Path(shop), force=True))


def measured(answers: list[Asked]) -> dict[str, dict[str, float]]:
    """Return p50, p95 and max in milliseconds by kind of question, and how many were asked."""
    by_kind: dict[str, list[float]] = defaultdict(list)
    for each in answers:
        by_kind[each.kind].append(1000 * each.seconds)
        by_kind["all"].append(1000 * each.seconds)
    return {
        kind: {
            "n": len(taken),
            "p50_ms": round(float(np.percentile(taken, 50)), 1),
            "p95_ms": round(float(np.percentile(taken, 95)), 1),
            "max_ms": round(max(taken), 1),
        }
        for kind, taken in sorted(by_kind.items())
    }


def compared(rest: dict[str, Any], during: dict[str, Any]) -> dict[str, float]:
    """Return p95 during / p95 at rest by kind of question."""
    return {
        kind: round(during[kind]["p95_ms"] / rest[kind]["p95_ms"], 2)
        for kind in rest
        if kind in during
    }


def watched(
    database: Database,
    waits: Waits,
    answers: Queue[Any],
    until: Callable[[], bool],
    found: list[Asked],
    pids: set[int],
) -> None:
    """Look at locks and collect answers until `until` says so."""
    with database.session() as conn:
        conn.autocommit = True
        while not until():
            for pid, seconds, mode, relation, blocker in conn.execute(WAITS.encode()).fetchall():
                waits.see(pid, seconds, f"{mode} on {relation}, held by: {blocker}")
            drain(answers, found, pids)
            time.sleep(LOOK_SECONDS)
    drain(answers, found, pids)


def drain(answers: Queue[Any], found: list[Asked], pids: set[int]) -> None:
    """Take what the readers handed over."""
    while not answers.empty():
        what, value = answers.get()
        if what == "pid":
            pids.add(value)
        else:
            found.append(value)


def main() -> None:
    """Build, read at rest, read during a refresh, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--customers", type=int, default=3000)
    parser.add_argument("--products", type=int, default=1500)
    parser.add_argument("--rest", type=float, default=40.0, help="seconds of reading at rest")
    parser.add_argument("--think", type=float, default=0.3, help="mean pause in seconds")
    parser.add_argument("--analysts", type=int, default=2)
    parser.add_argument("--kernels", type=int, default=3)
    asked = parser.parse_args()
    folder: Path = asked.folder or Path(tempfile.mkdtemp(prefix="readers-", dir="/var/tmp"))
    folder.mkdir(exist_ok=True, parents=True)
    folder.chmod(0o755)
    home = folder / "home"
    os.environ["KGFEATURES_HOME"] = str(home)
    import kgfeatures
    from kgfeatures.config import settings
    from kgfeatures.datasets import generate
    from kgfeatures.db import launcher
    from kgfeatures.db.target import target

    shop = folder / "shop"
    if not shop.exists():
        generate(
            *(asked.customers, asked.products, DAYS, SEED, "both"),
            folder=shop,
            basket_lines=BASKET_LINES,
        )
    try:
        with kgfeatures.connect() as database:
            first = build(database, shop, force=False)
            result = reading(database, target(settings()).reader_dsn or "", home, shop, asked)
    finally:
        launcher.stop(home)
    print(json.dumps({"first_seconds": first, **result}))


def reading(
    database: Database, reader_dsn: str, home: Path, shop: Path, asked: argparse.Namespace
) -> dict[str, Any]:
    """Return what was measured at rest and during a refresh."""
    context = multiprocessing.get_context("spawn")
    answers, stop, done = context.Queue(), context.Event(), context.Queue()
    keys = {
        "customer": database.sql(
            "select customer_id from feature.customer_recommendation order by 1 limit 300"
        ).customer_id.tolist(),
        "product": database.sql(
            "select product_id from feature.product_graph_vector order by 1 limit 300"
        ).product_id.tolist(),
    }
    people = [(analyst, reader_dsn)] * asked.analysts + [(kernel, str(home))] * asked.kernels
    readers = [
        context.Process(target=who, args=(n, place, keys, asked.think, (answers, stop)))
        for n, (who, place) in enumerate(people)
    ]
    for reader in readers:
        reader.start()
    waits, found, pids = Waits(), list[Asked](), set[int]()
    watched(database, waits, answers, lambda: len(pids) == len(readers), found, pids)
    time.sleep(5)  # everybody has asked everything once
    watched(database, waits, answers, lambda: True, found, pids)
    found.clear()
    end = time.time() + asked.rest
    watched(database, waits, answers, lambda: time.time() > end, found, pids)
    rest, waits = measured(found), Waits()
    failed = [each.error for each in found if each.error]
    found.clear()
    refresh = context.Process(target=refreshing, args=(str(home), str(shop), done))
    refresh.start()
    watched(database, waits, answers, lambda: not refresh.is_alive(), found, pids)
    during = measured(found)
    failed += [each.error for each in found if each.error]
    stop.set()
    for reader in readers:
        reader.join(20)
        reader.kill()
    ratios = compared(rest, during)
    for kind in rest:
        print(f"{kind:26} {rest[kind]} | {during.get(kind)} | {ratios.get(kind)}")
    worst = waits.worst(pids)
    return {
        "again_seconds": {} if done.empty() else done.get(),
        "rest": rest,
        "during": during,
        "p95_ratio": ratios,
        "longest_lock_wait_seconds": worst[0]["seconds"] if worst else 0.0,
        "lock_waits": worst,
        "errors": sorted(set(failed)),
        "failed": len(failed),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }


if __name__ == "__main__":
    main()
