"""The tables of raw whose rows belong to one source: how rows are known, and whose they are."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

KINDS = ("customer", "product")
NAMED = "named"
"""The fate of rows of raw.description."""
ROWS_OF = {
    "interactions": "interaction",
    "documents": "document",
    "attributes": "attribute",
    "contacts": "contact",
    "coupons": "coupon_event",
}
"""The table of a kind of section, beside raw.description."""


class Kept(NamedTuple):
    """How rows of a table are known, and whose they are."""

    table: str
    id_column: str = "row_id"
    keys: tuple[str, ...] = ("customer_id", "product_id")
    """Columns of customers' and products' keys; ("entity_type", "key") for those of both."""
    time: str | None = "occurred_at"


TABLES = {
    "interaction": Kept("raw.interaction"),
    "document": Kept("raw.document", "document_id"),
    "attribute": Kept("raw.attribute", keys=("entity_type", "key"), time="valid_from"),
    "description": Kept("raw.description", keys=("entity_type", "key"), time=None),
    "contact": Kept("raw.contact", keys=("customer_id",), time="contacted_at"),
    "coupon_event": Kept("raw.coupon_event"),
}


def keys_of(kept: Kept, rows: pa.Table, *, anew: bool) -> list[dict[str, Any]]:
    """Return whose rows these are: kind, key and the earliest time.

    Parameters
    ----------
    anew : everything is loaded from nothing: nobody asks for the times.
    """
    if kept.keys == ("entity_type", "key"):
        frame = rows.select(["entity_type", "key"]).to_pandas()
        frame.columns = ["kind", "key"]
        times = [] if kept.time is None else [rows.column(kept.time).to_pandas()]
        found = [(frame, *times)]
    else:
        found = [
            (
                pd.DataFrame({"kind": column[:-3], "key": rows.column(column).to_pandas()}),
                rows.column(kept.time or "").to_pandas(),
            )
            for column in kept.keys
        ]
    listed: list[dict[str, Any]] = []
    for frame, *times in found:
        if anew or not times:
            unique = frame.drop_duplicates().dropna()
            pairs = zip(unique["kind"], unique["key"], strict=True)
            listed += [{"kind": kind, "key": key, "since": None} for kind, key in pairs]
            continue
        since: Any = times[0].groupby([frame["kind"], frame["key"]], sort=False).min()
        moments = pa.array(since, pa.timestamp("us", "UTC"), from_pandas=True).to_pylist()
        listed += [
            {"kind": kind, "key": key, "since": at}
            for (kind, key), at in zip(since.index, moments, strict=True)
        ]
    return listed
