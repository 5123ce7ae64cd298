"""The profiles in SQL against a plain-Python reading of their column comments."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from psycopg.rows import dict_row

if TYPE_CHECKING:
    from psycopg import Connection

DAY = timedelta(days=1)
START = datetime(2020, 1, 15, 9, tzinfo=UTC)
COLOURS = {"p0": ["red"], "p1": ["red", "blue"], "p2": ["blue"], "p3": ["green"], "p4": []}


class Line(NamedTuple):
    customer_id: str
    product_id: str
    event: str
    occurred_at: datetime
    basket_id: str | None
    quantity: float | None
    amount: float | None


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def random_lines(n: int = 400) -> list[Line]:
    """Orders of one to four lines, returns, views; some without basket, quantity or amount."""
    rng = np.random.default_rng(0)
    lines: list[Line] = []
    for order in range(n // 3):
        event = str(rng.choice(["purchase", "return", "view"], p=[0.75, 0.15, 0.1]))
        moment = START + timedelta(minutes=int(rng.integers(0, 500 * 24 * 60)))
        basket = f"b{order}" if rng.random() < 0.8 else None
        customer = f"c{rng.integers(0, 9)}"
        sign = -1 if event == "return" else 1
        for _ in range(rng.integers(1, 5)):
            quantity = None if rng.random() < 0.1 else sign * float(rng.integers(1, 9))
            amount = None if rng.random() < 0.1 else sign * float(rng.integers(1, 900)) / 100
            product = f"p{rng.integers(0, 5)}"
            lines.append(Line(customer, product, event, moment, basket, quantity, amount))
            # Some baskets take days: a cut-off may fall into the middle of one.
            moment += timedelta(days=9) if rng.random() < 0.1 else timedelta(0)
    return lines


def load(conn: Connection, lines: list[Line], colours: dict[str, list[str]] | None = None) -> None:
    conn.execute(
        "insert into raw.source"
        " (source_id, kind, name, sha256, rows_read, rows_loaded, rows_rejected)"
        " values (1, 'interactions', 'lines', 'x', 0, 0, 0)"
    )
    conn.cursor().executemany(
        "insert into raw.interaction (source_id, row_id, customer_id, product_id, event,"
        " occurred_at, basket_id, quantity, amount) values (1, %s, %s, %s, %s, %s, %s, %s, %s)",
        [(row, *line) for row, line in enumerate(lines)],
    )
    for product, names in (colours or {}).items():
        add_triple(conn, "product", product)
        for name in names:
            add_triple(conn, "product", product, "has_colour", ("colour", name))


def add_triple(
    conn: Connection,
    entity_type: str,
    key: str,
    relation: str | None = None,
    tail: tuple[str, str] = ("", ""),
    known_from: str = "-infinity",
) -> None:
    """Add an entity and, with a relation, one statement about it."""
    entity = (
        "insert into kg.entity (entity_id, entity_type, key)"
        " values (kg.entity_id(%(t)s, %(k)s), %(t)s, %(k)s) on conflict do nothing"
    )
    conn.execute(entity, {"t": entity_type, "k": key})
    if relation is None:
        return
    conn.execute(entity, {"t": tail[0], "k": tail[1]})
    conn.execute(
        "insert into kg.relation (relation_id, name) values (kg.relation_id(%(r)s), %(r)s)"
        " on conflict do nothing",
        {"r": relation},
    )
    conn.execute(
        "insert into kg.triple (head_id, relation_id, tail_id, observed_at) values (kg.entity_id("
        "%s, %s), kg.relation_id(%s), kg.entity_id(%s, %s), %s)",
        (entity_type, key, relation, *tail, known_from),
    )


def rows_of(conn: Connection, statement: str, *params: object) -> list[dict[str, Any]]:
    return conn.cursor(row_factory=dict_row).execute(statement, params).fetchall()


def customers_at(conn: Connection, *cutoffs: datetime) -> dict[tuple[str, datetime], dict]:
    rows = rows_of(conn, "select * from feature.customer_profile_at(%s)", list(cutoffs))
    return {(row["customer_id"], row["event_timestamp"]): row for row in rows}


def products_at(conn: Connection, *cutoffs: datetime) -> dict[tuple[str, datetime], dict]:
    rows = rows_of(conn, "select * from feature.product_profile_at(%s)", list(cutoffs))
    return {(row["product_id"], row["event_timestamp"]): row for row in rows}


# Plain Python ------------------------------------------------------------------------------


def started(lines: list[Line], *names: str) -> dict[tuple, datetime]:
    """Return when each basket began; further names make it one basket per product, say."""
    moments: dict[tuple, list[datetime]] = defaultdict(list)
    for line in lines:
        others = tuple(getattr(line, name) for name in names)
        moments[line.customer_id, line.basket_id or line.occurred_at, *others].append(
            line.occurred_at
        )
    return {key: min(times) for key, times in moments.items()}


def money(lines: list[Line]) -> float | None:
    """Return the sum of the known amounts, None where lines exist and no amount is known."""
    known = [line.amount for line in lines if line.amount is not None]
    return None if lines and not known else sum(known)


def pieces(lines: list[Line]) -> float:
    return sum(1 if line.quantity is None else abs(line.quantity) for line in lines)


def tastes(lines: list[Line], customer: str) -> list[tuple[float, int, str]]:
    """Return (score, purchases, colour) of a customer's colours, best first."""
    bought = [(line.customer_id, c) for line in lines for c in COLOURS[line.product_id]]
    mine = Counter(colour for who, colour in bought if who == customer)
    shares = Counter(colour for _, colour in bought)
    found = []
    for colour, count in mine.items():
        expected = mine.total() * shares[colour] / shares.total()
        found.append((round(count * math.log(count / expected), 6), count, colour))
    return sorted(found, key=lambda row: (-row[0], -row[1], row[2]))


