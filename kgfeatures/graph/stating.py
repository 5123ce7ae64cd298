"""What ingest states in the graph: entities, triples and relations of columns and triple files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgfeatures.db import queries
from kgfeatures.graph import ontology, restate, store
from kgfeatures.graph.outreach import KINDS as OUTREACH
from kgfeatures.types import relation_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from kgfeatures.graph.ledger import Ledger
    from kgfeatures.graph.naming import Named
    from kgfeatures.graph.sources import Source, Stale


def write_graph(
    ledger: Ledger,
    sources: Sequence[Source],
    stale: Stale,
    named: Iterable[Named],
    triples: Iterable[pd.DataFrame],
) -> int:
    """Write triples and relations; return how many triples were touched.

    Parameters
    ----------
    sources : of the whole manifest.
    named : what became of products and customers, with their triples.
    triples : of the sources of triples, campaigns and coupons that were read.
    """
    conn = ledger.conn
    things = list(named)
    frame = restate.frame_of([*(each for one in things for each in one.triples), *triples])
    written = {each.section.name: each.section.written for each in sources}
    events = {event for row in (ledger.before | ledger.written).values() for event in row["events"]}
    if ledger.anew:
        pairs = zip(frame["relation"], frame["detail"], strict=True)
        ontology.declare_relations(conn, restate.sentences(pairs, written))
        ontology.declare_events(conn, sorted(events))
        ontology.declare_outreach(conn)
        return store.replace_triples(conn, restate.SOURCE, frame)
    ontology.declare_relations(conn, ontology.event_sentences(events))
    # A relation may be both, an event and what triples say: then the triples' shape counts.
    stated = {row["name"] for row in queries.fetch(conn, "restate.stated")}
    measured = ledger.events | {each for each in events if ontology.relation_of(each) in stated}
    restate.measure_events(conn, measured & events)
    relations = [relation_id(ontology.relation_of(event)) for event in sorted(measured)]
    scope = restate.Scope(
        heads=[one.restated for one in things],
        kept={name for kind, name in _names(ledger, sources) if kind == "triples"},
        parts=stale.parts,
        parts_of=_parts_of_outreach(ledger, sources) if stale.outreach_changed else set(),
        head_types=("campaign", "coupon") if stale.outreach_changed else (),
        doubtful=[one.lost for one in things],
    )
    touched = restate.restate(conn, scope, frame, relations)
    ontology.declare_relations(conn, restate.described(conn, written))
    ontology.declare_relations(conn, ontology.event_sentences(events))
    if stale.outreach_changed:
        ontology.declare_outreach(conn)
    return touched


def _names(ledger: Ledger, sources: Iterable[Source]) -> set[tuple[str, str]]:
    """Return kind and name of every source, those that are gone too."""
    now = {(each.section.kind, each.section.name) for each in sources}
    return now | {(row["kind"], row["name"]) for row in ledger.before.values()}


def _parts_of_outreach(ledger: Ledger, sources: Iterable[Source]) -> set[str]:
    """Return the parts of ingest under which campaigns and coupons are stated."""
    names = {name for kind, name in _names(ledger, sources) if kind in OUTREACH}
    names |= {each.section.written for each in sources if each.section.kind in OUTREACH}
    stated = {
        str(row["source"]).removeprefix(f"{restate.SOURCE}:")
        for row in queries.fetch(ledger.conn, "restate.stated")
    }
    beside = tuple(f"{name}:" for name in names)
    return {part for part in stated if part in names or part.startswith(beside)}
