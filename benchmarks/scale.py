"""What every step of `kgfeatures demo` costs on a generated shop: time, memory, disk.

    python benchmarks/scale.py FOLDER --customers 10000 --products 4000
    python benchmarks/scale.py OTHER --customers 100000 --products 20000 --beside FOLDER

FOLDER (by default a temporary one) gets the shop, a home with a server of its own, and costs.json
with a line per step. A step that stands there is not run again (`--again STEP` does, and what
follows it), so that a long run can be done in pieces (`--until STEP`, `--skip STEP`). `--beside`
compares the CPU seconds per event with another run's.

seconds are wall clock; cpu_python and cpu_server CPU seconds; python_mb is the peak resident set of
this process, both_mb the peak of it and the server's processes at one moment, where what the latter
share counts once; database_mb and home_mb are what lies on disk after the step. The
last line is one JSON object.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection

    from kgfeatures.db import Database
    from kgfeatures.db.step import StepResult
    from kgfeatures.types import Progress

DAYS, SEED, BASKET_LINES = 365, 7, 7.0
ENCODER = "builtin:chargram"
TICKS, MB = os.sysconf("SC_CLK_TCK"), 1 << 20
SECONDS_BETWEEN_LOOKS = 0.2
STEPS = (
    *("ingest", "extract", "embed graph", "embed text"),
    *("profile", "segment", "recommend", "publish"),
)


@dataclass(frozen=True)
class Cost:
    """What a step took; see the module."""

    seconds: float
    cpu_python: float
    cpu_server: float
    python_mb: float
    both_mb: float
    database_mb: float
    home_mb: float
    rows: dict[str, int]


def run(
    name: str, database: Database, shop: Path, epochs: int | None, progress: Progress
) -> StepResult:
    """Run one step as `kgfeatures demo` does."""
    from kgfeatures.embedding.base import TrainingSettings
    from kgfeatures.steps import embed, embed_text
    from kgfeatures.steps.extract import extract
    from kgfeatures.steps.ingest import ingest
    from kgfeatures.steps.profile import profile
    from kgfeatures.steps.publish import publish
    from kgfeatures.steps.recommend import recommend
    from kgfeatures.steps.segment import segment

    training = TrainingSettings() if epochs is None else TrainingSettings(epochs=epochs)
    work: dict[str, Callable[[], StepResult]] = {
        "ingest": lambda: ingest(database, shop, progress=progress),
        "extract": lambda: extract(database, progress=progress),
        "embed graph": lambda: embed.run_graph(database, settings=training, progress=progress),
        "embed text": lambda: embed_text.run_text(
            database, ENCODER, features=True, progress=progress
        ),
        "profile": lambda: profile(database, progress=progress),
        "segment": lambda: segment(database, progress=progress),
        "recommend": lambda: recommend(database, progress=progress),
        "publish": lambda: publish(database, progress=progress),
    }
    return work[name]()


class Watch:
    """Looks at the memory of this process and of the server's, from a process of its own."""

    def __init__(self) -> None:
        ours, theirs = multiprocessing.Pipe()
        self._pipe: Connection = ours
        self._process = multiprocessing.get_context("fork").Process(
            target=watching, args=(theirs, os.getpid()), daemon=True
        )
        self._process.start()

    def begin(self, server: int) -> None:
        """Forget the peaks and watch the server with this process id."""
        Path("/proc/self/clear_refs").write_text("5")
        self._pipe.send(server)

    def end(self) -> tuple[float, float]:
        """Return the peaks in MB: of this process, and of both together."""
        self._pipe.send(0)
        both = self._pipe.recv()
        return status(os.getpid(), "VmHWM") / 1024, both / 1024


def watching(pipe: Connection, client: int) -> None:
    """Answer with the highest sum in kB since the server was named."""
    server, peak = 0, 0
    while True:
        if pipe.poll(SECONDS_BETWEEN_LOOKS):
            try:
                asked = pipe.recv()
            except EOFError:
                return
            if asked == 0:
                pipe.send(peak)
            server, peak = asked, 0
        if server:
            peak = max(peak, status(client, "VmRSS") + memory((server, *children(server))))


def memory(processes: Sequence[int]) -> int:
    """Return what a server's processes hold in kB; what they share counts once."""
    own = sum(status(pid, "RssAnon") for pid in processes)
    shared = ("RssShmem", "RssFile")
    return own + sum(max(status(pid, field) for pid in processes) for field in shared)