def in_window(lines: list[Line], cutoff: datetime, days: int, event: str) -> list[Line]:
    since = cutoff - days * DAY
    return [line for line in lines if line.event == event and line.occurred_at >= since]


def expected_customer(every: list[Line], customer: str, cutoff: datetime) -> dict[str, Any]:
    known = [line for line in every if line.occurred_at < cutoff]
    lines = [line for line in known if line.customer_id == customer]
    bought = [line for line in lines if line.event == "purchase"]
    orders = started(bought)
    returns = started([line for line in lines if line.event == "return"])
    days = sorted({moment.date() for moment in orders.values()})
    gaps = [(after - before).days for before, after in pairwise(days)]
    year = in_window(lines, cutoff, 365, "purchase")
    n_year = sum(moment >= cutoff - 365 * DAY for moment in orders.values())
    back = pieces(in_window(lines, cutoff, 365, "return"))
    parts = {
        (line.basket_id or line.occurred_at, line.occurred_at, line.product_id) for line in year
    }
    taste = tastes([line for line in known if line.event == "purchase"], customer)
    expected: dict[str, Any] = {
        "tenure_days": (cutoff - min(line.occurred_at for line in lines)).days,
        "interactions_30d": sum(line.occurred_at >= cutoff - 30 * DAY for line in lines),
        "days_since_last_order": (cutoff - max(orders.values())).days if orders else None,
        "orders_total": len(orders),
        "spend_total": money(bought),
        "basket_spend_mean_365d": None if not n_year or not year else money(year),
        "basket_products_mean_365d": len(parts) / n_year if n_year else None,
        "days_between_orders_mean": statistics.mean(gaps) if gaps else None,
        "days_between_orders_median": statistics.median(gaps) if gaps else None,
        "return_rate_365d": back / pieces(year) if year else None,
        "favourite_colour": taste[0][2] if taste and taste[0][0] > 0 else None,
        "favourite_attributes": [f"has_colour={c}" for score, _, c in taste if score > 0][:5],
    }
    if expected["basket_spend_mean_365d"] is not None:
        expected["basket_spend_mean_365d"] /= n_year
    for window in (30, 90, 365):
        since = cutoff - window * DAY
        recent = in_window(lines, cutoff, window, "purchase")
        expected[f"orders_{window}d"] = sum(moment >= since for moment in orders.values())
        expected[f"returns_{window}d"] = sum(moment >= since for moment in returns.values())
        expected[f"spend_{window}d"] = money(recent)
        expected[f"units_{window}d"] = pieces(recent)
        expected[f"products_{window}d"] = len({line.product_id for line in recent})
    return expected


def expected_product(every: list[Line], product: str, cutoff: datetime) -> dict[str, Any]:
    lines = [line for line in every if line.occurred_at < cutoff and line.product_id == product]
    bought = [line for line in lines if line.event == "purchase"]
    orders = started(bought)
    returns = started([line for line in lines if line.event == "return"])
    year = in_window(lines, cutoff, 365, "purchase")
    back = pieces(in_window(lines, cutoff, 365, "return"))
    expected: dict[str, Any] = {
        "tenure_days": (cutoff - min(line.occurred_at for line in lines)).days,
        "interactions_30d": sum(line.occurred_at >= cutoff - 30 * DAY for line in lines),
        "days_since_last_order": (cutoff - max(orders.values())).days if orders else None,
        "orders_total": len(orders),
        "return_rate_365d": back / pieces(year) if year else None,
        "attributes": len(COLOURS[product]),
        "colour": min(COLOURS[product], default=None),
    }
    for window in (30, 90, 365):
        since = cutoff - window * DAY
        recent = in_window(lines, cutoff, window, "purchase")
        buyers = Counter(key[0] for key, moment in orders.items() if moment >= since)
        expected[f"orders_{window}d"] = buyers.total()
        expected[f"buyers_{window}d"] = len(buyers)
        expected[f"returns_{window}d"] = sum(moment >= since for moment in returns.values())
        expected[f"units_{window}d"] = pieces(recent)
        expected[f"revenue_{window}d"] = money(recent)
        mean = None if not recent or money(recent) is None else money(recent) / pieces(recent)
        expected[f"unit_price_mean_{window}d"] = mean
        if window == 365:
            twice = sum(count > 1 for count in buyers.values())
            expected["repeat_buyer_share_365d"] = twice / len(buyers) if buyers else None
    return expected


