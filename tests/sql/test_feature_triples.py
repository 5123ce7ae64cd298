"""Triples as features against a plain-Python reading of kg.triple, and through a training set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from kgfeatures.db import Database
from kgfeatures.features import training_set
from kgfeatures.steps.publish import publish
from kgfeatures.steps.triples import triples

if TYPE_CHECKING:
    from psycopg import Connection

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Triple:
    head: str
    relation: str
    tail: str
    confidence: float = 1.0
    valid_from: datetime = ALWAYS
    valid_to: datetime = NEVER
    observed_at: datetime = ALWAYS
    retracted_at: datetime = NEVER

    def stands(self, true_at: datetime, known_at: datetime) -> bool:
        true = self.valid_from <= true_at < self.valid_to
        return true and self.observed_at <= known_at < self.retracted_at


def day(number: int) -> datetime:
    return datetime(2020, 1, 1, tzinfo=UTC) + number * DAY


def bound(moment: datetime) -> str:
    """Return a moment as kg.triple says it: ours at both ends stand for infinity there."""
    return {ALWAYS: "-infinity", NEVER: "infinity"}.get(moment, moment.isoformat())


def load(conn: Connection, facts: list[Triple], kind: str = "product") -> None:
    for name in sorted({fact.relation for fact in facts}):
        conn.execute(
            "insert into kg.relation (relation_id, name) values (kg.relation_id(%(r)s), %(r)s)"
            " on conflict do nothing",
            {"r": name},
        )
    names = {(kind, fact.head) for fact in facts} | {("thing", fact.tail) for fact in facts}
    conn.cursor().executemany(
        "insert into kg.entity (entity_id, entity_type, key)"
        " values (kg.entity_id(%(t)s, %(k)s), %(t)s, %(k)s) on conflict do nothing",
        [{"t": entity_type, "k": key} for entity_type, key in sorted(names)],
    )
    conn.cursor().executemany(
        "insert into kg.triple (head_id, relation_id, tail_id, confidence, valid_from, valid_to,"
        " observed_at, retracted_at) values (kg.entity_id(%s, %s), kg.relation_id(%s),"
        " kg.entity_id('thing', %s), %s, %s, %s, %s, %s) on conflict do nothing",
        [
            (
                *(kind, fact.head, fact.relation, fact.tail, fact.confidence),
                *(bound(fact.valid_from), bound(fact.valid_to)),
                *(bound(fact.observed_at), bound(fact.retracted_at)),
            )
            for fact in facts
        ],
    )


def random_facts(n: int = 260) -> list[Triple]:
    """Statements that begin, end, are told late, told again, and taken back."""
    rng = np.random.default_rng(0)
    facts: dict[tuple[object, ...], Triple] = {}
    for _ in range(n):
        starts, told = (ALWAYS if rng.random() < 0.3 else day(rng.integers(0, 30)) for _ in "ab")
        ends, unsaid = (NEVER if rng.random() < 0.5 else day(rng.integers(31, 60)) for _ in "ab")
        fact = Triple(
            head=f"p{rng.integers(0, 12)}",
            relation=str(rng.choice(["has_colour", "has_brand", "fits"])),
            tail=f"t{rng.integers(0, 4)}",
            confidence=float(rng.choice([0.5, 1.0])),
            valid_from=starts,
            valid_to=ends if rng.random() < 0.7 else max(starts, day(0)) + DAY,
            observed_at=told,
            retracted_at=unsaid,
        )
        facts[fact.head, fact.relation, fact.tail, fact.valid_from, fact.observed_at] = fact
    return list(facts.values())


def standing(
    facts: list[Triple], head: str, true_at: datetime, known_at: datetime
) -> tuple[list[str], str | None]:
    """Return relation:tail of what stands of a head, and its most certain colour."""
    held = [fact for fact in facts if fact.head == head and fact.stands(true_at, known_at)]
    colours = sorted((-f.confidence, f.tail) for f in held if f.relation == "has_colour")
    listed = sorted({f"{fact.relation}:{fact.tail}" for fact in held})
    return listed, colours[0][1] if colours else None


def looked_up(
    rows: list[dict], head: str, true_at: datetime, known_at: datetime
) -> tuple[list[str], str | None]:
    """Return the same from the feature table, as a point-in-time join reads it; [] = no row."""
    found = [
        row
        for row in rows
        if row["key"] == head
        and row["event_timestamp"] <= true_at
        and row["created_timestamp"] <= known_at
    ]
    if not found:
        return [], None
    row = max(found, key=lambda one: (one["event_timestamp"], one["created_timestamp"]))
    return row["triples"], row["chosen"].get("has_colour")


def rows_until(conn: Connection, until: datetime, kind: str = "product") -> list[dict]:
    names = ("key", "event_timestamp", "created_timestamp", "triples", "chosen")
    found = conn.execute("select * from feature.triples_of(%s, %s)", [kind, until]).fetchall()
    return [dict(zip(names, row, strict=True)) for row in found]


def test_what_stood_at_any_moment_as_known_at_any_other_is_found_again(conn) -> None:
    facts = random_facts()
    load(conn, facts)
    until = day(50)
    rows = rows_until(conn, until)
    moments = [day(number) + DAY / 2 for number in range(-1, 50)] + [day(10), day(40), until]
    heads = sorted({fact.head for fact in facts})
    wrong = [
        (head, true_at, known_at)
        for head in heads
        for true_at in moments
        for known_at in moments
        if looked_up(rows, head, true_at, known_at) != standing(facts, head, true_at, known_at)
    ]
    assert wrong == []
    keys = [(row["key"], row["event_timestamp"], row["created_timestamp"]) for row in rows]
    assert len(set(keys)) == len(keys)


def test_a_catalogue_without_times_has_one_row_per_product_known_always(conn) -> None:
    load(conn, [Triple("p1", "has_brand", "Acme"), Triple("p1", "made_of", "glass")])
    [row] = rows_until(conn, day(0))
    assert (row["event_timestamp"], row["created_timestamp"]) == (ALWAYS, ALWAYS)
    assert row["triples"] == ["has_brand:Acme", "made_of:glass"]


def test_what_is_told_every_day_again_makes_no_row_a_day(conn) -> None:
    told = [
        Triple("p1", "is_a", "cup", valid_from=day(n), observed_at=day(n)) for n in range(1, 30)
    ]
    load(conn, told)
    [row] = rows_until(conn, day(60))
    assert (row["event_timestamp"], row["created_timestamp"]) == (day(1), day(1))


def test_triples_about_customers_and_those_to_come_are_left_out(conn) -> None:
    load(conn, [Triple("p1", "is_a", "cup"), Triple("p1", "is_a", "mug", valid_from=day(9))])
    load(conn, [Triple("ann", "lives_in", "Peru")], kind="customer")
    conn.execute("update kg.entity set entity_type = 'customer' where key = 'cup'")
    assert rows_until(conn, day(8)) == []
    assert [row["triples"] for row in rows_until(conn, day(9))] == [["is_a:mug"]]
    assert [row["triples"] for row in rows_until(conn, day(0), "customer")] == [["lives_in:Peru"]]


FACTS = [
    Triple("p1", "has_brand", "Acme", valid_to=day(10)),
    Triple("p1", "has_brand", "Zenith", valid_from=day(10), observed_at=day(20)),
    Triple("p1", "has_colour", "red", observed_at=day(5), retracted_at=day(25)),
]
LINE = """
insert into raw.source (source_id, kind, name, sha256, rows_read, rows_loaded, rows_rejected)
values (1, 'interactions', 'lines', 'x', 1, 1, 0);
insert into raw.interaction (source_id, row_id, customer_id, product_id, event, occurred_at)
values (1, 1, 'c1', 'p1', 'purchase', '2020-03-01')
"""


def test_the_step_changes_only_what_changed_and_skips_otherwise(db: Database) -> None:
    with db.transaction() as conn:
        load(conn, [*FACTS, Triple("p2", "is_a", "cup")])
    # p1 of always: as known always, from day 5, from day 25; of day 10: from day 20 as well.
    rows = {"feature.product_triples": 3 + 4 + 1, "feature.customer_triples": 0}
    assert triples(db).rows == rows
    assert triples(db).skipped
    marked = "select product_id, xmin::text from feature.product_triples order by 1, 2"
    before = db.sql(marked)
    with db.transaction() as conn:
        conn.execute(
            "update kg.triple set tail_id = kg.entity_id('thing', 'red')"
            " where head_id = kg.entity_id('product', 'p2')"
        )
    assert not triples(db).skipped
    after = db.sql(marked)
    assert after.query("product_id == 'p1'").equals(before.query("product_id == 'p1'"))
    told = db.sql("select object from feature.product_triples where product_id = 'p2'")
    assert told.object.tolist() == ["red"]


def test_an_interaction_runs_the_step_again_only_where_a_moment_passes(db: Database) -> None:
    with db.transaction() as conn:
        conn.execute(LINE)
        load(conn, [Triple("p1", "is_a", "cup"), Triple("p1", "is_a", "mug", valid_from=day(90))])
    assert triples(db).rows["feature.product_triples"] == 1
    later = "update raw.interaction set occurred_at = %s"
    for number, skipped in ((80, True), (91, False)):
        with db.transaction() as conn:
            conn.execute(later, [day(number)])
        assert triples(db).skipped is skipped
    assert db.sql("select count(*) as n from feature.product_triples").n[0] == 2


@pytest.mark.slow
def test_a_training_set_holds_the_triples_that_were_true_and_known_at_each_label(db) -> None:
    with db.transaction() as conn:
        conn.execute(LINE)
        load(conn, FACTS)
    triples(db)
    publish(db)
    moments = [day(number) + DAY / 2 for number in (0, 4, 5, 9, 10, 15, 19, 20, 24, 25, 40)]
    labels = pd.DataFrame({"product_id": "p1", "event_timestamp": pd.DatetimeIndex(moments)})
    got = training_set(labels, "product_triples_v1", database=db)
    for row, moment in zip(got.to_dict("records"), moments, strict=True):
        listed, colour = standing(FACTS, "p1", moment, moment)
        assert list(row["triples"]) == listed
        assert row["degree"] == len(listed)
        assert row["colour"] == colour
    online = db.sql("select triples, brand, colour from online.product_triples")
    assert online.to_dict("records") == [
        {"triples": ["has_brand:Zenith"], "brand": "Zenith", "colour": None}
    ]


@pytest.mark.slow
def test_named_columns_agree_with_the_profile_of_the_same_moment(shop: Database) -> None:
    pairs = shop.sql(
        "select count(*) as n, count(*) filter (where (t.colour, t.material, t.object, t.theme)"
        " is distinct from (p.colour, p.material, p.object, p.theme)) as wrong"
        " from feature.product_profile as p inner join feature.product_triples as t"
        " using (product_id) where p.event_timestamp = ops.data_cutoff()"
    )
    assert pairs.n[0] > 100
    assert pairs.wrong[0] == 0
