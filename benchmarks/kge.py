"""Link prediction on a benchmark graph, optionally beside PyKEEN in the same run.

    python benchmarks/kge.py [DIR] --model transe --seconds 60 --peer pykeen

DIR holds a graph in OpenKE's layout (train2id.txt, valid2id.txt, test2id.txt) or as text of head,
relation and tail between tabs (train.txt, valid.txt, test.txt); valid may be missing. Without one
it is who bought what in the shop that kgfeatures ships, 2,000 triples each drawn for valid and
test. Protocol:
- trained on train alone, with settings that suit model and graph where none are named; --seconds
  (without DIR and beside a peer: 60) are of CPU time, one thread, set-up and calibration included;
- ranks are filtered by train, valid and test, of heads and tails, among all entities; the true
  answer takes the middle place among equal scores;
- mrr and hits are means over both sides of --split; a random order and the degree of the candidates
  within the relation stand beside it;
- the peer trains on as many CPU-seconds at the same dimension, with 16 negatives for each triple
  and no constraint on the entities (its default constrainer keeps TransE at a random order); its
  speed with 128 negatives is taken on fewer triples. Its mrr is over the first 1000 triples of the
  split. Slices of both alternate, and we rank before and after it, so that a busy machine slows
  both. PyKEEN is no dependency: --peer-python names an interpreter that has it.

With --generated 0.1M,1M,5M no graph is read: Zipf triples of so many are made, one entity for each
40, and trained for --seconds each in a process of its own; printed are the triples per CPU-second
and the peak of the memory beside the bytes of parameters and triples.

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kgfeatures.datasets import online_retail
from kgfeatures.datasets.link_prediction import SPLITS, read_splits
from kgfeatures.embedding import MODELS, GraphShape, precision, score_function, settings_for
from kgfeatures.embedding.evaluation import by_category, degree_baseline, random_baseline, ranks
from kgfeatures.embedding.projected import trainer_of
from kgfeatures.embedding.trainer import contained, fit
from kgfeatures.errors import DataError, KGFeaturesError

if TYPE_CHECKING:
    from kgfeatures.embedding import GraphVectors, TrainingSettings
    from kgfeatures.embedding.evaluation import RankMetrics
    from kgfeatures.embedding.trainer import Report
    from kgfeatures.types import IntArray

PEER = Path(__file__).parent / "peers" / "kge_pykeen.py"
PEER_SLICES = 4
HELD_OUT = 2000
FIELDS = ("dim", "negatives", "epochs", "batch_size", "learning_rate", "penalty", "dropout")
TRIPLES_PER_ENTITY, RELATIONS = 40, 20
COST_SECONDS, SECONDS = 10.0, 60.0


@dataclass(frozen=True)
class Graph:
    """The triples of each split, (n, 3) row numbers of head, relation, tail."""

    name: str
    splits: dict[str, IntArray]
    sizes: tuple[int, int]

    @property
    def shape(self) -> GraphShape:
        """What the settings depend on."""
        return GraphShape(len(self.splits["train"]), self.sizes[0])

    @property
    def known(self) -> IntArray:
        """All triples: none of them is a wrong answer."""
        return np.concatenate(list(self.splits.values()))


def read(folder: Path) -> Graph:
    """Return the graph of a folder.

    Raises
    ------
    DataError : it holds none, or a line of it is no triple.
    """
    return Graph(folder.resolve().name, *read_splits(folder))


def numbered(name: str, splits: dict[str, IntArray]) -> Graph:
    """Return a graph of as many entities and relations as its triples name."""
    known = np.concatenate(list(splits.values()))
    sizes = int(known[:, (0, 2)].max()) + 1, int(known[:, 1].max()) + 1
    return Graph(name, splits, sizes)


def shipped() -> Graph:
    """Return who bought what in Online Retail, valid and test drawn from it."""
    folder = online_retail()
    lines = pd.read_parquet(folder / "online_retail.parquet", columns=["Customer ID", "StockCode"])
    bought = lines.dropna().drop_duplicates().sort_values(["Customer ID", "StockCode"])
    customers, names = pd.factorize(bought["Customer ID"])
    products, _ = pd.factorize(bought["StockCode"])
    triples = np.column_stack([customers, np.zeros_like(customers), len(names) + products])
    order = np.random.default_rng(0).permutation(len(triples))
    valid, test, train = np.split(triples[order], [HELD_OUT, 2 * HELD_OUT])
    return numbered(folder.name, {"train": train, "valid": valid, "test": test})


def zipf(n_triples: int) -> Graph:
    """Return so many triples whose heads, relations and tails are as popular as Zipf says."""
    rng = np.random.default_rng(0)

    def drawn(kinds: int) -> IntArray:
        shares = np.cumsum(1 / np.arange(1, kinds + 1))
        return np.searchsorted(shares, rng.random(n_triples) * shares[-1]).astype(np.int32)

    sizes = max(1, n_triples // TRIPLES_PER_ENTITY), RELATIONS
    triples = np.column_stack([drawn(sizes[0]), drawn(RELATIONS), drawn(sizes[0])])
    return Graph(f"{n_triples:,} Zipf triples", {"train": triples}, sizes)


def cost(n_triples: int, model: str, settings: TrainingSettings, seconds: float) -> dict[str, Any]:
    """Return what training costs on generated triples: run in a process of its own."""
    trainer_of(score_function(model), zipf(1000).splits["train"], (25, 20), settings).step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    graph = zipf(n_triples)
    began = time.process_time()
    trainer = trainer_of(score_function(model), graph.splits["train"], graph.sizes, settings)
    prepared = time.process_time()
    while time.process_time() - prepared < seconds:
        trainer.step()
    spent = time.process_time() - prepared
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    parameters = sum(table.table.nbytes for table in trainer.tables.values())
    return {
        "triples": n_triples,
        "entities": graph.sizes[0],
        "set_up_cpu_seconds": round(prepared - began, 1),
        "triples_per_cpu_second": round(trainer.visits / spent),
        "parameter_mb": round(parameters / 2**20, 1),
        "triples_mb": round(graph.splits["train"].nbytes / 2**20, 1),
        "peak_mb": round(peak / 2**20, 1),
    }


def costs(given: argparse.Namespace, settings: TrainingSettings) -> None:
    """Print a line for each generated graph, and one JSON object of all of them."""
    if len(given.generated) == 1:
        seconds = given.seconds or COST_SECONDS
        print(json.dumps(cost(given.generated[0], given.model, settings, seconds)))
        return
    rest = sys.argv[: sys.argv.index("--generated")] + sys.argv[sys.argv.index("--generated") + 2 :]
    found: list[dict[str, Any]] = []
    for size in given.generated:
        command = [sys.executable, *rest, "--generated", f"{size / 1e6}M"]
        lines = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.splitlines()
        found.append(json.loads(lines[-1]))
        print(found[-1], flush=True)
    print(json.dumps({"model": given.model, "generated": found}))


class Peer:
    """PyKEEN in a process of its own, asked line by line; see peers/kge_pykeen.py."""

    def __init__(self, python: str, graph: Graph, given: argparse.Namespace, dim: int) -> None:
        self.process = subprocess.Popen(
            [python, str(PEER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        start: dict[str, Any] = {
            "model": given.model, "dim": dim, "seed": given.seed, "sizes": graph.sizes,
            "split": given.split, **{name: rows.tolist() for name, rows in graph.splits.items()},
        }  # fmt: skip
        self.ask(start)

    def ask(self, request: dict[str, Any]) -> dict[str, float]:
        """Return the answer to a request."""
        if self.process.stdin is None or self.process.stdout is None:
            raise DataError("the peer has no pipes")
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise DataError(f"the peer ended with {self.process.wait()}; is PyKEEN installed?")
        return json.loads(line)


class Alternating:
    """Lets the peer train a slice whenever we have done as much, as a callback of `fit`."""

    def __init__(self, peer: Peer, seconds: float) -> None:
        self.peer = peer
        self.seconds = seconds / PEER_SLICES
        self.slices = 0

    def __call__(self, report: Report) -> None:
        """Take the slices that are due."""
        while self.slices < PEER_SLICES * report.step // report.steps:
            self.peer.ask({"train": self.seconds})
            self.slices += 1


def train(
    graph: Graph, settings: TrainingSettings, given: argparse.Namespace, peer: Peer | None
) -> tuple[GraphVectors, float]:
    """Return the vectors and the CPU-seconds they took."""
    began = time.process_time()
    vectors = fit(
        graph.splits["train"],
        *graph.sizes,
        settings,
        model=given.model,
        seconds=given.seconds,
        callbacks=[Alternating(peer, given.seconds)] if peer else [],
    )
    return vectors, time.process_time() - began


def show(name: str, metrics: RankMetrics) -> None:
    """Print a line of a table."""
    print(
        f"{name:<12} {metrics.questions:>7} questions {metrics.candidates:>9.0f} candidates  "
        f"mrr {metrics.mrr:.4f}  hits@1 {metrics.hits_at_1:.4f}  @3 {metrics.hits_at_3:.4f}  "
        f"@10 {metrics.hits_at_10:.4f}  mean rank {metrics.mean_rank:.0f}",
        flush=True,
    )


def millions(text: str) -> list[int]:
    """Return numbers of triples from "0.1M,1M"."""
    sizes = [round(float(size.strip().upper().removesuffix("M")) * 1e6) for size in text.split(",")]
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"{text} triples; each graph needs at least one")
    return sizes


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="the shipped shop if there is none")
    parser.add_argument("--model", choices=sorted(MODELS), default="transe")
    parser.add_argument("--seconds", type=float, help="CPU-seconds; else the model's passes")
    for name in FIELDS:
        kind = float if name in ("learning_rate", "penalty", "dropout") else int
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=kind, help="the model's if not given"
        )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--generated", type=millions, metavar="0.1M,1M,5M")
    parser.add_argument("--split", choices=SPLITS[1:], default="test")
    parser.add_argument("--precision", choices=precision.PRECISIONS, default="auto")
    parser.add_argument("--peer", choices=["pykeen"])
    parser.add_argument("--peer-python", default=sys.executable)
    return parser.parse_args()


def main() -> None:
    """Train, evaluate, print a table and one JSON object."""
    given = arguments()
    named = {name: getattr(given, name) for name in (*FIELDS, "seed", "precision")}
    changes = {name: value for name, value in named.items() if value is not None}
    if given.generated:
        costs(given, settings_for(given.model, **changes))
        return
    if given.seconds is None and (given.peer or not given.folder):
        given.seconds = SECONDS
    graph = read(given.folder) if given.folder else shipped()
    settings = settings_for(given.model, graph.shape, **changes)
    counts = ", ".join(f"{len(rows)} {split}" for split, rows in graph.splits.items())
    print(f"{graph.name}: {graph.sizes[0]} entities, {graph.sizes[1]} relations; {counts} triples")
    print(
        f"CPU has {', '.join(precision.cpu_instructions()) or 'no bfloat16 products'}; products in "
        f"{precision.resolve(given.precision)}, one thread; {asdict(settings)}",
        flush=True,
    )
    asked, learned = graph.splits[given.split], graph.splits["train"]
    if len(asked) == 0:
        raise DataError(f"{graph.name} has no {given.split} triples to predict")
    leaked = int(contained(asked, learned, *graph.sizes).sum())
    if leaked:
        print(f"warning: {leaked} of {len(asked)} {given.split} triples stand in train, too")
    strange = int((~np.isin(asked[:, (0, 2)], learned[:, (0, 2)]).all(axis=1)).sum())
    if strange:
        print(f"warning: {strange} {given.split} triples name an entity that train does not")

    peer = Peer(given.peer_python, graph, given, settings.dim) if given.peer else None
    vectors, seconds = train(graph, settings, given, peer)
    if not np.isfinite(vectors.entities).all():
        raise DataError("the vectors grew beyond all numbers; name a smaller --learning-rate")
    began = time.process_time()
    found = ranks(vectors, asked, graph.known)
    metrics = found.metrics()
    eval_seconds = time.process_time() - began

    show(given.model, metrics)
    show("random", random_baseline(found))
    show("degree", degree_baseline(asked, graph.known, learned, graph.sizes))
    for name, part in by_category(found, asked, learned).items():
        show(f"  {name}", part)
    summary = {
        "dataset": graph.name,
        "model": given.model,
        "split": given.split,
        "seed": given.seed,
        "mrr": round(metrics.mrr, 4),
        "hits1": round(metrics.hits_at_1, 4),
        "hits3": round(metrics.hits_at_3, 4),
        "hits10": round(metrics.hits_at_10, 4),
        "cpu_seconds": round(seconds, 1),
        "triples_per_cpu_second": round(vectors.visits / seconds),
        "eval_triples_per_cpu_second": round(len(asked) / eval_seconds),
    }
    if peer:
        summary |= {f"peer_{name}": value for name, value in peer.ask({"finish": True}).items()}
        began = time.process_time()
        ranks(vectors, asked, graph.known)
        eval_seconds = (eval_seconds + time.process_time() - began) / 2
        summary["eval_triples_per_cpu_second"] = round(len(asked) / eval_seconds)
    print(json.dumps(summary))


if __name__ == "__main__":
    try:
        main()
    except (KGFeaturesError, OSError) as error:
        print(f"kge: {error}", file=sys.stderr)
        sys.exit(2)
