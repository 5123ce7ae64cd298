"""Coupons: who got and used them (raw.coupon_event), and what they are good for (triples)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgfeatures.graph.campaigns import CAMPAIGN, COUPON, PROMOTES, moment, triples_of
from kgfeatures.graph.cleaning import to_key, to_label, to_number
from kgfeatures.graph.interactions import optional
from kgfeatures.graph.selection import Selection, nulls

if TYPE_CHECKING:
    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.section import Section
    from kgfeatures.graph.selection import Loaded
    from kgfeatures.graph.sheet import Sheet

EVENTS = ("issued", "redeemed")
EVENT_COLUMNS = (
    *("coupon_id", "customer_id", "event", "occurred_at", "campaign_id", "product_id"),
    *("basket_id", "discount"),
)
VALID_FOR, OFFERS = "valid_for", "offers"
LINKS = (
    ("coupon_id", "product_id", (COUPON, VALID_FOR, "product")),
    ("campaign_id", "coupon_id", (CAMPAIGN, OFFERS, COUPON)),
    ("campaign_id", "product_id", (CAMPAIGN, PROMOTES, "product")),
)


def load_coupons(section: Section, sheet: Sheet, manifest: Manifest) -> Loaded:
    """Return one source's cleaned rows: keys, issued and redeemed (times), basket, discount.

    Of coupons that customers hold, rows with neither time are left out.
    """
    rows = Selection(section, sheet)
    rows.add_key(COUPON, to_key)
    if "customer" in section.columns:
        rows.add_key("customer", to_key)
    if "product" in section.columns:
        rows.add_product(manifest, optional=True)
    if CAMPAIGN in section.columns:
        rows.add_key(CAMPAIGN, to_key, optional=True)
    rows.keep_positive()
    for name in EVENTS:
        rows.add(name, moment(section, sheet, name))
    if "customer" in section.columns:
        never = nulls(rows.columns["issued"]) & nulls(rows.columns["redeemed"])
        rows.drop(never & no_problem(rows), "neither issued nor redeemed")
    rows.add("basket_id", optional(section, sheet, "basket", to_label, pa.string()))
    rows.add("discount", optional(section, sheet, "discount", to_number, pa.float64()))
    return rows.finish()


def no_problem(rows: Selection) -> Any:
    """Return which rows have no problem so far: (n,)."""
    bad = {problem.row for problem in rows.problems}
    return ~pd.Series(rows.sheet.rows).isin(bad).to_numpy()


def event_rows(loaded: Loaded) -> pa.Table:
    """Return rows of raw.coupon_event without source and row number: one per issue and redemption.

    Only a redemption has a basket and a product: they are those it was used for.
    """
    rows = loaded.rows
    if "customer_id" not in rows.column_names:
        return empty_events()
    parts: list[pa.Table] = []
    for event in EVENTS:
        happened = rows.filter(pc.call_function("is_valid", [rows.column(event)]))
        n = happened.num_rows
        columns: dict[str, Any] = {
            name: happened.column(name) if name in rows.column_names else pa.nulls(n, pa.string())
            for name in EVENT_COLUMNS
            if name not in {"event", "occurred_at"}
        }
        columns["event"] = pa.repeat(event, n).cast(pa.string())
        columns["occurred_at"] = happened.column(event)
        if event == "issued":
            columns["basket_id"] = columns["product_id"] = pa.nulls(n, pa.string())
        parts.append(pa.table(columns).select(list(EVENT_COLUMNS)))
    return pa.concat_tables(parts)


def empty_events() -> pa.Table:
    """Return no row of raw.coupon_event."""
    kinds = {"occurred_at": pa.timestamp("us", "UTC"), "discount": pa.float64()}
    return pa.table({name: pa.array([], kinds.get(name, pa.string())) for name in EVENT_COLUMNS})


def coupon_triples(loaded: Loaded) -> pd.DataFrame:
    """Return what coupons are good for and who offers them, for store.replace_triples.

    A row that names a customer says only which campaign offers the coupon: the product beside it
    is the one that was bought.
    """
    names = set(loaded.rows.column_names)
    frames: list[pd.DataFrame] = []
    for head, tail, said in LINKS:
        if {head, tail} <= names and not ("customer_id" in names and "product_id" in {head, tail}):
            pairs: Any = loaded.rows.select([head, tail]).to_pandas().dropna()
            frames.append(triples_of(pairs, loaded, said))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
