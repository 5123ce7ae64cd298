"""Entities, what they are connected to, and why: with the statements that say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kgfeatures.db import composing
from kgfeatures.db.catalogue.snippets import without_comments
from kgfeatures.db.composing import template, text_of, value
from kgfeatures.errors import UnknownNameError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.composing import Statement


@dataclass(frozen=True)
class Answer:
    """Rows, and the statement that gives them to whoever runs it."""

    rows: list[dict[str, Any]]
    sql: str


def find_entities(
    conn: Connection[TupleRow], text: str, entity_type: str | None = None, k: int = 50
) -> Answer:
    """Return entities whose key or label holds `text`: type, key, label, degree.

    Parameters
    ----------
    text : a part of a key or of a label.
    entity_type : of this type alone; None of all.
    k : entities at most.
    """
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return _answer(
        conn,
        template(
            "catalogue.entities",
            text=value(text),
            within=value(f"%{escaped}%"),
            start=value(f"{escaped}%"),
            entity_type=value(entity_type),
            k=value(k),
        ),
    )


def entity(conn: Connection[TupleRow], entity_type: str, key: str) -> dict[str, Any]:
    """Return type, key, label, degree of an entity, and "relations": its degree in each.

    Parameters
    ----------
    entity_type : "product", "customer", "colour" ….
    key : the shop's own.

    Raises
    ------
    UnknownNameError : there is none.
    """
    parts = {"entity_type": value(entity_type), "key": value(key)}
    found = _answer(conn, template("catalogue.entity", **parts)).rows
    if not found:
        raise UnknownNameError(
            f"no {entity_type} {key!r} in the graph; search for a part of its name"
        )
    relations = _answer(conn, template("catalogue.relations_of", **parts)).rows
    return found[0] | {
        "degree": sum(relation["count"] for relation in relations),
        "relations": relations,
    }


def neighbors(
    conn: Connection[TupleRow],
    entity_type: str,
    key: str,
    relation: str | None = None,
    direction: str = "both",
    k: int = 50,
    known_at: str | None = None,
) -> Answer:
    """Return what an entity is connected to; raises DatabaseError for what kg.neighbors refuses.

    Parameters
    ----------
    entity_type, key : of an entity that there is.
    relation : its name; None takes all.
    direction : "out" (the entity is the head), "in" (it is the tail) or "both".
    k : neighbours at most.
    known_at : what was known then; None is now.
    """
    return _answer(
        conn,
        template(
            "catalogue.neighbors",
            entity_type=value(entity_type),
            key=value(key),
            relation=value(relation),
            direction=value(direction),
            k=value(k),
            known_at=value(known_at or "now", "timestamptz"),
        ),
    )


def evidence(
    conn: Connection[TupleRow], head_type: str, head_key: str, relation: str, tail_key: str
) -> Answer:
    """Return why a triple is believed: source, method, confidence, observed_at, text."""
    return _answer(
        conn,
        template(
            "catalogue.evidence",
            head_type=value(head_type),
            head_key=value(head_key),
            relation=value(relation),
            tail_key=value(tail_key),
        ),
    )


def _answer(conn: Connection[TupleRow], statement: Statement) -> Answer:
    sql = without_comments(text_of(statement))
    return Answer(composing.dicts(conn, "", statement), sql)
