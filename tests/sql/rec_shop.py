"""Small shops with every signal, and the blend of them fitted in Python, without the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from kgfeatures.db import transport
from kgfeatures.graph import vectors
from kgfeatures.recommend import (
    Attributes,
    Blend,
    GraphDistance,
    Neighbors,
    NeighborSettings,
    Popular,
    Purchases,
    Texts,
)
from kgfeatures.recommend.favourites import Favourites
from kgfeatures.recommend.latent import Latent
from kgfeatures.recommend.served import Served
from kgfeatures.steps.recommend import RecommendSettings
from kgfeatures.types import entity_ids, relation_id

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from psycopg import Connection

START = pd.Timestamp("2024-01-01", tz="UTC")
COLOURS, THEMES = ["red", "blue", "green"], ["hearts", "owls", "stars", "trains", "cups"]
WEIGHTS = {
    "bought_together": 0.35,
    "shared_triples": 0.2,
    "text": 0.1,
    "factors": 0.15,
    "graph_vector": 0.15,
    "popular": 0.05,
}
SETTINGS = RecommendSettings(weights=WEIGHTS, neighbors=NeighborSettings(top=20), k=8)
WITHOUT_VECTORS = {name: weight for name, weight in WEIGHTS.items() if name != "graph_vector"}


@dataclass(frozen=True)
class SmallShop:
    """So many customers, the last two without purchases, and products, the last never bought.

    The club holds the first customers and the last but one; the last has no graph vector.
    """

    n_customers: int = 40
    n_products: int = 30
    density: float = 0.25

    @property
    def customers(self) -> list[str]:
        return [f"c{n:04}" for n in range(self.n_customers)]

    @property
    def products(self) -> list[str]:
        return [f"p{n:03}" for n in range(self.n_products)]

    @property
    def club(self) -> list[int]:
        return [0, 1, 2, 3, 4, self.n_customers - 2]

    @property
    def themes(self) -> np.ndarray:
        """The theme of each product."""
        return np.random.default_rng(4).integers(0, len(THEMES), self.n_products)

    @property
    def purchases(self) -> pd.DataFrame:
        rng = np.random.default_rng(0)
        shape = (self.n_customers - 2, self.n_products - 1)
        customer, product = np.nonzero(rng.random(shape) < self.density)
        seconds = rng.integers(0, 200 * 86400, len(customer))
        lines = pd.DataFrame({"customer": customer, "product": product, "seconds": seconds})
        again = lines.sample(60, random_state=1)
        again = again.assign(seconds=again["seconds"] + 86400)
        return pd.concat([lines, again], ignore_index=True)

    @property
    def graph(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(2)
        shapes = ((self.n_customers - 1, 6), (self.n_products, 6), (6,))
        customers, products, bought = (rng.normal(size=s).astype(np.float32) for s in shapes)
        return customers, products, bought

    @property
    def texts(self) -> np.ndarray:
        return np.random.default_rng(3).normal(size=(self.n_products, 5)).astype(np.float32)

    def bought(self, customer: str) -> set[str]:
        lines = self.purchases
        mine = lines[lines["customer"] == self.customers.index(customer)]
        return {self.products[product] for product in mine["product"]}

    def load(self, conn: Connection[Any]) -> None:
        """Write everything that the step reads."""
        self._load_rows(conn)
        self._load_graph(conn)
        cutoff = conn.execute("select ops.data_cutoff()").fetchone()[0]
        self._publish_vectors(conn, cutoff)
        members = [self.customers[place] for place in self.club]
        conn.execute("select seg.publish('club', %s)", [members])

    def _load_rows(self, conn: Connection[Any]) -> None:
        lines = self.purchases
        n = len(lines)
        conn.execute("insert into raw.source values (1, 'interactions', 'orders', '', 0, 0, 0)")
        rows = {
            "source_id": np.ones(n, dtype=np.int32),
            "row_id": np.arange(n),
            "customer_id": [self.customers[i] for i in lines["customer"]],
            "product_id": [self.products[i] for i in lines["product"]],
            "event": ["purchase"] * n,
            "occurred_at": START + pd.to_timedelta(lines["seconds"], unit="s"),
        }
        transport.copy_in(conn, "raw.interaction", pd.DataFrame(rows))
        titles = [f"title of {key}" for key in self.products]
        products = pd.DataFrame({"product_id": self.products, "title": titles})
        transport.copy_in(conn, "raw.product", products)
        transport.copy_in(conn, "raw.customer", pd.DataFrame({"customer_id": self.customers}))

    def _load_graph(self, conn: Connection[Any]) -> None:
        named = {
            "customer": self.customers,
            "product": self.products,
            "colour": COLOURS,
            "theme": THEMES,
        }
        for kind, keys in named.items():
            entities = {"entity_id": entity_ids(kind, keys), "entity_type": [kind] * len(keys)}
            transport.copy_in(conn, "kg.entity", pd.DataFrame({**entities, "key": keys}))
        relations = (("bought", "customer"), ("has_colour", "product"), ("has_theme", "product"))
        for name, domain in relations:
            conn.execute(
                "insert into kg.relation (relation_id, name, domain) values (%s, %s, %s)",
                [relation_id(name), name, domain],
            )
        heads = entity_ids("product", self.products)
        tails = {
            "has_colour": entity_ids("colour", [COLOURS[n % 3] for n in range(len(heads))]),
            "has_theme": entity_ids("theme", [THEMES[n] for n in self.themes]),
        }
        for name, tail in tails.items():
            relation = np.full(len(heads), relation_id(name))
            triples = {"head_id": heads, "relation_id": relation, "tail_id": tail}
            transport.copy_in(conn, "kg.triple", triples)

    def _publish_vectors(self, conn: Connection[Any], known_at: dt.datetime) -> None:
        customers, products, bought = self.graph
        made = {"parameters": {}, "data_hash": "", "code_version": "1", "known_at": known_at}
        tables = {"customer": "customer_graph_vector", "product": "product_graph_vector"}
        graph = vectors.ModelCard(
            "graph", "graph", "transe_l2", "<->", **made, feature_tables=tables
        )
        ids = entity_ids("product", self.products)
        everybody = np.concatenate([entity_ids("customer", self.customers[:-1]), ids])
        relations = vectors.RelationVectors(
            np.array([relation_id("bought")]), bought[None], -bought[None]
        )
        both = np.concatenate([customers, products])
        vectors.publish(conn, graph, everybody, both, relations)
        tables = {"product": "product_text_vector"}
        text = vectors.ModelCard("text_x", "text", "cosine", "<=>", **made, feature_tables=tables)
        vectors.publish(conn, text, ids, self.texts)

    def attributes(self) -> csr_matrix:
        n = np.arange(self.n_products)
        has = np.zeros((self.n_products, len(COLOURS) + len(THEMES)))
        has[n, n % 3] = 1
        has[n, len(COLOURS) + self.themes] = 1
        return csr_matrix(has)

    def served(
        self,
        without: tuple[int, int] | None = None,
        weights: Mapping[str, float] = WEIGHTS,
    ) -> Served:
        """Return what Python recommends by, from the very same rows, or all but one purchase."""
        lines = self.purchases.groupby(["customer", "product"], as_index=False)["seconds"].max()
        if without is not None:
            lines = lines[(lines[["customer", "product"]] != without).any(axis=1)]
        days = lines["seconds"].to_numpy() / 86400
        pairs = (lines["customer"].to_numpy(), lines["product"].to_numpy())
        known = Purchases(*pairs, days, self.n_customers, self.n_products)
        customers, products, bought = self.graph
        customers = np.vstack([customers, np.full((1, 6), np.nan)])
        parts = {
            "bought_together": Neighbors(SETTINGS.neighbors),
            "shared_triples": Attributes(self.attributes()),
            "text": Texts(self.texts),
            "factors": Latent(top=100),
            "graph_vector": GraphDistance(customers, products, bought),
            "popular": Popular(SETTINGS.popular_half_life_days),
        }
        club = np.zeros((1, self.n_customers))
        club[0, self.club] = 1
        favourites = Favourites(csr_matrix(club), SETTINGS.popular_half_life_days)
        parts = {name: part for name, part in parts.items() if name in weights}
        return Served(Blend(parts, weights), favourites).fit(known)
