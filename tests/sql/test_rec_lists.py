"""Lists that were published are served while they hold; rec.recommend_many."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from psycopg.conninfo import make_conninfo

from kgfeatures.db import Database
from kgfeatures.db.connection import open_connection
from kgfeatures.errors import DatabaseError
from kgfeatures.steps.recommend import recommend
from tests.sql.rec_shop import SETTINGS, WITHOUT_VECTORS, SmallShop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

SMALL = SmallShop()
CROWD = SmallShop(n_customers=1000, n_products=120, density=0.06)
CUSTOMERS = SMALL.customers
BUYERS = CUSTOMERS[:-2]
COMPUTED = """ignore => '{"products": []}'"""


def build(small: SmallShop, dsn: str, k: int) -> Database:
    database = Database(lambda: dsn)
    with database.transaction() as conn:
        small.load(conn)
    recommend(database, replace(SETTINGS, weights=WITHOUT_VECTORS, k=k))
    return database


@pytest.fixture(scope="module")
def shop(make_database: Callable[[str | None], str], template: str) -> Iterator[Database]:
    with build(SMALL, make_database(template), k=8) as database:
        yield database


def rows(database: Database, call: str, **params: object) -> pd.DataFrame:
    return database.sql(f"select * from {call}", params)  # noqa: S608  the tests' own words


def holds(conn: Connection[Any], customer: str, k: int = 8) -> bool:
    [held] = conn.execute("select rec.holding(array[%s], %s)", [customer, k]).fetchone()
    return held == [customer]


def test_a_published_list_is_the_one_that_would_be_computed(shop: Database):
    for customer in BUYERS:
        found = rows(shop, "rec.recommend(%(c)s, 8)", c=customer)
        computed = rows(shop, f"rec.recommend(%(c)s, 8, {COMPUTED})", c=customer)
        pd.testing.assert_frame_equal(found, computed, rtol=0, atol=1e-6)
        [held] = rows(shop, "rec.holding(array[%(c)s], 8)", c=customer)["holding"]
        assert held == [customer]


def test_a_thousand_published_lists_are_what_python_recommends(
    make_database: Callable[[str | None], str], template: str
):
    served = CROWD.served(weights=WITHOUT_VECTORS)
    scores = served.score(np.arange(1000))
    scores[served.purchases_.matrix().nonzero()] = -np.inf
    with build(CROWD, make_database(template), k=20) as crowd:
        names = CROWD.customers
        lists = rows(crowd, "rec.recommend_many(%(c)s, 20)", c=names).groupby("customer_id")
        held = rows(crowd, "unnest(rec.holding(%(c)s, 20))", c=names)
        each = f"raw.customer cross join lateral rec.recommend(customer_id, 20, {COMPUTED}) as one"
        computed = rows(crowd, each).groupby("customer_id")
    assert len(lists) == len(computed) == 1000
    assert len(held) == 998
    for customer, found in lists:
        wanted = np.sort(scores[names.index(customer)])[::-1][:20]
        own = scores[names.index(customer)][[int(key[1:]) for key in found["product_id"]]]
        assert found["rank"].tolist() == list(range(1, 21))
        assert np.allclose(found["score"], wanted, atol=1e-5)
        assert np.allclose(own, wanted, atol=1e-5)
        other = computed.get_group(customer).sort_values("rank")
        assert np.allclose(other["score"], wanted, atol=1e-5)


BOUGHT_MORE = (
    "insert into raw.interaction (source_id, row_id, customer_id, product_id, event, occurred_at)"
    " values (1, -1, 'c0002', 'p029', 'purchase', now() - interval '5 minutes')"
)


@pytest.mark.parametrize(
    "change",
    [
        BOUGHT_MORE,
        "delete from raw.interaction where customer_id = 'c0002' and product_id = 'p001'",
        "update raw.interaction set occurred_at = occurred_at + '1 s' where product_id = 'p001'",
        "update rec.run set run_id = run_id + 1",
    ],
)
def test_a_list_holds_while_purchases_and_run_are_those_it_was_made_from(
    shop: Database, change: str
):
    with shop.transaction() as conn, conn.transaction(force_rollback=True):
        assert holds(conn, "c0002")
        conn.execute(change)
        assert not holds(conn, "c0002")
        assert len(conn.execute("select * from rec.recommend('c0002', 8)").fetchall()) == 8


def test_a_list_says_nothing_of_an_earlier_day_or_of_more_products(shop: Database):
    with shop.transaction() as conn:
        assert not holds(conn, "c0002", 9)
        early = "select rec.holding(array['c0002'], 8, '2024-01-02')"
        assert conn.execute(early).fetchone() == ([],)
    assert len(rows(shop, "rec.recommend('c0002', 9)")) == 9


def test_purchases_bought_again_or_in_another_order_count_as_what_they_are(shop: Database):
    call = "select rec.history_hash('c0002')"
    with shop.transaction() as conn, conn.transaction(force_rollback=True):
        before = conn.execute(call).fetchone()
        conn.execute("update raw.interaction set row_id = -row_id - 1 where customer_id = 'c0002'")
        assert conn.execute(call).fetchone() == before
        conn.execute(
            "insert into raw.interaction (source_id, row_id, customer_id, product_id, event,"
            " occurred_at) select 1, 100000 + row_id, customer_id, product_id, 'purchase',"
            " occurred_at from raw.interaction where customer_id = 'c0002'"
        )
        assert conn.execute(call).fetchone() != before


def test_who_may_not_see_every_product_gets_a_full_list_of_the_others(
    make_database: Callable[[str | None], str], template: str
):
    dsn = make_database(template)
    call = "select * from rec.recommend('c0004', 8)"
    with build(SMALL, dsn, k=8) as database:
        with database.transaction() as conn:
            everything = conn.execute(call.replace("8", "1000")).fetchall()
            conn.execute("alter table rec.popular enable row level security")
            conn.execute("create policy few on rec.popular using (product_no % 3 > 0)")
        with open_connection(make_conninfo(dsn, user="kgf_reader")) as reader:
            seen = reader.execute(call).fetchall()
            assert not holds(reader, "c0004")
    kept = [row[1:4] for row in everything if int(row[1][1:]) % 3]
    assert [row[1:4] for row in seen] == kept[:8]


def test_many_are_answered_as_one_by_one(shop: Database):
    asked = [*CUSTOMERS[::-1], "nobody", "c0001", None]
    found = rows(shop, "rec.recommend_many(%(c)s, 8)", c=asked)
    known = sorted({customer for customer in asked if customer})
    borders = found["customer_id"] != found["customer_id"].shift()
    assert sorted(found["customer_id"][borders]) == known
    for customer, many in found.groupby("customer_id"):
        one = rows(shop, "rec.recommend(%(c)s, 8)", c=customer)
        many = many.drop(columns="customer_id").reset_index(drop=True)
        pd.testing.assert_frame_equal(many, one)
    assert set(found["basis"]) == {"history", "segment", "popular"}
    assert rows(shop, "rec.recommend_many('{}')").empty


def test_many_need_a_k_of_at_least_one(shop: Database):
    with pytest.raises(DatabaseError, match="k is 0; it must be at least 1"):
        rows(shop, "rec.recommend_many('{c0001}', 0)")


def test_an_explanation_is_the_same_with_and_without_a_published_list(shop: Database):
    call = "select * from rec.explain('c0003', 'p029')"
    with shop.transaction() as conn, conn.transaction(force_rollback=True):
        before = conn.execute(call).fetchall()
        highest = conn.execute("select rec.highest('c0003')").fetchone()[0]
        assert conn.execute("delete from rec.customer_list").rowcount == len(BUYERS)
        assert conn.execute("select rec.highest('c0003')").fetchone()[0] == pytest.approx(highest)
        after = conn.execute(call).fetchall()
    assert [row[:5] for row in after] == [row[:5] for row in before]
    assert [row[5] for row in after] == pytest.approx([row[5] for row in before])


def test_signals_without_a_weight_are_shown_and_not_added_up(
    make_database: Callable[[str | None], str], template: str
):
    dsn = make_database(template)
    weights = {"bought_together": 0.9, "popular": 0.1}
    with Database(lambda: dsn) as database:
        with database.transaction() as conn:
            SMALL.load(conn)
        recommend(database, replace(SETTINGS, weights=weights))
        shown = rows(database, "rec.product_neighbor")
        parts = rows(database, "rec.parts('c0003')")
        reasons = rows(database, "rec.recommend('c0003', 8)")["reason"]
    assert set(shown["signal"]) == {"bought_together", "shared_triples", "text"}
    assert parts[["shared_triples", "text", "factors", "graph_vector"]].to_numpy().max() == 0
    assert set(reasons) <= set(weights)
