"""seg.* against a small shop: three kinds of customers, colours, what each kind buys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from kgfeatures.db import Database, transport
from kgfeatures.db.connection import open_connection
from kgfeatures.errors import DatabaseError
from kgfeatures.steps.segment import SegmentSettings, segment
from kgfeatures.types import entity_ids, relation_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

CUTOFF = pd.Timestamp("2024-06-01", tz="UTC")
KINDS = np.repeat(np.arange(3), [40, 20, 12])  # regulars, newcomers, the lost
CUSTOMERS = [f"c{n:02}" for n in range(72)]
SPEND = np.array([2000.0, 100.0, 30.0])[KINDS] + np.arange(72)
# Customer n buys 6 products, two thirds of them of its kind's colour.
COLOURS = ["red", "green", "blue"]
PRODUCTS = [f"{colour}{n}" for colour in COLOURS for n in range(5)]


def purchases() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    lines: list[tuple[str, str]] = []
    for customer, kind in zip(CUSTOMERS, KINDS, strict=True):
        own = rng.choice(5, 4, replace=False)
        lines += [(customer, f"{COLOURS[kind]}{n}") for n in own]
        lines += [(customer, f"{COLOURS[(kind + 1) % 3]}{n}") for n in rng.choice(5, 2)]
    return pd.DataFrame(lines, columns=["customer_id", "product_id"])


def load(conn: Connection[Any]) -> None:
    lines = purchases()
    conn.execute("insert into raw.source values (1, 'interactions', 'orders', '', 0, 0, 0)")
    lines = lines.assign(
        source_id=1,
        row_id=range(len(lines)),
        event="purchase",
        occurred_at=CUTOFF - pd.Timedelta(hours=3),
    )
    transport.copy_in(conn, "raw.interaction", lines)
    transport.copy_in(conn, "raw.customer", pd.DataFrame({"customer_id": CUSTOMERS}))
    for kind, keys in {"product": PRODUCTS, "colour": COLOURS}.items():
        entities = {"entity_id": entity_ids(kind, keys), "entity_type": [kind] * len(keys)}
        transport.copy_in(conn, "kg.entity", pd.DataFrame({**entities, "key": keys}))
    conn.execute(
        "insert into kg.relation (relation_id, name) values (%s, 'has_colour')",
        [relation_id("has_colour")],
    )
    triples = {
        "head_id": entity_ids("product", PRODUCTS),
        "relation_id": np.full(15, relation_id("has_colour")),
        "tail_id": entity_ids("colour", [key[:-1] for key in PRODUCTS]),
    }
    transport.copy_in(conn, "kg.triple", triples)
    transport.copy_in(conn, "feature.customer_profile", profiles())


def profiles() -> pd.DataFrame:
    n = len(CUSTOMERS)
    orders = np.array([20, 1, 2])[KINDS]
    now = {
        "customer_id": CUSTOMERS,
        "event_timestamp": [CUTOFF] * n,
        "created_timestamp": [CUTOFF] * n,
        "tenure_days": np.array([300, 20, 350])[KINDS],
        "days_since_last_order": np.array([5, 10, 200])[KINDS],
        "spend_365d": SPEND,
        "orders_365d": orders,
        "favourite_attributes": [[]] * n,
    }
    zeros = [
        "interactions_30d", "orders_30d", "orders_90d", "orders_total", "products_90d",
        "products_365d", "returns_90d", "returns_365d",
    ]  # fmt: skip
    return pd.DataFrame(now).assign(**dict.fromkeys(zeros, 0))


@pytest.fixture(scope="module")
def shop(make_database: Callable[[str | None], str], template: str) -> Iterator[Database]:
    dsn = make_database(template)
    with Database(lambda: dsn) as database:
        with database.transaction() as conn:
            load(conn)
        segment(database, SegmentSettings(k=3))
        yield database


def rows(database: Database, call: str, **params: object) -> pd.DataFrame:
    return database.sql(f"select * from {call}", params)  # noqa: S608  the tests' own words


def test_every_customer_is_in_the_segment_of_its_kind(shop: Database):
    members = rows(shop, "seg.members('behaviour')").set_index("customer_id")
    assert members.loc[CUSTOMERS, "segment_id"].tolist() == KINDS.tolist()


def test_members_come_by_segment_the_typical_ones_first(shop: Database):
    members = rows(shop, "seg.members('behaviour')")
    assert members["segment_id"].is_monotonic_increasing
    for _, segment_members in members.groupby("segment_id"):
        assert segment_members["distance"].is_monotonic_increasing


def test_a_segmentation_holds_from_its_cutoff_on(shop: Database):
    before = CUTOFF - pd.Timedelta(seconds=1)
    call = "seg.members('behaviour', %(t)s)"
    assert rows(shop, call, t=before.to_pydatetime()).empty
    assert len(rows(shop, call, t=CUTOFF.to_pydatetime())) == 72


def test_a_profile_tells_size_share_and_medians(shop: Database):
    profile = rows(shop, "seg.profile('behaviour')")
    assert profile["size"].tolist() == [40, 20, 12]
    assert profile["share"].tolist() == pytest.approx([40 / 72, 20 / 72, 12 / 72])
    medians = [np.median(SPEND[kind == KINDS]) for kind in range(3)]
    assert [row["spend_365d"] for row in profile["medians"]] == medians
    assert [row["days_since_last_order"] for row in profile["medians"]] == [5, 10, 200]


def test_segments_are_named_after_their_kind(shop: Database):
    found = rows(shop, "seg.profile('behaviour')")
    assert "frequent" in found["segment_name"][0]
    assert "new" in found["segment_name"][1]
    assert "lapsed" in found["segment_name"][2]
    assert "高频" in found["segment_name_zh"][0]
    members = rows(shop, "seg.members('behaviour')").drop_duplicates("segment_id")
    assert members["segment_name"].tolist() == found["segment_name"].tolist()


def test_the_lift_of_an_attribute_is_its_share_over_everybodys(shop: Database):
    lines = purchases().drop_duplicates()
    kind = lines["customer_id"].map(dict(zip(CUSTOMERS, KINDS, strict=True)))
    colour = lines["product_id"].str[:-1]
    for row in rows(shop, "seg.profile('behaviour')").itertuples():
        own = colour[kind == row.segment_id]
        share = own.value_counts(normalize=True)
        lift = (share / colour.value_counts(normalize=True)).sort_values(ascending=False)
        wanted = [name for name in lift.index if lift[name] > 1 and (own == name).sum() >= 20]
        assert [entry["value"] for entry in row.attributes] == wanted
        for entry in row.attributes:
            assert entry["relation"] == "has_colour"
            assert entry["share"] == pytest.approx(share[entry["value"]], abs=1e-4)
            assert entry["lift"] == pytest.approx(lift[entry["value"]], abs=1e-3)


def test_the_middle_of_each_segment_is_kept(shop: Database):
    centers = rows(shop, "seg.centroid where feature = 'spend_365d' order by segment_id")
    logs = np.log1p(SPEND)
    z = (logs - logs.mean()) / logs.std()
    assert centers["center"].tolist() == pytest.approx(
        [z[kind == KINDS].mean() for kind in range(3)]
    )


@pytest.fixture
def own(shop: Database) -> Iterator[Connection[Any]]:
    """Give the shop in a transaction that is rolled back."""
    with open_connection(dsn_of(shop)) as conn, conn.transaction(force_rollback=True):
        yield conn


def dsn_of(database: Database, **changes: str) -> str:
    with database.transaction() as conn:
        return make_conninfo(conn.info.dsn, **changes)


def test_a_list_of_customers_becomes_a_segmentation(own: Connection[Any]):
    listed = CUSTOMERS[40:60]
    call = "select seg.publish('newcomers', %s)"
    assert own.execute(call, [[*listed, listed[0]]]).fetchone() == (20,)
    members = own.execute(
        "select customer_id, segment_id, segment_name, distance from seg.members('newcomers')"
    )
    assert sorted(members.fetchall()) == [(key, 0, "newcomers", None) for key in listed]
    profile = own.execute(
        "select size, share, medians, attributes from seg.profile('newcomers')"
    ).fetchone()
    assert profile[0] == 20
    assert profile[1] == pytest.approx(20 / 72)
    assert profile[2]["tenure_days"] == 20
    assert profile[3][0]["value"] == "green"
    listed_as_personal = own.execute(
        "select count(*) from ops.personal_data where table_name = 'segment_newcomers'"
    )
    assert listed_as_personal.fetchone() == (1,)


def test_a_list_published_again_replaces_itself(own: Connection[Any]):
    own.execute("select seg.publish('vip', array['c00', 'c01'])")
    own.execute("select seg.publish('vip', array['c02'])")
    assert own.execute("select customer_id from seg.members('vip')").fetchall() == [("c02",)]
    assert own.execute("select size from seg.profile('vip')").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("seg.publish('vip', array['c00', 'x1', 'x0'])", "2 of 3 customers are unknown: x0, x1"),
        ("seg.publish('vip', '{}')", "the list of customers is empty"),
        ("seg.publish('vip', array['c00', null])", "empty or holds null"),
        ("seg.publish('Vip; drop', array['c00'])", 'called "Vip; drop"'),
        ("seg.publish(null, array['c00'])", 'called "null"'),
        ("seg.publish('behaviour', array['c00'])", '"behaviour" is made by kgfeatures segment'),
        ("seg.members('behavior')", 'no segmentation is called "behavior"'),
        ("seg.profile('nobody')", 'no segmentation is called "nobody"'),
    ],
)
def test_wrong_arguments_are_refused_in_words(shop: Database, call: str, words: str):
    with pytest.raises(DatabaseError, match=words):
        rows(shop, call)


def test_an_unknown_segmentation_is_answered_with_the_nearest(own: Connection[Any]):
    with pytest.raises(psycopg.Error) as caught:
        own.execute("select * from seg.members('behavior')")
    assert "Did you mean behaviour?" in caught.value.diag.message_hint


def test_the_reader_may_ask_for_segments(shop: Database):
    with open_connection(dsn_of(shop, user="kgf_reader")) as reader:
        assert len(reader.execute("select * from seg.members('behaviour')").fetchall()) == 72
        assert len(reader.execute("select * from seg.profile('behaviour')").fetchall()) == 3


def test_the_reader_is_told_that_it_may_not_publish(shop: Database):
    with (
        open_connection(dsn_of(shop, user="kgf_reader")) as reader,
        pytest.raises(psycopg.errors.InsufficientPrivilege) as caught,
    ):
        reader.execute("select seg.publish('vip', array['c00'])")
    words = "login kgf_reader may only read; publishing a segment writes feature.segment_vip"
    assert caught.value.diag.message_primary == words
