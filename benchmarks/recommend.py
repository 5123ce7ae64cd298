"""Recall@20 and ndcg@20 of our recommendation beside popularity and plain cosine item-item.

    python benchmarks/recommend.py DIR --time-split 2010-10-10

DIR holds a dataset.yaml; without one it is the shop that kgfeatures ships. Protocol:
- purchases before the split train, those after it test; without --time-split the last two months
  are the test period, the two months before it the validation period;
- everything that is chosen is chosen before the split, by ndcg@20, from models that saw only what
  came before the days asked for: how neighbours are weighted and how much popularity says by the
  step's own kgfeatures.recommend.choose, how much graph vectors say on the validation period; then
  all models are fitted once more on everything before the split, and the test period is looked at
  once;
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
import json
from dataclasses import asdict, dataclass
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
from kgfeatures.recommend import COSINE, Blend, GraphDistance, Lines, Neighbors, Popular, choose
from kgfeatures.recommend.evaluation import bootstrap, ndcg_at_k, recall_at_k
from kgfeatures.recommend.tuning import question

if TYPE_CHECKING:
    import pyarrow as pa

    from kgfeatures.recommend import Choice, Recommender
    from kgfeatures.recommend.tuning import Question

SHOP = Path(kgfeatures.__file__).parent / "datasets" / "online_retail"
K = 20
MONTHS = pd.DateOffset(months=2)
EPOCH, DAY = pd.Timestamp(0, tz="UTC"), pd.Timedelta(days=1)
POPULAR_HALF_LIFE_DAYS = 30.0
GRAPH_SHARES = [n / 10 for n in range(11)]


@dataclass(frozen=True)
class Shop:
    """Purchases (customer_id, product_id, occurred_at) and triples (head_type … tail)."""

    name: str
    purchases: pd.DataFrame
    triples: pd.DataFrame


@dataclass(frozen=True)
class Period:
    """A question, with the keys of its rows and every purchase before it."""

    customers: pd.Index
    products: pd.Index
    before: Lines
    question: Question


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
    before = shop.purchases[shop.purchases["occurred_at"] < begin]
    customers, products = (
        pd.Index(sorted(before[key].unique())) for key in ("customer_id", "product_id")
    )
    known = shop.purchases[
        shop.purchases["customer_id"].isin(customers)
        & shop.purchases["product_id"].isin(products)
        & (shop.purchases["occurred_at"] < end)
    ]
    asked = question(rows(known, customers, products), (begin - EPOCH) / DAY)
    if len(asked.asked) == 0:
        raise DataError(f"nobody known before {begin} bought anything new until {end}")
    return Period(customers, products, rows(before, customers, products), asked)


def rows(purchases: pd.DataFrame, customers: pd.Index, products: pd.Index) -> Lines:
    """Return purchases by row numbers."""
    return Lines(
        customers.get_indexer(purchases["customer_id"]).astype(np.int64),
        products.get_indexer(purchases["product_id"]).astype(np.int64),
        ((purchases["occurred_at"] - EPOCH) / DAY).to_numpy(),
        len(customers),
        len(products),
    )


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
    known = span.question.known
    bought = np.column_stack([known.customer, np.zeros_like(known.product), n + known.product])
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


def lists(model: Recommender, asked: Question) -> np.ndarray:
    """Return the K best products of every customer asked for."""
    return model.fit(asked.known).recommend(asked.asked, K)[0]


def blended(choice: Choice, vectors: GraphDistance, share: float) -> Blend:
    """Return our recommendation: graph vectors get a share of what popularity leaves."""
    parts = {
        "bought_together": Neighbors(choice.neighbors),
        "graph_vector": vectors,
        "popular": Popular(POPULAR_HALF_LIFE_DAYS),
    }
    rest = 1 - choice.popular_weight
    weights = (rest * (1 - share), rest * share, choice.popular_weight)
    return Blend(parts, dict(zip(parts, weights, strict=True)))


def choose_share(asked: Question, choice: Choice, vectors: GraphDistance) -> float:
    """Return the share of graph vectors with the highest ndcg, the smallest of equals."""
    found = {
        share: ndcg_at_k(lists(blended(choice, vectors, share), asked), asked.wanted).mean()
        for share in GRAPH_SHARES
    }
    return max(found, key=lambda share: (found[share], -share))


def compare(models: dict[str, Recommender], asked: Question) -> dict[str, dict[str, np.ndarray]]:
    """Return both metrics of every customer by model."""
    metrics = {f"recall@{K}": recall_at_k, f"ndcg@{K}": ndcg_at_k}
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, model in models.items():
        best = lists(model, asked)
        found[name] = {metric: measure(best, asked.wanted) for metric, measure in metrics.items()}
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

    validation, test = period(shop, split - MONTHS, split), period(shop, split, end)
    choice = choose(test.before, POPULAR_HALF_LIFE_DAYS)
    share = choose_share(validation.question, choice, graph(shop, validation, training))
    vectors = graph(shop, test, training)
    models = {
        "popular": Popular(),
        "cosine item-item": Neighbors(COSINE),
        "neighbours": Neighbors(choice.neighbors),
        "TransE": vectors,
        "blend": blended(choice, vectors, share),
    }
    print(f"chosen before {split:%Y-%m-%d}: {choice}; share of graph vectors {share}", flush=True)
    found = compare(models, test.question)
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
    print(f"test {split:%Y-%m-%d} to {end:%Y-%m-%d}: {len(test.question.asked)} customers")
    for title, table in (("", results), ("blend ahead of ", ahead)):
        for name, metrics in table.items():
            cells = "  ".join(f"{metric} {shown(cell)}" for metric, cell in metrics.items())
            print(f"{title + name:<32} {cells}")
    summary = {
        "benchmark": "recommend",
        "dataset": shop.name,
        "split": str(split),
        "customers": len(test.question.asked),
        "neighbors": asdict(choice.neighbors),
        "popular_weight": choice.popular_weight,
        "graph_share": share,
        "results": results,
        "blend_ahead_of": ahead,
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
