"""What there is to use, as a list to search in: one entry per thing that has a name."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from kgfeatures.db import queries

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator

    from psycopg import Connection
    from psycopg.rows import TupleRow

# Feast's words and ours.
KINDS = {"feature_view": "feature_view", "feature_service": "service", "entity": "entity"}
ORDER = ("feature_view", "service", "entity", "vectors", "relation", "entity_type", "table")
ZH = "description_zh"
# Where the graph keeps what has no table of its own.
GRAPH = {"relation": "kg.relation", "entity_type": "kg.entity"}


@dataclass(frozen=True)
class Entry:
    """One thing of the catalogue.

    Parameters
    ----------
    rows : how many it has, by the planner's estimate where it is a table.
    fresh_at : when the run that made it ended.
    words : what is searched besides name and description: columns, features.
    keys : a feature view's join keys.
    readable : the columns that may be read, where not all of the table's may.
    """

    kind: str
    name: str
    title: str
    description: str = ""
    description_zh: str = ""
    entities: tuple[str, ...] = ()
    rows: int | None = None
    columns: int | None = None
    fresh_at: dt.datetime | None = None
    schema: str | None = None
    table: str | None = None
    words: tuple[str, ...] = field(default=(), repr=False)
    keys: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The table that holds it, "schema.table"; "" for what stands in the registry alone."""
        if self.schema is not None and self.table is not None:
            return f"{self.schema}.{self.table}"
        return GRAPH.get(self.kind, "")

    def shown(self) -> dict[str, Any]:
        """Return what is shown of the entry: the rest serves search and code."""
        made = asdict(self)
        for unseen in ("words", "keys", "readable"):
            del made[unseen]
        return made


def entries(conn: Connection[TupleRow]) -> list[Entry]:
    """Return everything, feature views first, then by name."""
    tables = {(row["schema_name"], row["table_name"]): row for row in _fetch(conn, "tables")}
    made_at = {
        table: run["finished_at"]
        for run in _fetch(conn, "standing_runs")
        for table in run["outputs"]
    }
    found = [
        *_registered(_fetch(conn, "registered"), tables, made_at),
        *_vectors(_fetch(conn, "vectors"), tables, made_at),
        *_relations(_fetch(conn, "relations"), made_at),
        *(_entity_type(row, made_at) for row in _fetch(conn, "entity_types")),
    ]
    taken = {(entry.schema, entry.table) for entry in found if entry.kind == "feature_view"}
    rest = (_table(row, made_at) for key, row in tables.items() if key not in taken)
    return sorted([*found, *rest], key=lambda entry: (ORDER.index(entry.kind), entry.name))


def search(found: Iterable[Entry], q: str = "", kind: str | None = None) -> list[Entry]:
    """Return the entries that hold every word of `q`: best first, in their own order otherwise.

    Case does not matter. Chinese needs no spaces: a word is found inside a longer text.
    """
    words = q.casefold().split()
    ranked = [
        (rank, place, entry)
        for place, entry in enumerate(found)
        if kind in {None, "", entry.kind} and (rank := _rank(entry, words)) is not None
    ]
    return [entry for _, _, entry in sorted(ranked, key=lambda one: one[:2])]


def _rank(entry: Entry, words: list[str]) -> int | None:
    """Return how well an entry answers, lower is better; None when it does not."""
    name = entry.name.casefold()
    about = f"{entry.title} {entry.description} {entry.description_zh}".casefold()
    rest = " ".join((*entry.words, *entry.entities)).casefold()
    ranks = [_rank_of(word, name, about, rest) for word in words]
    return None if None in ranks else sum(rank for rank in ranks if rank is not None)


def _rank_of(word: str, name: str, about: str, rest: str) -> int | None:
    if word in name:
        return 0 if name == word else 1 if name.startswith(word) else 2
    return 4 if word in about else 8 if word in rest else None


def _fetch(conn: Connection[TupleRow], name: str) -> list[dict[str, Any]]:
    return queries.fetch(conn, f"catalogue.{name}")


def _registered(
    cards: Iterable[dict[str, Any]],
    tables: dict[tuple[str, str], dict[str, Any]],
    made_at: dict[str, dt.datetime],
) -> Iterator[Entry]:
    for card in cards:
        details = card["details"]
        schema, _, table = details.get("source_table", "").partition(".")
        size = tables.get((schema, table), {})
        columns = [column["name"] for column in details.get("columns", ())]
        yield Entry(
            kind=KINDS[card["kind"]],
            name=card["name"],
            title=card["name"],
            description=card["description"],
            description_zh=details.get(ZH, ""),
            entities=tuple(details.get("entities", ())),
            rows=size.get("rows"),
            columns=len(columns) or len(details.get("features", ())) or None,
            fresh_at=made_at.get(f"{schema}.{table}"),
            schema=schema or None,
            table=table or None,
            words=(*columns, *details.get("features", ()), *details.get("join_keys", ())),
            keys=tuple(details.get("join_keys", ())),
        )


def _vectors(
    models: Iterable[dict[str, Any]],
    tables: dict[tuple[str, str], dict[str, Any]],
    made_at: dict[str, dt.datetime],
) -> Iterator[Entry]:
    for model in models:
        yield Entry(
            kind="vectors",
            name=model["name"],
            title=model["name"],
            description=f"{model['kind']}, {model['dim']} dimensions, version {model['model_id']}",
            entities=tuple(model["entity_types"]),
            rows=tables.get(("emb", model["table_name"]), {}).get("rows"),
            columns=model["dim"],
            fresh_at=made_at.get(f"emb.{model['table_name']}"),
            schema="emb",
            table=model["table_name"],
            words=(model["scorer"],),
        )


def _relations(
    relations: Iterable[dict[str, Any]], made_at: dict[str, dt.datetime]
) -> Iterator[Entry]:
    for relation in relations:
        ends = (relation["domain"] or "…", relation["range"] or "…")
        yield Entry(
            kind="relation",
            name=relation["name"],
            title=f"{ends[0]} → {ends[1]}",
            description=relation["description"],
            entities=tuple(end for end in ends if end != "…"),
            rows=relation["triples"],
            fresh_at=made_at.get(GRAPH["relation"]),
        )


def _entity_type(row: dict[str, Any], made_at: dict[str, dt.datetime]) -> Entry:
    return Entry(
        kind="entity_type",
        name=row["name"],
        title=row["name"],
        rows=row["entities"],
        fresh_at=made_at.get(GRAPH["entity_type"]),
    )


def _table(row: dict[str, Any], made_at: dict[str, dt.datetime]) -> Entry:
    name = f"{row['schema_name']}.{row['table_name']}"
    return Entry(
        kind="table",
        name=name,
        title=name,
        description=row["description"] or "",
        rows=row["rows"],
        columns=row["columns"],
        fresh_at=made_at.get(name),
        schema=row["schema_name"],
        table=row["table_name"],
        readable=tuple(row["readable"] or ()),
    )
