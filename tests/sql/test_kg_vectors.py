"""kg.similar, kg.predict_tail and their filters, against numpy and torch over the same vectors."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pytest
import torch
from psycopg import sql

from kgfeatures.db import transport
from kgfeatures.embedding import TransE
from kgfeatures.graph import vectors
from kgfeatures.types import entity_ids, relation_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection
    from psycopg.rows import TupleRow

PRODUCTS = [f"p{number:02}" for number in range(40)]
CUSTOMERS = [f"c{number}" for number in range(8)]
COLOURS = ["red", "blue", "green"]
ENTITIES = {"product": PRODUCTS, "customer": CUSTOMERS, "colour": COLOURS}
DAY = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@dataclass
class Shop:
    conn: Connection[TupleRow]
    place: dict[str, int]
    entities: np.ndarray
    relations: np.ndarray

    def keys(self, query: str, *values: object) -> list[str]:
        return [row[0] for row in self.conn.execute(query, values).fetchall()]

    def nearest(self, key: str, among: list[str], k: int) -> list[str]:
        distance = np.linalg.norm(self.entities - self.entities[self.place[key]], axis=1)
        others = [other for other in among if other != key]
        return sorted(others, key=lambda other: distance[self.place[other]])[:k]


def colour_of(product: str) -> str:
    return COLOURS[int(product[1:]) % 3]


def price_of(product: str) -> float:
    return float(product[1:])


@pytest.fixture
def shop(conn: Connection[TupleRow]) -> Shop:
    """A shop of random vectors: product n has colour n mod 3 and price n; c0 bought p00 to p04."""
    ids = np.concatenate([entity_ids(kind, keys) for kind, keys in ENTITIES.items()])
    kinds = [kind for kind, keys in ENTITIES.items() for _ in keys]
    keys = [key for keys in ENTITIES.values() for key in keys]
    labels = [key.upper() for key in keys]
    copy(conn, "kg.entity", entity_id=ids, entity_type=kinds, key=keys, label=labels)
    relations = [
        ("bought", "customer", "product", "bought_by"),
        ("has_colour", "product", "colour", "colour_of"),
    ]
    names, domains, ranges, inverses = zip(*relations, strict=True)
    relation_ids = np.array([relation_id(name) for name in names])
    copy(
        conn, "kg.relation", relation_id=relation_ids, name=names, domain=domains, range=ranges,
        inverse=inverses,
    )  # fmt: skip
    copy(
        conn, "kg.triple",
        head_id=entity_ids("product", PRODUCTS),
        relation_id=np.full(len(PRODUCTS), relation_ids[1]),
        tail_id=entity_ids("colour", [colour_of(product) for product in PRODUCTS]),
    )  # fmt: skip
    add_interactions(conn)
    add_prices(conn)
    rng = np.random.default_rng(0)
    entities = rng.normal(size=(len(ids), 6)).astype(np.float32)
    out, into = rng.normal(size=(2, 2, 6)).astype(np.float32)
    card = vectors.ModelCard(
        alias="graph", kind="graph", scorer="transe_l2", operator="<->", parameters={},
        data_hash="", code_version="", known_at=DAY,
    )  # fmt: skip
    vectors.publish(conn, card, ids, entities, vectors.RelationVectors(relation_ids, out, into))
    place = {key: at for at, key in enumerate(keys)}
    return Shop(conn, place, entities, np.concatenate([out, into]))


def copy(conn: Connection[TupleRow], table: str, **columns: Any) -> None:
    transport.copy_in(conn, table, {name: np.asarray(at) for name, at in columns.items()})


def add_interactions(conn: Connection[TupleRow]) -> None:
    conn.execute(
        "insert into raw.source (source_id, kind, name, sha256, rows_read, rows_loaded, "
        "rows_rejected) values (1, 'interactions', 'tx', '', 5, 5, 0)"
    )
    conn.execute(
        "insert into raw.interaction (source_id, row_id, customer_id, product_id, event, "
        "occurred_at) select 1, n, 'c0', 'p0' || n, 'purchase', '2020-01-01Z' "
        "from generate_series(0, 4) as n"
    )


def add_prices(conn: Connection[TupleRow]) -> None:
    conn.execute(
        "insert into raw.attribute (entity_type, key, name, valid_from, value_number) "
        "select 'product', key, 'price', at, case when at < '2020-01-01Z' then 999 else "
        "substr(key, 2)::int end from kg.entity, "
        "unnest('{2019-01-01Z,2020-01-01Z}'::timestamptz[]) as at where entity_type = 'product'"
    )


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


def torch_ranking(shop: Shop, key: str, relation: int, among: list[str]) -> list[str]:
    """The candidates ordered by TransE's own score in torch, best first."""
    model = TransE()
    head = torch.from_numpy(shop.entities[[shop.place[key]]])
    query = model.query(head, torch.from_numpy(shop.relations[[relation]]))
    tails = torch.from_numpy(shop.entities[[shop.place[other] for other in among]])
    order = torch.argsort(model.logits(query, tails)[0], descending=True)
    return [among[at] for at in order.tolist()]


