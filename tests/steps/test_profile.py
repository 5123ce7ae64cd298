from __future__ import annotations

import datetime as dt
from contextlib import contextmanager

import numpy as np
import pytest

from kgfeatures import steps
from kgfeatures.db import transport
from kgfeatures.errors import DataError
from kgfeatures.steps.profile import profile

TABLES = ("feature.customer_profile", "feature.product_profile")


@pytest.fixture
def shop(db):
    with db.transaction() as conn:
        conn.execute(
            "insert into raw.source"
            " (source_id, kind, name, sha256, rows_read, rows_loaded, rows_rejected)"
            " values (1, 'interactions', 'lines', 'x', 0, 0, 0)"
        )
        conn.execute(
            "insert into raw.interaction (source_id, row_id, customer_id, product_id, event,"
            " occurred_at, basket_id, quantity, amount)"
            " select 1, n, 'c' || n % 3, 'p' || n % 5, 'purchase',"
            " '2020-01-10'::timestamptz + n * interval '2 days', 'b' || n, 1, n"
            " from generate_series(0, 29) as n"
        )
    return db


def hashes(db) -> list[str]:
    found = db.sql(
        "select ops.table_hash(name::regclass) as hash from unnest(%(names)s::text[]) as name",
        {"names": list(TABLES)},
    )
    return found["hash"].tolist()


def test_profile_fills_both_tables_at_every_month_start_and_the_end_of_the_data(shop) -> None:
    result = profile(shop)
    times = shop.sql(
        "select distinct event_timestamp as at from feature.customer_profile"
        " where event_timestamp = created_timestamp order by at"
    )
    starts = ["2020-02-01", "2020-03-01", "2020-03-09"]
    assert times["at"].dt.strftime("%Y-%m-%d").tolist() == starts
    assert result.rows == {TABLES[0]: 3 * 3, TABLES[1]: 3 * 5}


def test_profile_skips_when_nothing_changed_and_runs_when_a_line_did(shop) -> None:
    profile(shop)
    before = hashes(shop)
    assert profile(shop).skipped
    with shop.transaction() as conn:
        conn.execute("update raw.interaction set amount = amount + 1 where row_id = 0")
    assert not profile(shop).skipped
    assert hashes(shop)[0] != before[0]


def test_profile_makes_a_table_again_that_somebody_dropped(shop) -> None:
    profile(shop)
    before = hashes(shop)
    with shop.transaction() as conn:
        conn.execute("drop table feature.customer_profile cascade")
    assert not profile(shop).skipped
    assert hashes(shop) == before


def test_profile_of_an_empty_shop_says_what_to_do(db) -> None:
    with pytest.raises(DataError, match="kgfeatures ingest DIR"):
        profile(db)


# Only what changed ------------------------------------------------------------------------

START = dt.datetime(2020, 1, 15, 9, tzinfo=dt.UTC)
COLOURS = ["red", "green", "blue", "white"]


@contextmanager
def ingest(db):
    """Do in one transaction what ingest does: change lines, and write down whose since when.

    Gives a connection and a list for the lines touched: (customer, product, time).
    """
    touched = []
    with db.transaction() as conn:
        hash_now = "select ops.table_hash('raw.interaction')"
        before = conn.execute(hash_now).fetchone()[0]
        yield conn, touched
        after = conn.execute(hash_now).fetchone()[0]
        change = conn.execute(
            "insert into ops.change_set (table_name, before_hash, after_hash)"
            " values ('raw.interaction', %s, %s) returning change_id",
            [before, after],
        ).fetchone()[0]
        for kind, place in (("customer", 0), ("product", 1)):
            for key in {line[place] for line in touched}:
                since = min(line[2] for line in touched if line[place] == key)
                conn.execute(
                    "insert into ops.changed_key values (%s, %s, %s, %s)",
                    [change, kind, key, since],
                )


