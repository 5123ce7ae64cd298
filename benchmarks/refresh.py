"""The second day: what a refresh costs beside the first load, and whether it equals a rebuild.

Day 1 is the folder without its last 1 % of rows, with 0.1 % of rows held back that arrive a week
late, 0.1 % that will be corrected and 0.1 % that will be deleted. Day 2 is the folder as it is.
Then day 2 again from day 1, killed in five steps and resumed. Everything is compared with a
database built from nothing by content hashes. The last line is one JSON object.

    python benchmarks/refresh.py [DIR] [--skip graph]     # Parquet files

Without a folder: the shipped shop, then a larger one, generated, of which a day touches less.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from kgfeatures.datasets import generate, online_retail
from kgfeatures.db import Database, connect, launcher
from kgfeatures.graph.manifest import read_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

NEW, LATE, CORRECTED, DELETED = 0.01, 0.001, 0.001, 0.001
WEEK, HOUR = np.timedelta64(7, "D"), np.timedelta64(1, "h")
TICKS = os.sysconf("SC_CLK_TCK")
SCHEMAS = ["raw", "kg", "emb", "feature", "online", "rec", "seg"]
CONTENT = """
select
    schemaname || '.' || tablename as name,
    hashed.n || ':' || hashed.hash_sum as hash
from pg_tables
cross join lateral (
    select format('%%I.%%I', schemaname, tablename) as target
) as named
-- From the rows as they are, not as triggers have counted them.
cross join lateral ops.hash_rows(target, ops.hashed_columns(target::regclass)) as hashed
where
    schemaname = any(%(schemas)s)
    -- These tell of replaced versions of vectors too.
    and tablename not in ('model', 'encoded_text', 'projection')
"""
RUNNING = "select step from ops.run where status = 'running' and step <> 'refresh'"
MODULES = {"graph": "embed", "text": "embed_text"}
PARTS = ("python", "server")
INCREMENTAL = ("ingest", "profile", "embed text_minilm")
# Customers, products, days, seed: some 480,000 order lines, views and carts.
GENERATED = (20_000, 5_000, 180, 7)
Costs = dict[str, dict[str, float]]


def main() -> None:
    """Print what each step cost on both days and what differs from a rebuild."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("/var/tmp"), help="for the databases")  # noqa: S108
    parser.add_argument("--skip", action="append", default=[], help="a stage to leave out")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.folder and not (given.folder / "dataset.yaml").exists():
        parser.exit(2, f"{given.folder} holds no dataset.yaml; name a folder that does, or none\n")
    if given.run:
        print(json.dumps(costs_of_refresh(given.folder, given.skip)))
        return
    given.work.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    for name in [given.folder.name] if given.folder else ["online_retail", "generated"]:
        bench = Bench(given.kills, np.random.default_rng(given.seed), given.skip)
        with tempfile.TemporaryDirectory(dir=given.work, prefix="kgfeatures-day2-") as made:
            place = Path(made)
            # The user that runs PostgreSQL for root has to enter it.
            place.chmod(0o755)
            print(f"== {name}", flush=True)
            results[name] = measured(given.folder or shop_of(name, place), place, bench)
    print(json.dumps(results))


def shop_of(name: str, place: Path) -> Path:
    """Return the folder of the shipped shop, or of one that is generated there."""
    if name == "online_retail":
        return online_retail()
    return generate(*GENERATED, "en", folder=place / "generated", basket_lines=7.0)


@dataclass
class Bench:
    """How to go about it: how many kills, where chance comes from, the stages left out."""

    kills: int
    rng: np.random.Generator
    skip: list[str]

    @property
    def skipped(self) -> list[str]:
        """The arguments that leave these stages out."""
        return [part for stage in self.skip for part in ("--skip", stage)]


def measured(folder: Path, place: Path, bench: Bench) -> dict[str, Any]:
    """Return the costs of both days and the tables that differ from a rebuild."""
    shop, grown, clean = place / "shop", place / "grown", place / "clean"
    changes = day_one(folder, shop, bench.rng)
    print(f"day 1 differs from day 2 by {changes}", flush=True)
    first = refreshed(grown, shop, bench)
    launcher.stop(grown)
    subprocess.run(["cp", "-a", str(grown), str(place / "day1")], check=True)  # noqa: S607
    day_two(folder, shop)
    second = refreshed(grown, shop, bench)
    report(first, second)
    after = contents_of(grown)
    rebuilt = refreshed(clean, shop, bench)
    expected = contents_of(clean)
    different = differences(after, expected)
    print(f"compared {len(expected)} tables with a rebuild; different: {different or 'none'}")
    shutil.rmtree(grown)
    (place / "day1").rename(grown)
    killed = kill_and_resume(grown, shop, second, bench)
    after_kills = differences(contents_of(grown), expected)
    print(f"killed in {', '.join(killed)}; different after that: {after_kills or 'none'}")
    return {
        "changes": changes,
        "day1": first,
        "day2": second,
        "rebuild": rebuilt,
        "tables": len(expected),
        "different": different,
        "killed_in": killed,
        "different_after_kills": after_kills,
        "cpu_ratio_incremental": ratio(first, second, INCREMENTAL),
        "cpu_ratio_all": ratio(first, second, tuple(first)),
    }


