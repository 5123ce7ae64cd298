"""Recall@20 and ndcg@20 of our recommendation beside popularity and plain cosine item-item.

    python benchmarks/recommend.py DIR --time-split 2010-10-10

DIR holds a dataset.yaml; without one it is the shop that kgfeatures ships. Protocol:
- purchases before the split train, those after it test; without --time-split the last two months
  are the test period, the two months before it the validation period;
- everything that is chosen (exponents, half-lives, weights of the blend) is chosen on the
  validation period by ndcg@20, from models that saw only what came before it; then all models are
  fitted once more on everything before the split, and the test period is looked at once;
- products that the customer bought before the split are masked and not asked for: repurchases do
  not count; products never sold before the split are left out for every method;
- customers are those with a purchase before the split and at least one such new product after it;
- graph vectors are TransE's, of purchases before the split and of what columns and titles say of
  the products and customers; they are trained twice, for validation and for the test;
- intervals are 95 % bootstraps over customers, of differences over the same customers.

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import kgfeatures
from kgfeatures.embedding.base import TrainingSettings
from kgfeatures.embedding.trainer import fit
from kgfeatures.errors import DataError
from kgfeatures.extraction import extract
from kgfeatures.graph import loading
from kgfeatures.graph.manifest import read_manifest
from kgfeatures.graph.things import Things, collect
from kgfeatures.recommend import (
    COSINE,
    Blend,
    GraphDistance,
    Neighbors,
    NeighborSettings,
    Popular,
    Purchases,
)
from kgfeatures.recommend.blend import weight_grid
from kgfeatures.recommend.evaluation import bootstrap, ndcg_at_k, recall_at_k

if TYPE_CHECKING:
    import pyarrow as pa
    from scipy.sparse import csr_matrix

    from kgfeatures.recommend import Recommender

SHOP = Path(kgfeatures.__file__).parent / "datasets" / "online_retail"
K = 20
MONTHS = pd.DateOffset(months=2)
POPULAR_HALF_LIFE_DAYS = 30.0
# Popularity keeps a twentieth: it is what fills the lists of new customers.
POPULAR_WEIGHT = 0.05
GRID = {
    "customer_exponent": (0.3, 0.5, 0.7),
    "product_exponent": (0.1, 0.3, 0.5),
    "neighbor_exponent": (0.1, 0.6, 0.7, 0.8),
    "trend_half_life_days": (60.0, 120.0, 240.0),
}


@dataclass(frozen=True)
class Shop:
    """Purchases (customer_id, product_id, occurred_at) and triples (head_type … tail)."""

    name: str
    purchases: pd.DataFrame
    triples: pd.DataFrame


@dataclass(frozen=True)
class Period:
    """What a model may know, and what it is asked for."""

    customers: pd.Index
    products: pd.Index
    known: Purchases
    asked: np.ndarray
    wanted: csr_matrix


def no_database(table: str) -> pa.Table:
    """Refuse a manifest that names tables."""
    raise DataError(f"{table} is a table; this benchmark reads files")


def load(folder: Path) -> Shop:
    """Return the purchases of a folder and what is said of its products and customers."""
    manifest = read_manifest(folder)
    lines = [
        loading.load(section, manifest, no_database).rows.to_pandas()
        for section in manifest.of("interactions")
    ]
    products, customers = Things(), Things()
    for kind, things in (("products", products), ("customers", customers)):
        for section in manifest.of(kind):
            collect(things, loading.load(section, manifest, no_database))
    titles = pd.DataFrame(list(products.title.items()), columns=["product_id", "title"])
    said = (
        extract(titles)
        .rename(columns={"product_id": "head", "tail_key": "tail"})
        .assign(head_type="product")
    )
    columns = ["head_type", "head", "relation", "tail_type", "tail"]
    triples = pd.concat([*products.triples, *customers.triples, said])[columns].drop_duplicates()
    purchases = pd.concat(lines).query("event == 'purchase'")
    return Shop(manifest.name, purchases, triples)


def period(shop: Shop, begin: pd.Timestamp, end: pd.Timestamp) -> Period:
    """Return what was known at `begin` and what was newly bought from then until `end`."""
    lines = shop.purchases
    before = lines[lines["occurred_at"] < begin]
    customers, products = (
        pd.Index(sorted(before[key].unique())) for key in ("customer_id", "product_id")
    )
    last = before.groupby(["customer_id", "product_id"], as_index=False)["occurred_at"].max()
    known = Purchases(
        customers.get_indexer(last["customer_id"]).astype(np.int64),
        products.get_indexer(last["product_id"]).astype(np.int64),
        (last["occurred_at"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy() / 86400,
        len(customers),
        len(products),
    )
    after = lines[(lines["occurred_at"] >= begin) & (lines["occurred_at"] < end)]
    after = after[["customer_id", "product_id"]].drop_duplicates()
    rows = customers.get_indexer(after["customer_id"]), products.get_indexer(after["product_id"])
    there = (rows[0] >= 0) & (rows[1] >= 0)
    bought = known.matrix()
    new = np.zeros(bought.shape, dtype=bool)
    new[rows[0][there], rows[1][there]] = True
    new[bought.nonzero()] = False
    asked = np.flatnonzero(new.any(axis=1))
    return Period(customers, products, known, asked, type(bought)(new[asked]))


def graph(shop: Shop, span: Period, settings: TrainingSettings) -> GraphDistance:
    """Return TransE over the purchases known and the triples of what is known."""
    nodes = pd.MultiIndex.from_product([["customer"], span.customers]).append(
        pd.MultiIndex.from_product([["product"], span.products])
    )
    heads = pd.MultiIndex.from_frame(shop.triples[["head_type", "head"]])
    said = shop.triples[heads.isin(nodes)]
    tails = pd.MultiIndex.from_frame(said[["tail_type", "tail"]])
    nodes = nodes.append(tails.drop_duplicates().difference(nodes))
    relations = ["bought", *sorted(said["relation"].unique())]
    n = len(span.customers)
    bought = np.column_stack(
        [span.known.customer, np.zeros_like(span.known.product), n + span.known.product]
    )
    facts = np.column_stack(
        [
            nodes.get_indexer(pd.MultiIndex.from_frame(said[["head_type", "head"]])),
            pd.Index(relations).get_indexer(said["relation"]),
            nodes.get_indexer(tails),
        ]
    )
    triples = np.unique(np.concatenate([bought, facts]).astype(np.int64), axis=0)
    trained = fit(triples, len(nodes), len(relations), settings)
    entities = trained.entities
    return GraphDistance(entities[:n], entities[n : n + len(span.products)], trained.relations[0])


def lists(model: Recommender, span: Period) -> np.ndarray:
    """Return the K best products of every customer asked for."""
    return model.recommend(span.asked, K)[0]


def choose_neighbors(span: Period) -> NeighborSettings:
    """Return the settings with the highest ndcg on `span`."""
    best, chosen = -1.0, NeighborSettings()
    for values in itertools.product(*GRID.values()):
        settings = NeighborSettings(**dict(zip(GRID, values, strict=True)))
        found = ndcg_at_k(lists(Neighbors(settings).fit(span.known), span), span.wanted).mean()
        if found > best:
            best, chosen = found, settings
    return chosen


def blended(settings: NeighborSettings, vectors: GraphDistance, weights: dict[str, float]) -> Blend:
    """Return our recommendation, not fitted yet."""
    parts = {
        "bought_together": Neighbors(settings),
        "graph_vector": vectors,
        "popular": Popular(POPULAR_HALF_LIFE_DAYS),
    }
    return Blend(parts, weights)


def choose_weights(
    span: Period, settings: NeighborSettings, vectors: GraphDistance
) -> dict[str, float]:
    """Return the weights with the highest ndcg on `span`."""
    best, chosen = -1.0, {}
    for split in weight_grid(["bought_together", "graph_vector"]):
        weights = {name: (1 - POPULAR_WEIGHT) * weight for name, weight in split.items()}
        weights["popular"] = POPULAR_WEIGHT
        model = blended(settings, vectors, weights).fit(span.known)
        found = ndcg_at_k(lists(model, span), span.wanted).mean()
        if found > best:
            best, chosen = found, weights
    return {name: round(weight, 4) for name, weight in chosen.items()}


def compare(models: dict[str, Recommender], span: Period) -> dict[str, dict[str, np.ndarray]]:
    """Return both metrics of every customer by model."""
    metrics = {f"recall@{K}": recall_at_k, f"ndcg@{K}": ndcg_at_k}
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, model in models.items():
        best = lists(model.fit(span.known), span)
        found[name] = {metric: measure(best, span.wanted) for metric, measure in metrics.items()}
    return found


def interval(values: np.ndarray) -> dict[str, float]:
    """Return mean, low and high of a bootstrap."""
    estimate = bootstrap(values)
    return {
        "mean": round(estimate.mean, 4),
        "low": round(estimate.low, 4),
        "high": round(estimate.high, 4),
    }


def shown(found: dict[str, float]) -> str:
    """Return an interval in words."""
    return f"{found['mean']:.4f} [{found['low']:.4f}, {found['high']:.4f}]"


def main() -> None:
    """Run the comparison and print a table, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=SHOP)
    parser.add_argument("--time-split", type=lambda text: pd.Timestamp(text, tz="UTC"))
    parser.add_argument("--epochs", type=int, default=TrainingSettings().epochs)
    given = parser.parse_args()

    shop = load(given.folder)
    end = shop.purchases["occurred_at"].max().floor("D") + pd.Timedelta(days=1)
    split = given.time_split or end - MONTHS
    training = TrainingSettings(epochs=given.epochs)
    print(f"{shop.name}: {len(shop.purchases)} purchases, {len(shop.triples)} triples", flush=True)

    validation = period(shop, split - MONTHS, split)
    settings = choose_neighbors(validation)
    weights = choose_weights(validation, settings, graph(shop, validation, training))
    print(f"chosen on {split - MONTHS:%Y-%m-%d} to {split:%Y-%m-%d}: {settings}, {weights}")

    test = period(shop, split, end)
    vectors = graph(shop, test, training)
    models = {
        "popular": Popular(),
        "cosine item-item": Neighbors(COSINE),
        "neighbours": Neighbors(settings),
        "TransE": vectors,
        "blend": blended(settings, vectors, weights),
    }
    found = compare(models, test)
    results = {
        name: {metric: interval(values) for metric, values in metrics.items()}
        for name, metrics in found.items()
    }
    ahead = {
        other: {
            metric: interval(values - found[other][metric])
            for metric, values in found["blend"].items()
        }
        for other in ("popular", "cosine item-item")
    }
    print(f"test {split:%Y-%m-%d} to {end:%Y-%m-%d}: {len(test.asked)} customers")
    for title, table in (("", results), ("blend ahead of ", ahead)):
        for name, metrics in table.items():
            cells = "  ".join(f"{metric} {shown(cell)}" for metric, cell in metrics.items())
            print(f"{title + name:<32} {cells}")
    summary = {
        "benchmark": "recommend",
        "dataset": shop.name,
        "split": str(split),
        "customers": len(test.asked),
        "neighbors": {name: getattr(settings, name) for name in GRID},
        "weights": weights,
        "results": results,
        "blend_ahead_of": ahead,
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