def add(conn, touched, rng, at, n=1):
    """Add lines of one basket."""
    customer = f"c{rng.integers(0, 9)}"
    event = str(rng.choice(["purchase", "return", "view"], p=[0.8, 0.1, 0.1]))
    basket = f"b{rng.integers(0, 1 << 40)}" if rng.random() < 0.8 else None
    for _ in range(n):
        line = (customer, f"p{rng.integers(0, 7)}", at)
        amount = None if rng.random() < 0.1 else int(rng.integers(1, 999)) / 100
        row = [int(rng.integers(0, 1 << 60)), *line[:2], event, at, basket, amount]
        conn.execute(
            "insert into raw.interaction (source_id, row_id, customer_id, product_id, event,"
            " occurred_at, basket_id, amount) values (1, %s, %s, %s, %s, %s, %s, %s)",
            row,
        )
        touched.append(line)


def some_lines(conn, order, n):
    every = "select row_id, customer_id, product_id, occurred_at from raw.interaction order by "
    return conn.execute(f"{every} {order} limit %s", [n]).fetchall()


def remove(conn, touched, order, n):
    for row_id, *line in some_lines(conn, order, n):
        conn.execute("delete from raw.interaction where row_id = %s", [row_id])
        touched.append(tuple(line))


def correct(conn, touched, n):
    """Let lines have other amounts and products."""
    for row_id, customer, product, at in some_lines(conn, "hashint8(row_id)", n):
        conn.execute(
            "update raw.interaction set amount = coalesce(amount, 0) + 1, product_id = 'p6'"
            " where row_id = %s",
            [row_id],
        )
        touched += [(customer, product, at), (customer, "p6", at)]


def say(conn, entity_type, key, relation, tail_type, tail, known_from="-infinity"):
    """Let the graph say something instead of what it said with this relation."""
    for kind, name in ((entity_type, key), (tail_type, tail)):
        conn.execute(
            "insert into kg.entity (entity_id, entity_type, key)"
            " values (kg.entity_id(%(kind)s, %(key)s), %(kind)s, %(key)s) on conflict do nothing",
            {"kind": kind, "key": name},
        )
    conn.execute(
        "insert into kg.relation (relation_id, name) values (kg.relation_id(%(name)s), %(name)s)"
        " on conflict do nothing",
        {"name": relation},
    )
    named = {"type": entity_type, "key": key, "relation": relation}
    conn.execute(
        "delete from kg.triple where head_id = kg.entity_id(%(type)s, %(key)s)"
        " and relation_id = kg.relation_id(%(relation)s)",
        named,
    )
    conn.execute(
        "insert into kg.triple (head_id, relation_id, tail_id, observed_at) values"
        " (kg.entity_id(%(type)s, %(key)s), kg.relation_id(%(relation)s),"
        " kg.entity_id(%(tail_type)s, %(tail)s), %(known_from)s)",
        {**named, "tail_type": tail_type, "tail": tail, "known_from": known_from},
    )


@pytest.fixture
def busy_shop(db):
    """A year of baskets, some of them returns and views; products have colours and materials."""
    rng = np.random.default_rng(0)
    with ingest(db) as (conn, touched):
        conn.execute(
            "insert into raw.source"
            " (source_id, kind, name, sha256, rows_read, rows_loaded, rows_rejected)"
            " values (1, 'interactions', 'lines', 'x', 0, 0, 0)"
        )
        for _ in range(130):
            at = START + dt.timedelta(minutes=int(rng.integers(0, 400 * 24 * 60)))
            add(conn, touched, rng, at, int(rng.integers(1, 4)))
        for product in range(6):
            say(conn, "product", f"p{product}", "has_colour", "colour", COLOURS[product % 3])
            say(conn, "product", f"p{product}", "made_of", "material", f"m{product % 2}")
    return db


def content(db, *, force=False):
    profile(db, force=force)
    return [*hashes(db), db.sql("select ops.table_hash('ops.profiled_fact') as h").h[0]]


def wrong_rows(db):
    """Return how many rows differ from those that SQL computes from scratch."""
    found = 0
    for kind in ("customer", "product"):
        stands = f"select * from feature.{kind}_profile"  # noqa: S608
        right = f"select * from feature.{kind}_profile_at(feature.cutoffs())"  # noqa: S608
        both = f"({stands} except {right}) union all ({right} except {stands})"
        found += db.sql(f"select count(*) as n from ({both}) as wrong").n[0]  # noqa: S608
    return found


