"""A triple stands as long as somebody states it, and looks the same however it came to be."""

import pandas as pd
import pytest

from kgfeatures.db import queries
from kgfeatures.errors import DataError
from kgfeatures.graph.ontology import declare_events, declare_relations, relation_of
from kgfeatures.graph.store import replace_triples, upsert_entities
from kgfeatures.types import entity_id

TABLES = ["kg.entity", "kg.relation", "kg.triple", "kg.evidence"]


def made(*tails, **more):
    heads, names = zip(*tails, strict=True) if tails else ((), ())
    return pd.DataFrame(
        {
            "head_type": "product",
            "head": pd.Series(heads, dtype=object),
            "relation": "made_by",
            "tail_type": "brand",
            "tail": pd.Series(names, dtype=object),
            **more,
        }
    )


def hashes(conn):
    return {
        row["name"]: row["content_hash"] for row in queries.fetch(conn, "runs.hashes", names=TABLES)
    }


def triples(conn):
    return conn.execute(
        "select h.key, t.key, confidence from kg.triple"
        " join kg.entity as h on head_id = h.entity_id"
        " join kg.entity as t on tail_id = t.entity_id order by 1, 2"
    ).fetchall()


def test_triples_bring_entities_relations_and_evidence(conn):
    assert replace_triples(conn, "ingest", made(("p1", "Acme"), ("p2", "Acme"))) == 2
    assert triples(conn) == [("p1", "Acme", 1.0), ("p2", "Acme", 1.0)]
    rows = conn.execute("select entity_id, entity_type, key, label from kg.entity order by key")
    assert rows.fetchall() == [
        (entity_id("brand", "Acme"), "brand", "Acme", "Acme"),
        (entity_id("product", "p1"), "product", "p1", None),
        (entity_id("product", "p2"), "product", "p2", None),
    ]
    evidence = conn.execute("select distinct source, method, span, confidence from kg.evidence")
    assert evidence.fetchall() == [("ingest", "column", "", 1.0)]


def test_replacing_with_the_same_changes_nothing(conn):
    frame = made(("p1", "Acme"), ("p2", "Bolt"))
    replace_triples(conn, "ingest", frame)
    before = hashes(conn)
    replace_triples(conn, "ingest", frame.iloc[::-1])
    assert hashes(conn) == before


def test_replacing_gives_what_a_clean_build_gives(conn):
    replace_triples(conn, "ingest", made(("p1", "Acme"), ("p3", "Old"), detail="f.csv:brand"))
    replace_triples(conn, "extract", made(("p1", "Acme"), confidence=0.5, method="rule", span="A"))
    replace_triples(conn, "ingest", made(("p2", "Bolt"), detail="g.csv:brand"))
    grown = hashes(conn)
    for source in ("ingest", "extract"):
        replace_triples(conn, source, made())
    assert all(content.startswith("0:") for content in hashes(conn).values())
    replace_triples(conn, "extract", made(("p1", "Acme"), confidence=0.5, method="rule", span="A"))
    replace_triples(conn, "ingest", made(("p2", "Bolt"), detail="g.csv:brand"))
    assert hashes(conn) == grown


def test_a_triple_has_the_confidence_of_its_best_evidence(conn):
    replace_triples(conn, "extract", made(("p1", "Acme"), confidence=0.5, method="rule", span="A"))
    replace_triples(conn, "ingest", made(("p1", "Acme")))
    assert triples(conn) == [("p1", "Acme", 1.0)]
    replace_triples(conn, "ingest", made())
    assert triples(conn) == [("p1", "Acme", 0.5)]


def test_statements_of_several_times_are_several_triples(conn):
    dated = made(("p1", "Acme"), ("p1", "Acme"), ("p1", "Bolt"))
    dated["valid_from"] = pd.to_datetime(["2024-01-01", "2024-02-01", None], utc=True)
    replace_triples(conn, "ingest", dated)
    rows = conn.execute("select valid_from::text from kg.triple order by valid_from").fetchall()
    assert [at for (at,) in rows] == [
        "-infinity",
        "2024-01-01 00:00:00+00",
        "2024-02-01 00:00:00+00",
    ]


