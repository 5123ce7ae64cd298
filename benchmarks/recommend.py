"""Recall@20 and ndcg@20 of our recommendation beside popularity and plain cosine item-item.

    python benchmarks/recommend.py DIR --time-split 2010-10-10

DIR holds a dataset.yaml; without one it is the shop that kgfeatures ships. Protocol:
- purchases before the split train, those after it test; without --time-split the last two months
  are the test period, the two months before it the validation period;
- everything that is chosen is chosen before the split, by ndcg@20, from models that saw only what
  came before the days asked for: how neighbours are weighted and how much popularity says by the
  step's own kgfeatures.recommend.choose, how much graph vectors say, and the weights of all signals
  (kgfeatures.recommend.fit_weights), on the validation period; then
  all models are fitted once more on everything before the split, and the test period is looked at
  once;
- products that the customer bought before the split are masked and not asked for: repurchases do
  not count; products never sold before the split are left out for every method;
- customers are those with a purchase before the split and at least one such new product after it;
- "blend" is what `kgfeatures recommend` makes; "all signals" blends every algorithm here, and
  "all but the graph" the same without TransE and attributes, weights fitted anew: what the graph
  adds is the difference;
- graph vectors are TransE's, of purchases before the split and of what columns and titles say of
  the products and customers; they are trained twice, for validation and for the test;
- intervals are 95 % bootstraps over customers, of differences over the same customers.

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

import kgfeatures
from kgfeatures.embedding.base import TrainingSettings
from kgfeatures.embedding.trainer import fit
from kgfeatures.errors import DataError
from kgfeatures.extraction import extract
from kgfeatures.graph import loading
from kgfeatures.graph.manifest import read_manifest
from kgfeatures.graph.things import Things, collect
from kgfeatures.llm import text_encoder
from kgfeatures.recommend import (
    COSINE,
    Als,
    Attributes,
    Blend,
    GraphDistance,
    Lines,
    Neighbors,
    Popular,
    SimilarCustomers,
    Texts,
    choose,
    fit_weights,
)
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
ENCODER = "builtin:chargram"
OF_THE_GRAPH = ("TransE", "attributes")
LEAST_POPULAR = 0.05


@dataclass(frozen=True)
class Shop:
    """Purchases (customer_id, product_id, occurred_at), triples (head_type … tail), titles."""

    name: str
    purchases: pd.DataFrame
    triples: pd.DataFrame
    titles: dict[str, str]


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
    return Shop(manifest.name, purchases, triples, products.title)


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


def attributes(shop: Shop, span: Period) -> csr_matrix:
    """Return which of its (relation, tail) pairs each product has."""
    said = shop.triples[shop.triples["head_type"] == "product"]
    product = span.products.get_indexer(said["head"])
    names = said["relation"] + "\x1f" + said["tail_type"] + "\x1f" + said["tail"]
    pair = pd.factorize(names)[0]
    there = product >= 0
    shape = (len(span.products), int(pair.max(initial=-1)) + 1)
    return csr_matrix((np.ones(there.sum()), (product[there], pair[there])), shape=shape)


def signals(
    shop: Shop, span: Period, choice: Choice, vectors: GraphDistance
) -> dict[str, Recommender]:
    """Return every algorithm that a blend can be made of, not fitted."""
    titles = [shop.titles.get(key) or "" for key in span.products]
    return {
        "popular": Popular(POPULAR_HALF_LIFE_DAYS),
        "neighbours": Neighbors(choice.neighbors),
        "like customers": SimilarCustomers(),
        "ALS": Als(),
        "TransE": vectors,
        "attributes": Attributes(attributes(shop, span)),
        "texts": Texts(text_encoder(ENCODER).encode(titles)),
    }


def lists(model: Recommender, asked: Question) -> np.ndarray:
    """Return the K best products of every customer asked for; the model is fitted."""
    return model.recommend(asked.asked, K)[0]


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
        share: ndcg_at_k(
            lists(blended(choice, vectors, share).fit(asked.known), asked), asked.wanted
        ).mean()
        for share in GRAPH_SHARES
    }
    return max(found, key=lambda share: (found[share], -share))


def compare(
    models: dict[str, Recommender], asked: Question
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, float]]:
    """Return both metrics of every customer by model, and the CPU seconds of each."""
    metrics = {f"recall@{K}": recall_at_k, f"ndcg@{K}": ndcg_at_k}
    found: dict[str, dict[str, np.ndarray]] = {}
    seconds: dict[str, float] = {}
    for name, model in models.items():
        began = time.process_time()
        best = lists(model.fit(asked.known), asked)
        seconds[name] = round(time.process_time() - began, 2)
        found[name] = {metric: measure(best, asked.wanted) for metric, measure in metrics.items()}
    return found, seconds


def fitted_weights(parts: dict[str, Recommender], asked: Question) -> dict[str, dict[str, float]]:
    """Return the weights of all signals, and of those that are not of the graph, by blend."""
    for part in parts.values():
        part.fit(asked.known)
    without = {name: part for name, part in parts.items() if name not in OF_THE_GRAPH}
    least = {"popular": LEAST_POPULAR}
    return {
        "all signals": fit_weights(parts, asked, always=least)[0],
        "all but the graph": fit_weights(without, asked, always=least)[0],
    }


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
    if not (given.folder / "dataset.yaml").exists():
        parser.exit(2, f"{given.folder} holds no dataset.yaml; name a folder that does, or none\n")

    shop = load(given.folder)
    end = shop.purchases["occurred_at"].max().floor("D") + pd.Timedelta(days=1)
    split = given.time_split or end - MONTHS
    training = TrainingSettings(epochs=given.epochs)
    print(f"{shop.name}: {len(shop.purchases)} purchases, {len(shop.triples)} triples", flush=True)

    validation, test = period(shop, split - MONTHS, split), period(shop, split, end)
    choice = choose(test.before, POPULAR_HALF_LIFE_DAYS)
    before = graph(shop, validation, training)
    share = choose_share(validation.question, choice, before)
    weights = fitted_weights(signals(shop, validation, choice, before), validation.question)
    vectors = graph(shop, test, training)
    parts = signals(shop, test, choice, vectors)
    models = parts | {
        "popular": Popular(),
        "cosine item-item": Neighbors(COSINE),
        "blend": blended(choice, vectors, share),
    }
    for name, chosen in weights.items():
        models[name] = Blend({signal: parts[signal] for signal in chosen}, chosen)
    print(f"chosen before {split:%Y-%m-%d}: {choice}; share of graph vectors {share}")
    print(f"weights: {weights}", flush=True)
    found, seconds = compare(models, test.question)
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
    graph_gain = {
        metric: interval(values - found["all but the graph"][metric])
        for metric, values in found["all signals"].items()
    }
    print(f"test {split:%Y-%m-%d} to {end:%Y-%m-%d}: {len(test.question.asked)} customers")
    more = {"what the graph adds to all signals": graph_gain}
    for title, table in (("", results), ("blend ahead of ", ahead), ("", more)):
        for name, metrics in table.items():
            cells = "  ".join(f"{metric} {shown(cell)}" for metric, cell in metrics.items())
            cost = f"  {seconds[name]} CPU s" if name in seconds and not title else ""
            print(f"{title + name:<35} {cells}{cost}")
    summary = {
        "benchmark": "recommend",
        "dataset": shop.name,
        "split": str(split),
        "customers": len(test.question.asked),
        "neighbors": asdict(choice.neighbors),
        "popular_weight": choice.popular_weight,
        "graph_share": share,
        "weights": weights,
        "results": results,
        "cpu_seconds": seconds,
        "blend_ahead_of": ahead,
        "graph_adds": graph_gain,
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
