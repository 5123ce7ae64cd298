"""What `kgfeatures embed update` gives customers and products that came since the training.

    python benchmarks/shop_update.py [DIR] --model transe --new 0.02

DIR holds a shop with a dataset.yaml, for example complete_journey, or a benchmark graph as
benchmarks/kge.py reads it; without one a shop is generated. A shop's graph is who bought what, and
the relations of the products that were bought. Protocol:
- 2 % of the customers and of the products are new (of a benchmark graph: of all entities): none of
  their triples is learned at first. A tenth of all triples is asked (of a benchmark graph: those of
  --split), if both ends stand in others that are learned;
- "updated": `partial_fit` of the new ones' triples over a training of the others', with the
  settings of the step; "anew": one training of all of it, with the settings of `embed graph`, for a
  benchmark graph with those of `fit`;
- both sides of a triple are ranked among all entities seen in the relation's place (of a benchmark
  graph: among all), new ones too, other true answers left out; "of new entities": triples with a
  new end;
- "of others": triples without; `before` is their MRR before the update, among the old entities.

The last line is one JSON object: `share_of_anew` is the new entities' MRR, updated to anew;
`lost_by_others` is before - updated; `times_cheaper` compares CPU-seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kge
import numpy as np
from shop_graph import Shop, learn, read

from kgfeatures.datasets import generate
from kgfeatures.embedding import settings_for, shop_settings
from kgfeatures.embedding.candidates import Candidates
from kgfeatures.embedding.evaluation import by_relation, ranks
from kgfeatures.embedding.incremental import EPOCHS, LEARNING_RATE, partial_fit
from kgfeatures.embedding.trainer import fit
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgfeatures.embedding import GraphVectors, TrainingSettings
    from kgfeatures.types import IntArray

ASKED, MOST_ASKED = 0.1, 4000


@dataclass(frozen=True)
class Growth:
    """Triples by row numbers, old entities first.

    Parameters
    ----------
    old, new : what is learned at first, and what came later.
    asked_new, asked_old : what is asked, with a new end and without.
    known : all of it.
    is_shop : rank among who was seen in the relation's place, else among all.
    """

    name: str
    is_shop: bool
    n_old: int
    n_entities: int
    relations: list[str]
    old: IntArray
    new: IntArray
    asked_new: IntArray
    asked_old: IntArray
    known: IntArray

    @property
    def learned(self) -> IntArray:
        """What a training anew learns."""
        return np.concatenate([self.old, self.new])


def of_shop(shop: Shop, share: float, rng: np.random.Generator) -> Growth:
    """Return a shop before and after some of its customers and products came."""
    triples, end = shop.triples, shop.n_customers + shop.n_products
    is_new = np.zeros(shop.n_entities, dtype=bool)
    is_new[:end] = rng.random(end) < share
    asked = rng.random(len(triples)) < ASKED
    left = triples[~asked]
    asked &= np.isin(triples[:, (0, 2)], left[:, (0, 2)]).all(axis=1)
    parts = triples[~asked], triples[asked], triples
    return grown((shop.name, True), shop.relations, is_new, parts, rng)


def of_graph(graph: kge.Graph, share: float, rng: np.random.Generator, split: str) -> Growth:
    """Return a benchmark graph before and after some of its entities came."""
    names = [str(number) for number in range(graph.sizes[1])]
    is_new = rng.random(graph.sizes[0]) < share
    parts = graph.splits["train"], graph.splits[split], graph.known
    return grown((graph.name, False), names, is_new, parts, rng)


def grown(
    name: tuple[str, bool],
    relations: list[str],
    is_new: np.ndarray,
    parts: tuple[IntArray, IntArray, IntArray],
    rng: np.random.Generator,
) -> Growth:
    """Return what is learned, asked and known (`parts`) of old entities and of new ones."""
    learned, asked, known = parts
    later = is_new[learned[:, (0, 2)]].any(axis=1)
    old, new = learned[~later], learned[later]
    named = [np.unique(part[:, (0, 2)]) for part in (old, new)]
    order = np.concatenate([named[0], np.setdiff1d(named[1], named[0])])
    place = np.full(len(is_new), -1)
    place[order] = np.arange(len(order))

    def numbered(part: IntArray) -> IntArray:
        found = np.column_stack([place[part[:, 0]], part[:, 1], place[part[:, 2]]])
        return found[(found >= 0).all(axis=1)]

    n_old = len(named[0])
    questions = numbered(asked)
    is_late = (questions[:, (0, 2)] >= n_old).any(axis=1)
    some = rng.permutation(np.flatnonzero(~is_late))[:MOST_ASKED]
    rows = numbered(old), numbered(new), questions[is_late], questions[some], numbered(known)
    return Growth(*name, n_old, len(order), relations, *rows)


def timed(work: Callable[[], GraphVectors]) -> tuple[GraphVectors, float]:
    """Return vectors and the CPU-seconds that they took."""
    began = time.process_time()
    return work(), time.process_time() - began


def mrr(vectors: GraphVectors, asked: IntArray, growth: Growth) -> dict[str, float]:
    """Return the MRR of triples, of a shop by relation, too."""
    sizes = len(vectors.entities), len(growth.relations)
    inside = [t[(t[:, (0, 2)] < sizes[0]).all(axis=1)] for t in (growth.learned, growth.known)]
    if not growth.is_shop:
        return {"all": ranks(vectors, asked, inside[1]).metrics().mrr}
    found = ranks(vectors, asked, inside[1], Candidates.seen(inside[0], sizes))
    each = by_relation(found, asked)
    named = {growth.relations[number]: each[number].mrr for number in sorted(each)}
    return {"all": found.metrics().mrr, **named}


def compared(growth: Growth, model: str, settings: TrainingSettings) -> dict[str, Any]:
    """Return what an update and a training anew know of new entities and of others."""
    n_relations = len(growth.relations)

    def trained(triples: IntArray, n_entities: int) -> GraphVectors:
        if growth.is_shop:
            return learn(triples, (n_entities, n_relations), settings, model, {})
        return fit(triples, n_entities, n_relations, settings, model=model)

    base, at_first = timed(partial(trained, growth.old, growth.n_old))
    brief = replace(settings, epochs=EPOCHS, learning_rate=LEARNING_RATE)
    updated, update = timed(
        lambda: partial_fit(base, growth.old, growth.new, growth.n_entities, brief)
    )
    anew, training = timed(partial(trained, growth.learned, growth.n_entities))
    of_new = {name: mrr(v, growth.asked_new, growth) for name, v in (("u", updated), ("a", anew))}
    of_old = [mrr(v, growth.asked_old, growth)["all"] for v in (base, updated, anew)]
    return {
        "cpu_seconds": {"at_first": at_first, "update": update, "anew": training},
        "of_new_entities": {"updated": of_new["u"], "anew": of_new["a"]},
        "of_others": dict(zip(("before", "updated", "anew"), of_old, strict=True)),
        "share_of_anew": of_new["u"]["all"] / of_new["a"]["all"],
        "lost_by_others": of_old[0] - of_old[1],
        "times_cheaper": training / update,
    }


def rounded(value: Any) -> Any:
    """Return the same with numbers of four digits."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="a generated shop if there is none")
    parser.add_argument("--model", default="transe", choices=("transe", "distmult", "complex"))
    parser.add_argument("--dim", type=int, help="by default what suits the graph")
    parser.add_argument("--epochs", type=int, help="of the trainings; by default what suits them")
    parser.add_argument("--new", type=float, default=0.02, help="share of customers and products")
    parser.add_argument("--split", choices=kge.SPLITS[1:], default="test", help="of a benchmark")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def prepared(given: argparse.Namespace) -> tuple[Growth, TrainingSettings]:
    """Return the graph of the command line and the settings of its trainings."""
    rng = np.random.default_rng(given.seed)
    named = {name: getattr(given, name) for name in ("dim", "epochs", "seed")}
    changes = {name: value for name, value in named.items() if value is not None}
    if given.folder and not (given.folder / "dataset.yaml").exists():
        graph = kge.read(given.folder)
        growth = of_graph(graph, given.new, rng, given.split)
        return growth, settings_for(given.model, graph.shape, **changes)
    with tempfile.TemporaryDirectory() as made:
        shop = read(given.folder or generate(1500, 600, 365, 0, folder=Path(made) / "shop"))
    return of_shop(shop, given.new, rng), shop_settings(given.model, **changes)


def main() -> None:
    """Train, update, train anew, print one JSON object."""
    given = arguments()
    try:
        growth, settings = prepared(given)
    except (DataError, OSError) as error:
        print(f"{error}, or that of a shop with a dataset.yaml", file=sys.stderr)
        sys.exit(2)
    counts = {
        "entities": growth.n_entities,
        "new_entities": growth.n_entities - growth.n_old,
        "triples": len(growth.learned),
        "new_triples": len(growth.new),
        "asked_of_new": len(growth.asked_new),
        "asked_of_others": len(growth.asked_old),
    }
    print(f"{growth.name}: {counts}", flush=True)
    passes = settings.passes(len(growth.old))
    names = {"model": given.model, "dim": settings.dim, "passes": passes, "seed": given.seed}
    found = compared(growth, given.model, settings)
    print(json.dumps({"graph": growth.name, **names, **counts} | rounded(found)))


if __name__ == "__main__":
    main()
