"""A shop as an evaluation sees it: purchases and what is said, from a folder or the database."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from kgfeatures.db import queries
from kgfeatures.errors import DataError
from kgfeatures.extraction import extract
from kgfeatures.graph import loading, triple_files
from kgfeatures.graph.manifest import read_manifest
from kgfeatures.graph.selection import require_few_rejected
from kgfeatures.graph.things import Things, collect
from kgfeatures.recommend import GraphDistance, Lines
from kgfeatures.recommend.protocols import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.embedding.base import TrainingSettings
    from kgfeatures.embedding.trainer import Report
    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.section import Section
    from kgfeatures.graph.selection import Loaded
    from kgfeatures.recommend import Purchases
    from kgfeatures.types import FloatArray, IntArray

TRIPLE = ["head_type", "head", "relation", "tail_type", "tail"]
BOUGHT = "bought"
EPOCH, DAY = pd.Timestamp(0, tz="UTC"), pd.Timedelta(days=1)


@dataclass(frozen=True)
class Shop:
    """Purchases and what is said of products and customers; row numbers follow the keys' order.

    Parameters
    ----------
    purchases : columns customer_id, product_id, occurred_at, split (None where nothing is named).
    triples : columns head_type, head, relation, tail_type, tail.
    titles : by product.

    Raises
    ------
    DataError : there are no purchases.
    """

    name: str
    purchases: pd.DataFrame
    triples: pd.DataFrame
    titles: Mapping[str, str]

    def __post_init__(self) -> None:
        if self.purchases.empty:
            raise DataError(
                f"{self.name} holds no purchases, so there is nothing to hold out; load a shop "
                "with interactions whose event is purchase"
            )

    @cached_property
    def customers(self) -> pd.Index:
        """Every customer with a purchase."""
        return _different(self.purchases["customer_id"])

    @cached_property
    def products(self) -> pd.Index:
        """Every product with a purchase: the catalogue that is ranked."""
        return _different(self.purchases["product_id"])

    def lines(self) -> Lines:
        """Return the purchases by row numbers."""
        return Lines(
            self.customers.get_indexer(self.purchases["customer_id"]).astype(np.int64),
            self.products.get_indexer(self.purchases["product_id"]).astype(np.int64),
            ((self.purchases["occurred_at"] - EPOCH) / DAY).to_numpy(dtype=np.float64),
            len(self.customers),
            len(self.products),
        )

    def parts(self) -> NDArray[np.int64] | None:
        """Return the place in `PARTS` of each purchase; None where the data names none.

        Raises
        ------
        DataError : some purchases have a split and others none.
        """
        split: Any = self.purchases["split"]
        if split.isna().all():
            return None
        if split.isna().any():
            raise DataError(
                f"{split.isna().sum():,} of {len(split):,} purchases have no split; name train, "
                "valid or test on each, or drop the column from dataset.yaml"
            )
        return pd.Index(PARTS).get_indexer(split).astype(np.int64)

    def attributes(self) -> csr_matrix | None:
        """Return which of its (relation, tail) pairs each product has; None without any."""
        said: Any = self.triples[self.triples["head_type"] == "product"]
        rows = self.products.get_indexer(said["head"])
        there = rows >= 0
        if not there.any():
            return None
        pairs = pd.MultiIndex.from_frame(said[["relation", "tail_type", "tail"]])
        columns, names = pd.factorize(pairs)
        shape = (len(self.products), len(names))
        has = csr_matrix((np.ones(there.sum()), (rows[there], columns[there])), shape=shape)
        has.data[:] = 1
        return has

    def texts(self, encode: Callable[[list[str]], FloatArray]) -> FloatArray | None:
        """Return text vectors of the products' titles, rows of 0 without one; None without any."""
        wanted = [self.titles.get(key) or "" for key in self.products]
        places, different = pd.factorize(pd.Series(wanted))
        if set(different) <= {""}:
            return None
        vectors = encode(list(different))
        vectors[different == ""] = 0
        return vectors[places]

    def train(
        self,
        purchases: Purchases,
        settings: TrainingSettings,
        callback: Callable[[Report], object],
    ) -> GraphDistance:
        """Return TransE over some purchases and all triples of customers and products."""
        from kgfeatures.embedding.trainer import fit

        triples, entities, relations = self._graph(purchases)
        found = fit(triples, entities, relations, settings, callbacks=[callback])
        n, m = len(self.customers), len(self.products)
        vectors = found.entities
        return GraphDistance(vectors[:n], vectors[n : n + m], found.relations[0])

    def _graph(self, purchases: Purchases) -> tuple[IntArray, int, int]:
        """Return triples by numbers, how many entities: customers, products, tails; relations."""
        things = pd.MultiIndex.from_product([["customer"], self.customers]).append(
            pd.MultiIndex.from_product([["product"], self.products])
        )
        every: Any = self.triples
        said = every[pd.MultiIndex.from_frame(every[["head_type", "head"]]).isin(things)]
        tails = pd.MultiIndex.from_frame(said[["tail_type", "tail"]])
        nodes = things.append(tails.drop_duplicates().difference(things))
        relations = pd.Index([BOUGHT, *_different(said["relation"])])
        bought = [
            purchases.customer,
            np.zeros_like(purchases.product),
            len(self.customers) + purchases.product,
        ]
        facts = [
            nodes.get_indexer(pd.MultiIndex.from_frame(said[["head_type", "head"]])),
            relations.get_indexer(said["relation"]),
            nodes.get_indexer(tails),
        ]
        both = np.concatenate([np.column_stack(bought), np.column_stack(facts)])
        return np.unique(both.astype(np.int64), axis=0), len(nodes), len(relations)


