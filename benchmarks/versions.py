"""Do vectors of successive versions make one training column? A downstream model says.

    python benchmarks/versions.py [--generated] --dim 32 --epochs 8 --months 12

The shop's vectors are learned anew at the start of every month from the second on, from the
purchases until then. A logistic regression learns from the customers' vectors of months 2 to 9,
each row with the vector of its month, and is tested on months 10 to 12. It is asked
- whether a customer buys in the month (buys);
- which customers of those who buy in it buy a product, for the 20 products most bought in months
  2 to 9, the mean AUC over these (what).
Arms:
- aligned: each version starts from the one before it and is aligned to it, as `embed graph` does;
- aligned slowly: the same at a tenth of the learning rate instead of a third;
- updated: the first version, new entities added each month, as `embed graph --update` does;
- unaligned: every version from nothing;
- rotated: the same versions, each turned onto the one before it;
- fixed: the first version alone; who came later has no vector (zeros);
- recency and frequency, without vectors: what a simple model gets.
The rows are the same for all arms: customers who bought before the month. `residual` is the mean
distance to the version before, see kgfeatures.embedding.alignment; `mrr` is that of the month's new
pairs of known customers and known products, by the version that knew what came before.

Without --generated the shop is Online Retail, which kgfeatures ships. The last line is one JSON
object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kgfeatures.datasets import generate, online_retail
from kgfeatures.embedding import shop_settings
from kgfeatures.embedding.alignment import align
from kgfeatures.embedding.evaluation import evaluate
from kgfeatures.embedding.incremental import continued, partial_fit
from kgfeatures.embedding.trainer import fit
from kgfeatures.steps.embed import CONTINUED_RATE

if TYPE_CHECKING:
    from kgfeatures.embedding import GraphVectors, TrainingSettings
    from kgfeatures.types import FloatArray, IntArray

LAST_TRAINED, MOST_ASKED = 9, 2000
PRODUCTS = 20
ARMS = ("aligned", "aligned slowly", "updated", "unaligned", "rotated")
SLOWLY = 0.1


@dataclass(frozen=True)
class Version:
    """Vectors with the numbers of the entities that their rows stand for, ascending."""

    ids: IntArray
    vectors: GraphVectors
    triples: IntArray

    def rows(self, ids: IntArray) -> IntArray:
        """Return the row of each entity, -1 where it has none."""
        rows = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[rows] == ids, rows, -1)


@dataclass
class Arm:
    """What one way of retraining gave, month by month."""

    version: Version | None = None
    columns: list[FloatArray] = field(default_factory=list)
    residuals: list[float] = field(default_factory=list)
    mrr: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0


def shop(given: argparse.Namespace) -> pd.DataFrame:
    """Return who bought what in which month (1, 2, …), as numbers."""
    if given.generated:
        with tempfile.TemporaryDirectory() as folder:
            place = generate(1500, 400, 365, given.seed, folder=Path(folder) / "shop")
            lines = pd.read_parquet(place / "orders.parquet")
        lines = lines[["customer_id", "product_id", "ordered_at"]]
    else:
        names = ["Customer ID", "StockCode", "InvoiceDate"]
        lines = pd.read_parquet(online_retail() / "online_retail.parquet", columns=names)
    lines.columns = pd.Index(["customer", "product", "at"])
    lines = lines.dropna()
    at = pd.to_datetime(lines["at"])
    month = (at.dt.year - at.dt.year.min()) * 12 + at.dt.month
    lines["day"] = (at - at.min()).dt.days
    lines["month"] = month - month.min() + 1
    names = np.sort(lines["customer"].unique())
    kept = np.random.default_rng(given.seed).permutation(names)[: given.customers]
    lines = lines[lines["customer"].isin(kept)].copy()
    lines["customer"] = pd.factorize(lines["customer"])[0]
    lines["product"] = lines["customer"].max() + 1 + pd.factorize(lines["product"])[0]
    return lines[lines["month"] <= given.months]


def known(lines: pd.DataFrame) -> IntArray:
    """Return the distinct triples (customer, 0, product)."""
    pairs = lines[["customer", "product"]].drop_duplicates().sort_values(["customer", "product"])
    customer, product = pairs.to_numpy().T
    return np.column_stack([customer, np.zeros_like(customer), product])


def numbered(triples: IntArray, ids: IntArray) -> IntArray:
    """Return triples of entities as triples of their places among ascending ids."""
    places = np.searchsorted(ids, triples[:, (0, 2)])
    return np.column_stack([places[:, 0], triples[:, 1], places[:, 1]])


def trained(
    name: str, before: Version, triples: IntArray, settings: TrainingSettings, anew: Version
) -> tuple[Version, float]:
    """Return the next version of an arm, and its residual; `anew` is the one from nothing."""
    if name == "updated":
        return updated(before, triples), 0.0
    place = before.rows(anew.ids)
    both = np.flatnonzero(place >= 0), place[place >= 0]
    if name == "unaligned":
        return anew, align(anew.vectors, before.vectors, *both).residual_before
    vectors = anew.vectors
    if name != "rotated":
        rows = numbered(triples, anew.ids)
        start = continued(before.vectors, place, np.array([0]), rows)
        rate = settings.learning_rate * (SLOWLY if "slowly" in name else CONTINUED_RATE)
        slower = replace(settings, learning_rate=rate)
        vectors = fit(rows, len(anew.ids), 1, slower, start=start)
    moved = align(vectors, before.vectors, *both)
    return Version(anew.ids, moved.vectors, triples), moved.residual


def updated(before: Version, triples: IntArray) -> Version:
    """Return the version with new entities added; the old ones keep their vectors."""
    new = np.setdiff1d(np.unique(triples[:, (0, 2)]), before.ids)
    order = np.concatenate([before.ids, new])
    place = np.empty(order.max() + 1, dtype=np.int64)
    place[order] = np.arange(len(order))
    rows = np.column_stack([place[triples[:, 0]], triples[:, 1], place[triples[:, 2]]])
    fresh = (rows[:, (0, 2)] >= len(before.ids)).any(axis=1)
    vectors = before.vectors
    if len(new):
        vectors = partial_fit(vectors, rows[~fresh], rows[fresh], len(order))
    ascending = np.argsort(order)
    entities = vectors.entities[ascending]
    return Version(order[ascending], replace(vectors, entities=entities), triples)


def column(version: Version, customers: IntArray) -> FloatArray:
    """Return the customers' vectors, zeros for those without."""
    rows = version.rows(customers)
    return np.where((rows >= 0)[:, None], version.vectors.entities[rows], 0)