def day_one(folder: Path, shop: Path, rng: np.random.Generator) -> dict[str, int]:
    """Write the folder as it was a day before, and return how many rows of each kind differ."""
    shutil.copytree(folder, shop)
    changes: dict[str, int] = {}
    touched: dict[str, set[object]] = {"customer": set(), "product": set()}
    files = {}
    for section in read_manifest(folder).of("interactions"):
        if section.file is not None and section.format == "parquet":
            files[section.file.relative_to(folder)] = section.columns
    for name, columns in files.items():
        table = parquet.read_table(folder / name)
        before, found = yesterday(table, columns, rng)
        parquet.write_table(before, shop / name)
        for kind, rows in found.items():
            changes[kind] = changes.get(kind, 0) + len(rows)
            for key, keys in touched.items():
                keys.update(rows[columns[key]].to_pylist())
    # Whose profiles and vectors cannot be what they were.
    return changes | {f"{key}s touched": len(keys) for key, keys in touched.items()}


def yesterday(
    table: pa.Table, columns: Any, rng: np.random.Generator
) -> tuple[pa.Table, dict[str, pa.Table]]:
    """Return the rows of the day before, and those by which it differs."""
    times = columns["timestamp"]
    kind = table.schema.field(times).type
    at = table[times].cast(pa.timestamp("us")).to_numpy()
    n = len(at)
    end = np.sort(at)[int(n * (1 - NEW)) - 1]
    old = np.flatnonzero(at <= end)
    week_ago = old[(at[old] > end - 2 * WEEK) & (at[old] <= end - WEEK)]
    late = rng.choice(week_ago, min(int(n * LATE), len(week_ago)), replace=False)
    kept = np.setdiff1d(old, late)
    corrected = rng.choice(kept, int(n * CORRECTED), replace=False)
    deleted = rng.choice(kept, int(n * DELETED), replace=False)
    before = corrupted(table, columns, corrected, rng).take(kept)
    # What will be deleted: lines like others, at another hour and by chance of another product.
    extra = table.take(deleted)
    moved = pa.array(at[deleted] - 5 * HOUR).cast(kind)
    extra = extra.set_column(extra.schema.get_field_index(times), times, moved)
    product = columns["product"]
    shuffled = extra[product].take(pa.array(rng.permutation(len(deleted))))
    extra = extra.set_column(extra.schema.get_field_index(product), product, shuffled)
    extra = extra.cast(table.schema)
    places = {"new": np.flatnonzero(at > end), "late": late, "corrected": corrected}
    differing = {kind: table.take(rows) for kind, rows in places.items()} | {"deleted": extra}
    return pa.concat_tables([before, extra]), differing


def corrupted(
    table: pa.Table, columns: Any, places: np.ndarray, rng: np.random.Generator
) -> pa.Table:
    """Return the table with another quantity, else another product, in some rows."""
    mask = np.zeros(len(table), dtype=bool)
    mask[places] = True
    name = columns.get("quantity", columns["product"])
    column = table[name].combine_chunks()
    if "quantity" in columns:
        other = pc.add(column, pa.scalar(1).cast(column.type))
    else:
        other = column.take(pa.array(rng.permutation(len(column))))
    changed = pc.if_else(pa.array(mask), other, column)
    return table.set_column(table.schema.get_field_index(name), name, changed)


def day_two(folder: Path, shop: Path) -> None:
    """Bring the files to what they are now."""
    shutil.copytree(folder, shop, dirs_exist_ok=True)