def from_folder(folder: Path) -> Shop:
    """Return the shop of a folder with a dataset.yaml, read as `kgfeatures ingest` reads it.

    Interactions with a split need no time, unlike those that are loaded.

    Raises
    ------
    DataError, ManifestError : the manifest or a file cannot be read; it names tables; more than
        one row in a hundred of a file cannot be loaded.
    """
    manifest = read_manifest(folder, undated=True)
    lines = [_load(section, manifest).rows.to_pandas() for section in manifest.of("interactions")]
    things = {"products": Things(), "customers": Things()}
    for kind, found in things.items():
        for section in manifest.of(kind):
            collect(found, _load(section, manifest))
    said = [frame for found in things.values() for frame in found.triples]
    said += [triple_files.as_rows(_load(section, manifest)) for section in manifest.of("triples")]
    titles = things["products"].title
    triples: Any = pd.concat([*said, _extracted(titles)])
    return Shop(
        manifest.name,
        _purchases(lines, manifest.name),
        triples[TRIPLE].drop_duplicates(ignore_index=True),
        titles,
    )


def from_database(conn: Connection[TupleRow], name: str = "database") -> Shop:
    """Return the shop that is loaded, with the triples in kg.triple."""
    found = {topic: queries.frame(conn, f"evaluate.{topic}") for topic in ("purchases", "triples")}
    titles = queries.frame(conn, "evaluate.titles")
    return Shop(
        name,
        found["purchases"],
        found["triples"],
        dict(zip(titles["product_id"], titles["title"], strict=True)),
    )


def _load(section: Section, manifest: Manifest) -> Loaded:
    """Return the rows of a section, as few of them rejected as a load allows."""
    loaded = loading.load(section, manifest, _no_database)
    require_few_rejected(loaded)
    return loaded


def _purchases(sources: Sequence[pd.DataFrame], name: str) -> pd.DataFrame:
    """Return the purchases of all sources, those that name a customer."""
    if not sources:
        raise DataError(f"{name} names no interactions, so there is nothing to hold out")
    lines: Any = pd.concat(sources)
    columns = ["customer_id", "product_id", "occurred_at", "split"]
    kept = lines.loc[lines["event"] == "purchase", columns]
    return kept.dropna(subset=columns[:3]).reset_index(drop=True)


def _different(keys: Any) -> pd.Index:
    """Return each key once, sorted."""
    return pd.Index(np.sort(keys.unique()))


def _extracted(titles: Mapping[str, str]) -> pd.DataFrame:
    """Return what `kgfeatures extract` reads in titles."""
    frame = pd.DataFrame({"product_id": list(titles), "title": list(titles.values())})
    renamed = {"product_id": "head", "tail_key": "tail"}
    return extract(frame).rename(columns=renamed).assign(head_type="product")


def _no_database(table: str) -> pa.Table:
    raise DataError(
        f"{table} is a table; ingest it and run `kgfeatures evaluate recommend` without a folder"
    )
