"""Products and customers: everybody and everything that any source names, as all of them say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from kgfeatures.db import queries, transport
from kgfeatures.graph import descriptions, store
from kgfeatures.graph.sources import regrouped
from kgfeatures.graph.things import Things
from kgfeatures.types import entity_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgfeatures.graph.ledger import Ledger
    from kgfeatures.graph.sources import Source
    from kgfeatures.types import IntArray

COLUMNS = {
    "product": ("product_id", "title", "body", "other_titles"),
    "customer": ("customer_id", "body"),
}


@dataclass
class Named:
    """What became of the things of one kind.

    Parameters
    ----------
    triples : what their columns say, of those that any source describes otherwise than before.
    restated, lost : ids of these, and of those that nobody names any more.
    """

    triples: list[pd.DataFrame]
    restated: IntArray
    lost: IntArray


def update(ledger: Ledger, kind: str, sources: Sequence[Source]) -> Named:
    """Write the products or customers that came, went or are described otherwise.

    Parameters
    ----------
    kind : "product" or "customer".
    sources : of the whole manifest, in order.
    """
    conn, named = ledger.conn, ledger.named[kind]
    doubtful = sorted(ledger.unnamed[kind] - named)
    described = ledger.described[kind]
    if regrouped(sources, ledger.before, f"{kind}s"):
        rows = queries.fetch(conn, "naming.described", kind=kind)
        described = described.union(row["key"] for row in rows)
    known: dict[str, tuple[Any, ...]] = {}
    if not ledger.anew:
        asked = sorted(named | described | set(doubtful))
        rows = queries.fetch(conn, f"naming.known_{kind}", keys=asked)
        known = {row["key"]: tuple(row.values()) for row in rows}
    still = set[str]()
    if doubtful:
        rows = queries.fetch(conn, f"naming.named_{kind}", keys=doubtful)
        still = {row["key"] for row in rows}
    lost = [key for key in doubtful if key not in still]
    things = _said(ledger, kind, sorted(described.difference(lost)), sources)
    wanted = described.union(key for key in named if key not in known).difference(lost)
    rows_now = {key: _row(kind, key, things) for key in sorted(wanted)}
    changed = [key for key, row in rows_now.items() if known.get(key) != row]
    _write(ledger, kind, [rows_now[key] for key in changed], [*changed, *lost], known)
    labels = [things.title.get(key) for key in changed] if kind == "product" else None
    frame = pd.DataFrame({"entity_type": kind, "key": changed, "label": labels})
    if changed:
        store.upsert_entities(conn, frame)
    return Named(things.triples, entity_ids(kind, sorted(described)), entity_ids(kind, lost))


def _said(ledger: Ledger, kind: str, keys: list[str], sources: Sequence[Source]) -> Things:
    """Return what all sources say of some things."""
    if not keys:
        return Things()
    rows = transport.read_arrow(ledger.conn, "naming.said_of", kind=kind, keys=keys)
    return descriptions.gather(rows.to_pandas(), sources, kind)


def _row(kind: str, key: str, things: Things) -> tuple[Any, ...]:
    body = things.body.get(key)
    if kind == "customer":
        return (key, body)
    return (key, things.title.get(key), body, things.others.get(key, []))


def _write(
    ledger: Ledger,
    kind: str,
    rows: list[tuple[Any, ...]],
    touched: list[str],
    known: dict[str, tuple[Any, ...]],
) -> None:
    table = f"raw.{kind}"
    gone = [key for key in touched if key in known]
    if gone:
        queries.execute(ledger.conn, f"naming.remove_{kind}", keys=gone)
    if rows:
        kinds: dict[str, pa.DataType] = {"other_titles": pa.list_(pa.string())}
        columns = {
            name: pa.array(values, kinds.get(name, pa.string()))
            for name, values in zip(COLUMNS[kind], zip(*rows, strict=True), strict=True)
        }
        transport.copy_in(ledger.conn, table, pa.table(columns))
    if not ledger.anew:
        ledger.touch(table, kind, touched)
