"""What the step recommend starts from: purchases, and all that is said of products, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from kgfeatures.db import queries, transport
from kgfeatures.errors import DataError
from kgfeatures.recommend import GraphDistance, Lines

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.types import FloatArray, IntArray


@dataclass(frozen=True)
class Shop:
    """What a run starts from; row numbers follow the order of the keys.

    Parameters
    ----------
    customers, products : the shop's keys.
    lines : every purchase. basket : (n,) the basket of each line, from 0.
    history_hash : (n_customers,) int64, rec.history_hash of these lines.
    attributes : (n_products, n_attributes) with an entry where a product has one.
    relation_id, tail_id : (n_attributes,) what the attributes are.
    texts : (n_products, dim) vectors, NaN where a product has none.
    """

    customers: pa.StringArray
    products: pa.StringArray
    lines: Lines
    basket: IntArray
    history_hash: IntArray
    attributes: csr_matrix
    relation_id: IntArray
    tail_id: IntArray
    texts: FloatArray
    known_at: datetime

    @property
    def signals(self) -> list[str]:
        """The signals that can be measured here: what the shop, and this machine, has."""
        there = {
            "shared_triples": self.attributes.nnz > 0,
            "text": bool(np.isfinite(self.texts).any()),
            "factors": find_spec("implicit") is not None,
        }
        return ["bought_together", *(name for name, found in there.items() if found), "popular"]


@dataclass(frozen=True)
class Segments:
    """Who is in which segment: `names` (segmentation, segment_id) by row of `members`."""

    names: list[tuple[str, int]]
    members: csr_matrix


def read_shop(conn: Connection[TupleRow]) -> Shop:
    """Return the shop as the connection sees it.

    Raises
    ------
    DataError : nothing was bought.
    """
    table = transport.read_arrow(conn, "recommend.purchases")
    if table.num_rows == 0:
        raise DataError(
            "raw.interaction holds no purchases, so there is nothing to recommend from; "
            "run `kgfeatures ingest DIR` first"
        )
    customers = transport.read_arrow(conn, "recommend.customers")["customer_id"].combine_chunks()
    products = transport.read_arrow(conn, "recommend.products")["product_id"].combine_chunks()
    lines = Lines(
        customer=positions(table["customer_id"], customers),
        product=positions(table["product_id"], products),
        day=table["day"].to_numpy(),
        n_customers=len(customers),
        n_products=len(products),
    )
    basket = np.unique(table["basket"].to_numpy(), return_inverse=True)[1]
    history_hash = np.zeros(len(customers), dtype=np.int64)
    np.add.at(history_hash, lines.customer, table["line_hash"].to_numpy())
    known_at = queries.scalar(conn, "recommend.cutoff")
    attributes = _attributes(conn, products, known_at)
    texts = aligned(*transport.read_vectors(conn, "recommend.text_vectors"), products)
    return Shop(customers, products, lines, basket, history_hash, *attributes, texts, known_at)


def read_segments(conn: Connection[TupleRow], shop: Shop) -> Segments:
    """Return who was in which segment at the end of the data."""
    names: list[tuple[str, int]] = []
    rows: list[IntArray] = [np.zeros(0, dtype=np.int64)]
    columns = list(rows)
    for known in queries.fetch(conn, "recommend.segmentations"):
        table = transport.read_arrow(
            conn, "recommend.members", name=known["name"], known_at=shop.known_at
        )
        ids, segment = np.unique(table["segment_id"].to_numpy(), return_inverse=True)
        rows.append(segment + len(names))
        columns.append(positions(table["customer_id"], shop.customers))
        names.extend((known["name"], int(number)) for number in ids)
    where = (np.concatenate(rows), np.concatenate(columns))
    shape = (len(names), len(shop.customers))
    return Segments(names, csr_matrix((np.ones(len(where[0])), where), shape=shape))


def read_graph(conn: Connection[TupleRow], shop: Shop) -> GraphDistance:
    """Return the graph vectors in use; everybody is silent where there are none."""
    read = {
        kind: transport.read_vectors(conn, "recommend.graph_vectors", entity_type=kind)
        for kind in ("relation", "customer", "product")
    }
    relations, directions = read["relation"]
    bought = directions[relations == "bought"]
    if len(bought) == 0:
        bought = np.full((1, 1), np.nan, dtype=np.float32)
    dim = bought.shape[1]
    return GraphDistance(
        aligned(*read["customer"], shop.customers, dim),
        aligned(*read["product"], shop.products, dim),
        bought[0],
    )


def aligned(
    found: np.ndarray, vectors: FloatArray, keys: pa.StringArray, dim: int | None = None
) -> FloatArray:
    """Return the vectors of `keys`, (n, dim), NaN where there is none."""
    width = vectors.shape[1] if dim is None and len(found) else dim or 1
    matrix = np.full((len(keys), width), np.nan, dtype=np.float32)
    if len(found):
        rows = positions(pa.chunked_array([pa.array(found, pa.string())]), keys)
        matrix[rows[rows >= 0]] = vectors[rows >= 0]
    return matrix


def positions(keys: pa.ChunkedArray, known: pa.StringArray) -> IntArray:
    """Return the row of each key in `known`, (n,); -1 where it is not there."""
    rows = pc.call_function("index_in", [keys], pc.SetLookupOptions(known))
    return rows.fill_null(-1).to_numpy().astype(np.int64)


def _attributes(
    conn: Connection[TupleRow], products: pa.StringArray, known_at: datetime
) -> tuple[csr_matrix, IntArray, IntArray]:
    """Return which of its (relation, tail) pairs each product has, and what the pairs are."""
    table = transport.read_arrow(conn, "recommend.triples", known_at=known_at)
    product = positions(table["product_id"], products)
    there = product >= 0
    pairs = np.column_stack([table["relation_id"].to_numpy(), table["tail_id"].to_numpy()])[there]
    names, column = np.unique(pairs, axis=0, return_inverse=True)
    # One column at least: a matrix without any cannot be multiplied.
    shape = (len(products), max(1, len(names)))
    has = csr_matrix((np.ones(there.sum()), (product[there], column.ravel())), shape=shape)
    return has, names[:, 0], names[:, 1]
