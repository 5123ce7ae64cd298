"""kg.similar, its filters and the search beneath, against numpy over the same vectors."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pytest
from psycopg import sql

from kgfeatures.graph import vectors
from kgfeatures.types import entity_ids
from tests.sql.small_graph import CUSTOMERS, DAY, PRODUCTS, Shop, build, colour_of, price_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection
    from psycopg.rows import TupleRow


@pytest.fixture
def shop(conn: Connection[TupleRow]) -> Shop:
    """Give a shop of random vectors."""
    return build(conn)


FILTERS: dict[str, tuple[dict[str, Any], Callable[[str], bool]]] = {
    "one value": ({"has_colour": "red"}, lambda p: colour_of(p) == "red"),
    "a value by its label": ({"has_colour": "RED"}, lambda p: colour_of(p) == "red"),
    "one of several": ({"has_colour": ["red", "blue"]}, lambda p: colour_of(p) != "green"),
    "not a value": ({"has_colour": {"not": "red"}}, lambda p: colour_of(p) != "red"),
    "none of several": (
        {"has_colour": {"not": ["red", "blue"]}},
        lambda p: colour_of(p) == "green",
    ),
    "a range": ({"price": {"min": 10, "max": 20}}, lambda p: 10 <= price_of(p) <= 20),
    "from a bound on": ({"price": {"min": 30}}, lambda p: price_of(p) >= 30),
    "up to a bound": ({"price": {"max": 5.5}}, lambda p: price_of(p) <= 5.5),
    "an attribute's value": ({"price": 7}, lambda p: price_of(p) == 7),
    "two conditions": (
        {"has_colour": "red", "price": {"max": 20}},
        lambda p: colour_of(p) == "red" and price_of(p) <= 20,
    ),
    "a value that nothing has": ({"has_colour": "mauve"}, lambda _: False),
    "nothing": ({}, lambda _: True),
}


@pytest.mark.parametrize("name", FILTERS)
def test_similar_with_a_filter_equals_brute_force(shop: Shop, name: str) -> None:
    filters, passes = FILTERS[name]
    found = shop.keys(
        "select similar_key from kg.similar('graph', 'product', 'p03', 10, %s)", json.dumps(filters)
    )
    assert found == shop.nearest("p03", [p for p in PRODUCTS if passes(p)], 10)


@pytest.mark.parametrize("name", FILTERS)
def test_filter_products_lets_through_exactly_the_right_ones(shop: Shop, name: str) -> None:
    filters, passes = FILTERS[name]
    found = shop.keys(
        "select product_id from kg.filter_products(%s) order by 1", json.dumps(filters)
    )
    assert found == [p for p in PRODUCTS if passes(p)]


def test_filter_takes_the_values_that_were_known_at_a_time(shop: Shop) -> None:
    price = json.dumps({"price": 999})
    query = "select product_id from kg.filter_products(%s, %s) order by 1"
    assert shop.keys(query, price, DAY - dt.timedelta(days=1)) == PRODUCTS
    assert shop.keys(query, price, DAY) == []


def test_filter_of_customers_reads_what_they_bought(shop: Shop) -> None:
    query = "select key from kg.filter_entities(%s, 'customer') order by 1"
    assert shop.keys(query, '{"bought": "p02"}') == ["c0"]
    assert shop.keys(query, '{"bought": {"not": ["p01", "p30"]}}') == CUSTOMERS[1:]


@pytest.mark.parametrize(
    ("filters", "says", "hint"),
    [
        ('{"has_color": "red"}', 'no relation or attribute "has_color"', "mean has_colour"),
        ('{"prize": {"min": 1}}', 'no relation or attribute "prize"', "mean price"),
        ('{"bought": "p01"}', "about a customer, not a product", "has_colour, price"),
        ('{"has_colour": {"min": 1}}', "is a relation and has no min", "Write a value"),
        ('{"has_colour": null}', 'filter "has_colour" is null', "Write a value"),
        ('{"has_colour": []}', "is []", "Write a value"),
        ('{"has_colour": {"is": "red"}}', "is {", "Write a value"),
        ('{"price": {"min": "1"}}', 'has the bound "1"', "are numbers"),
        ('"min"', 'filters are "min"', "Write an object"),
        ('["min"]', "filters are", "Write an object"),
    ],
)
def test_filter_that_cannot_be_is_refused_with_a_hint(
    shop: Shop, filters: str, says: str, hint: str
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        shop.keys("select product_id from kg.filter_products(%s)", filters)
    assert caught.value.sqlstate == "22023"
    assert says in (caught.value.diag.message_primary or "")
    assert hint in (caught.value.diag.message_hint or "")


def test_similar_gives_labels_and_scores(shop: Shop) -> None:
    row = shop.conn.execute("select * from kg.similar('graph', 'customer', 'c1', 1)").fetchone()
    nearest = shop.nearest("c1", CUSTOMERS, 1)[0]
    difference = shop.entities[shop.place["c1"]] - shop.entities[shop.place[nearest]]
    assert row is not None
    assert row[:2] == (nearest, nearest.upper())
    assert row[2] == pytest.approx(-np.sqrt((difference.astype("f8") ** 2).sum()), rel=1e-6)


def test_cosine_vectors_are_compared_by_cosine(shop: Shop) -> None:
    card = vectors.ModelCard(
        alias="text", kind="text", scorer="cosine", operator="<=>", parameters={},
        data_hash="", code_version="", known_at=DAY,
    )  # fmt: skip
    products = shop.entities[: len(PRODUCTS)]
    vectors.publish(shop.conn, card, entity_ids("product", PRODUCTS), products)
    unit = products / np.linalg.norm(products, axis=1, keepdims=True)
    expected = np.sort(unit[1:] @ unit[0])[::-1][:5]
    found = shop.conn.execute("select score from kg.similar('text', 'product', 'p00', 5)")
    np.testing.assert_allclose([row[0] for row in found], expected, atol=1e-6)


@pytest.fixture
def index(shop: Shop) -> int:
    """Index the vectors, few as they are; the version's number."""
    row = shop.conn.execute("select emb.model_in_use('graph')").fetchone()
    assert row is not None
    name = sql.Identifier(f"m_{row[0]}")
    statement = sql.SQL("create index on emb.{} using hnsw (v vector_l2_ops)")
    shop.conn.execute(statement.format(name))
    shop.conn.execute("set local enable_seqscan = off")
    return row[0]


