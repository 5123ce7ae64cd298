"""What is loaded, source by source, and what a load changes of it.

Rows of raw are written through the ledger: it removes what is gone, adds what is new, and keeps
whose rows these were, for the products and customers that nobody names any more and for those who
compute from the tables (ops.change_set, ops.changed_key).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from kgfeatures.db import queries, transport
from kgfeatures.graph.differences import LOADED, Fates
from kgfeatures.graph.kept import KINDS, NAMED, ROWS_OF, TABLES, Kept, keys_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.graph.selection import Loaded
    from kgfeatures.graph.sheet import Problem
    from kgfeatures.graph.sources import Source
    from kgfeatures.types import IntArray

ROWS_AT_ONCE = 200_000


@dataclass
class Ledger:
    """A load in a transaction.

    Parameters
    ----------
    before : rows of raw.source by source_id; empty where everything is loaded from nothing.
    hashes : content hashes of the tables before.
    """

    conn: Connection[TupleRow]
    before: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    hashes: dict[str, str | None] = field(default_factory=dict[str, "str | None"])

    def __post_init__(self) -> None:
        """Begin without a change."""
        self.named: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self.unnamed: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self.described: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self.events: set[str] = set()
        self.touched: dict[str, dict[tuple[str, str], dt.datetime | None]] = {}
        self.written: dict[int, dict[str, Any]] = {}
        self.rejected: dict[int, list[Problem]] = {}
        self.known: dict[int, Fates] = {}
        self.remembered: dict[int, Fates] = {}
        self.waiting: dict[str, list[pa.Table]] = {}
        self.changed_rows = 0

    @property
    def anew(self) -> bool:
        """Whether everything is loaded from nothing."""
        return not self.before

    def fates(self, source_id: int) -> Fates:
        """Return what became of a source's rows when it was read last."""
        return self.known.get(source_id, Fates())

    def remember(self, source_id: int, fates: Fates) -> None:
        """Keep what became of a source's rows."""
        self.remembered[source_id] = Fates({LOADED: fates.of(LOADED), **fates.ids})

    def write(
        self, name: str, source_id: int, rows: pa.Table, ids: IntArray, gone: IntArray
    ) -> list[dict[str, Any]]:
        """Remove rows that are gone and add new ones; return whose rows were removed.

        Parameters
        ----------
        name : of a table in TABLES.
        rows : the new ones, without source and id.
        ids, gone : of the new rows, (n,), and of those to remove.
        """
        kept = TABLES[name]
        removed: list[dict[str, Any]] = []
        if len(gone):
            removed = queries.fetch(
                self.conn, f"removals.remove_{name}", source_id=source_id, ids=gone.tolist()
            )
            self._note(kept, removed, self.unnamed)
            self.changed_rows += len(gone)
        if rows.num_rows:
            columns: dict[str, Any] = {
                "source_id": pa.repeat(source_id, rows.num_rows).cast(pa.int32()),
                kept.id_column: pa.array(ids),
            }
            columns |= {column: rows.column(column) for column in rows.column_names}
            waiting = self.waiting.setdefault(name, [])
            waiting.append(pa.table(columns))
            self.changed_rows += rows.num_rows
            if sum(table.num_rows for table in waiting) >= ROWS_AT_ONCE:
                self.flush(name)
        return removed

    def flush(self, name: str) -> None:
        """Write the new rows of a table that are waiting: those of many small files at once."""
        waiting = self.waiting.pop(name, [])
        if waiting:
            kept, rows = TABLES[name], pa.concat_tables(waiting)
            transport.copy_in(self.conn, kept.table, rows)
            self._note(kept, keys_of(kept, rows, anew=self.anew), self.named)

    def touch(self, table: str, kind: str, keys: Iterable[str]) -> None:
        """Note that rows of a table that belong to no single source changed."""
        noted = self.touched.setdefault(table, {})
        for key in keys:
            noted.setdefault((kind, key), None)
            self.changed_rows += 1

    def recall(self, source_ids: Iterable[int]) -> None:
        """Ask at once what became of the rows of many sources when they were read last."""
        wanted = [each for each in source_ids if each in self.before]
        if wanted:
            for row in queries.fetch(self.conn, "differences.fates", source_ids=wanted):
                fates = self.known.setdefault(row["source_id"], Fates())
                fates.ids[row["fate"]] = np.frombuffer(row["row_ids"], "<i8")

    def open(self, sources: Sequence[Source]) -> None:
        """Make new sources known, so that rows can refer to them."""
        for source in sources:
            if source.source_id not in self.before:
                self.written[source.source_id] = empty_row(source)
        self._write_sources()

    def place(self, source: Source) -> None:
        """Note where in the manifest a source stands that is not read again."""
        row = self.before[source.source_id]
        if row["place"] != source.place:
            self.written[source.source_id] = {**row, "place": source.place}

    def clear(self, sources: Iterable[Source]) -> None:
        """Remove the rows of sources that are no more."""
        gone = sorted(self.before.keys() - {source.source_id for source in sources})
        nothing = pa.table({})
        for source_id in gone:
            kind = self.before[source_id]["kind"]
            fates = self.fates(source_id)
            ids = fates.of(LOADED)
            if kind in ROWS_OF:
                if self.before[source_id]["watermark"] is not None and not len(ids):
                    ids = self.window(source_id)
                removed = self.write(ROWS_OF[kind], source_id, nothing, ids[:0], ids)
                self.events |= {row["key"] for row in removed if row["kind"] == "event"}
            named = fates.of(NAMED)
            self.write("description", source_id, nothing, named[:0], named)

    def window(self, source_id: int, since: dt.datetime | None = None) -> IntArray:
        """Return the ids of a source's interactions since a time, sorted; None = of all."""
        packed = queries.scalar(self.conn, "differences.window", source_id=source_id, since=since)
        return np.sort(np.frombuffer(packed, ">i8").astype(np.int64))

    def book(
        self,
        source: Source,
        loaded: Loaded,
        events: Iterable[str] = (),
        watermark: dt.datetime | None = None,
    ) -> None:
        """Write down what became of a source, and the values that were rejected."""
        self.written[source.source_id] = {
            **empty_row(source),
            "rows_read": loaded.rows_read,
            "rows_loaded": loaded.rows_loaded(),
            "rows_rejected": loaded.rows_rejected(),
            "rows_dropped": loaded.dropped,
            "events": sorted(events),
            "watermark": watermark,
        }
        self.rejected[source.source_id] = loaded.rejected

    def settle(self) -> None:
        """Write the rows that are waiting and what became of all rows that were read."""
        for name in list(self.waiting):
            self.flush(name)
        self._write_fates()
        self._write_rejected()

    def close(self, sources: Iterable[Source]) -> None:
        """Write what became of all sources, and forget those that are no more."""
        self._write_sources()
        gone = sorted(self.before.keys() - {source.source_id for source in sources})
        if gone:
            for name in ("remove_rejected", "forget", "remove_sources"):
                queries.execute(self.conn, f"differences.{name}", source_ids=gone)

    def _note(
        self, kept: Kept, rows: Iterable[dict[str, Any]], naming: dict[str, set[str]]
    ) -> None:
        """Keep whose rows came or went."""
        noted = self.touched.setdefault(kept.table, {})
        describing = kept.table == "raw.description"
        for row in rows:
            kind, key, since = row["kind"], row["key"], row["since"]
            if kind not in KINDS:
                continue
            naming[kind].add(key)
            if describing:
                self.described[kind].add(key)
            if not self.anew:
                known = noted.get((kind, key))
                earlier = known is None or (since is not None and since < known)
                noted[kind, key] = since if earlier else known

    def _write_sources(self) -> None:
        """Write rows of raw.source that are new or say something else now."""
        rows = [self.written[source_id] for source_id in sorted(self.written)]
        if not rows:
            return
        queries.execute(self.conn, "differences.stage_sources")
        queries.execute(self.conn, "differences.unstage_sources")
        columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
        columns["rows_dropped"] = [
            json.dumps(each, sort_keys=True) for each in columns["rows_dropped"]
        ]
        columns["events"] = pa.array(columns["events"], pa.list_(pa.string()))
        columns["watermark"] = pa.array(columns["watermark"], pa.timestamp("us", "UTC"))
        transport.copy_in(self.conn, "pg_temp.staged_source", columns)
        queries.execute(self.conn, "differences.write_sources")

    def _write_fates(self) -> None:
        """Write the ids of all rows that were read."""
        listed = [
            (source_id, fate, ids)
            for source_id, fates in self.remembered.items()
            for fate, ids in fates.ids.items()
        ]
        if not listed:
            return
        queries.execute(self.conn, "differences.forget", source_ids=list(self.remembered))
        columns: dict[str, Any] = {
            "source_id": pa.array([source_id for source_id, _, _ in listed], pa.int32()),
            "fate": pa.array([fate for _, fate, _ in listed], pa.string()),
            "row_ids": pa.array([ids.astype("<i8").tobytes() for _, _, ids in listed]),
        }
        transport.copy_in(self.conn, "ops.source_row", pa.table(columns))

    def _write_rejected(self) -> None:
        """Write the rejected values of the sources of which others were rejected before."""
        asked = [each for each in self.rejected if self.before.get(each, {}).get("rows_rejected")]
        known: dict[int, set[tuple[Any, ...]]] = {}
        if asked:
            for row in queries.fetch(self.conn, "differences.rejected", source_ids=asked):
                source_id, *place = row.values()
                known.setdefault(source_id, set()).add(tuple(place))
        changed = {
            source_id: problems
            for source_id, problems in self.rejected.items()
            if known.get(source_id, set())
            != {(each.row, each.column, each.value, each.reason) for each in problems}
        }
        if known.keys() & changed.keys():
            queries.execute(
                self.conn,
                "differences.remove_rejected",
                source_ids=[*known.keys() & changed.keys()],
            )
        rows = [(number, each) for number, problems in changed.items() for each in problems]
        if rows:
            columns: dict[str, Any] = {
                "source_id": [source_id for source_id, _ in rows],
                "source_row": [each.row for _, each in rows],
                "column_name": [each.column for _, each in rows],
                "value": [each.value for _, each in rows],
                "reason": [each.reason for _, each in rows],
            }
            transport.copy_in(self.conn, "raw.rejected", columns)


def empty_row(source: Source) -> dict[str, Any]:
    """Return a row of raw.source before anything is read."""
    return {
        "source_id": source.source_id,
        "kind": source.section.kind,
        "name": source.section.name,
        "sha256": source.sha256,
        "rows_read": 0,
        "rows_loaded": 0,
        "rows_rejected": 0,
        "rows_dropped": {},
        "place": source.place,
        "settings": source.settings,
        "events": [],
        "watermark": None,
    }
