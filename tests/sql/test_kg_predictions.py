"""kg.predict_tail, kg.predict_head and kg.score: what they leave out, and what they refuse."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, LiteralString, cast

import psycopg
import pytest

from tests.sql.small_graph import (
    CUSTOMERS,
    DAY,
    PRODUCTS,
    Shop,
    build,
    colour_of,
    torch_ranking,
)

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database


@pytest.fixture
def shop(conn: Connection[TupleRow]) -> Shop:
    """Give a shop of random vectors."""
    return build(conn)


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


def test_readers_may_ask_everything(db: Database, reader: Connection[TupleRow]) -> None:
    with db.transaction() as conn:
        build(conn)
    for call in (
        "kg.predict_tail('graph', 'product', 'p00', 'has_colour', exclude_known => false)",
        "kg.predict_head('graph', 'product', 'p00', 'bought', filters => '{\"bought\": \"p01\"}')",
        "kg.similar('graph', 'product', 'p00')",
        "kg.score('graph', 'customer', 'c0', 'bought', 'product', 'p00')",
        "emb.scores(emb.model_in_use('graph'), kg.entity_id('product', 'p1'), 0, 'out', 'colour')",
    ):
        reader.execute(cast("LiteralString", f"select * from {call}")).fetchall()  # noqa: S608
