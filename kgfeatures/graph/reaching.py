"""Campaigns, contacts and coupons written by difference; all their sources are read together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgfeatures.db import queries, transport
from kgfeatures.graph import store
from kgfeatures.graph.differences import LOADED, Fates, differences
from kgfeatures.graph.outreach import Outreach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgfeatures.graph.ledger import Ledger
    from kgfeatures.graph.reading import Reader
    from kgfeatures.graph.selection import Loaded
    from kgfeatures.graph.sources import Source
    from kgfeatures.types import IntArray

TABLES = {"contacts": "contact", "coupons": "coupon_event"}


def write_outreach(reader: Reader, sources: Sequence[Source]) -> Outreach:
    """Read all sources of campaigns, contacts and coupons, and write what differs.

    Returns
    -------
    outreach : what they say together; entities are written, triples are not.
    """
    ledger = reader.ledger
    outreach = Outreach()
    read: list[tuple[Source, Loaded]] = []
    for source in sources:
        loaded = reader.load(source)
        outreach.add(source.source_id, loaded)
        read.append((source, loaded))
    tables = outreach.tables()
    for source, loaded in read:
        before = ledger.fates(source.source_id)
        fates = reader.name(source, loaded, before)
        name = TABLES.get(source.section.kind)
        if name is not None:
            rows = tables.get(f"raw.{name}")
            fates.ids[LOADED] = _write_rows(ledger, source, name, rows, before)
        ledger.remember(source.source_id, fates)
        ledger.book(source, loaded)
    _write_campaigns(ledger, tables["raw.campaign"])
    store.upsert_entities(ledger.conn, outreach.entities())
    return outreach


def _write_rows(
    ledger: Ledger, source: Source, name: str, rows: pa.Table | None, before: Fates
) -> IntArray:
    """Write what differs of one source's rows; return the ids of all of them."""
    if rows is None:
        return np.empty(0, dtype=np.int64)
    mine = pc.call_function("equal", [rows.column("source_id"), pa.scalar(source.source_id)])
    here = rows.filter(mine).drop_columns(["source_id"])
    ids = here.column("row_id").to_numpy()
    new, gone = differences(ids, before.of(LOADED))
    fresh = here.drop_columns(["row_id"]).filter(pa.array(new))
    ledger.write(name, source.source_id, fresh, ids[new], gone)
    return np.sort(ids)


def _write_campaigns(ledger: Ledger, rows: pa.Table) -> None:
    known = {
        row["campaign_id"]: tuple(row.values())
        for row in queries.fetch(ledger.conn, "differences.campaigns")
    }
    listed: list[dict[str, Any]] = rows.to_pylist()
    changed = [known.get(row["campaign_id"]) != tuple(row.values()) for row in listed]
    present = {
        row["campaign_id"] for row, differs in zip(listed, changed, strict=True) if not differs
    }
    gone = sorted(known.keys() - present)
    if gone:
        queries.execute(ledger.conn, "differences.remove_campaigns", keys=gone)
        ledger.changed_rows += len(gone)
    if any(changed):
        ledger.changed_rows += transport.copy_in(
            ledger.conn, "raw.campaign", rows.filter(pa.array(changed))
        )
