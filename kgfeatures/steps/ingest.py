"""Ingest: a folder of files, described by its dataset.yaml, becomes raw.* and the graph's columns.

Everything is read, cleaned and written in one transaction that replaces what was loaded before,
so that the tables follow from the files alone. Interactions stay in raw.interaction (kg.fact shows
them as triples); columns and triple files become kg.triple with evidence of method "column".
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from kgfeatures.db import personal_files, queries, transport
from kgfeatures.db.binary import PAST_MICROSECONDS
from kgfeatures.db.runs import Step, StepResult, run_step
from kgfeatures.graph import (
    attributes,
    documents,
    fingerprints,
    loading,
    ontology,
    outreach,
    personal,
    store,
    triple_files,
)
from kgfeatures.graph.manifest import read_manifest
from kgfeatures.graph.outreach import Outreach
from kgfeatures.graph.readers import file_hash
from kgfeatures.graph.selection import MAX_REJECTED, require_few_rejected, require_rows
from kgfeatures.graph.things import Things, collect

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.selection import Loaded
    from kgfeatures.types import Progress

SOURCE = "ingest"
VERSION = "2"
CLEARED = ("rejected", "interaction", "document", "attribute", "product", "customer", "source")
OUTPUTS = tuple(sorted([*(f"raw.{name}" for name in CLEARED), *outreach.TABLES]))
INTERACTION_COLUMNS = (
    *("customer_id", "product_id", "event", "occurred_at", "basket_id"),
    *("quantity", "amount", "split"),
)
_SINCE_EVER = pa.scalar(PAST_MICROSECONDS, pa.timestamp("us", "UTC"))


@dataclass
class Shop:
    """What the sections say together: who and what there is, and how they hang together."""

    products: Things = field(default_factory=Things)
    customers: Things = field(default_factory=Things)
    events: set[str] = field(default_factory=set[str])
    outreach: Outreach = field(default_factory=Outreach)
    triples: list[pd.DataFrame] = field(default_factory=list[pd.DataFrame])
    rows: dict[str, int] = field(default_factory=dict[str, int])

    def count(self, table: str, n: int) -> None:
        """Add to the number of rows written to a table."""
        self.rows[table] = self.rows.get(table, 0) + n


def ingest(
    database: Database,
    folder: Path,
    *,
    max_rejected: float = MAX_REJECTED,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Load the files that a folder's dataset.yaml names, in place of what was loaded before.

    Parameters
    ----------
    database : the shop's database.
    folder : holds dataset.yaml; the files' names in it are relative to it.
    max_rejected : the share of a file's rows that may be rejected, in [0, 1].
    progress : told of each file.
    force : load again even when no file changed.

    Raises
    ------
    ManifestError : dataset.yaml cannot be used.
    DataError : a file cannot be used, or too many of its rows; nothing was loaded then.
    BusyError : another process is loading.
    """
    manifest = read_manifest(folder)
    hashes = loading.files(manifest)
    tables = dict.fromkeys(section.name for section in manifest.sections if section.table)
    step = Step("ingest", VERSION, inputs=tuple(tables), outputs=OUTPUTS)
    params = {
        "manifest": file_hash(manifest.file),
        "files": hashes,
        "max_rejected": max_rejected,
    }
    return run_step(
        database,
        step,
        params,
        lambda conn, told: _load(conn, manifest, hashes, max_rejected, told),
        progress=progress,
        force=force,
    )


def _load(
    conn: Connection[TupleRow],
    manifest: Manifest,
    hashes: dict[str, str],
    max_rejected: float,
    progress: Progress,
) -> dict[str, int]:
    """Read, clean and write every section; return rows by table."""
    shop = Shop()
    personal_files.note(conn, personal.files_of(manifest))
    progress.start(f"load {manifest.name}", len(manifest.sections) + 2)
    for name in outreach.TABLES:
        queries.execute(conn, f"outreach.clear_{name.removeprefix('raw.')}")
    for name in CLEARED:
        queries.execute(conn, f"ingest.clear_{name}")
    for source_id, section in enumerate(manifest.sections, start=1):
        progress.note(f"reading {section.kind} from {section.name}")
        loaded = loading.load(section, manifest, lambda table: transport.read_table(conn, table))
        require_few_rejected(loaded, max_rejected)
        require_rows(loaded)
        content = hashes.get(section.name) or _table_hash(conn, section.name)
        _write_source(conn, source_id, loaded, content)
        _write_rows(conn, source_id, loaded, shop)
        shop.count("raw.rejected", len(loaded.rejected))
        progress.advance()
    _write_things(conn, shop)
    _write_outreach(conn, shop)
    queries.execute(conn, "ingest.count_rows")
    progress.advance()
    _write_graph(conn, shop)
    progress.advance()
    return shop.rows


def _table_hash(conn: Connection[TupleRow], table: str) -> str:
    return queries.fetch(conn, "runs.hashes", names=[table])[0]["content_hash"] or ""


