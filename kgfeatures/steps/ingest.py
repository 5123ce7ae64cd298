"""Ingest: the files and tables that dataset.yaml describes become raw.* and the graph's columns.

Everything is read, cleaned and written in one transaction, and what stands there afterwards
follows from the sources alone. A source that did not change is not read again; of one that did,
only what differs is written (docs/adr/0005). Interactions stay in raw.interaction (kg.fact shows
them as triples); columns and triple files become kg.triple with evidence of method "column".
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kgfeatures.db import personal_files, queries, transport
from kgfeatures.db.runs import hashes, run_step
from kgfeatures.db.step import Step, StepResult
from kgfeatures.graph import late, loading, outreach, personal
from kgfeatures.graph.changes import note_changes
from kgfeatures.graph.kept import KINDS
from kgfeatures.graph.ledger import Ledger
from kgfeatures.graph.manifest import read_manifest
from kgfeatures.graph.naming import update
from kgfeatures.graph.reaching import write_outreach
from kgfeatures.graph.readers import file_hash
from kgfeatures.graph.reading import AHEAD, Reader
from kgfeatures.graph.selection import MAX_REJECTED
from kgfeatures.graph.sources import find_stale, planned, require_present
from kgfeatures.graph.stating import write_graph

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.sources import Source, Stale
    from kgfeatures.types import Progress

VERSION = "4"
CLEARED = (
    *("rejected", "interaction", "document", "attribute", "description", "contact"),
    *("coupon_event", "campaign", "product", "customer", "source", "source_row"),
)
OUTPUTS = tuple(sorted(f"raw.{name}" for name in CLEARED if name != "source_row"))
TOTALS = {
    "raw.interaction": "interactions",
    "raw.product": "products",
    "raw.customer": "customers",
    "raw.attribute": "attributes",
    "raw.document": "documents",
    "raw.rejected": "rejected",
    "raw.campaign": "campaigns",
    "raw.contact": "contacts",
    "raw.coupon_event": "coupon_events",
}


@dataclass(frozen=True)
class _Load:
    """One load: what it reads, and by which rules."""

    manifest: Manifest
    files: dict[str, str]
    tables: tuple[str, ...]
    max_rejected: float
    now: dt.datetime
    force: bool

    def run(self, conn: Connection[TupleRow], progress: Progress) -> dict[str, int]:
        """Write what differs from what is loaded; return rows by table."""
        contents = self.files | {
            name: each or "" for name, each in hashes(conn, self.tables).items()
        }
        sources = planned(self.manifest, contents, VERSION)
        before = queries.fetch(conn, "differences.sources")
        if not self.force:
            require_present(sources, before)
        ledger = _open(conn, before, anew=self.force)
        stale = find_stale(sources, ledger.before, self.max_rejected, outreach.KINDS)
        personal_files.note(conn, personal.files_of(self.manifest))
        progress.start(f"load {self.manifest.name}", len(stale.sources) + len(stale.triples) + 3)
        triples = self._read(ledger, sources, stale, progress)
        ledger.close(sources)
        named = [update(ledger, kind, sources) for kind in KINDS]
        if ledger.anew:
            queries.execute(conn, "ingest.count_rows")
        progress.advance()
        write_graph(ledger, sources, stale, named, triples)
        note_changes(ledger, hashes(conn, OUTPUTS))
        progress.advance()
        return _totals(ledger)

    def _read(
        self, ledger: Ledger, sources: list[Source], stale: Stale, progress: Progress
    ) -> list[pd.DataFrame]:
        """Read what is stale and write its rows; return the triples that were read."""
        reader = Reader(
            ledger=ledger,
            manifest=self.manifest,
            read_table=lambda table, since: transport.read_table(ledger.conn, table, since),
            max_rejected=self.max_rejected,
            now=self.now,
        )
        gone = ledger.before.keys() - {source.source_id for source in sources}
        read = (*stale.sources, *stale.triples, *stale.outreach)
        ledger.recall([*gone, *(source.source_id for source in read)])
        ledger.open(sources)
        for source in sources:
            if source.source_id in ledger.before:
                ledger.place(source)
        ledger.clear(sources)
        for source in (*stale.sources, *stale.triples):
            progress.note(f"reading {source.section.kind} from {source.section.name}")
            reader.read(source)
            progress.advance()
        reader.finish()
        triples = reader.triples
        if stale.outreach_changed:
            progress.note("reading campaigns, contacts and coupons")
            triples = [*triples, *write_outreach(reader, stale.outreach).triples()]
        ledger.settle()
        progress.advance()
        return triples


def ingest(
    database: Database,
    folder: Path,
    *,
    max_rejected: float = MAX_REJECTED,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Load what is new, changed or gone in the sources that a folder's dataset.yaml names.

    Parameters
    ----------
    database : the shop's database.
    folder : holds dataset.yaml; the files' names in it are relative to it.
    max_rejected : the share of a source's rows that may be rejected, in [0, 1].
    progress : told of each source.
    force : load everything from nothing, as if nothing had been loaded before.

    Returns
    -------
    result : its rows count what there is now, by table; "changes" the rows written and removed.

    Raises
    ------
    ManifestError : dataset.yaml cannot be used.
    DataError : a source cannot be used, too many of its rows, or a file of a pattern is gone;
        nothing was loaded then.
    BusyError : another process is loading.
    """
    manifest = read_manifest(folder)
    files = loading.files(manifest)
    tables = dict.fromkeys(
        each.name for each in manifest.sections if each.table and not late.span_of(each)
    )
    step = Step("ingest", VERSION, inputs=tuple(tables), outputs=OUTPUTS)
    now = dt.datetime.now(dt.UTC)
    params = {
        "manifest": file_hash(manifest.file),
        "files": files,
        "max_rejected": max_rejected,
    }
    windows = _windows(database, manifest, now)
    load = _Load(manifest, files, tuple(tables), max_rejected, now, force)
    return run_step(
        database,
        step,
        params | windows,
        load.run,
        progress=progress,
        force=force,
    )