@pytest.mark.parametrize("allowed", [None, PRODUCTS[::7]])
def test_index_gives_full_lists_in_order(shop: Shop, index: int, allowed: list[str] | None) -> None:
    ids = None if allowed is None else entity_ids("product", allowed).tolist()
    rows = shop.conn.execute(
        "select entity_id from emb.nearest_indexed(%s, %s, 5, 'product', %s::bigint[], "
        "array[kg.entity_id('product', 'p07')])",
        [index, shop.entities[shop.place["p07"]], ids],
    ).fetchall()
    expected = entity_ids("product", shop.nearest("p07", allowed or PRODUCTS, 5)).tolist()
    assert [row[0] for row in rows] == expected


@pytest.mark.parametrize(("k", "left"), [(2, 30), (2, 2), (2, 1), (2, 0), (30, 30), (60, 51)])
def test_nearest_gives_as_many_as_are_left_by_index_or_without(
    shop: Shop, index: int, k: int, left: int
) -> None:
    every = shop.keys("select entity_id from kg.entity order by entity_id")
    rows = shop.conn.execute(
        "select entity_id from emb.nearest(%s, %s, %s, null, null, %s::bigint[], exact_up_to => 0)",
        [index, shop.entities[0], k, every[left:]],
    ).fetchall()
    assert len(rows) == min(k, left)
    assert {row[0] for row in rows} <= set(every[:left])


def test_recall_of_a_small_index_is_perfect(shop: Shop, index: int) -> None:
    assert index
    found = shop.conn.execute("select emb.recall('graph', 20, 5)").fetchone()
    assert found == (1.0,)


def complex_product(h: np.ndarray, r: np.ndarray) -> np.ndarray:
    half = len(h) // 2
    product = (h[:half] + 1j * h[half:]) * (r[:half] + 1j * r[half:])
    return np.concatenate([product.real, product.imag])


QUERIES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "transe_l2": lambda h, r: h + r,
    "transe_l1": lambda h, r: h + r,
    "distmult": lambda h, r: h * r,
    "complex": complex_product,
    "rotate_l2": complex_product,
}


@pytest.mark.parametrize("scorer", QUERIES)
def test_query_vector_is_the_models_formula(conn: Connection[TupleRow], scorer: str) -> None:
    h, r = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
    row = conn.execute("select emb.query_vector(%s, %s, %s)", [scorer, h, r]).fetchone()
    assert row is not None
    np.testing.assert_allclose(row[0], QUERIES[scorer](h, r), rtol=1e-4, atol=1e-6)


def test_nearest_names_tells_the_most_similar_first(conn: Connection[TupleRow]) -> None:
    known = ["has_material", "has_colour", "lives_in"]
    row = conn.execute("select ops.nearest_names('has_color', %s)", [known]).fetchone()
    assert row == ("Did you mean has_colour? Known: has_colour, has_material, lives_in",)
    row = conn.execute("select ops.nearest_names('xyz', '{}')").fetchone()
    assert row == ("Known: none yet",)
