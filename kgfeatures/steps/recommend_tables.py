"""What the step recommend writes: the tables of schema rec, and a list for each customer."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kgfeatures.db import queries, transport
from kgfeatures.recommend import Popular
from kgfeatures.recommend.complements import complements
from kgfeatures.recommend.item_item import ItemItem, unit_rows
from kgfeatures.steps.recommend_model import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from psycopg import Connection
    from psycopg.rows import TupleRow
    from scipy.sparse import csr_matrix

    from kgfeatures.recommend import Recommender
    from kgfeatures.recommend.bulk import Bulk, Listed
    from kgfeatures.steps.recommend_model import Fitted, Signals
    from kgfeatures.steps.recommend_shop import Segments, Shop
    from kgfeatures.types import IntArray, Progress

CUSTOMERS_PER_WRITE = 5000
PACKED = 4
"""So many signals, the first ones, are sums over purchases and stand in rec.neighbor_list."""

Columns = dict[str, "pa.Array | np.ndarray"]


def begin(conn: Connection[TupleRow], signals: Signals, fitted: Fitted, k: int) -> int:
    """Take away what the last run left, write down what this one is, and return its number."""
    queries.execute(conn, "recommend.clear")
    made_of = {
        "k": k,
        "popular_half_life_days": signals.popular_half_life_days,
        "neighbors": asdict(signals.neighbors),
        "validation": {
            "ndcg@20": fitted.ndcg,
            "ndcg@20 without graph": fitted.ndcg_without_graph,
            "customers": fitted.customers,
        },
    }
    return queries.scalar(
        conn,
        "recommend.add_run",
        known_at=signals.shop.known_at,
        memory_half_life_days=signals.neighbors.memory_half_life_days,
        settings=json.dumps(made_of),
    )


def write_model(
    conn: Connection[TupleRow],
    run_id: int,
    signals: Signals,
    fitted: Fitted,
    made: tuple[Bulk, Segments],
) -> dict[str, int]:
    """Fill the tables of schema rec and return the rows of each."""
    shop, (served, segments) = signals.shop, made
    parts = served.blend.parts
    tables: dict[str, Columns] = {
        "rec.popular": _popular(shop, parts["popular"]),
        "rec.blend": {
            "signal": pa.array(fitted.weights.keys()),
            "weight": pa.array(fitted.weights.values()),
            "weight_without_graph": pa.array(
                [fitted.without_graph[name] for name in fitted.weights]
            ),
        },
        "rec.attribute_weight": _attribute_weights(shop),
        "rec.segment_favourite": _favourites(served, segments),
        "rec.complement": _complements(shop),
    }
    rows = {name: _write(conn, name, run_id, columns) for name, columns in tables.items()}
    lists = {name: part.neighbors_ for name, part in parts.items() if isinstance(part, ItemItem)}
    packed = _neighbors(shop, {**signals.tables, **lists}, fitted.weights)
    rows["rec.neighbor_list"] = _write(conn, "rec.neighbor_list", run_id, packed)
    return rows


def write_lists(
    conn: Connection[TupleRow],
    run_id: int,
    shop: Shop,
    served: Bulk,
    k: int,
    progress: Progress,
) -> int:
    """Publish the k best products of every customer, some customers at a time.

    Also as rec.customer_list, by which rec.recommend answers while purchases stay what they are.
    """
    queries.execute(conn, "recommend.clear_lists")
    progress.start("recommendations", len(shop.customers))
    customers = np.arange(len(shop.customers))
    bought = np.bincount(shop.lines.customer, minlength=len(customers)) > 0
    written = 0
    for start in range(0, len(customers), CUSTOMERS_PER_WRITE):
        block = customers[start : start + CUSTOMERS_PER_WRITE]
        listed = served.listed(block, k) if served.is_sum else None
        products, scores = listed[:2] if listed else served.recommend(block, k)
        there = products >= 0
        starts, values = _starts(there), pa.array(scores[there])
        keys = shop.products.take(pa.array(products[there]))
        known_at = pa.repeat(pa.scalar(shop.known_at, pa.timestamp("us", "UTC")), len(block))
        table = {
            "customer_id": shop.customers.take(pa.array(block)),
            "event_timestamp": known_at,
            "created_timestamp": known_at,
            "product_ids": pa.ListArray.from_arrays(starts, keys),
            "scores": pa.ListArray.from_arrays(starts, values),
        }
        written += transport.copy_in(conn, "feature.customer_recommendation", pa.table(table))
        if listed:
            known = bought[block]
            columns = _lists(shop, served, block[known], listed.of(known))
            _write(conn, "rec.customer_list", run_id, columns)
        progress.advance(len(block))
    return written


def _lists(shop: Shop, served: Bulk, customers: IntArray, listed: Listed) -> Columns:
    """Return the rows of rec.customer_list, of customers with purchases."""
    there = listed.products >= 0
    starts = _starts(there)
    numbers = np.array([SIGNALS.index(name) for name in served.blend.parts])
    highest = np.full((len(customers), PACKED), np.nan)
    packed = np.flatnonzero(numbers < PACKED)
    highest[:, numbers[packed]] = listed.highest[:, packed]
    said = pa.array(highest.ravel(), from_pandas=True)  # NaN, nothing said, becomes null
    width = np.arange(0, highest.size + 1, PACKED, dtype=np.int32)
    columns = {
        "products": listed.products.astype(np.int32),
        "scores": listed.scores,
        "reasons": (numbers[listed.signal] + 1).astype(np.int16),
    }
    return {
        "customer_id": shop.customers.take(pa.array(customers)),
        "history_hash": shop.history_hash[customers],
        "highest": pa.ListArray.from_arrays(pa.array(width), said),
        **{
            name: pa.ListArray.from_arrays(starts, pa.array(column[there]))
            for name, column in columns.items()
        },
    }


def _starts(there: NDArray[np.bool_]) -> pa.Array:
    """Return where the list of each row starts and the last one ends."""
    return pa.array(np.concatenate([[0], there.sum(axis=1).cumsum()]).astype(np.int32))


def _write(conn: Connection[TupleRow], table: str, run_id: int, columns: Columns) -> int:
    rows = len(next(iter(columns.values())))
    if rows == 0:
        return 0
    whole = {"run_id": np.full(rows, run_id), **columns}
    return transport.copy_in(conn, table, whole)


def _popular(shop: Shop, popular: Recommender) -> Columns:
    customers = np.bincount(popular.purchases_.product, minlength=len(shop.products))
    weight = popular.weight_ if isinstance(popular, Popular) else customers
    return {
        "product_no": np.arange(len(shop.products)),
        "product_id": shop.products,
        "customers": customers,
        "weight": weight,
        "score": popular.scaled(np.zeros(1, dtype=np.int64))[0],
    }


def _neighbors(
    shop: Shop, tables: Mapping[str, csr_matrix], weights: Mapping[str, float]
) -> Columns:
    """Return a row per product for the signals that weigh anything, and one for the others."""
    rows: list[IntArray] = []
    neighbors: list[NDArray[np.int32]] = []
    for number, name in enumerate(SIGNALS[:PACKED], 1):
        if name in tables:
            counts = np.diff(tables[name].indptr)
            rows.append(2 * np.repeat(np.arange(len(counts)), counts) + (weights[name] > 0))
            neighbors.append(8 * tables[name].indices.astype(np.int32) + np.int32(number))
    row = np.concatenate(rows)
    # Those of a signal stay in their order, the strongest first.
    order = np.argsort(row, kind="stable")
    found, starts = np.unique(row[order], return_index=True)
    ends = pa.array(np.append(starts, len(row)).astype(np.int32))
    weight = np.concatenate([tables[name].data for name in SIGNALS[:PACKED] if name in tables])
    return {
        "product_id": shop.products.take(pa.array(found // 2)),
        "weighed": found % 2 == 1,
        "neighbors": pa.ListArray.from_arrays(ends, pa.array(np.concatenate(neighbors)[order])),
        "weights": pa.ListArray.from_arrays(ends, pa.array(weight.astype(np.float32)[order])),
    }


def _idf(shop: Shop) -> np.ndarray:
    """Return ln(products / products that have it) of each attribute."""
    has = np.bincount(shop.attributes.indices, minlength=len(shop.relation_id))
    return np.log(len(shop.products) / np.maximum(has, 1))


def _attribute_weights(shop: Shop) -> Columns:
    return {
        "relation_id": shop.relation_id,
        "tail_id": shop.tail_id,
        "weight": _idf(shop)[: len(shop.relation_id)] ** 2,
    }


def _favourites(served: Bulk, segments: Segments) -> Columns:
    table = served.favourites.favourites_.tocoo()
    names = [segments.names[row] for row in table.row]
    return {
        "segmentation": pa.array([name for name, _ in names], pa.string()),
        "segment_id": np.array([number for _, number in names], dtype=np.int64),
        "product_no": table.col.astype(np.int64),
        "score": table.data,
    }


def _complements(shop: Shop) -> Columns:
    weighted = shop.attributes.copy()
    weighted.data = _idf(shop)[weighted.indices]
    found = complements(shop.basket, shop.lines.product, unit_rows(weighted))
    return {
        "product_id": shop.products.take(pa.array(found.product)),
        "complement_id": shop.products.take(pa.array(found.complement)),
        "score": found.score.astype(np.float32),
        "baskets": found.baskets,
        "lift": found.lift.astype(np.float32),
        "similarity": found.similarity.astype(np.float32),
    }