def refreshed(home: Path, shop: Path, bench: Bench) -> Costs:
    """Return what each step of a refresh cost, in a process of its own as from cron."""
    command = [sys.executable, __file__, "--run", str(shop), *bench.skipped]
    done = subprocess.run(command, env=environment(home), check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a process that uses the database of a home."""
    root = str(Path(__file__).resolve().parent.parent)
    place = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "KGFEATURES_HOME": str(home), "KGFEATURES_DSN": "", "PYTHONPATH": place}


def costs_of_refresh(shop: Path, skip: list[str]) -> Costs:
    """Refresh and return seconds, CPU seconds of Python and of the server, of each step."""
    from kgfeatures.steps import stages
    from kgfeatures.steps.refresh import Wish, refresh
    from kgfeatures.types import NoProgress

    for step in stages.STAGES:
        # Loading their libraries is no part of the work.
        importlib.import_module(f"kgfeatures.steps.{MODULES.get(step, step)}")
    costs: Costs = {}
    with connect() as database:
        server = launcher.status(Path(os.environ["KGFEATURES_HOME"])).pid or 0
        before = now = looked(server)
        kept = [name for name in stages.STAGES if name not in skip]
        for done in refresh(database, Wish(shop, stages=kept), NoProgress()):
            if done.idle:
                continue
            now = looked(server)
            spent = [round(b - a, 2) for a, b in zip(before, now, strict=True)]
            costs[done.result.step] = dict(
                zip(("seconds", "python", "server"), spent, strict=True),
                skipped=float(done.result.skipped),
            )
            before = now
    return costs


def looked(server: int) -> tuple[float, float, float]:
    """Return the clock, and the CPU seconds so far of this process and of a server."""
    return time.perf_counter(), sum(os.times()[:4]), server_cpu(server)


def server_cpu(pid: int) -> float:
    """Return the CPU seconds of a server and its sessions, those that ended too."""
    ticks = 0
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    # The server itself counts what its ended sessions took.
    for one, fields in ((str(pid), slice(11, 15)), *((child, slice(11, 13)) for child in children)):
        try:
            stat = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(int(count) for count in stat[fields])
    return ticks / TICKS


def contents(database: Database) -> dict[str, str]:
    """Return the content hash of every table in use; vectors by their alias."""
    found = database.sql(CONTENT, {"schemas": SCHEMAS})
    aliases = database.sql("select alias, model_id from emb.alias")
    names = {f"m_{row.model_id}": row.alias for row in aliases.itertuples()}
    hashes: dict[str, str] = {}
    for row in found.itertuples():
        schema, _, table = str(row.name).partition(".")
        version = re.match(r"m_\d+", table)
        if version and version.group() not in names:
            continue  # a version that was replaced, kept for going back
        if re.search(r"_v\d{5,}$", table):
            continue  # its feature table
        if version:
            table = table.replace(version.group(), names[version.group()], 1)
        hashes[f"{schema}.{table}"] = str(row.hash)
    return hashes | {f"version of {row.alias}": str(row.model_id) for row in aliases.itertuples()}


def contents_of(home: Path) -> dict[str, str]:
    """Return the contents of the database of a home, and stop its server."""
    with Database(lambda: launcher.ensure_running(home)) as database:
        found = contents(database)
    launcher.stop(home)
    return found


def differences(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    """Return the tables whose content is not the same."""
    names = sorted(found.keys() | expected.keys())
    return [name for name in names if found.get(name) != expected.get(name)]


def kill_and_resume(home: Path, shop: Path, usual: Costs, bench: Bench) -> list[str]:
    """Kill refreshes somewhere in different steps, one after the other, then let one end."""
    busy = [name for name, cost in usual.items() if not cost["skipped"]]
    kills = min(bench.kills, len(busy))
    victims = sorted(bench.rng.choice(len(busy), kills, replace=False))
    killed: list[str] = []
    for victim in victims:
        step = busy[victim]
        wait = float(bench.rng.uniform(0, 0.9)) * usual[step]["seconds"]
        if killed_in(home, [str(shop), *bench.skipped], step, wait):
            killed.append(f"{step} after {wait:.1f} s")
    refreshed(home, shop, bench)
    return killed


def killed_in(home: Path, arguments: list[str], step: str, wait: float) -> bool:
    """Start a refresh and kill it some seconds after a step began; whether it was still running."""
    command = [sys.executable, "-m", "kgfeatures", "refresh", *arguments]
    booked = ("features apply", "features materialize") if step == "publish" else (step,)
    with (
        Database(lambda: launcher.ensure_running(home)) as database,
        (home.parent / "killed.log").open("ab") as log,
    ):
        database.sql("select 1")  # the server runs
        process = subprocess.Popen(command, env=environment(home), stdout=log, stderr=log)
        while process.poll() is None:
            if set(booked) & set(database.sql(RUNNING).step):
                break
            time.sleep(0.02)
        time.sleep(wait)
        alive = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    return alive


def total(costs: Costs, *steps: str) -> float:
    """Return the CPU seconds of steps, 0 where one did not run."""
    return sum(costs[step][part] for step in steps if step in costs for part in PARTS)


def ratio(first: Costs, second: Costs, steps: Sequence[str]) -> float:
    """Return the CPU of steps on the second day over that on the first."""
    return round(total(second, *steps) / max(total(first, *steps), 0.01), 3)


def report(first: Costs, second: Costs) -> None:
    """Print CPU seconds of Python and server by step, for both days."""
    print(f"{'step':<22} {'day 1 (python + server)':>26} {'day 2':>26} {'ratio':>7}")
    rows = {step: (step,) for step in first} | {"ingest, profile, text": INCREMENTAL}
    for name, steps in rows.items():
        shown = [
            " + ".join(
                f"{sum(costs[step][part] for step in steps if step in costs):8.2f}"
                for part in PARTS
            )
            for costs in (first, second)
        ]
        print(f"{name:<22} {shown[0]:>26} {shown[1]:>26} {ratio(first, second, steps):7.3f}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
