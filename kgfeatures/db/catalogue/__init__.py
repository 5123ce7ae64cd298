"""The catalogue that JupyterLab shows: what there is, its profile, where it comes from."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from kgfeatures.db import composing, queries
from kgfeatures.db.catalogue import profile, snippets
from kgfeatures.db.catalogue.entries import Entry, entries, search
from kgfeatures.db.catalogue.lineage import lineage
from kgfeatures.errors import UnknownNameError, nearest

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.connection import Database

__all__ = ["Catalogue", "Entry"]

# A search per keystroke asks the database once; what a refresh changes shows this much later.
FRESH_SECONDS = 3.0


class Catalogue:
    """What there is in a shop's database, as its read-only login sees it.

    Parameters
    ----------
    reader : the database by its read-only login.
    """

    def __init__(self, reader: Database) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._known: list[Entry] = []
        self._until = 0.0

    def entries(self) -> list[Entry]:
        """Return everything; at most three seconds old."""
        with self._lock:
            if time.monotonic() >= self._until:
                with self._reader.transaction() as conn:
                    self._known = entries(conn)
                self._until = time.monotonic() + FRESH_SECONDS
            return self._known

    def search(self, q: str = "", kind: str | None = None) -> list[Entry]:
        """Return the entries that hold every word of `q`, best first.

        Parameters
        ----------
        q : words, in any order; "" finds everything.
        kind : "feature_view", "table" …; None searches all.
        """
        return search(self.entries(), q, kind)

    def get(self, kind: str, name: str) -> Entry:
        """Return one entry.

        Parameters
        ----------
        kind : "feature_view", "table" ….
        name : as an entry of this kind has it.

        Raises
        ------
        UnknownNameError : there is none (any more).
        """
        names = {entry.name: entry for entry in self.entries() if entry.kind == kind}
        if name not in names:
            raise UnknownNameError(f"no {kind.replace('_', ' ')} {name!r}{nearest(name, names)}")
        return names[name]

    def detail(self, kind: str, name: str) -> dict[str, Any]:
        """Return an entry with columns, indexes, lineage, feature services and code.

        Parameters
        ----------
        kind : "feature_view", "table" ….
        name : as an entry of this kind has it.
        """
        entry = self.get(kind, name)
        made = entry.shown() | {
            "schema_columns": [],
            "indexes": [],
            "lineage": [],
            "services": self._services_of(entry),
            "code": snippets.snippets(entry),
        }
        with self._reader.transaction() as conn:
            made["lineage"] = lineage(conn, entry.place)
            if entry.schema is not None and entry.table is not None:
                made["schema_columns"] = self._columns(conn, entry)
                made["indexes"] = profile.indexes(conn, entry.schema, entry.table)
        if entry.table is not None and not made["schema_columns"]:
            # Dropped since the list was read: it may be gone from the list too.
            self._until = 0.0
            self.get(kind, name)
        return made

    def sample(self, kind: str, name: str, k: int = 50) -> str:
        """Return the statement that shows `k` rows of an entry.

        Parameters
        ----------
        kind : "feature_view", "table" ….
        name : as an entry of this kind has it.
        k : rows at most.
        """
        return composing.text_of(snippets.statement(self.get(kind, name), k))

    def completions(self) -> dict[str, Any]:
        """Return every schema with its tables, columns and functions that may be read."""
        with self._reader.transaction() as conn:
            columns = queries.fetch(conn, "catalogue.known_columns")
            functions = queries.fetch(conn, "catalogue.known_functions")
        schemas: dict[str, Any] = {}
        tables: dict[tuple[str, str], Any] = {}
        for row in columns:
            key = (row["schema_name"], row["table_name"])
            if key not in tables:
                tables[key] = {
                    "name": row["table_name"],
                    "kind": row["kind"],
                    "comment": row["description"] or "",
                    "columns": [],
                }
                _schema(schemas, row["schema_name"])["relations"].append(tables[key])
            tables[key]["columns"].append({"name": row["name"], "type": row["type"]})
        for row in functions:
            _schema(schemas, row["schema_name"])["functions"].append(
                {
                    "name": row["name"],
                    "arguments": row["arguments"],
                    "returns": row["returns"],
                    "comment": row["description"] or "",
                }
            )
        return {"schemas": list(schemas.values())}

    def runs(self, k: int = 20) -> list[dict[str, Any]]:
        """Return the latest runs of steps, the newest first, with how far each is."""
        with self._reader.transaction() as conn:
            return [_run(row) for row in queries.fetch(conn, "catalogue.runs", k=k)]

    def _services_of(self, entry: Entry) -> list[str]:
        if entry.kind != "feature_view":
            return []
        return [
            other.name
            for other in self.entries()
            if other.kind == "service"
            and any(word.startswith(f"{entry.name}:") for word in other.words)
        ]

    def _columns(self, conn: Connection[TupleRow], entry: Entry) -> list[dict[str, Any]]:
        """Return the columns of the table, described as the registry does where it does."""
        described = self._described(conn, entry)
        columns = profile.columns(conn, entry.schema or "", entry.table or "")
        for column in columns:
            column["description"] = described.get(column["name"]) or column["description"]
        return columns

    def _described(self, conn: Connection[TupleRow], entry: Entry) -> dict[str, str]:
        for card in queries.fetch(conn, "catalogue.registered"):
            if card["kind"] == "feature_view" and card["name"] == entry.name:
                return {
                    column["name"]: column.get("description", "")
                    for column in card["details"].get("columns", ())
                }
        return {}


def _schema(schemas: dict[str, Any], name: str) -> dict[str, Any]:
    return schemas.setdefault(name, {"name": name, "relations": [], "functions": []})


def _run(row: dict[str, Any]) -> dict[str, Any]:
    progress: dict[str, Any] = row.pop("progress") or {}
    counts: dict[str, int] = row.pop("row_counts") or {}
    return row | {
        "rows": sum(counts.values()),
        "label": progress.get("label", ""),
        "note": progress.get("note"),
        "done": progress.get("done"),
        "total": progress.get("total"),
    }
