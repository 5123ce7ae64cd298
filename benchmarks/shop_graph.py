"""What a shop's graph vectors know: held-out attributes and purchases, relation by relation.

    python benchmarks/shop_graph.py [DIR] --dim 64 --epochs 12

DIR holds a shop with a dataset.yaml, for example complete_journey; without one a shop is generated.
The graph is who bought what, and the relations of the products that were bought. Protocol:
- of each relation and of the purchases 10 % of the triples are held out, if their entities stand in
  others; of 2 % of the products all purchases are: those are cold, known by attributes alone;
- the true tail is ranked among all tails of the relation (for purchases: all products), other
  true answers left out; the middle place among equal scores;
- popularity ranks by the number of triples of the relation that a tail stands in;
- co-occurrence is what needs no training: for purchases the cosine between products bought by the
  same customers, summed over what the customer bought; for an attribute the share of products
  with each other attribute that have it, summed; for cold products the attributes that the
  customer's products have, rare ones counting more;
- half-half adds the ranks by co-occurrence and by the model, and with popularity those by
  popularity and by the model, purchases only;
- a model learns of cold products that nobody buys them, so they are ranked among themselves;
  "placed" gives them the mean vector of the 20 bought products that share most attributes with
  them, rare ones counting more.

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
import yaml
from scipy.sparse import csr_array, diags_array

from kgfeatures.datasets import generate
from kgfeatures.embedding import score_function, shop_settings
from kgfeatures.embedding.evaluation import rank_by
from kgfeatures.embedding.trainer import fit
from kgfeatures.graph.training import numbered, repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from kgfeatures.embedding import GraphVectors, TrainingSettings
    from kgfeatures.types import IntArray

HELD_OUT, COLD, NEIGHBORS = 0.1, 0.02, 20
BOUGHT, COLD_BOUGHT = "bought", "bought (cold products)"


@dataclass(frozen=True)
class Shop:
    """Triples as numbers: customers first, then products, then attributes; bought is relation 0."""

    name: str
    relations: list[str]
    triples: IntArray
    n_customers: int
    n_products: int
    n_entities: int

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers of entities and relations."""
        return self.n_entities, len(self.relations)


def table(folder: Path, section: dict[str, Any]) -> pd.DataFrame:
    """Return a section's file."""
    path = folder / section["file"]
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, dtype=str, sep="\t" if ".tsv" in path.suffixes else ",")


def read(folder: Path) -> Shop:
    """Return a shop's graph."""
    manifest = yaml.safe_load((folder / "dataset.yaml").read_text("utf-8"))
    sections = manifest["interactions"]
    orders = (sections if isinstance(sections, list) else [sections])[0]
    lines = table(folder, orders)[[orders["customer"], orders["product"]]].dropna()
    pairs = lines.astype(str).drop_duplicates().to_numpy()
    customers, customer = np.unique(pairs[:, 0], return_inverse=True)
    keys, product = np.unique(pairs[:, 1], return_inverse=True)
    product += len(customers)
    parts = [np.column_stack([customer, np.zeros_like(customer), product])]
    catalogue = table(folder, manifest["products"])
    catalogue[manifest["products"]["product"]] = catalogue[manifest["products"]["product"]].astype(
        str
    )
    catalogue = catalogue.set_index(manifest["products"]["product"])
    catalogue = catalogue[~catalogue.index.duplicated()].reindex(keys)
    at = len(customers) + len(keys)
    names = [BOUGHT]
    for column, relation in manifest["products"].get("relations", {}).items():
        codes, values = pd.factorize(catalogue[column])
        known = np.flatnonzero(codes >= 0)
        relation_column = np.full(len(known), len(names))
        parts.append(np.column_stack([len(customers) + known, relation_column, at + codes[known]]))
        names.append(relation if isinstance(relation, str) else column)
        at += len(values)
    triples = np.concatenate(parts)
    return Shop(manifest["name"], names, triples, len(customers), len(keys), at)


