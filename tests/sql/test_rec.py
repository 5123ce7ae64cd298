"""rec.* against a small shop: 40 customers, 30 products, colours, random graph vectors."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from kgfeatures.db import Database, transport
from kgfeatures.db.connection import open_connection
from kgfeatures.errors import DatabaseError
from kgfeatures.graph import vectors
from kgfeatures.recommend import (
    Blend,
    GraphDistance,
    Neighbors,
    NeighborSettings,
    Popular,
    Purchases,
)
from kgfeatures.steps.recommend import RecommendSettings, recommend
from kgfeatures.types import entity_ids, relation_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

START = pd.Timestamp("2024-01-01", tz="UTC")
CUSTOMERS = [f"c{n:02}" for n in range(40)]  # the last two never bought anything
PRODUCTS = [f"p{n:02}" for n in range(30)]  # the last one was never bought
COLOURS = ["red", "blue", "green"]
WEIGHTS = {"bought_together": 0.6, "graph_vector": 0.35, "popular": 0.05}
SETTINGS = RecommendSettings(weights=WEIGHTS, neighbors=NeighborSettings(), k=8)


def purchases() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    customer, product = np.nonzero(rng.random((38, 29)) < 0.25)
    seconds = rng.integers(0, 200 * 86400, len(customer))
    lines = pd.DataFrame({"customer": customer, "product": product, "seconds": seconds})
    again = lines.sample(60, random_state=1).assign(seconds=lambda rows: rows["seconds"] + 86400)
    return pd.concat([lines, again], ignore_index=True)


def graph_vectors() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    shapes = ((39, 6), (30, 6), (6,))  # the last customer has no vector
    return tuple(rng.normal(size=shape).astype(np.float32) for shape in shapes)


def load(conn: Connection[Any], lines: pd.DataFrame) -> None:
    n = len(lines)
    conn.execute("insert into raw.source values (1, 'interactions', 'orders', '', 0, 0, 0)")
    rows = {
        "source_id": np.ones(n, dtype=np.int32),
        "row_id": np.arange(n),
        "customer_id": [CUSTOMERS[i] for i in lines["customer"]],
        "product_id": [PRODUCTS[i] for i in lines["product"]],
        "event": ["purchase"] * n,
        "occurred_at": START + pd.to_timedelta(lines["seconds"], unit="s"),
    }
    transport.copy_in(conn, "raw.interaction", pd.DataFrame(rows))
    titles = [f"title of {key}" for key in PRODUCTS]
    products = pd.DataFrame({"product_id": PRODUCTS, "title": titles})
    transport.copy_in(conn, "raw.product", products)
    transport.copy_in(conn, "raw.customer", pd.DataFrame({"customer_id": CUSTOMERS}))
    for kind, keys in {"customer": CUSTOMERS, "product": PRODUCTS, "colour": COLOURS}.items():
        entities = {"entity_id": entity_ids(kind, keys), "entity_type": [kind] * len(keys)}
        transport.copy_in(conn, "kg.entity", pd.DataFrame({**entities, "key": keys}))
    for name, domain in (("bought", "customer"), ("has_colour", "product")):
        conn.execute(
            "insert into kg.relation (relation_id, name, domain) values (%s, %s, %s)",
            [relation_id(name), name, domain],
        )
    triples = {
        "head_id": entity_ids("product", PRODUCTS),
        "relation_id": np.full(30, relation_id("has_colour")),
        "tail_id": entity_ids("colour", [COLOURS[n % 3] for n in range(30)]),
    }
    transport.copy_in(conn, "kg.triple", triples)


def publish_vectors(conn: Connection[Any], known_at: dt.datetime) -> None:
    customers, products, bought = graph_vectors()
    card = vectors.ModelCard(
        alias="graph",
        kind="graph",
        scorer="transe_l2",
        operator="<->",
        parameters={},
        data_hash="",
        code_version="1",
        known_at=known_at,
        feature_tables={"customer": "customer_graph_vector", "product": "product_graph_vector"},
    )
    ids = np.concatenate([entity_ids("customer", CUSTOMERS[:39]), entity_ids("product", PRODUCTS)])
    relations = vectors.RelationVectors(
        np.array([relation_id("bought")]), bought[None], -bought[None]
    )
    vectors.publish(conn, card, ids, np.concatenate([customers, products]), relations)


@pytest.fixture(scope="module")
def shop(make_database: Callable[[str | None], str], template: str) -> Iterator[Database]:
    dsn = make_database(template)
    with Database(lambda: dsn) as database:
        with database.transaction() as conn:
            load(conn, purchases())
        with database.transaction() as conn:
            cutoff = conn.execute("select ops.data_cutoff()").fetchone()[0]
            publish_vectors(conn, cutoff)
        recommend(database, SETTINGS)
        yield database


@pytest.fixture(scope="module")
def blend() -> Blend:
    """Give the same blend fitted in Python, from the very same purchases."""
    lines = purchases().groupby(["customer", "product"], as_index=False)["seconds"].max()
    days = lines["seconds"].to_numpy() / 86400
    known = Purchases(lines["customer"].to_numpy(), lines["product"].to_numpy(), days, 40, 30)
    customers, products, bought = graph_vectors()
    customers = np.vstack([customers, np.full((1, 6), np.nan)])
    parts = {
        "bought_together": Neighbors(SETTINGS.neighbors),
        "graph_vector": GraphDistance(customers, products, bought),
        "popular": Popular(SETTINGS.popular_half_life_days),
    }
    return Blend(parts, WEIGHTS).fit(known)


def rows(database: Database, call: str, **params: object) -> pd.DataFrame:
    return database.sql(f"select * from {call}", params)  # noqa: S608  the tests' own words


def bought(customer: str) -> set[str]:
    lines = purchases()
    mine = lines[lines["customer"] == CUSTOMERS.index(customer)]
    return {PRODUCTS[product] for product in mine["product"]}


def test_sql_recommends_what_python_recommends(shop: Database, blend: Blend):
    wanted, scores = blend.recommend(np.arange(40), 10)
    for place, customer in enumerate(CUSTOMERS):
        found = rows(shop, "rec.recommend(%(c)s)", c=customer)
        assert found["product_id"].tolist() == [PRODUCTS[p] for p in wanted[place]]
        assert np.allclose(found["score"], scores[place], atol=1e-5)
        assert found["rank"].tolist() == list(range(1, 11))


def test_the_published_lists_are_what_sql_recommends(shop: Database):
    published = rows(shop, "rec.customer_recommendation_long order by customer_id, rank")
    for customer, listed in published.groupby("customer_id"):
        found = rows(shop, "rec.recommend(%(c)s, 8)", c=customer)
        assert listed["product_id"].tolist() == found["product_id"].tolist()
        assert listed["title"].tolist() == found["title"].tolist()
        assert np.allclose(listed["score"], found["score"], atol=1e-5)
    assert published["customer_id"].nunique() == 40
    last_day = START + pd.Timedelta(days=int(purchases()["seconds"].max()) // 86400)
    assert set(published["event_timestamp"]) == {last_day + pd.Timedelta(days=1)}


def test_a_bought_product_is_never_recommended(shop: Database):
    for customer in CUSTOMERS:
        found = rows(shop, "rec.recommend(%(c)s, 1000)", c=customer)
        assert set(found["product_id"]) == set(PRODUCTS) - bought(customer)


def test_bought_products_come_back_when_asked_for(shop: Database):
    found = rows(shop, "rec.recommend('c00', 1000, exclude_bought => false)")
    assert set(found["product_id"]) == set(PRODUCTS)


def test_every_recommendation_has_its_title(shop: Database):
    found = rows(shop, "rec.recommend('c03')")
    assert found["title"].tolist() == [f"title of {key}" for key in found["product_id"]]


def test_a_filter_leaves_only_what_passes(shop: Database):
    found = rows(shop, "rec.recommend('c00', 1000, '{\"has_colour\": \"red\"}')")
    assert set(found["product_id"]) == set(PRODUCTS[::3]) - bought("c00")
    scores = rows(shop, "rec.recommend('c00', 1000)").set_index("product_id")["score"]
    assert found["score"].tolist() == scores[found["product_id"]].tolist()


def test_an_unknown_customer_gets_what_is_popular_and_is_told_so(shop: Database):
    found = rows(shop, "rec.recommend('nobody', 5)")
    weights = rows(shop, "rec.popular order by weight desc, product_id limit 5")
    assert found["product_id"].tolist() == weights["product_id"].tolist()
    assert set(found["reason"]) == {"popular"}


def test_the_reason_is_the_signal_that_says_most(shop: Database):
    parts = rows(shop, "rec.parts('c05')").set_index("product_id")
    for row in rows(shop, "rec.recommend('c05')").itertuples():
        assert row.reason == parts.loc[row.product_id].astype(float).idxmax()


def test_known_at_hides_later_purchases_and_later_vectors(shop: Database):
    moment = START + pd.Timedelta(days=100)
    lines = purchases()
    early = lines[lines["seconds"] <= 100 * 86400]
    for customer in CUSTOMERS[:5]:
        mine = early[early["customer"] == CUSTOMERS.index(customer)]["product"]
        call = "rec.recommend(%(c)s, 1000, known_at => %(t)s)"
        found = rows(shop, call, c=customer, t=moment.to_pydatetime())
        assert set(found["product_id"]) == set(PRODUCTS) - {PRODUCTS[p] for p in mine}
        assert "graph_vector" not in set(found["reason"])


def test_an_ignored_purchase_says_nothing_and_stays_bought(shop: Database):
    product = min(bought("c01"))
    call = "rec.recommend('c01', 1000, ignore => jsonb_build_object('products', array[%(p)s]))"
    without = rows(shop, call, p=product)
    before = rows(shop, "rec.recommend('c01', 1000)")
    assert product not in set(without["product_id"])
    assert not np.allclose(without["score"], before["score"])
    history = rows(shop, "rec.history('c01', now(), array[%(p)s])", p=product)
    assert set(history["product_id"]) == bought("c01") - {product}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("rec.recommend('c00', 0)", "k is 0; it must be at least 1"),
        ("rec.recommend('c00', null)", "k is null"),
        ("rec.recommend('c00', ignore => '[]')", "ignore is .*only key allowed"),
        ("rec.recommend('c00', ignore => '{\"triples\": []}')", 'only key allowed is "products"'),
        ("rec.recommend('c00', ignore => '{\"products\": \"p01\"}')", "must be an array"),
        ("rec.explain('c00', 'p99')", 'no product "p99" was known'),
        ("rec.similar_products('p99', 3)", 'no product "p99" was known'),
        ("rec.similar_products('p01', -1)", "k is -1"),
    ],
)
def test_wrong_arguments_are_refused_in_words(shop: Database, call: str, words: str):
    with pytest.raises(DatabaseError, match=words):
        rows(shop, call)


def test_nothing_is_recommended_before_the_first_run(conn: Connection[Any]):
    with pytest.raises(psycopg.Error, match="nothing can be recommended yet") as caught:
        conn.execute("select * from rec.recommend('c00')")
    assert caught.value.diag.message_hint == "Run: kgfeatures recommend"


def explanations(database: Database) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for customer in CUSTOMERS[::6]:
        for product in rows(database, "rec.recommend(%(c)s, 3)", c=customer)["product_id"]:
            call = "rec.explain(%(c)s, %(p)s)"
            yield customer, product, rows(database, call, c=customer, p=product)


def test_shares_of_an_explanation_sum_to_one(shop: Database):
    for _, _, reasons in explanations(shop):
        assert reasons["share"].sum() == pytest.approx(1, abs=1e-5)
        assert (reasons["share"] >= 0).all()


def test_an_explanation_weighs_signals_like_the_recommendation(shop: Database):
    for customer, product, reasons in explanations(shop):
        parts = rows(shop, "rec.parts(%(c)s)", c=customer).set_index("product_id").loc[product]
        shares = reasons.groupby("kind")["share"].sum().drop("shared_triple", errors="ignore")
        for kind, share in shares.items():
            assert share == pytest.approx(parts[kind] / parts.sum(), abs=1e-5)


def test_every_purchase_that_an_explanation_names_exists(shop: Database):
    lines = purchases()
    buyers = lines.groupby("product")["customer"].agg(set)
    for customer, product, reasons in explanations(shop):
        named = reasons[reasons["kind"].isin(["bought_together", "shared_triple"])]
        assert set(named["via_product_id"]) <= bought(customer)
        for row in reasons[reasons["kind"] == "bought_together"].itertuples():
            via = PRODUCTS.index(row.via_product_id)
            mine = lines[
                (lines["customer"] == CUSTOMERS.index(customer)) & (lines["product"] == via)
            ]
            day = START + pd.Timedelta(seconds=int(mine["seconds"].max()))
            both = len(buyers[via] & buyers[PRODUCTS.index(product)])
            assert row.detail == f"bought on {day:%Y-%m-%d}; {both} customers bought both"


def test_every_triple_that_an_explanation_names_is_true_of_both_products(shop: Database):
    colours = {key: COLOURS[n % 3] for n, key in enumerate(PRODUCTS)}
    named = 0
    for customer, product, reasons in explanations(shop):
        shared = reasons[reasons["kind"] == "shared_triple"]
        named += len(shared)
        for row in shared.itertuples():
            assert row.relation == "has_colour"
            assert row.tail == colours[product] == colours[row.via_product_id]
        alike = [p for p in bought(customer) if colours[p] == colours[product]]
        assert len(shared) == min(1, len(alike))
    assert named > 0


def test_what_a_new_customer_gets_is_explained_by_popularity(shop: Database):
    reasons = rows(shop, "rec.explain('nobody', 'p00')")
    assert reasons["kind"].tolist() == ["popular"]
    count = len(set(purchases().query("product == 0")["customer"]))
    assert reasons["detail"].tolist() == [f"bought by {count} customers"]


def test_similar_products_are_the_neighbours_then_the_nearest_vectors(shop: Database, blend: Blend):
    table = blend.parts["bought_together"].neighbors_.toarray()
    _, products, _ = graph_vectors()
    for place in (0, 7, 29):
        found = rows(shop, "rec.similar_products(%(p)s, 40)", p=PRODUCTS[place])
        neighbors = [j for j in np.argsort(-table[place], kind="stable") if table[place, j] > 0]
        distance = np.linalg.norm(products - products[place], axis=1)
        others = [j for j in np.argsort(distance) if j != place and j not in neighbors]
        assert found["neighbor_id"].tolist() == [PRODUCTS[j] for j in [*neighbors, *others]]
        assert (found["reason"] == "bought_together").sum() == len(neighbors)
        assert found["score"].between(0, 1).all()


def test_the_reader_may_ask_for_recommendations_and_write_nothing(shop: Database):
    with shop.transaction() as owner:
        dsn = make_conninfo(owner.info.dsn, user="kgf_reader")
    with open_connection(dsn) as reader:
        call = (
            'select product_id from rec.recommend(\'c00\', 5, \'{"has_colour": ["red", "blue"]}\')'
        )
        assert len(reader.execute(call).fetchall()) == 5
        assert reader.execute("select * from rec.explain('c00', 'p01')").fetchall()
        assert reader.execute("select * from rec.similar_products('p00')").fetchall()
        assert reader.execute("select * from rec.customer_recommendation_long").fetchall()
        reader.commit()
        reader.execute("set transaction read write")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("delete from rec.popular")