def assert_row(row: dict[str, Any], expected: dict[str, Any]) -> None:
    compared = {name: expected[name] for name in row if name in expected}
    found = {name: row[name] for name in compared}
    numbers = {name for name, value in compared.items() if isinstance(value, float)}
    close = {
        name: pytest.approx(value) if name in numbers else value for name, value in compared.items()
    }
    assert found == close


CUTOFFS = [
    at("2020-02-01"),
    at("2020-06-01"),
    at("2020-06-17T13:30"),
    at("2021-03-01"),
    at("2021-06-01"),
]


def test_customer_profiles_equal_a_plain_reading_of_their_comments(conn) -> None:
    lines = random_lines()
    load(conn, lines, COLOURS)
    rows = customers_at(conn, *CUTOFFS)
    keys = {(x.customer_id, c) for x in lines for c in CUTOFFS if x.occurred_at < c}
    assert set(rows) == keys
    for (customer, cutoff), row in rows.items():
        assert_row(row, expected_customer(lines, customer, cutoff))


def test_product_profiles_equal_a_plain_reading_of_their_comments(conn) -> None:
    lines = random_lines()
    load(conn, lines, COLOURS)
    rows = products_at(conn, *CUTOFFS)
    assert set(rows) == {(x.product_id, c) for x in lines for c in CUTOFFS if x.occurred_at < c}
    for (product, cutoff), row in rows.items():
        assert_row(row, expected_product(lines, product, cutoff))


def test_the_plain_reading_covers_every_computed_column(conn) -> None:
    load(conn, random_lines(), COLOURS)
    cutoff = CUTOFFS[-1]
    key, row = next(iter(customers_at(conn, cutoff).items()))
    read = expected_customer(random_lines(), key[0], cutoff)
    from_triples = {"country", "favourite_material", "favourite_object", "favourite_theme"}
    times = {"customer_id", "event_timestamp", "created_timestamp"}
    assert set(row) - set(read) == from_triples | times
    key, row = next(iter(products_at(conn, cutoff).items()))
    read = expected_product(random_lines(), key[0], cutoff)
    times = {"product_id", "event_timestamp", "created_timestamp"}
    assert set(row) - set(read) == {"material", "object", "theme"} | times


def test_profiles_at_a_moment_do_not_change_when_later_lines_arrive(conn) -> None:
    cutoff = at("2020-09-01")
    lines = random_lines()
    load(conn, [line for line in lines if line.occurred_at < cutoff], COLOURS)
    before = customers_at(conn, cutoff), products_at(conn, cutoff)
    conn.execute("delete from raw.interaction")
    conn.execute("delete from raw.source")
    load(conn, lines)
    assert (customers_at(conn, cutoff), products_at(conn, cutoff)) == before


def test_windows_hold_their_first_moment_and_end_before_the_cutoff(conn) -> None:
    cutoff = at("2020-03-01")
    moments = [cutoff - 90 * DAY, cutoff - 30 * DAY, cutoff - timedelta(microseconds=1), cutoff]
    load(conn, [Line("c", "p", "purchase", moment, None, 1, 10) for moment in moments])
    row = customers_at(conn, cutoff)["c", cutoff]
    assert (row["orders_30d"], row["orders_90d"], row["orders_total"]) == (2, 3, 3)
    assert (row["spend_30d"], row["spend_90d"], row["days_since_last_order"]) == (20, 30, 0)


def test_windows_are_days_of_24_hours_whatever_the_session_time_zone(conn) -> None:
    cutoff = at("2020-04-10")
    load(conn, [Line("c", "p", "purchase", cutoff - 30 * DAY, None, 1, 10)])
    conn.execute("set local time zone 'Europe/London'")  # summer time began in between
    assert customers_at(conn, cutoff)["c", cutoff]["orders_30d"] == 1