def test_predict_tail_equals_torchs_ranking(shop: Shop) -> None:
    found = shop.keys("select tail_key from kg.predict_tail('graph', 'customer', 'c0', 'bought')")
    assert found == torch_ranking(shop, "c0", 0, PRODUCTS[5:])[:10]


def test_predict_tail_keeps_what_is_known_when_asked_to(shop: Shop) -> None:
    query = "select tail_key from kg.predict_tail('graph', 'customer', 'c0', 'bought', 50, false)"
    assert shop.keys(query) == torch_ranking(shop, "c0", 0, PRODUCTS)


def test_predict_tail_leaves_out_known_triples(shop: Shop) -> None:
    query = "select tail_key from kg.predict_tail('graph', 'product', 'p00', 'has_colour')"
    assert shop.keys(query) == torch_ranking(shop, "p00", 1, ["blue", "green"])


def test_predict_tail_reads_a_relation_backwards_by_its_inverse(shop: Shop) -> None:
    query = "select tail_key from kg.predict_tail('graph', 'product', 'p01', 'bought_by')"
    assert shop.keys(query) == torch_ranking(shop, "p01", 2, CUSTOMERS[1:])
    query = "select tail_key from kg.predict_tail('graph', 'colour', 'red', 'colour_of', 50)"
    not_red = [p for p in PRODUCTS if colour_of(p) != "red"]
    assert shop.keys(query) == torch_ranking(shop, "red", 3, not_red)


@pytest.mark.parametrize(
    ("call", "says", "hint"),
    [
        (
            "select * from kg.similar('grap', 'product', 'p00')",
            'no vectors are called "grap"',
            "mean graph",
        ),
        ("select * from kg.similar('graph', 'prodct', 'p00')", 'of type "prodct"', "mean product"),
        ("select * from kg.similar('graph', 'product', 'p99')", 'no product "p99"', "kg.entity"),
        (
            "select * from kg.predict_tail('graph', 'customer', 'c0', 'buys')",
            'relation "buys"',
            "bought",
        ),
        (
            "select * from kg.predict_tail('graph', 'product', 'p00', 'bought')",
            "starts at a customer",
            "kg.predict_head where it starts",
        ),
        (
            "select * from kg.predict_head('graph', 'customer', 'c0', 'bought')",
            "leads to a product, not to a customer",
            "inverse",
        ),
        (
            "select kg.score('graph', 'customer', 'c0', 'bough', 'product', 'p00')",
            'no relation "bough"',
            "mean bought",
        ),
        (
            "select kg.score('graph', 'customer', 'c0', 'bought', 'colour', 'red')",
            "leads to a product, not to a colour",
            "inverse",
        ),
        (
            "select kg.score('graph', 'customer', 'c0', 'bought', 'product', 'p77')",
            'no product "p77"',
            "kg.entity",
        ),
    ],
)
def test_questions_about_unknown_names_are_refused_with_a_hint(
    shop: Shop, call: str, says: str, hint: str
) -> None:
    with pytest.raises(psycopg.Error) as caught:
        shop.keys(call)
    assert caught.value.sqlstate == "22023"
    assert says in (caught.value.diag.message_primary or "")
    assert hint in (caught.value.diag.message_hint or "")


