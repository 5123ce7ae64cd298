"""Recommend: neighbours, popularity and weights for rec.recommend, and a list for each customer.

The algorithms stand in kgfeatures/recommend; rec.recommend computes the same scores in SQL, live.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgfeatures.db import queries, transport
from kgfeatures.db.migrations import repeat
from kgfeatures.db.runs import Step, StepResult, run_step
from kgfeatures.errors import DataError
from kgfeatures.recommend import Blend, GraphDistance, Lines, Neighbors, Popular, choose
from kgfeatures.recommend.blend import normalized

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.recommend import Choice, NeighborSettings
    from kgfeatures.types import FloatArray, IntArray, Progress

RECOMMEND = Step(
    name="recommend",
    version="3",
    inputs=(
        "raw.interaction",
        "raw.product",
        "raw.customer",
        "feature.customer_graph_vector",
        "feature.product_graph_vector",
    ),
    outputs=(
        "rec.run",
        "rec.product_neighbor",
        "rec.popular",
        "rec.blend",
        "feature.customer_recommendation",
    ),
)

SIGNALS = ("bought_together", "graph_vector", "popular")
CUSTOMERS_PER_WRITE = 5000
REPEATABLE = ("migrations/0005_customer_recommendation.sql", "functions/rec_explain.sql")


@dataclass(frozen=True)
class RecommendSettings:
    """What a recommendation is made of.

    Parameters
    ----------
    weights : of the signals bought_together, graph_vector and popular; divided by their sum.
        None takes what the shop's own last weeks say (kgfeatures.recommend.tuning).
    neighbors : how neighbours are weighted; None the same.
    popular_half_life_days : after which a purchase counts half for popularity; None never.
    k : products published per customer.
    """

    weights: Mapping[str, float] | None = None
    neighbors: NeighborSettings | None = None
    popular_half_life_days: float | None = 30.0
    k: int = 50

    def __post_init__(self) -> None:
        if self.weights is not None:
            normalized(self.weights, dict.fromkeys(SIGNALS))
        if self.k < 1:
            raise DataError(f"k is {self.k}; it must be at least 1")


@dataclass(frozen=True)
class _Shop:
    """What a run starts from; row numbers follow the order of the keys."""

    customers: pa.StringArray
    products: pa.StringArray
    lines: Lines
    known_at: datetime


def recommend(
    database: Database,
    settings: RecommendSettings | None = None,
    *,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Renew rec.product_neighbor, rec.popular, rec.blend and feature.customer_recommendation.

    Parameters
    ----------
    database : the shop's database; without graph vectors that signal is silent.
    settings : None takes the defaults.
    progress : told of each stage.
    force : compute again even when nothing changed.

    Raises
    ------
    DataError : there are no purchases.
    BusyError : another process is computing recommendations.
    """
    chosen = settings or RecommendSettings()

    def work(conn: Connection[TupleRow], told: Progress) -> dict[str, int]:
        return _recommend(conn, told, chosen)

    params = asdict(chosen)
    return run_step(database, RECOMMEND, params, work, progress=progress, force=force)


def _recommend(
    conn: Connection[TupleRow], progress: Progress, settings: RecommendSettings
) -> dict[str, int]:
    shop = _read(conn)
    progress.start("what suits this shop")
    choice = choose(shop.lines, settings.popular_half_life_days)
    progress.start("neighbours")
    neighbors = Neighbors(settings.neighbors or choice.neighbors)
    popular = Popular(settings.popular_half_life_days)
    parts = {"bought_together": neighbors, "graph_vector": _graph(conn, shop), "popular": popular}
    blend = Blend(parts, settings.weights or choice.weights()).fit(shop.lines.purchases())
    run_id = _begin(conn, shop, settings, neighbors.settings, choice)
    tables = {
        "rec.product_neighbor": _neighbor_rows(shop, neighbors),
        "rec.popular": _popular_rows(shop, popular),
        "rec.blend": {
            "signal": pa.array(blend.weights_),
            "weight": pa.array(blend.weights_.values()),
        },
    }
    rows = {name: _write(conn, name, run_id, columns) for name, columns in tables.items()}
    rows["feature.customer_recommendation"] = _write_lists(conn, shop, blend, settings.k, progress)
    queries.execute(conn, "recommend.analyze")
    return rows


def _begin(
    conn: Connection[TupleRow],
    shop: _Shop,
    settings: RecommendSettings,
    neighbors: NeighborSettings,
    choice: Choice,
) -> int:
    """Take away what the last run left, write down what this one is, and return its number."""
    if not queries.scalar(conn, "recommend.has_table"):
        repeat(conn, REPEATABLE)
    queries.execute(conn, "recommend.clear")
    made_of = {
        "k": settings.k,
        "popular_half_life_days": settings.popular_half_life_days,
        "neighbors": asdict(neighbors),
        "validation": {"ndcg@20": choice.ndcg, "customers": choice.customers},
    }
    return queries.scalar(
        conn,
        "recommend.add_run",
        known_at=shop.known_at,
        memory_half_life_days=neighbors.memory_half_life_days,
        settings=json.dumps(made_of),
    )