def _open(conn: Connection[TupleRow], before: list[dict[str, Any]], *, anew: bool) -> Ledger:
    """Return the ledger of a load; where what is loaded cannot be trusted, all of it goes first.

    The tables must hold what the last load left there, and the ids of all rows must be known.
    """
    last = queries.fetch(conn, "ingest.last_run", code_version=VERSION)
    known = {row["source_id"] for row in queries.fetch(conn, "differences.remembered")}
    if last and before and not anew and known == {row["source_id"] for row in before}:
        now = hashes(conn, OUTPUTS)
        if now == {name: last[0]["outputs"].get(name) for name in OUTPUTS}:
            return Ledger(conn, {row["source_id"]: row for row in before}, now)
    for name in CLEARED:
        queries.execute(conn, f"ingest.clear_{name}")
    return Ledger(conn)


def _totals(ledger: Ledger) -> dict[str, int]:
    [counted] = queries.fetch(ledger.conn, "ingest.totals")
    rows = {table: int(counted[name]) for table, name in TOTALS.items()}
    rows["triples"] = queries.scalar(ledger.conn, "ingest.count_triples")
    rows["entities"] = rows["raw.product"] + rows["raw.customer"]
    rows["changes"] = ledger.changed_rows
    return rows


def _windows(database: Database, manifest: Manifest, now: dt.datetime) -> dict[str, dict[str, str]]:
    """Return, of tables of which only late rows are read, what tells whether any is new."""
    sections = [each for each in manifest.sections if late.span_of(each)]
    if not sections:
        return {}
    with database.transaction() as conn:
        marks = {
            row["name"]: row["watermark"] for row in queries.fetch(conn, "differences.sources")
        }
        return {
            "late": {
                each.name: queries.scalar(
                    conn,
                    "ingest.window_hash",
                    target=each.name,
                    stamp=each.columns["timestamp"],
                    watermark=marks.get(each.name),
                    span=late.span_of(each),
                    ahead=now + AHEAD,
                )
                for each in sections
            }
        }
