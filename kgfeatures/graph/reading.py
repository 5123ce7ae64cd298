"""Sources read, compared with what they said before, and written by difference."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgfeatures.db import queries
from kgfeatures.db.binary import PAST_MICROSECONDS
from kgfeatures.errors import DatabaseError, DataError
from kgfeatures.graph import (
    attributes,
    descriptions,
    documents,
    late,
    loading,
    triple_files,
    window,
)
from kgfeatures.graph.cleaning import RefusedError, to_number
from kgfeatures.graph.differences import Fates, compare_lines, compare_rows
from kgfeatures.graph.kept import KINDS, NAMED
from kgfeatures.graph.selection import (
    REJECTED,
    require_few_rejected,
    require_rows,
    require_whole,
)
from kgfeatures.graph.sources import fits

if TYPE_CHECKING:
    from kgfeatures.graph.differences import Delta
    from kgfeatures.graph.ledger import Ledger
    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.selection import Loaded
    from kgfeatures.graph.sources import Source

UNIQUE_VIOLATION = "23505"
AHEAD = dt.timedelta(days=1)
"""What is later than that is of the future."""
INTERACTION_COLUMNS = (
    *("customer_id", "product_id", "event", "occurred_at", "basket_id"),
    *("quantity", "amount", "split"),
)
_SINCE_EVER = pa.scalar(PAST_MICROSECONDS, pa.timestamp("us", "UTC"))

ReadTable = Callable[[str, "tuple[str, dt.datetime] | None"], pa.Table]


@dataclass
class Reader:
    """Reads the sources of a manifest into a ledger.

    Parameters
    ----------
    read_table : gives the rows of the database's table `schema.name`, since a time in a column.
    max_rejected : the share of a source's rows that may be rejected, in [0, 1].
    now : the time by which a row is of the future.
    """

    ledger: Ledger
    manifest: Manifest
    read_table: ReadTable
    max_rejected: float
    now: dt.datetime
    triples: list[pd.DataFrame] = field(default_factory=list[pd.DataFrame])
    attributes: list[tuple[Source, Delta]] = field(default_factory=list["tuple[Source, Delta]"])

    def read(self, source: Source) -> None:
        """Read a source that is neither of the graph's own nor of campaigns."""
        kind = source.section.kind
        if kind == "interactions":
            self._interactions(source)
        elif kind == "documents":
            self._documents(source)
        elif kind == "attributes":
            self._attributes(source)
        elif kind == "triples":
            self._triples(source)
        else:
            self._things(source)

    def finish(self) -> None:
        """Write the attributes: one may have moved from a source to another.

        Raises
        ------
        DataError : two sources say something of the same key, name and time.
        """
        for source, delta in self.attributes:
            nothing = delta.rows.slice(0, 0)
            self.ledger.write("attribute", source.source_id, nothing, delta.ids[:0], delta.gone)
        for source, delta in self.attributes:
            self._write("attribute", source, replace(delta, gone=delta.gone[:0]), delta.rows)
        try:
            self.ledger.flush("attribute")
        except DatabaseError as exc:
            if exc.sqlstate != UNIQUE_VIOLATION:
                raise
            names = ", ".join(dict.fromkeys(each.section.name for each, _ in self.attributes))
            raise DataError(
                f"{names}: an attribute is said twice of the same thing and time, perhaps by "
                f"another source ({exc}); leave it out of one of them"
            ) from exc

    def load(self, source: Source) -> Loaded:
        """Return all rows of a source, cleaned.

        Raises
        ------
        DataError : it cannot be read, too many of its rows are rejected, or it was cut off.
        """
        return self._required(source, loading.load(source.section, self.manifest, self._whole))

    def name(self, source: Source, loaded: Loaded, before: Fates) -> Fates:
        """Note which customers and products the rows of a source name; return the fates."""
        keys = {
            kind: loaded.rows.column(f"{kind}_id").drop_null().unique().to_pylist()
            for kind in KINDS
            if f"{kind}_id" in loaded.rows.column_names
        }
        return self._name(source, loaded, keys, before)

    def _whole(self, table: str) -> pa.Table:
        return self.read_table(table, None)

    def _required(self, source: Source, loaded: Loaded) -> Loaded:
        require_few_rejected(loaded, self.max_rejected)
        require_rows(loaded)
        if late.span_of(source.section) is None:
            before = self.ledger.before.get(source.source_id, {})
            require_whole(loaded, before.get("rows_loaded", 0))
        return loaded

    def _interactions(self, source: Source) -> None:
        before = self.ledger.fates(source.source_id)
        span = late.span_of(source.section)
        if span is None:
            sheet = loading.read(source.section, self._whole, encoded=True)
            delta = compare_lines(source, sheet, self.manifest, before)
            kept = delta.fates
        else:
            delta = self._window(source, span)
            kept = Fates()
        self._required(source, delta.loaded)
        rows = delta.loaded.rows.select(INTERACTION_COLUMNS)
        self._write("interaction", source, delta, rows, kept)

    def _documents(self, source: Source) -> None:
        before = self.ledger.fates(source.source_id)
        sheet = loading.read(source.section, self._whole, encoded=True)
        delta = compare_lines(source, sheet, self.manifest, before)
        self._required(source, delta.loaded)
        self._write("document", source, delta, documents.as_rows(delta.loaded))

    def _attributes(self, source: Source) -> None:
        loaded = self.load(source)
        rows = attributes.as_rows(loaded)
        since = rows["valid_from"].fill_null(_SINCE_EVER)
        rows = rows.set_column(rows.column_names.index("valid_from"), "valid_from", since)
        self._require_types(source, rows)
        delta = compare_rows(source, loaded, rows, self.ledger.fates(source.source_id))
        self.attributes.append((source, delta))

    def _things(self, source: Source) -> None:
        of_lines = {lines.name for lines in self.manifest.of("interactions")}
        sheet = loading.read(source.section, self._whole, encoded=True)
        weights: Any = None
        loaded = None
        if source.section.name in of_lines:
            # A product stands on every line on which it was sold: each is cleaned once.
            few, counts = descriptions.distinct(sheet)
            loaded = loading.clean(source.section, few.plain(), self.manifest)
            if REJECTED in loaded.fates:
                loaded = None
            else:
                weights = descriptions.weighted(loaded, few, counts)
        if loaded is None:
            loaded = loading.clean(source.section, sheet.plain(), self.manifest)
            weights = np.ones(loaded.rows.num_rows, dtype=np.int64)
        self._required(source, loaded)
        rows = descriptions.describe(loaded, weights)
        before = self.ledger.fates(source.source_id)
        delta = compare_rows(source, loaded, rows, before, NAMED)
        self._write("description", source, delta, delta.rows)

    def _triples(self, source: Source) -> None:
        loaded = self.load(source)
        frame = triple_files.as_rows(loaded)
        self.triples.append(frame)
        keys: dict[str, Any] = {}
        for kind in KINDS:
            ends = [frame.loc[frame[f"{end}_type"] == kind, end] for end in ("head", "tail")]
            keys[kind] = pd.concat(ends).unique().tolist()
        fates = self._name(source, loaded, keys, self.ledger.fates(source.source_id))
        self.ledger.remember(source.source_id, fates)
        self.ledger.book(source, loaded)

    def _name(
        self, source: Source, loaded: Loaded, keys: dict[str, list[str]], before: Fates
    ) -> Fates:
        rows = pa.concat_tables(
            [descriptions.named_only(kind, sorted(keys.get(kind, []))) for kind in KINDS]
        )
        delta = compare_rows(source, loaded, rows, before, NAMED)
        self.ledger.write("description", source.source_id, delta.rows, delta.ids, delta.gone)
        return delta.fates

    def _require_types(self, source: Source, rows: pa.Table) -> None:
        """Check that no attribute became text that was numbers or flags before.

        Raises
        ------
        DataError : one did.
        """
        alike = [
            source_id
            for source_id, row in self.ledger.before.items()
            if source_id == source.source_id
            or (row["kind"] == "attributes" and fits(row["name"], source.section.pattern or ""))
        ]
        texts = rows.filter(pc.call_function("is_valid", [rows.column("value_text")]))
        named: list[str] = texts.column("name").unique().to_pylist() if alike else []
        for name in named:
            kind = queries.scalar(
                self.ledger.conn, "differences.attribute_kind", source_ids=alike, name=name
            )
            if kind is None or kind == "texts":
                continue
            here = texts.filter(pc.call_function("equal", [texts.column("name"), pa.scalar(name)]))
            words: list[str] = here.column("value_text").to_pylist()
            example = next((word for word in words if not _is_number(word)), words[0])
            raise DataError(
                f"{source.section.name}, column {source.section.attributes[name]!r} held {kind} "
                f"when it was loaded last and holds texts now, such as {example!r}; nothing was "
                "loaded. Mend the file, or take it as it is: kgfeatures ingest DIR --force"
            )

    def _window(self, source: Source, span: dt.timedelta) -> Delta:
        """Return the difference of a table of which only late rows are compared."""
        known = self.ledger.before.get(source.source_id)
        newest = known["watermark"] if known else None
        since = None if newest is None or newest > self.now + AHEAD else newest - span
        found = self._since(source, since)
        if newest is not None and since is not None and not found.reaches(newest):
            # The newest rows are gone: what counts as late begins earlier.
            since, found = None, self._since(source, None)
        earlier = known["rows_loaded"] if known and since is not None else None
        return found.report(span, earlier)

    def _since(self, source: Source, since: dt.datetime | None) -> window.Window:
        section = source.section
        stamp = section.columns["timestamp"]
        bound = (stamp, since or dt.datetime.min.replace(tzinfo=dt.UTC))
        sheet = loading.read(section, lambda table: self.read_table(table, bound))
        before = self.ledger.window(source.source_id, since)
        return window.compare(source, sheet, self.manifest, before, self.now + AHEAD)

    def _write(
        self,
        name: str,
        source: Source,
        delta: Delta,
        rows: pa.Table,
        kept: Fates | None = None,
    ) -> None:
        removed = self.ledger.write(name, source.source_id, rows, delta.ids, delta.gone)
        if name == "interaction":
            events, watermark = self._events(source, rows, removed)
            self.ledger.events |= events | {row["key"] for row in removed if row["kind"] == "event"}
            self.ledger.book(
                source, delta.loaded, self._all_events(source, events, removed), watermark
            )
        else:
            self.ledger.book(source, delta.loaded)
        self.ledger.remember(source.source_id, delta.fates if kept is None else kept)

    def _events(
        self, source: Source, rows: pa.Table, removed: list[dict[str, Any]]
    ) -> tuple[set[str], dt.datetime | None]:
        """Return the events of new rows and the newest time of all."""
        known = self.ledger.before.get(source.source_id)
        watermark = known["watermark"] if known else None
        if any(row["kind"] == "event" and row["latest"] == watermark for row in removed):
            watermark = queries.scalar(
                self.ledger.conn, "differences.newest", source_id=source.source_id
            )
        latest: Any = pc.call_function("max", [rows.column("occurred_at")]).as_py()
        newest = max((at for at in (watermark, latest) if at is not None), default=None)
        return set(rows.column("event").unique().to_pylist()), newest

    def _all_events(
        self, source: Source, fresh: set[str], removed: list[dict[str, Any]]
    ) -> set[str]:
        """Return the events of all rows of a source."""
        known = self.ledger.before.get(source.source_id)
        standing = set(known["events"]) - fresh if known else set[str]()
        doubtful = standing & {row["key"] for row in removed if row["kind"] == "event"}
        if doubtful:
            left = queries.fetch(
                self.ledger.conn,
                "differences.events_left",
                source_id=source.source_id,
                events=sorted(doubtful),
            )
            standing -= doubtful - {row["event"] for row in left}
        return fresh | standing


def _is_number(word: str) -> bool:
    try:
        to_number(word)
    except RefusedError:
        return False
    return True
