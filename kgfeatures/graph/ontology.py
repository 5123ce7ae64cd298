"""The ontology: relations are declared with words, and their shape is measured from the data.

Domain, range and cardinality in kg.relation say how the triples are, not how they should be: a
relation declared as one-to-one of which a head has two tails is shown as what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgfeatures.db import queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

EVENT_DESCRIPTIONS = {
    "bought": "A customer bought a product; one statement per line of an order.",
    "returned": "A customer sent a product back; one statement per line of a return.",
}
OUTREACH_DESCRIPTIONS = {
    "received": "A customer was treated by a campaign; one statement per contact.",
    "was_issued": "A customer got a coupon; one statement per issue.",
    "redeemed": "A customer used a coupon; one statement per redemption.",
}
_RELATIONS = {"purchase": "bought", "return": "returned"}
EVENTS = tuple(_RELATIONS)
"""Events that the graph calls otherwise."""


def relation_of(event: str) -> str:
    """Return the relation that an interaction's event is in the graph; twin of raw.relation_of."""
    return _RELATIONS.get(event, event)


def declare_relations(conn: Connection[TupleRow], descriptions: Mapping[str, str]) -> None:
    """Make relations known, with one sentence each about what their triples say."""
    queries.execute(
        conn,
        "relations.declare_relations",
        names=list(descriptions),
        descriptions=list(descriptions.values()),
    )


def declare_events(conn: Connection[TupleRow], events: Iterable[str]) -> None:
    """Make the relations known that interactions are, and measure them."""
    declare_relations(conn, event_sentences(events))
    queries.execute(conn, "relations.measure_events")


def event_sentences(events: Iterable[str]) -> dict[str, str]:
    """Return what each relation that interactions are says."""
    names = [relation_of(event) for event in events]
    other = "A customer's event {name!r} with a product, as the source calls it."
    return {name: EVENT_DESCRIPTIONS.get(name, other.format(name=name)) for name in names}


def declare_outreach(conn: Connection[TupleRow]) -> None:
    """Make the relations known that contacts and coupons are, and measure them."""
    names = [row["relation"] for row in queries.fetch(conn, "outreach.relations")]
    declare_relations(conn, {name: OUTREACH_DESCRIPTIONS[name] for name in names})
    queries.execute(conn, "outreach.measure")
