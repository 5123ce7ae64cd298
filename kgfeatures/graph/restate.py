"""Some of what ingest states said anew, in place of what it said of the same before.

`store.replace_triples` takes all triples of a source at once; here only some heads or some of its
parts are said again, and only the evidence that differs is written. The graph is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from kgfeatures.db import queries
from kgfeatures.graph import ontology, store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.types import IntArray

SOURCE = "ingest"


@dataclass
class Scope:
    """What is stated anew: everything that ingest states of it and does not state now goes.

    Parameters
    ----------
    heads : ids of entities; what `kept` says of them stays.
    kept : parts of the source ("file" or "file:column") that are not stated anew.
    parts : parts of the source of which everything is stated anew.
    parts_of : parts of which what they say of `head_types` is stated anew.
    doubtful : ids of entities that may have no reason left to be there.
    """

    heads: list[IntArray] = field(default_factory=list["IntArray"])
    kept: set[str] = field(default_factory=set[str])
    parts: set[str] = field(default_factory=set[str])
    parts_of: set[str] = field(default_factory=set[str])
    head_types: tuple[str, ...] = ()
    doubtful: list[IntArray] = field(default_factory=list["IntArray"])


def restate(
    conn: Connection[TupleRow], scope: Scope, triples: pd.DataFrame, measured: list[int]
) -> int:
    """State triples anew; return how many triples that touches.

    Parameters
    ----------
    measured : ids of relations that are to be measured in any case.
    triples : all that ingest states now within the scope, as for `store.replace_triples`.

    Raises
    ------
    DataError : a column is missing or not known, or a key is null.
    """
    store.stage_evidence(conn, SOURCE, triples)
    queries.execute(conn, "restate.stage_scope")
    if scope.heads:
        heads = [number for ids in scope.heads for number in ids.tolist()]
        queries.execute(conn, "restate.scope_heads", heads=heads, kept=_parts(scope.kept))
    for parts, head_types in ((scope.parts, None), (scope.parts_of, list(scope.head_types))):
        if parts:
            queries.execute(
                conn, "restate.scope_sources", sources=_parts(parts), head_types=head_types
            )
    for query in ("restate.remove_absent", "restate.unstage_present", "evidence.add_evidence"):
        queries.execute(conn, query)
    queries.execute(conn, "evidence.touch_staged")
    [touched] = queries.fetch(conn, "restate.touched")
    if touched["n"]:
        queries.execute(conn, "restate.count_touched")
        queries.execute(conn, "store.remove_triples")
        queries.execute(conn, "store.upsert_triples")
    doubtful = [number for ids in scope.doubtful for number in ids.tolist()]
    if touched["n"] or doubtful:
        queries.execute(
            conn, "restate.prune_entities", ids=doubtful, entity_types=list(scope.head_types)
        )
    queries.execute(conn, "restate.prune_relations")
    relations = [*touched["relations"], *measured]
    if relations:
        queries.execute(conn, "relations.measure_relations", ids=relations)
    return int(touched["n"])


def described(conn: Connection[TupleRow], written: Mapping[str, str]) -> dict[str, str]:
    """Return a sentence for each relation that ingest states: where it comes from.

    Parameters
    ----------
    written : what the manifest writes for a file that a pattern stands for, by name.
    """
    rows = queries.fetch(conn, "restate.stated")
    pairs = [(row["name"], str(row["source"]).removeprefix(f"{SOURCE}:")) for row in rows]
    return sentences(pairs, written)


def sentences(pairs: Iterable[tuple[str, str]], written: Mapping[str, str]) -> dict[str, str]:
    """Return a sentence for each relation from pairs of a relation and where it comes from."""
    said: dict[str, str] = {}
    places = {(name, written.get(place, place)) for name, place in pairs}
    for name, place in sorted(places):
        said[name] = f"{said[name]}, {place}" if name in said else f"From {place}"
    return said


def measure_events(conn: Connection[TupleRow], events: Iterable[str]) -> None:
    """Measure the relations that some events are; an early answer where there are many of them."""
    listed = sorted(events)
    for name in sorted({ontology.relation_of(event) for event in listed}):
        alike = [name, *(event for event in ontology.EVENTS if ontology.relation_of(event) == name)]
        tails, heads = (
            queries.scalar(conn, f"restate.has_several_{what}", events=alike) is not None
            for what in ("products", "customers")
        )
        queries.execute(
            conn,
            "restate.measure_event",
            name=name,
            cardinality=f"{'N' if heads else '1'}-{'N' if tails else '1'}",
            functional=not tails,
        )


def _parts(parts: Iterable[str]) -> list[str]:
    return sorted(f"{SOURCE}:{part}" for part in parts)


def frame_of(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return triples of several frames as one."""
    listed: list[Any] = [frame for frame in frames if len(frame)]
    empty = pd.DataFrame({name: pd.Series(dtype=object) for name in (*store.REQUIRED, "detail")})
    return pd.concat([empty, *listed], ignore_index=True)