def test_entity_without_a_vector_says_why(shop: Shop) -> None:
    shop.conn.execute(
        "insert into kg.entity (entity_id, entity_type, key) "
        "values (kg.entity_id('product', 'new'), 'product', 'new')"
    )
    for call in (
        "select similar_key from kg.similar('graph', 'product', 'new')",
        "select tail_key from kg.predict_tail('graph', 'product', 'new', 'has_colour')",
        "select head_key from kg.predict_head('graph', 'product', 'new', 'bought')",
        "select kg.score('graph', 'customer', 'c0', 'bought', 'product', 'new')",
    ):
        no_vector = pytest.raises(psycopg.Error, match='product "new" has no vector in "graph"')
        with no_vector, shop.conn.transaction():
            shop.keys(call)


def test_what_vectors_do_not_tell_is_refused(shop: Shop) -> None:
    shop.conn.execute(
        "insert into kg.relation (relation_id, name, domain) "
        "values (kg.relation_id('likes'), 'likes', 'customer')"
    )
    for options, says in (
        ("", 'relation "likes" has no vector in "graph"'),
        (", filters => '{\"price\": 1}'", 'relation "likes" has no vector in "graph"'),
    ):
        with pytest.raises(psycopg.Error, match=says), shop.conn.transaction():
            shop.keys(
                f"select tail_key from kg.predict_tail('graph', 'customer', 'c0', 'likes'{options})"  # noqa: S608
            )
    shop.conn.execute("update kg.relation set range = null where name = 'bought'")
    with pytest.raises(psycopg.Error, match='answers to "bought" are of any type'):
        shop.keys(
            "select tail_key from kg.predict_tail('graph', 'customer', 'c0', 'bought', "
            "filters => '{\"price\": 1}')"
        )


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


def test_an_entity_that_is_no_more_is_no_answer(shop: Shop) -> None:
    # Its vector stays until the next training.
    shop.conn.execute("delete from kg.triple")
    shop.conn.execute("delete from kg.entity where key = 'p31'")
    shop.conn.execute("update kg.relation set range = null where name = 'bought'")
    asked = "select tail_key from kg.predict_tail('graph', 'customer', 'c7', 'bought', 50)"
    assert sorted(shop.keys(asked)) == sorted({*shop.place} - {"p31"})


def test_tails_are_filtered_and_what_is_known_left_out(shop: Shop) -> None:
    query = (
        "select tail_key from kg.predict_tail('graph', 'customer', 'c0', 'bought', 50, "
        "filters => %s)"
    )
    red = [p for p in PRODUCTS[5:] if colour_of(p) == "red"]
    assert shop.keys(query, '{"has_colour": "red"}') == torch_ranking(shop, "c0", 0, red)
    query = (
        "select head_key from kg.predict_head('graph', 'colour', 'red', 'has_colour', 50, "
        'false, \'{"price": {"max": 9}}\')'
    )
    assert shop.keys(query) == torch_ranking(shop, "red", 3, PRODUCTS[:10])


def test_what_became_known_later_is_not_left_out(shop: Shop) -> None:
    query = (
        "select tail_key from kg.predict_tail('graph', 'customer', 'c0', 'bought', 50, "
        "known_at => %s)"
    )
    assert len(shop.keys(query, DAY)) == 35
    assert len(shop.keys(query, DAY - dt.timedelta(days=1))) == 40


@pytest.mark.parametrize("call", ["predict_tail", "predict_head", "similar"])
@pytest.mark.parametrize("k", [0, -3, None])
def test_k_below_one_is_refused(shop: Shop, call: str, k: int | None) -> None:
    relation = "" if call == "similar" else "'bought', "
    kind, key = ("product", "p01") if call == "predict_head" else ("customer", "c0")
    with pytest.raises(psycopg.Error, match=f"k is {'null' if k is None else k}; it must be"):
        shop.keys(f"select * from kg.{call}('graph', '{kind}', '{key}', {relation}%s::int)", k)  # noqa: S608


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
