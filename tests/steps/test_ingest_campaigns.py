"""Campaigns, contacts and coupons in the database: in tables and graph, gone with their files."""

from __future__ import annotations

import pytest

from kgfeatures.db import queries
from kgfeatures.steps.ingest import ingest
from tests.graph.test_campaigns import FILES, MANIFEST

LINES = """
interactions: {file: lines.csv, customer: who, product: sku, timestamp: at}
attributes:
  - {file: prices.csv, product: sku, timestamp: day, price: price, in_stock: flag}
  - {file: consent.csv, customer: who, timestamp: day, consent: ok, age_band: age, tags: tags}
documents:
  - {file: asked.csv, kind: question, product: sku, customer: who, timestamp: at, text: words}
"""
MORE = {
    "lines.csv": "who,sku,at\n1,a1,2024-03-05\n2,b2,2024-03-06\n",
    "prices.csv": "sku,day,price,flag\na1,2024-01-01,2,true\na1,2024-02-01,3,false\n",
    "consent.csv": (
        'who,day,ok,age,tags\n1,2024-01-01,true,25-34,new\n1,2024-02-01,false,35-44,"vip, 会员"\n'
    ),
    "asked.csv": "sku,who,at,words\na1,2,2024-02-01,这个碗是红色的吗\na1,2,2024-02-02,Is it red?\n",
}
TABLES = [
    "raw.campaign",
    "raw.contact",
    "raw.coupon_event",
    "kg.triple",
    "kg.entity",
    "kg.relation",
]
NAMED = """
select relation.name, head.key, tail.key, fact.observed_at::date::text
from kg.fact as fact
inner join kg.relation on fact.relation_id = relation.relation_id
inner join kg.entity as head on fact.head_id = head.entity_id
inner join kg.entity as tail on fact.tail_id = tail.entity_id
where relation.name in ('received', 'was_issued', 'redeemed')
order by 1, 2, 3"""


@pytest.fixture
def folder(tmp_path):
    def write(manifest: str = MANIFEST + LINES, **changed: str):
        (tmp_path / "dataset.yaml").write_text(manifest, encoding="utf-8")
        for name, text in {**FILES, **MORE, **changed}.items():
            (tmp_path / name).write_text(str(text), encoding="utf-8")
        return tmp_path

    return write


def hashes(db):
    with db.transaction() as conn:
        rows = queries.fetch(conn, "runs.hashes", names=TABLES)
    return {row["name"]: row["content_hash"] for row in rows}


def values(db, statement):
    with db.transaction() as conn:
        return conn.execute(statement).fetchall()


def test_campaigns_reach_their_tables_and_the_graph(db, reader, folder):
    loaded = ingest(db, folder()).rows
    assert [loaded[name] for name in TABLES[:3]] == [2, 3, 3]
    assert values(
        db,
        "select treatment, sum((outcomes ->> 'spend')::float) from raw.contact"
        " group by treatment order by treatment",
    ) == [(0, 0), (1, 9.5)]
    facts = [
        ("received", "1", "K1", "2024-03-01"),
        ("received", "3", "K1", "2024-03-01"),
        ("redeemed", "1", "V1", "2024-03-05"),
        ("was_issued", "1", "V1", "2024-03-02"),
        ("was_issued", "2", "V2", "2024-03-02"),
    ]
    assert values(db, NAMED) == facts
    assert reader.execute(NAMED).fetchall() == facts
    shapes = values(
        db,
        "select name, domain, range, cardinality from kg.relation"
        " where name in ('received', 'redeemed', 'promotes') order by name",
    )
    assert shapes == [
        ("promotes", "campaign", None, "1-N"),
        ("received", "customer", "campaign", "N-1"),
        ("redeemed", "customer", "coupon", "1-1"),
    ]


def test_neighbors_of_a_customer_and_of_a_campaign_know_contacts(db, reader, folder):
    ingest(db, folder())
    values(db, "select kg.refresh_degree()")
    rows = reader.execute(
        "select relation, neighbor_type, neighbor_label, source from"
        " kg.neighbors('customer', '1') where neighbor_type <> 'product' order by 1"
    ).fetchall()
    assert rows == [
        ("received", "campaign", "Spring", "raw.contact"),
        ("redeemed", "coupon", "V1", "raw.coupon_event"),
        ("was_issued", "coupon", "V1", "raw.coupon_event"),
    ]
    rows = reader.execute(
        "select neighbor_key from kg.neighbors('campaign', 'K1', 'received', 'in',"
        " known_at => '2024-03-02') order by 1"
    ).fetchall()
    assert rows == [("1",), ("3",)]
    before = reader.execute(
        "select neighbor_key from kg.neighbors('campaign', 'K1', known_at => '2024-02-01')"
    ).fetchall()
    assert before == []
    degree = values(
        db,
        "select degree from kg.degree where entity_id = kg.entity_id('campaign', 'K1')"
        " and relation_id = kg.relation_id('received') and direction = 'in'",
    )
    assert degree == [(2,)]


def test_loading_again_changes_nothing_and_a_removed_section_leaves_nothing(db, folder):
    ingest(db, folder(LINES))
    without = hashes(db)
    ingest(db, folder())
    once = hashes(db)
    ingest(db, folder(), force=True)
    assert hashes(db) == once != without
    ingest(db, folder(LINES))
    assert hashes(db) == without


def test_dated_attributes_of_products_and_customers_are_as_they_were(db, folder):
    ingest(db, folder())
    ask = "select name, coalesce(to_jsonb(value_number), to_jsonb(value_text),"
    ask += " to_jsonb(value_flag)) from raw.attributes_of('{}', '{}', '{}')"
    assert values(db, ask.format("product", "A1", "2024-01-31")) == [
        ("in_stock", True),
        ("price", 2),
    ]
    assert values(db, ask.format("product", "A1", "2024-02-01")) == [
        ("in_stock", False),
        ("price", 3),
    ]
    assert values(db, ask.format("customer", "1", "2024-01-15")) == [
        ("age_band", "25-34"),
        ("consent", True),
        ("tags", "new"),
    ]
    assert values(db, ask.format("customer", "1", "2024-03-15")) == [
        ("age_band", "35-44"),
        ("consent", False),
        ("tags", "vip, 会员"),
    ]
    assert values(db, "select key from raw.attribute_at('customer', 'consent', '2023-01-01')") == []


def test_a_changed_campaign_moves_the_contacts_that_it_dates_as_a_rebuild_would(db, folder):
    ingest(db, folder())
    later = {
        "campaigns.csv": str(FILES["campaigns.csv"]).replace("2024-03-01", "2024-02-20"),
        "sent.csv": "id,who,t,v,p,clicks,spend\nK1,1.0,1,green,0.5,2,9.5\nK1,4,0,,0.5,,\n",
        "vouchers.csv": str(FILES["vouchers.csv"]) + "V4,3,2024-03-09,,,5\n",
    }
    ingest(db, folder(**later))
    grown = hashes(db)
    sent = "select customer_id, variant, contacted_at::date::text from raw.contact order by 1"
    assert values(db, sent) == [("1", "green", "2024-02-20"), ("4", None, "2024-02-20")]
    ingest(db, folder(LINES))
    ingest(db, folder(**later))
    assert hashes(db) == grown