def last_line(conn):
    return conn.execute("select max(occurred_at) from raw.interaction").fetchone()[0]


def one_day(db, rng, day):
    """Change a few lines and facts; what, depends on the day."""
    with ingest(db) as (conn, touched):
        end = last_line(conn)
        if day % 5 == 4:
            remove(conn, touched, "occurred_at desc", 4)  # the data ends earlier now
        else:
            for late in (0, 0, 7, 200):
                hours = int(rng.integers(1, 40)) - 24 * late
                add(conn, touched, rng, end + dt.timedelta(hours=hours), 2)
        if day % 2:
            correct(conn, touched, 2)
            remove(conn, touched, "hashint8(row_id) desc", 2)
        if day == 3:
            remove(conn, touched, "occurred_at", 1)  # the first line of all
        if day % 3 == 1:
            colour = str(rng.choice(COLOURS))
            say(conn, "product", f"p{rng.integers(0, 7)}", "has_colour", "colour", colour)
            say(conn, "customer", f"c{day}", "lives_in", "country", colour)
        if day == 6:
            soon = (end + dt.timedelta(hours=30)).isoformat()
            say(conn, "product", "p1", "made_of", "material", "tin", soon)
            say(conn, "customer", "c1", "lives_in", "country", "Peru", soon)


def test_rows_computed_day_by_day_equal_those_from_scratch(busy_shop, monkeypatch) -> None:
    rng = np.random.default_rng(1)
    profile(busy_shop)
    assert wrong_rows(busy_shop) == 0
    for day in range(10):
        one_day(busy_shop, rng, day)
        monkeypatch.setattr(steps.profile, "LINES_AT_ONCE", 60 if day % 2 else 1_000_000)
        kept = content(busy_shop)
        assert wrong_rows(busy_shop) == 0
        if day % 3 == 0:
            assert content(busy_shop, force=True) == kept


def test_only_customers_and_products_touched_are_computed_again(busy_shop, monkeypatch) -> None:
    profile(busy_shop)
    asked = {}
    read = transport.read_arrow

    def read_arrow(conn, name, /, **params):
        if name.endswith("_behaviour"):
            asked[name] = dict(zip(params["keys"], params["since"], strict=True))
        return read(conn, name, **params)

    monkeypatch.setattr(transport, "read_arrow", read_arrow)
    with ingest(busy_shop) as (conn, touched):
        correct(conn, touched, 1)
    profile(busy_shop)
    [[customer, product, at], _] = touched
    assert asked == {
        "profile.customer_behaviour": {customer: at},
        "profile.product_behaviour": {product: at, "p6": at},
    }
    assert wrong_rows(busy_shop) == 0


def test_a_change_that_nobody_wrote_down_lets_all_be_computed(busy_shop) -> None:
    profile(busy_shop)
    with busy_shop.transaction() as conn:
        conn.execute("update raw.interaction set amount = 77 where customer_id = 'c1'")
    one_day(busy_shop, np.random.default_rng(2), 1)
    profile(busy_shop)
    assert wrong_rows(busy_shop) == 0


def test_rows_that_somebody_changed_are_computed_again(busy_shop) -> None:
    before = content(busy_shop)
    with busy_shop.transaction() as conn:
        conn.execute("update feature.customer_profile set orders_total = 0")
    assert content(busy_shop) == before


@pytest.mark.parametrize("killed_at", [1, 2, 3])
def test_a_killed_run_keeps_the_old_rows_and_the_next_one_does_it_all(
    busy_shop, monkeypatch, killed_at
) -> None:
    before = content(busy_shop)
    one_day(busy_shop, np.random.default_rng(3), 0)
    calls = iter(range(killed_at))
    write = transport.copy_in

    def copy_in(conn, table, columns):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return write(conn, table, columns)

    with monkeypatch.context() as broken:
        broken.setattr(transport, "copy_in", copy_in)
        with pytest.raises(KeyboardInterrupt):
            profile(busy_shop)
    assert [*hashes(busy_shop)] == before[:2]
    profile(busy_shop)
    assert wrong_rows(busy_shop) == 0