def test_a_customer_who_only_looked_has_a_row_without_orders(conn) -> None:
    cutoff = at("2020-02-01")
    load(conn, [Line("c", "p", "view", at("2020-01-20"), None, None, None)])
    row = customers_at(conn, cutoff)["c", cutoff]
    assert (row["interactions_30d"], row["orders_total"], row["spend_total"]) == (1, 0, 0)
    assert row["days_since_last_order"] is None
    assert row["return_rate_365d"] is None


def test_cutoffs_are_month_starts_and_the_end_of_the_data(conn) -> None:
    moments = [at("2020-01-15T09:00"), at("2020-03-04T23:59")]
    load(conn, [Line("c", "p", "purchase", moment, None, 1, 10) for moment in moments])
    found = conn.execute("select feature.cutoffs()").fetchone()[0]
    assert found == [at("2020-02-01"), at("2020-03-01"), at("2020-03-05")]


def test_cutoffs_of_a_shop_that_opens_at_the_first_of_a_month_leave_that_moment_out(conn) -> None:
    moments = [at("2020-01-01"), at("2020-01-31T12:00")]
    load(conn, [Line("c", "p", "purchase", moment, None, 1, 10) for moment in moments])
    assert conn.execute("select feature.cutoffs()").fetchone()[0] == [at("2020-02-01")]


def test_an_empty_shop_has_no_cutoffs(conn) -> None:
    assert conn.execute("select feature.cutoffs()").fetchone()[0] is None


def test_taste_is_what_is_bought_more_than_everybody_does(conn) -> None:
    moment = at("2020-01-15")
    bought = [("a", "p0"), ("a", "p0"), ("a", "p2"), ("b", "p2"), ("b", "p2"), ("b", "p2")]
    load(conn, [Line(c, p, "purchase", moment, None, 1, 1) for c, p in bought], COLOURS)
    rows = rows_of(conn, "select * from feature.taste(%s)", [at("2020-02-01")])
    found = {(row["customer_id"], row["value"]): row for row in rows}
    # a bought 3 of the 6; red is 2 of 6 purchases, so 1 red was to be expected, and it is 2.
    red = found["a", "red"]
    assert (red["purchases"], red["expected"]) == (2, 1)
    assert red["score"] == pytest.approx(2 * math.log(2), abs=1e-6)
    assert found["a", "blue"]["score"] < 0 < found["b", "blue"]["score"]
    assert [found[who]["place"] for who in (("a", "red"), ("a", "blue"))] == [1, 2]
    best = rows_of(conn, "select * from feature.taste(%s, best => 1)", [at("2020-02-01")])
    assert {(row["customer_id"], row["value"]) for row in best} == {("a", "red"), ("b", "blue")}


def test_a_shop_with_one_customer_has_no_favourites_because_nothing_is_expected_less(conn) -> None:
    cutoff = at("2020-02-01")
    load(conn, [Line("c", "p0", "purchase", at("2020-01-15"), None, 1, 1)], COLOURS)
    row = customers_at(conn, cutoff)["c", cutoff]
    assert (row["favourite_colour"], row["favourite_attributes"]) == (None, [])


def test_a_triple_counts_from_when_it_was_known(conn) -> None:
    before, after = at("2020-02-01"), at("2020-03-01")
    bought = [("c", "p"), ("other", "wooden")]
    load(conn, [Line(c, p, "purchase", at("2020-01-15"), None, 1, 1) for c, p in bought])
    add_triple(conn, "product", "wooden", "made_of", ("material", "wood"))
    add_triple(conn, "product", "p", "made_of", ("material", "tin"), "2020-02-10")
    add_triple(conn, "customer", "c", "lives_in", ("country", "France"), "2020-02-10")
    customers, products = customers_at(conn, before, after), products_at(conn, before, after)
    assert [customers["c", t]["favourite_material"] for t in (before, after)] == [None, "tin"]
    assert [customers["c", t]["country"] for t in (before, after)] == [None, "France"]
    assert [products["p", t]["material"] for t in (before, after)] == [None, "tin"]
    assert [products["p", t]["attributes"] for t in (before, after)] == [0, 1]


def test_every_column_of_the_profiles_says_what_it_holds(conn) -> None:
    silent = conn.execute(
        "select attrelid::regclass, attname from pg_attribute"
        " where attrelid in ("
        "'feature.customer_profile'::regclass, 'feature.product_profile'::regclass)"
        " and attnum > 0 and col_description(attrelid, attnum) is null"
    ).fetchall()
    assert silent == []


def test_every_column_with_customers_keys_is_listed_as_personal_data(conn) -> None:
    assert conn.execute("select * from ops.unlisted_personal_data()").fetchall() == []
    conn.execute("create table feature.forgotten (customer_id text)")
    found = conn.execute("select * from ops.unlisted_personal_data()").fetchall()
    assert found == [("feature", "forgotten", "customer_id")]