def split(shop: Shop, rng: np.random.Generator) -> tuple[IntArray, dict[str, IntArray]]:
    """Return the triples to learn and those held out, by relation."""
    triples, end = shop.triples, shop.n_customers + shop.n_products
    cold = rng.random(end) < COLD
    cold[: shop.n_customers] = False
    cold = np.concatenate([cold, np.zeros(shop.n_entities - end, dtype=bool)])
    is_cold = (triples[:, 1] == 0) & cold[triples[:, 2]]
    held = ~is_cold & (rng.random(len(triples)) < HELD_OUT)
    left = triples[~held & ~is_cold]
    stays = np.isin(triples[:, (0, 2)], left[:, (0, 2)]).all(axis=1)
    held, is_cold = held & stays, is_cold & stays
    found = {
        name: triples[held & (triples[:, 1] == number)]
        for number, name in enumerate(shop.relations)
    }
    return triples[~held & ~is_cold], {**found, COLD_BOUGHT: triples[is_cold]}


def learn(
    triples: IntArray,
    sizes: tuple[int, int],
    settings: TrainingSettings,
    model: str,
    weights: Mapping[int, float],
) -> GraphVectors:
    """Return vectors as `kgfeatures embed graph` trains them, weights by relation."""
    times, base = repeats(numbered(triples), weights, settings.passes(len(triples)))
    repeated = np.repeat(triples, times, axis=0)
    epochs = max(1, round(settings.passes(len(repeated)) / base))
    return fit(repeated, *sizes, replace(settings, epochs=epochs), model=model)


class Baselines:
    """Scores that need no training."""

    def __init__(self, shop: Shop, train: IntArray) -> None:
        self.n = shop.n_entities
        ones = np.ones(len(train), dtype=np.float32)
        self.degrees = csr_array((ones, (train[:, 1], train[:, 2])), shape=shop.sizes[::-1])
        sold = train[train[:, 1] == 0]
        square = (self.n, self.n)
        self.baskets = csr_array((np.ones(len(sold), "f4"), (sold[:, 0], sold[:, 2])), shape=square)
        length = np.sqrt(np.maximum(self.baskets.sum(0), 1))
        scaled = self.baskets @ diags_array(1 / length)
        self.alike = (scaled.T @ scaled).tocsr()
        self.alike.setdiag(0)
        other = train[train[:, 1] > 0]
        self.has = csr_array((np.ones(len(other), "f4"), (other[:, 0], other[:, 2])), shape=square)
        count = np.maximum(self.has.sum(0), 1)
        self.together = (diags_array(1 / count) @ (self.has.T @ self.has)).tocsr()
        rare = diags_array(np.log(len(other) / count).astype(np.float32))
        self.rare = (self.has @ rare).tocsr()

    def popularity(self, asked: IntArray) -> Tensor:
        """Return how often each entity is the tail of the relation."""
        return torch.from_numpy(self.degrees[asked[:, 1]].toarray())

    def co_occurrence(self, asked: IntArray) -> Tensor:
        """Return how much an entity goes with what is known of the head."""
        rows = asked[:, 0]
        if asked[0, 1] == 0:
            return torch.from_numpy((self.baskets[rows] @ self.alike).toarray())
        return torch.from_numpy((self.has[rows] @ self.together).toarray())

    def by_attributes(self, asked: IntArray) -> Tensor:
        """Return how much a product is like those that a customer bought, by attributes."""
        wanted = self.baskets[asked[:, 0]] @ self.rare
        return torch.from_numpy((wanted @ self.has.T).toarray())


def places(
    scores: Callable[[IntArray], Tensor], asked: IntArray, shop: Shop, candidates: np.ndarray
) -> np.ndarray:
    """Return the ranks of the true tails among the candidates."""
    outside = torch.from_numpy(~candidates)

    def constrained(questions: IntArray) -> Tensor:
        found = torch.full((len(questions), shop.n_entities), -torch.inf)
        forth = questions[:, 1] < len(shop.relations)  # heads are not asked for
        if forth.any():
            found[torch.from_numpy(forth)] = scores(questions[forth])
        return torch.nan_to_num(found.masked_fill_(outside, -torch.inf), neginf=-1e30)

    return rank_by(constrained, asked, shop.triples, shop.sizes).rank[: len(asked)]


def model_scores(vectors: GraphVectors) -> Callable[[IntArray], Tensor]:
    """Return the scores of a trained model."""
    function = score_function(vectors.model)
    entities, relations = map(torch.from_numpy, (vectors.entities, vectors.relations))

    def scores(asked: IntArray) -> Tensor:
        anchor, relation = torch.from_numpy(asked).unbind(1)
        return function.scores(entities[anchor], relations[relation], entities)

    return scores


