"""The favourites in feature.customer_profile: what the pure algorithm needs, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgfeatures.db import transport
from kgfeatures.segments import taste

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.types import FloatArray, IntArray

COLUMNS = {
    "favourite_colour": "has_colour",
    "favourite_material": "made_of",
    "favourite_object": "is_a",
    "favourite_theme": "has_theme",
}
LISTED = "favourite_attributes"


@dataclass(frozen=True)
class Catalogue:
    """What products are like, with everybody's purchases of it.

    Parameters
    ----------
    cutoffs : (k,) in order; `moments` are the same in microseconds since 1970.
    products : keys of the products with an attribute.
    attributes, share : as kgfeatures.segments.taste has them.
    relations : name -> number.
    values, labels : (a,) names of the attributes, alone and after their relation's.
    """

    cutoffs: list[dt.datetime]
    moments: IntArray
    products: pa.Array
    attributes: taste.Attributes
    relations: dict[str, int]
    values: pa.Array
    labels: pa.Array
    share: FloatArray


@dataclass(frozen=True)
class Favourites:
    """The favourites of a stretch of customers at the cut-offs from number `since` on."""

    catalogue: Catalogue
    customers: pa.Array
    since: int
    found: taste.Favourites

    def fill(self, rows: pa.Table) -> pa.Table:
        """Return rows of these customers at these cut-offs with their favourites."""
        who = _places(rows.column("customer_id"), self.customers)
        moments = microseconds(rows.column("event_timestamp"))
        when = np.searchsorted(self.catalogue.moments, moments) - self.since
        for column, relation in COLUMNS.items():
            number = self.catalogue.relations.get(relation)
            best = np.full(len(who), -1)
            if number is not None:
                best = self.found.of_relation[who, when, number]
            rows = _with(rows, column, self.catalogue.values.take(_numbers(best)))
        return _with(rows, LISTED, self._listed(self.found.best[who, when]))

    def _listed(self, best: IntArray) -> pa.Array:
        some = best >= 0
        ends = np.concatenate([[0], np.cumsum(some.sum(axis=1))]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(ends), self.catalogue.labels.take(best[some]))


def read_catalogue(conn: Connection[TupleRow], cutoffs: list[dt.datetime]) -> Catalogue:
    """Return what the graph knows of products, and how everybody bought."""
    rows = transport.read_arrow(conn, "profile_favourites.attributes")
    moments = microseconds(pa.array(cutoffs, pa.timestamp("us", "UTC")))
    coded = rows.column("product_id").combine_chunks().dictionary_encode()
    attribute = rows.column("attribute").to_numpy().astype(np.int64)
    _, first_rows = np.unique(attribute, return_index=True)
    names = rows.take(first_rows)
    relation = names.column("relation_number").to_numpy().astype(np.int64)
    attributes = taste.Attributes(
        product=coded.indices.to_numpy().astype(np.int64),
        attribute=attribute,
        first=np.searchsorted(moments, microseconds(rows.column("known_from"))),
        until=np.searchsorted(moments, microseconds(rows.column("known_until"))),
        relation=relation,
        n_products=len(coded.dictionary),
        n_cutoffs=len(cutoffs),
    )
    values = names.column("value").combine_chunks()
    relations = names.column("relation").combine_chunks()
    return Catalogue(
        cutoffs=cutoffs,
        moments=moments,
        products=coded.dictionary,
        attributes=attributes,
        relations=dict(zip(relations.to_pylist(), relation.tolist(), strict=True)),
        values=values,
        labels=pc.call_function("binary_join_element_wise", [relations, values, "="]),
        share=_shares(conn, cutoffs, coded.dictionary, attributes),
    )


def read_favourites(
    conn: Connection[TupleRow], catalogue: Catalogue, customers: Sequence[str], since: int
) -> Favourites:
    """Return the favourites of customers that follow each other in the order of keys."""
    rows = transport.read_arrow(
        conn,
        "profile_favourites.bought",
        cutoffs=catalogue.cutoffs,
        products=catalogue.products.to_pylist(),
        first_id=customers[0],
        last_id=customers[-1],
    )
    keys = pa.array(customers, pa.string())
    codes: Any = rows.column("codes").combine_chunks()
    buyers = _places(rows.column("customer_id"), keys)
    product, first = np.divmod(
        codes.flatten().to_numpy().astype(np.int64), len(catalogue.cutoffs) + 1
    )
    found = taste.favourites(
        np.repeat(buyers, codes.value_lengths().to_numpy()),
        product,
        first,
        catalogue.attributes,
        catalogue.share,
        n_customers=len(customers),
        since=since,
    )
    return Favourites(catalogue, keys, since, found)


def differing(rows: pa.Table, filled: pa.Table) -> IntArray:
    """Return the places of rows whose favourites differ in two tables of the same rows."""
    differ = np.zeros(len(rows), dtype=bool)
    for column in (*COLUMNS, LISTED):
        left, right = _plain(rows.column(column)), _plain(filled.column(column))
        differ |= pc.call_function("not_equal", [left, right]).to_numpy()
    return np.flatnonzero(differ)


def microseconds(times: pa.Array | pa.ChunkedArray) -> IntArray:
    """Return times as microseconds since 1970."""
    return times.cast(pa.int64()).to_numpy()


def _shares(
    conn: Connection[TupleRow],
    cutoffs: list[dt.datetime],
    products: pa.Array,
    attributes: taste.Attributes,
) -> FloatArray:
    rows = transport.read_arrow(conn, "profile_favourites.sold", cutoffs=cutoffs)
    product = _places(rows.column("product_id"), products)
    known = product >= 0
    first, purchases = (rows.column(name).to_numpy() for name in ("first", "purchases"))
    return taste.shares(product[known], first.astype(np.int64)[known], purchases[known], attributes)


def _places(keys: pa.ChunkedArray, listed: pa.Array) -> IntArray:
    """Return where each key stands in a list, -1 where it does not."""
    found: Any = pc.call_function("index_in", [keys], pc.SetLookupOptions(listed))
    return found.fill_null(-1).to_numpy().astype(np.int64)


def _numbers(places: IntArray) -> pa.Array:
    """Return numbers of attributes with null for -1."""
    return pa.array(places, mask=places < 0)


def _with(rows: pa.Table, column: str, values: pa.Array) -> pa.Table:
    place = rows.column_names.index(column)
    return rows.set_column(place, rows.schema.field(column), values)


def _plain(column: pa.ChunkedArray) -> Any:
    """Return a column as text without nulls."""
    if pa.types.is_list(column.type):
        column = pc.call_function("binary_join", [column, "\x1f"])
    return column.fill_null("\x1e")
