"""A small shop in the graph with random vectors, and what numpy and torch say of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from kgfeatures.db import transport
from kgfeatures.embedding import TransE
from kgfeatures.graph import vectors
from kgfeatures.types import entity_ids, relation_id

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

PRODUCTS = [f"p{number:02}" for number in range(40)]
CUSTOMERS = [f"c{number}" for number in range(8)]
COLOURS = ["red", "blue", "green"]
ENTITIES = {"product": PRODUCTS, "customer": CUSTOMERS, "colour": COLOURS}
DAY = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@dataclass
class Shop:
    conn: Connection[TupleRow]
    place: dict[str, int]
    entities: np.ndarray
    relations: np.ndarray

    def keys(self, query: str, *values: object) -> list[str]:
        return [row[0] for row in self.conn.execute(query, values).fetchall()]

    def nearest(self, key: str, among: list[str], k: int) -> list[str]:
        distance = np.linalg.norm(self.entities - self.entities[self.place[key]], axis=1)
        others = [other for other in among if other != key]
        return sorted(others, key=lambda other: distance[self.place[other]])[:k]


def colour_of(product: str) -> str:
    return COLOURS[int(product[1:]) % 3]


def price_of(product: str) -> float:
    return float(product[1:])


def build(conn: Connection[TupleRow]) -> Shop:
    """Make a shop: product n has colour n mod 3 and price n, c0 bought p00 to p04."""
    ids = np.concatenate([entity_ids(kind, keys) for kind, keys in ENTITIES.items()])
    kinds = [kind for kind, keys in ENTITIES.items() for _ in keys]
    keys = [key for keys in ENTITIES.values() for key in keys]
    labels = [key.upper() for key in keys]
    copy(conn, "kg.entity", entity_id=ids, entity_type=kinds, key=keys, label=labels)
    relations = [
        ("bought", "customer", "product", "bought_by"),
        ("has_colour", "product", "colour", "colour_of"),
    ]
    names, domains, ranges, inverses = zip(*relations, strict=True)
    relation_ids = np.array([relation_id(name) for name in names])
    copy(
        conn, "kg.relation", relation_id=relation_ids, name=names, domain=domains, range=ranges,
        inverse=inverses,
    )  # fmt: skip
    copy(
        conn, "kg.triple",
        head_id=entity_ids("product", PRODUCTS),
        relation_id=np.full(len(PRODUCTS), relation_ids[1]),
        tail_id=entity_ids("colour", [colour_of(product) for product in PRODUCTS]),
    )  # fmt: skip
    add_interactions(conn)
    add_prices(conn)
    rng = np.random.default_rng(0)
    entities = rng.normal(size=(len(ids), 6)).astype(np.float32)
    out, into = rng.normal(size=(2, 2, 6)).astype(np.float32)
    card = vectors.ModelCard(
        alias="graph", kind="graph", scorer="transe_l2", operator="<->", parameters={},
        data_hash="", code_version="", known_at=DAY,
    )  # fmt: skip
    vectors.publish(conn, card, ids, entities, vectors.RelationVectors(relation_ids, out, into))
    place = {key: at for at, key in enumerate(keys)}
    return Shop(conn, place, entities, np.concatenate([out, into]))


def copy(conn: Connection[TupleRow], table: str, **columns: Any) -> None:
    transport.copy_in(conn, table, {name: np.asarray(at) for name, at in columns.items()})


def add_interactions(conn: Connection[TupleRow]) -> None:
    conn.execute(
        "insert into raw.source (source_id, kind, name, sha256, rows_read, rows_loaded, "
        "rows_rejected) values (1, 'interactions', 'tx', '', 5, 5, 0)"
    )
    conn.execute(
        "insert into raw.interaction (source_id, row_id, customer_id, product_id, event, "
        "occurred_at) select 1, n, 'c0', 'p0' || n, 'purchase', '2020-01-01Z' "
        "from generate_series(0, 4) as n"
    )


def add_prices(conn: Connection[TupleRow]) -> None:
    conn.execute(
        "insert into raw.attribute (entity_type, key, name, valid_from, value_number) "
        "select 'product', key, 'price', at, case when at < '2020-01-01Z' then 999 else "
        "substr(key, 2)::int end from kg.entity, "
        "unnest('{2019-01-01Z,2020-01-01Z}'::timestamptz[]) as at where entity_type = 'product'"
    )


def torch_ranking(shop: Shop, key: str, relation: int, among: list[str]) -> list[str]:
    """The candidates ordered by TransE's own score in torch, best first."""
    model = TransE()
    head = torch.from_numpy(shop.entities[[shop.place[key]]])
    query = model.query(head, torch.from_numpy(shop.relations[[relation]]))
    tails = torch.from_numpy(shop.entities[[shop.place[other] for other in among]])
    order = torch.argsort(model.logits(query, tails)[0], descending=True)
    return [among[at] for at in order.tolist()]