def _write_source(
    conn: Connection[TupleRow], source_id: int, loaded: Loaded, content_hash: str
) -> None:
    """Write what became of a source, and the values that were rejected."""
    row: dict[str, list[Any]] = {
        "source_id": [source_id],
        "kind": [loaded.section.kind],
        "name": [loaded.section.name],
        "sha256": [content_hash],
        "rows_read": [loaded.rows_read],
        "rows_loaded": [loaded.rows.num_rows],
        "rows_rejected": [loaded.rows_rejected()],
        "rows_dropped": [json.dumps(loaded.dropped, sort_keys=True)],
    }
    transport.copy_in(conn, "raw.source", row)
    if loaded.rejected:
        rejected: dict[str, list[Any]] = {
            "source_id": [source_id] * len(loaded.rejected),
            "source_row": [problem.row for problem in loaded.rejected],
            "column_name": [problem.column for problem in loaded.rejected],
            "value": [problem.value for problem in loaded.rejected],
            "reason": [problem.reason for problem in loaded.rejected],
        }
        transport.copy_in(conn, "raw.rejected", rejected)


def _write_rows(conn: Connection[TupleRow], source_id: int, loaded: Loaded, shop: Shop) -> None:
    """Write a source's rows, or keep them until all sources that describe a thing are read."""
    kind, rows = loaded.section.kind, loaded.rows
    for things, key in ((shop.products, "product_id"), (shop.customers, "customer_id")):
        if key in rows.column_names:
            things.keys.update(rows.column(key).drop_null().unique().to_pylist())
    if kind == "interactions":
        shop.events.update(rows.column("event").unique().to_pylist())
        lines = rows.select(INTERACTION_COLUMNS)
        ids = {
            "source_id": _repeat(source_id, rows.num_rows),
            "row_id": pa.array(fingerprints.row_ids(lines)),
        }
        columns = ids | {name: lines[name] for name in lines.column_names}
        _copy(conn, shop, "raw.interaction", pa.table(columns))
    elif kind == "attributes":
        table = attributes.as_rows(loaded)
        since = table["valid_from"].fill_null(_SINCE_EVER)
        place = table.column_names.index("valid_from")
        _copy(conn, shop, "raw.attribute", table.set_column(place, "valid_from", since))
    elif kind == "documents":
        _copy(conn, shop, "raw.document", documents.as_rows(loaded, source_id))
    elif kind == "triples":
        frame = triple_files.as_rows(loaded)
        shop.triples.append(frame)
        for things, named in ((shop.products, "product"), (shop.customers, "customer")):
            for end in ("head", "tail"):
                things.keys.update(frame.loc[frame[f"{end}_type"] == named, end])
    elif kind in outreach.KINDS:
        shop.outreach.add(source_id, loaded)
    else:
        collect(shop.products if kind == "products" else shop.customers, loaded)


def _write_things(conn: Connection[TupleRow], shop: Shop) -> None:
    """Write every product and customer that any section names."""
    products = sorted(shop.products.keys)
    title, others = shop.products.title, shop.products.others
    columns: dict[str, Any] = {
        "product_id": pa.array(products, pa.string()),
        "title": pa.array([title.get(key) for key in products], pa.string()),
        "body": pa.array([shop.products.body.get(key) for key in products], pa.string()),
        "other_titles": pa.array([others.get(key, []) for key in products], pa.list_(pa.string())),
    }
    _copy(conn, shop, "raw.product", pa.table(columns))
    customers = sorted(shop.customers.keys)
    columns = {
        "customer_id": pa.array(customers, pa.string()),
        "body": pa.array([shop.customers.body.get(key) for key in customers], pa.string()),
    }
    _copy(conn, shop, "raw.customer", pa.table(columns))


def _write_outreach(conn: Connection[TupleRow], shop: Shop) -> None:
    """Write campaigns, contacts and coupons, which speak of each other."""
    for name, rows in shop.outreach.tables().items():
        _copy(conn, shop, name, rows)
    queries.execute(conn, "outreach.count_rows")


def _write_graph(conn: Connection[TupleRow], shop: Shop) -> None:
    """Write the entities of all customers and products, the relations and the triples."""
    kinds = (("customer", shop.customers), ("product", shop.products))
    for entity_type, things in kinds:
        keys = sorted(things.keys)
        labels = [things.title.get(key) for key in keys] if entity_type == "product" else None
        store.upsert_entities(
            conn, pd.DataFrame({"entity_type": entity_type, "key": keys, "label": labels})
        )
        shop.triples += things.triples
    store.upsert_entities(conn, shop.outreach.entities())
    shop.triples += shop.outreach.triples()
    empty = pd.DataFrame({name: pd.Series(dtype=object) for name in (*store.REQUIRED, "detail")})
    frame = pd.concat([empty, *shop.triples], ignore_index=True)
    described: dict[str, str] = {}
    for name, place in sorted(set(zip(frame["relation"], frame["detail"], strict=True))):
        described[name] = f"{described[name]}, {place}" if name in described else f"From {place}"
    ontology.declare_relations(conn, described)
    ontology.declare_events(conn, sorted(shop.events))
    ontology.declare_outreach(conn)
    shop.rows["triples"] = store.replace_triples(conn, SOURCE, frame)
    shop.rows["entities"] = len(shop.customers.keys) + len(shop.products.keys)


def _copy(conn: Connection[TupleRow], shop: Shop, table: str, rows: pa.Table) -> None:
    shop.count(table, transport.copy_in(conn, table, rows))


def _repeat(value: int, n: int) -> pa.Array:
    return pa.repeat(value, n).cast(pa.int32())