def status(pid: int, field: str) -> int:
    """Return a line of /proc/<pid>/status in kB, 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def server_cpu(pid: int) -> float:
    """Return the CPU seconds of a server and its sessions, those that ended too."""
    total = 0.0
    for one, fields in ((pid, slice(11, 15)), *((child, slice(11, 13)) for child in children(pid))):
        try:
            stat = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(ticks) for ticks in stat[fields]) / TICKS
    return total


def measured(watch: Watch, home: Path, database: Database, work: Callable[[], StepResult]) -> Cost:
    """Return what some work costs."""
    from kgfeatures.db import launcher

    with database.transaction():  # the server runs
        server = launcher.status(home).pid or 0
    watch.begin(server)
    began, python, there = time.perf_counter(), sum(os.times()[:4]), server_cpu(server)
    result = work()
    seconds = time.perf_counter() - began
    cpu = sum(os.times()[:4]) - python, server_cpu(server) - there
    python_mb, both_mb = watch.end()
    found = database.sql("select pg_database_size(current_database()) as size")
    size: int = found["size"].iloc[0]
    return Cost(
        *(round(value, 1) for value in (seconds, *cpu)),
        *(round(value) for value in (python_mb, both_mb, size / MB, disk(home) / MB)),
        rows=result.rows,
    )


def disk(folder: Path) -> int:
    """Return the bytes that a folder takes."""
    return sum(
        (Path(root) / name).lstat().st_blocks * 512
        for root, _, names in os.walk(folder)
        for name in names
        if (Path(root) / name).exists()
    )


def made_shop(folder: Path, customers: int, products: int) -> Path:
    """Return the folder of the shop, generated where it is not there."""
    from kgfeatures.datasets import generate

    if not folder.exists():
        generate(
            *(customers, products, DAYS, SEED, "both"), folder=folder, basket_lines=BASKET_LINES
        )
    return folder


def events(shop: Path) -> int:
    """Return the number of order lines, views and carts."""
    files = ("orders", "views", "carts")
    return sum(parquet.read_metadata(shop / f"{file}.parquet").num_rows for file in files)


def report(folder: Path, beside: Path | None) -> dict[str, object]:
    """Print a line per step and return all of it."""
    made, n = json.loads((folder / "costs.json").read_text()), events(folder / "shop")
    less = json.loads((beside / "costs.json").read_text()) if beside else {}
    growth = n / events(beside / "shop") if beside else 1.0
    names = [name for name in Cost.__dataclass_fields__ if name != "rows"]
    print(f"\n{n} events" + (f", {growth:.1f} times those beside" if beside else ""))
    print(f"{'step':<12}" + "".join(f"{name:>13}" for name in names) + "   cpu per event, times")
    ratios: dict[str, float] = {}
    for step in (one for one in STEPS if one in made):
        cost = made[step]
        line = f"{step:<12}" + "".join(f"{cost[name]:>13}" for name in names)
        if step in less:
            both = [run["cpu_python"] + run["cpu_server"] for run in (cost, less[step])]
            ratios[step] = round(both[0] / max(both[1], 0.1) / growth, 2)
            line += f"   {ratios[step]}"
        print(line)
    sums = {
        name: round(sum(made[step][name] for step in made), 1)
        for name in ("seconds", "cpu_python", "cpu_server")
    }
    peak = max((cost["both_mb"] for cost in made.values()), default=0)
    return {"events": n, **sums, "peak_mb": peak, "steps": made, "cpu_per_event_beside": ratios}


def main() -> None:
    """Run the steps that are wanted and print what all of them cost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--products", type=int, default=4_000)
    parser.add_argument("--until", choices=STEPS, default=STEPS[-1])
    parser.add_argument("--again", choices=STEPS)
    parser.add_argument("--skip", choices=STEPS, action="append", default=[])
    parser.add_argument("--epochs", type=int, help="of graph training; the step's own by default")
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--keep-running", action="store_true", help="leave the server running")
    given = parser.parse_args()
    if given.beside and not (given.beside / "costs.json").exists():
        parser.exit(2, f"{given.beside} holds no costs.json; name the FOLDER of an earlier run\n")
    folder = given.folder.absolute() if given.folder else Path(tempfile.mkdtemp())
    home = folder / "home"
    os.environ["KGFEATURES_HOME"] = str(home)
    os.environ.pop("KGFEATURES_DSN", None)
    watch = Watch()  # before anything that starts threads

    from kgfeatures.cli.progress import terminal_progress
    from kgfeatures.db import connect, launcher

    for step in ("embed", "embed_text", "publish", "recommend", "segment"):
        importlib.import_module(f"kgfeatures.steps.{step}")  # the first one does not pay for all
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # as root, another user runs the server
    shop = made_shop(folder / "shop", given.customers, given.products)
    book = folder / "costs.json"
    costs = json.loads(book.read_text()) if book.exists() else {}
    if given.again:
        costs = {name: costs[name] for name in STEPS[: STEPS.index(given.again)] if name in costs}
    with connect() as database, terminal_progress() as progress:
        for name in STEPS[: STEPS.index(given.until) + 1]:
            if name in costs or name in given.skip:
                continue
            cost = measured(
                *(watch, home, database),
                lambda name=name: run(name, database, shop, given.epochs, progress),
            )
            costs[name] = asdict(cost)
            book.write_text(json.dumps(costs, indent=1))
            progress.note(f"{name}: {costs[name]}")
    found = report(folder, given.beside)
    if not given.keep_running:
        launcher.stop(home)
    if given.folder is None:
        shutil.rmtree(folder)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