def _read(conn: Connection[TupleRow]) -> _Shop:
    table = transport.read_arrow(conn, "recommend.purchases")
    if table.num_rows == 0:
        raise DataError(
            "raw.interaction holds no purchases, so there is nothing to recommend from; "
            "run `kgfeatures ingest DIR` first"
        )
    customers = transport.read_arrow(conn, "recommend.customers")["customer_id"].combine_chunks()
    products = transport.read_arrow(conn, "recommend.products")["product_id"].combine_chunks()
    lines = Lines(
        customer=_positions(table["customer_id"], customers),
        product=_positions(table["product_id"], products),
        day=table["day"].to_numpy(),
        n_customers=len(customers),
        n_products=len(products),
    )
    known_at = queries.scalar(conn, "recommend.cutoff")
    return _Shop(customers, products, lines, known_at)


def _positions(keys: pa.ChunkedArray, known: pa.StringArray) -> IntArray:
    """Return the row of each key in `known`, (n,)."""
    rows = pc.call_function("index_in", [keys], pc.SetLookupOptions(known))
    return rows.to_numpy().astype(np.int64)


def _graph(conn: Connection[TupleRow], shop: _Shop) -> GraphDistance:
    relations, directions = transport.read_vectors(
        conn, "recommend.graph_vectors", entity_type="relation"
    )
    bought = directions[relations == "bought"]
    if len(bought) == 0:
        bought = np.full((1, 1), np.nan, dtype=np.float32)
    dim = bought.shape[1]
    return GraphDistance(
        _aligned(conn, "customer", shop.customers, dim),
        _aligned(conn, "product", shop.products, dim),
        bought[0],
    )


def _aligned(
    conn: Connection[TupleRow], entity_type: str, keys: pa.StringArray, dim: int
) -> FloatArray:
    """Return the vectors of `keys`, (n, dim), NaN where there is none."""
    aligned = np.full((len(keys), dim), np.nan, dtype=np.float32)
    found, vectors = transport.read_vectors(
        conn, "recommend.graph_vectors", entity_type=entity_type
    )
    if len(found):
        aligned[_positions(pa.chunked_array([pa.array(found, pa.string())]), keys)] = vectors
    return aligned


def _neighbor_rows(shop: _Shop, neighbors: Neighbors) -> dict[str, pa.Array]:
    table = neighbors.neighbors_.tocoo()
    return {
        "signal": pa.repeat("bought_together", table.nnz),
        "product_id": shop.products.take(pa.array(table.row)),
        "neighbor_id": shop.products.take(pa.array(table.col)),
        "weight": pa.array(table.data),
    }


def _popular_rows(shop: _Shop, popular: Popular) -> dict[str, pa.Array]:
    customers = np.bincount(popular.purchases_.product, minlength=len(shop.products))
    return {
        "product_id": shop.products,
        "customers": pa.array(customers),
        "weight": pa.array(popular.weight_),
    }


def _write(
    conn: Connection[TupleRow], table: str, run_id: int, columns: dict[str, pa.Array]
) -> int:
    rows = len(next(iter(columns.values())))
    return transport.copy_in(conn, table, pa.table({"run_id": pa.repeat(run_id, rows), **columns}))


def _write_lists(
    conn: Connection[TupleRow], shop: _Shop, blend: Blend, k: int, progress: Progress
) -> int:
    """Publish the k best products of every customer, some customers at a time."""
    progress.start("recommendations", len(shop.customers))
    customers = np.arange(len(shop.customers))
    written = 0
    for start in range(0, len(customers), CUSTOMERS_PER_WRITE):
        block = customers[start : start + CUSTOMERS_PER_WRITE]
        products, scores = blend.recommend(block, k)
        there = products >= 0
        ends = pa.array(np.concatenate([[0], there.sum(axis=1).cumsum()]).astype(np.int32))
        keys = shop.products.take(pa.array(products[there]))
        known_at = pa.repeat(pa.scalar(shop.known_at, pa.timestamp("us", "UTC")), len(block))
        table = {
            "customer_id": shop.customers.take(pa.array(block)),
            "event_timestamp": known_at,
            "created_timestamp": known_at,
            "product_ids": pa.ListArray.from_arrays(ends, keys),
            "scores": pa.ListArray.from_arrays(ends, pa.array(scores[there])),
        }
        written += transport.copy_in(conn, "feature.customer_recommendation", pa.table(table))
        progress.advance(len(block))
    return written