def test_a_label_that_is_given_is_kept_by_those_who_give_none(conn):
    replace_triples(conn, "extract", made(("p1", "acme"), tail_label="Acme Ltd"))
    replace_triples(conn, "ingest", made(("p2", "acme")))
    [label] = conn.execute("select label from kg.entity where key = 'acme'").fetchone()
    assert label == "Acme Ltd"


def test_an_entity_can_lose_its_label(conn):
    upsert_entities(
        conn, pd.DataFrame({"entity_type": ["product"], "key": ["p"], "label": ["Cup"]})
    )
    upsert_entities(conn, pd.DataFrame({"entity_type": ["product"], "key": ["p"], "label": [None]}))
    assert conn.execute("select label from kg.entity").fetchone() == (None,)


def test_entities_of_raw_stay_without_any_triple(conn):
    conn.execute("insert into raw.product (product_id) values ('p9')")
    upsert_entities(conn, pd.DataFrame({"entity_type": "product", "key": ["p9", "gone"]}))
    replace_triples(conn, "ingest", made())
    assert conn.execute("select key from kg.entity").fetchall() == [("p9",)]


@pytest.mark.parametrize(
    ("pairs", "cardinality", "functional"),
    [
        ([("p1", "a"), ("p2", "b")], "1-1", True),
        ([("p1", "a"), ("p2", "a")], "N-1", True),
        ([("p1", "a"), ("p1", "b")], "1-N", False),
        ([("p1", "a"), ("p1", "b"), ("p2", "a")], "N-N", False),
    ],
)
def test_the_shape_of_a_relation_is_measured(conn, pairs, cardinality, functional):
    declare_relations(conn, {"made_by": "Who made it."})
    replace_triples(conn, "ingest", made(*pairs))
    row = conn.execute(
        "select domain, range, cardinality, functional, description from kg.relation"
    ).fetchone()
    assert row == ("product", "brand", cardinality, functional, "Who made it.")


def test_a_relation_between_several_types_has_no_domain(conn):
    frame = made(("p1", "a"), ("p2", "b"))
    frame["head_type"] = ["product", "shop"]
    replace_triples(conn, "ingest", frame)
    assert conn.execute("select domain, range from kg.relation").fetchone() == (None, "brand")


def test_events_are_relations_of_customers_to_products(conn):
    conn.execute(
        "insert into raw.source values (1, 'interactions', 'o.csv', '', 2, 2, 0);"
        "insert into raw.interaction (source_id, row_id, customer_id, product_id, event,"
        " occurred_at) values (1, 1, 'c', 'p', 'purchase', now()), (1, 2, 'd', 'p', 'view', now())"
    )
    declare_events(conn, ["purchase", "view"])
    replace_triples(conn, "ingest", made())
    rows = conn.execute("select name, domain, range, cardinality from kg.relation order by name")
    assert rows.fetchall() == [
        ("bought", "customer", "product", "1-1"),
        ("view", "customer", "product", "1-1"),
    ]


@pytest.mark.parametrize("event", ["purchase", "return", "view", "购买"])
def test_relation_of_equals_its_twin_in_sql(conn, event):
    assert conn.execute("select raw.relation_of(%s)", [event]).fetchone() == (relation_of(event),)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (made(("p", "a")).drop(columns="tail"), r"triples lack \['tail'\]"),
        (made(("p", "a"), weight=1), r"unknown columns \['weight'\]"),
        (made(("p", "a"), ("p", None)), r"row 1 \(from 0\) of the triples has no tail"),
    ],
)
def test_frames_that_are_no_triples_are_refused(conn, frame, message):
    with pytest.raises(DataError, match=message):
        replace_triples(conn, "ingest", frame)
