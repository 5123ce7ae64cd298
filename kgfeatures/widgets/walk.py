"""A walk through the knowledge graph: where it stands, what is seen there, and the SQL of it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple, cast

from kgfeatures.db import composing
from kgfeatures.db.catalogue import graph
from kgfeatures.errors import DataError, UnknownNameError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from kgfeatures.db import Database

PARTS = ("triples", "evidence", "relations", "entities")
DIRECTIONS = ("both", "out", "in")
MOST = 5000
FOUND = 50


class Place(NamedTuple):
    """Where a walk stands: an entity, and which of its triples are looked at."""

    entity: dict[str, Any]
    relation: str | None
    direction: str
    k: int


class Walk:
    """A walk from entity to entity.

    Parameters
    ----------
    database : the shop's.
    step : triples asked for at once.
    known_at : ISO time; what was learnt later is not seen. None: now.
    """

    def __init__(self, database: Database, step: int = 50, known_at: str | None = None) -> None:
        if not 1 <= step <= MOST:
            raise DataError(f"step is {step}; it must be from 1 to {MOST}")
        self.database = database
        self.step = step
        self.known_at = known_at
        self.place: Place | None = None
        self.triples: list[dict[str, Any]] = []
        self.chosen: int | None = None
        self.evidence: list[dict[str, Any]] = []
        self.found: list[dict[str, Any]] = []
        self.types: list[str] = []
        self.text = ""
        self.entity_type: str | None = None
        self._passed: list[Place] = []
        self._sql: dict[str, str] = {}

    def look(self, text: str = "", entity_type: str | None = None) -> None:
        """Search entities whose key or label holds `text`.

        Parameters
        ----------
        text : a part of a key or of a label.
        entity_type : of this type alone; None of all.
        """
        with self.database.transaction() as conn:
            answer = graph.find_entities(conn, text, entity_type, FOUND)
        self.text, self.entity_type = text, entity_type
        self.found, self._sql["entities"] = answer.rows, answer.sql
        if not self.types:
            self.types = [row["name"] for row in self.database.rows("catalogue.entity_types")]

    def go(self, entity_type: str, key: str) -> None:
        """Stand at an entity; raises UnknownNameError where there is none.

        Parameters
        ----------
        entity_type : "product", "customer", "colour" ….
        key : the shop's own.
        """
        with self.database.transaction() as conn:
            entity = graph.entity(conn, entity_type, key)
        before = self.place
        self._stand(Place(entity, None, "both", self.step))
        if before is not None and before.entity != entity:
            self._passed.append(before)

    def back(self) -> None:
        """Stand where the walk came from; stay at its beginning."""
        if self._passed:
            self._stand(self._passed[-1])
            self._passed.pop()

    def filter(self, relation: str | None = None, direction: str = "both") -> None:
        """Look at the triples of one relation, and one direction, alone.

        Parameters
        ----------
        relation : its name; None takes all.
        direction : "out" (the entity is the head), "in" (it is the tail) or "both".
        """
        place = self._here()
        if direction not in DIRECTIONS:
            listed = ", ".join(DIRECTIONS)
            raise DataError(f"direction is {direction!r}; it must be one of {listed}")
        known = {one["relation"] for one in place.entity["relations"]}
        if relation is not None and relation not in known:
            raise UnknownNameError(f"no relation {relation!r} here{nearest(relation, known)}")
        self._stand(place._replace(relation=relation, direction=direction, k=self.step))

    def more(self) -> None:
        """Look at more triples of the same."""
        place = self._here()
        self._stand(place._replace(k=min(place.k + self.step, MOST)))

    def explain(self, row: int) -> None:
        """Ask why triple number `row`, from 0, is believed."""
        self._here()
        if not 0 <= row < len(self.triples):
            raise DataError(f"triple is {row}; it must be from 0 to {len(self.triples) - 1}")
        asked = self.triple(row)
        with self.database.transaction() as conn:
            answer = graph.evidence(
                conn, asked["head_type"], asked["head"], asked["relation"], asked["tail"]
            )
        self.chosen, self.evidence, self._sql["evidence"] = row, answer.rows, answer.sql

    def triple(self, row: int) -> dict[str, Any]:
        """Return head_type, head, relation, tail_type, tail of triple number `row`."""
        found, entity = self.triples[row], self._here().entity
        ends = (entity, found) if found["direction"] == "out" else (found, entity)
        (head_type, head), (tail_type, tail) = [(end["type"], end["key"]) for end in ends]
        return {
            "head_type": head_type,
            "head": head,
            "relation": found["relation"],
            "tail_type": tail_type,
            "tail": tail,
        }

    def sql(self, part: str = "triples") -> str:
        """Return the statement behind a part of what is seen; it runs by itself."""
        if part not in PARTS:
            raise UnknownNameError(f"no part {part!r}{nearest(part, PARTS)}")
        if part not in self._sql:
            raise DataError(f"there are no {part} yet; go to an entity first, or search one")
        return self._sql[part]

    def frame(self, part: str = "triples") -> pd.DataFrame:
        """Return the rows behind a part of what is seen, asked anew."""
        return self.database.sql(cast("LiteralString", self.sql(part)))

    def seen(self) -> dict[str, Any]:
        """Return all that is seen, in JSON's types."""
        place = self.place
        return {
            "entity": None if place is None else _plain(place.entity),
            "relation": None if place is None else place.relation,
            "direction": None if place is None else place.direction,
            "triples": [_plain(row) for row in self.triples],
            "more": place is not None and len(self.triples) == place.k < MOST,
            "chosen": self.chosen,
            "evidence": [_plain(row) for row in self.evidence],
            "found": [_plain(row) for row in self.found],
            "types": self.types,
            "text": self.text,
            "type": self.entity_type,
            "passed": len(self._passed),
            "sql": self._sql.get("evidence" if self.chosen is not None else "triples", ""),
        }

    def _here(self) -> Place:
        if self.place is None:
            raise DataError("the walk has not begun; go to an entity first")
        return self.place

    def _stand(self, place: Place) -> None:
        kind, key = place.entity["type"], place.entity["key"]
        with self.database.transaction() as conn:
            answer = graph.neighbors(
                conn,
                kind,
                key,
                relation=place.relation,
                direction=place.direction,
                k=place.k,
                known_at=self.known_at,
            )
        parts = {"entity_type": composing.value(kind), "key": composing.value(key)}
        relations = composing.text_of(composing.template("catalogue.relations_of", **parts))
        self._sql |= {"triples": answer.sql, "relations": relations}
        self._sql.pop("evidence", None)
        self.place, self.triples = place, answer.rows
        self.chosen, self.evidence = None, []


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, dt.datetime) else value
        for name, value in row.items()
    }