def placed(vectors: GraphVectors, base: Baselines, cold: IntArray) -> GraphVectors:
    """Return vectors in which cold products stand where bought ones with their attributes do."""
    alike = (base.rare[cold] @ base.has.T).toarray()
    alike[:, base.baskets.sum(0) == 0] = 0
    near = np.argsort(-alike, axis=1, kind="stable")[:, :NEIGHBORS]
    weight = np.take_along_axis(alike, near, axis=1)[:, :, None] + 1e-9
    entities = vectors.entities.copy()
    entities[cold] = (entities[near] * weight).sum(1) / weight.sum(1)
    return replace(vectors, entities=entities)


def half_half(
    one: Callable[[IntArray], Tensor], other: Callable[[IntArray], Tensor]
) -> Callable[[IntArray], Tensor]:
    """Return scores that add the ranks by two others."""

    def ranked(scores: Tensor) -> Tensor:
        return scores.argsort(dim=1, stable=True).argsort(dim=1).float()

    return lambda asked: ranked(one(asked)) + ranked(other(asked))


def summary(rank: np.ndarray) -> dict[str, float]:
    """Return MRR and Hits@10."""
    return {
        "mrr": round(float((1 / rank).mean()), 4),
        "hits10": round(float((rank <= 10).mean()), 4),
    }


def main() -> None:
    """Train, rank, print a table and one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="a generated shop if there is none")
    parser.add_argument("--model", default="transe")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--epochs", type=int, help="of attributes; by default what suits")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--weight", type=float, help="of the purchases; by default what suits")
    parser.add_argument("--sampled", action="store_true", help="do not estimate all entities")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.folder and not (given.folder / "dataset.yaml").exists():
        print(f"{given.folder} holds no dataset.yaml; name another folder", file=sys.stderr)
        sys.exit(2)
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or generate(1500, 600, 365, 0, folder=Path(made) / "shop")
        shop = read(folder)
    train, held = split(shop, np.random.default_rng(given.seed))
    print(
        f"{shop.name}: {shop.n_customers:,} customers, {shop.n_products:,} products bought, "
        f"{shop.n_entities:,} entities; {len(train):,} triples learned",
        flush=True,
    )
    names = ("dim", "epochs", "dropout", "seed")
    changes = {name: getattr(given, name) for name in names} | {"estimate_all": not given.sampled}
    settings = shop_settings(given.model, **changes)
    began = time.process_time()
    vectors = learn(
        train, shop.sizes, settings, given.model, {} if given.weight is None else {0: given.weight}
    )
    seconds = time.process_time() - began
    base = Baselines(shop, train)
    learned = model_scores(vectors)
    result: dict[str, dict[str, Any]] = {}
    print(f"{'relation':<24} {'triples':>7} {'among':>7}  MRR / Hits@10")
    for name, asked in held.items():
        if not len(asked):
            continue
        number = asked[0, 1]
        candidates = np.zeros(shop.n_entities, dtype=bool)
        candidates[shop.triples[shop.triples[:, 1] == number, 2]] = True
        near = base.by_attributes if name == COLD_BOUGHT else base.co_occurrence
        ways = {given.model: learned, "popularity": base.popularity, "co-occurrence": near}
        if name == COLD_BOUGHT:
            candidates[:] = False
            candidates[asked[:, 2]] = True
            ways["placed"] = model_scores(placed(vectors, base, np.flatnonzero(candidates)))
        if number == 0:
            ways["half-half"] = half_half(ways.get("placed", learned), near)
        if name == BOUGHT:
            ways["with popularity"] = half_half(learned, base.popularity)
        found = {way: summary(places(by, asked, shop, candidates)) for way, by in ways.items()}
        result[name] = {"triples": len(asked), "candidates": int(candidates.sum()), **found}
        cells = "  ".join(f"{way} {m['mrr']:.3f} / {m['hits10']:.3f}" for way, m in found.items())
        print(f"{name:<24} {len(asked):>7} {candidates.sum():>7}  {cells}", flush=True)
    ahead = [n for n, r in result.items() if r[given.model]["mrr"] > r["popularity"]["mrr"]]
    print(
        json.dumps(
            {
                "shop": shop.name,
                "model": given.model,
                "dim": given.dim,
                "epochs": given.epochs,
                "dropout": given.dropout,
                "estimate_all": settings.estimate_all,
                "weight": given.weight,
                "seed": given.seed,
                "cpu_seconds": round(seconds, 1),
                "ahead_of_popularity": ahead,
                "behind_popularity": sorted(set(result) - set(ahead)),
                "relations": result,
            }
        )
    )


if __name__ == "__main__":
    main()