def new_pairs(version: Version, triples: IntArray, month: pd.DataFrame) -> float:
    """Return the MRR of the month's pairs that are new, among what the version knows."""
    asked = known(month)
    asked = asked[np.isin(asked[:, (0, 2)], version.ids).all(axis=1)]
    seen = set(map(tuple, triples[:, (0, 2)].tolist()))
    asked = asked[[(h, t) not in seen for h, _, t in asked.tolist()]]
    asked = np.random.default_rng(0).permutation(asked)[:MOST_ASKED]
    everything = numbered(np.concatenate([triples, asked]), version.ids)
    inside = np.isin(triples[:, (0, 2)], version.ids).all(axis=1)
    everything = everything[np.concatenate([inside, np.ones(len(asked), dtype=bool)])]
    return evaluate(version.vectors, numbered(asked, version.ids), everything).mrr


@dataclass
class Asked:
    """The rows of all months: who was a customer, who buys, and who buys which product."""

    customers: list[IntArray] = field(default_factory=list)
    buys: list[np.ndarray] = field(default_factory=list)
    what: list[np.ndarray] = field(default_factory=list)

    def add(self, customers: IntArray, now: pd.DataFrame, products: IntArray) -> None:
        """Remember a month."""
        self.customers.append(customers)
        self.buys.append(np.isin(customers, now["customer"]))
        bought = [now.loc[now["product"] == product, "customer"] for product in products]
        self.what.append(np.column_stack([np.isin(customers, who) for who in bought]))

    def scores(self, columns: list[FloatArray], first_test: int) -> dict[str, float]:
        """Return the AUC of both questions on the months from `first_test` on."""
        what: list[float] = []
        for product in range(self.what[0].shape[1]):
            active = [rows[buys] for rows, buys in zip(columns, self.buys, strict=True)]
            labels = [rows[buys, product] for rows, buys in zip(self.what, self.buys, strict=True)]
            what.append(auc(active, labels, first_test))
        return {
            "buys": round(auc(columns, self.buys, first_test), 4),
            "what": round(float(np.mean(what)), 4),
        }


def auc(columns: list[FloatArray], labels: list[np.ndarray], first_test: int) -> float:
    """Return the AUC on the later months of a model of the earlier ones."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    model.fit(np.concatenate(columns[:first_test]), np.concatenate(labels[:first_test]))
    score = model.decision_function(np.concatenate(columns[first_test:]))
    return float(roc_auc_score(np.concatenate(labels[first_test:]), score))


def habits(past: pd.DataFrame, customers: IntArray) -> FloatArray:
    """Return logarithms of days since the last purchase, of orders' days and lines, (n, 3)."""
    of = past.groupby("customer").agg(
        last=("day", "max"), days=("day", "nunique"), lines=("day", "size")
    )
    of = of.loc[customers]
    of["last"] = past["day"].max() + 1 - of["last"]
    return np.log1p(of.to_numpy(dtype=float))


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--generated", action="store_true", help="an invented shop")
    parser.add_argument("--customers", type=int, default=2000, help="so many of them, drawn")
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Print a table and one JSON object."""
    given = arguments()
    lines = shop(given)
    settings = shop_settings("transe", dim=given.dim, epochs=given.epochs, seed=given.seed)
    arms = {name: Arm() for name in ARMS}
    others: dict[str, list[FloatArray]] = {"fixed": [], "recency and frequency": []}
    months = range(2, given.months + 1)
    test = months.index(LAST_TRAINED + 1)
    early = lines[lines["month"].between(2, LAST_TRAINED)]
    products = early.drop_duplicates(["month", "customer", "product"])["product"]
    products = products.value_counts().index[:PRODUCTS].to_numpy()
    asked, first = Asked(), None
    for month in months:
        past, now = lines[lines["month"] < month], lines[lines["month"] == month]
        triples, customers = known(past), np.unique(past["customer"])
        asked.add(customers, now, products)
        began = time.process_time()
        ids = np.unique(triples[:, (0, 2)])
        anew = Version(ids, fit(numbered(triples, ids), len(ids), 1, settings), triples)
        arms["unaligned"].cpu_seconds += time.process_time() - began
        first = first or anew
        for name, arm in arms.items():
            began = time.process_time()
            if arm.version is None:
                arm.version = anew  # all arms begin with the same
            else:
                arm.version, residual = trained(name, arm.version, triples, settings, anew)
                arm.residuals.append(residual)
            arm.cpu_seconds += time.process_time() - began
            arm.columns.append(column(arm.version, customers))
            arm.mrr.append(new_pairs(arm.version, triples, now))
        others["fixed"].append(column(first, customers))
        others["recency and frequency"].append(habits(past, customers))
        print(f"month {month}: {len(triples):,} pairs, {len(customers):,} customers", flush=True)
    columns = {name: arm.columns for name, arm in arms.items()} | others
    found: dict[str, dict[str, float]] = {}
    print(f"{'arm':<22} {'buys':>6} {'what':>6} {'residual':>9} {'MRR':>7} {'CPU-s':>7}")
    for name, rows in columns.items():
        found[name] = asked.scores(rows, test)
        words = f"{name:<22} {found[name]['buys']:>6.3f} {found[name]['what']:>6.3f}"
        if name in arms:
            arm = arms[name]
            found[name] |= {
                "residual": round(float(np.mean(arm.residuals)), 4),
                "mrr": round(float(np.mean(arm.mrr)), 4),
                "cpu_seconds": round(arm.cpu_seconds, 1),
            }
            words += f" {found[name]['residual']:>9.3f} {found[name]['mrr']:>7.4f}"
            words += f" {arm.cpu_seconds:>7.1f}"
        print(words, flush=True)
    print(
        json.dumps(
            {
                "shop": "generated" if given.generated else "online_retail",
                "customers": given.customers,
                "dim": given.dim,
                "epochs": given.epochs,
                "test_rows": sum(len(part) for part in asked.buys[test:]),
                "arms": found,
            }
        )
    )


if __name__ == "__main__":
    main()
