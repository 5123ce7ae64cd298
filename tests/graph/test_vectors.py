from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from kgfeatures.db import transport
from kgfeatures.errors import DatabaseError, DataError
from kgfeatures.graph import vectors
from kgfeatures.types import entity_ids, relation_id

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

KNOWN_AT = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
KEYS = ["a", "b", "c"]
IDS = entity_ids("product", KEYS)
TABLES = {"product": "product_graph_vector"}


def card(**changes: Any) -> vectors.ModelCard:
    given: dict[str, Any] = {
        "alias": "graph",
        "kind": "graph",
        "scorer": "transe_l2",
        "operator": "<->",
        "parameters": {"dim": 2},
        "data_hash": "d",
        "code_version": "1",
        "known_at": KNOWN_AT,
        "feature_tables": TABLES,
    }
    return vectors.ModelCard(**(given | changes))


@pytest.fixture
def shop(conn: Connection[TupleRow]) -> Connection[TupleRow]:
    columns = {"entity_id": IDS, "entity_type": ["product"] * 3, "key": KEYS}
    transport.copy_in(conn, "kg.entity", {name: np.array(at) for name, at in columns.items()})
    return conn


def matrix(first: float) -> np.ndarray:
    return np.array([[first, 0], [0, 1], [0, 2]], dtype=np.float32)


def active(conn: Connection[TupleRow]) -> list[tuple[str, str]]:
    found = conn.execute(
        "select product_id, graph_vector::text from feature.product_graph_vector order by 1"
    )
    return found.fetchall()


def test_publish_stores_vectors_that_read_gives_back(shop: Connection[TupleRow]) -> None:
    rows = vectors.publish(shop, card(), IDS, matrix(7))
    assert rows == {f"emb.m_{card().model_id}": 3, "feature.product_graph_vector": 3}
    keys, found = vectors.read(shop, "graph", "product")
    assert keys == KEYS
    assert found.tolist() == matrix(7).tolist()
    assert found.dtype == np.float32


def test_publish_fills_the_feature_table_with_the_time_of_knowledge(
    shop: Connection[TupleRow],
) -> None:
    vectors.publish(shop, card(), IDS, matrix(7))
    row = shop.execute("select * from feature.product_graph_vector order by 1").fetchone()
    assert row is not None
    assert row[:4] == ("a", KNOWN_AT, KNOWN_AT, card().model_id)
    assert row[4].tolist() == [7, 0]


def indexes_of(shop: Connection[TupleRow], model: vectors.ModelCard) -> list[str]:
    indexes = shop.execute(
        "select indexdef from pg_indexes where schemaname = 'emb' and tablename = %s",
        [f"m_{model.model_id}"],
    )
    return [index[0] for index in indexes.fetchall()]


def test_many_vectors_are_indexed_with_the_models_operator(shop: Connection[TupleRow]) -> None:
    text = card(alias="text", scorer="cosine", operator="<=>", feature_tables={})
    rotate = card(scorer="rotate_l2", data_hash="r")
    for model, operators, width in (
        (card(), "vector_l2_ops", 16),
        (rotate, "vector_l2_ops", 24),
        (text, "vector_cosine_ops", 16),
    ):
        vectors.publish(shop, model, IDS, matrix(7))
        assert not any("hnsw" in index for index in indexes_of(shop, model))
        shop.execute("select emb.create_tables(%s, 2)", [model.model_id])
        shop.execute(f"insert into emb.m_{model.model_id} select %s, '[7, 0]'", [int(IDS[0])])
        shop.execute("select emb.index_tables(%s, exact_up_to => 0)", [model.model_id])
        wanted = f"USING hnsw (v {operators}) WITH (m='{width}', ef_construction='{4 * width}')"
        assert any(wanted in index for index in indexes_of(shop, model))


def test_publish_stores_relation_vectors_in_both_directions(shop: Connection[TupleRow]) -> None:
    bought = np.array([relation_id("bought")])
    out, into = np.array([[1, 2]], dtype="f4"), np.array([[3, 4]], dtype="f4")
    vectors.publish(shop, card(), IDS, matrix(7), vectors.RelationVectors(bought, out, into))
    model = card().model_id
    for direction, expected in (("out", [1, 2]), ("in", [3, 4])):
        found = shop.execute(
            "select emb.relation_vector(%s, %s, %s)", [model, int(bought[0]), direction]
        ).fetchone()
        assert found is not None
        assert found[0].tolist() == expected


def test_replaced_version_stays_readable_and_can_be_taken_back(
    shop: Connection[TupleRow],
) -> None:
    old, new = card(), card(data_hash="e")
    vectors.publish(shop, old, IDS, matrix(1))
    vectors.publish(shop, new, IDS, matrix(2))
    assert active(shop)[0] == ("a", "[2,0]")
    replaced = f"feature.product_graph_vector_v{old.model_id}"
    assert shop.execute("select to_regclass(%s) is null", [replaced]).fetchone() == (False,)

    vectors.activate(shop, "graph", old.model_id)
    assert active(shop)[0] == ("a", "[1,0]")
    assert vectors.read(shop, "graph", "product")[1].tolist() == matrix(1).tolist()
    vectors.activate(shop, "graph", new.model_id)
    assert active(shop)[0] == ("a", "[2,0]")


def test_publishing_a_version_again_replaces_itself_only(shop: Connection[TupleRow]) -> None:
    for first in (1, 2):
        vectors.publish(shop, card(), IDS, matrix(first))
    assert active(shop)[0] == ("a", "[2,0]")
    tables = shop.execute(
        "select tablename from pg_tables where schemaname = 'feature' "
        "and tablename like 'product_graph%'"
    ).fetchall()
    assert tables == [("product_graph_vector",)]


def test_dropped_feature_table_comes_back(shop: Connection[TupleRow]) -> None:
    vectors.publish(shop, card(), IDS, matrix(1))
    shop.execute("drop table feature.product_graph_vector cascade")
    vectors.publish(shop, card(), IDS, matrix(1))
    assert active(shop)[0] == ("a", "[1,0]")


def test_the_hash_of_a_published_table_is_known_before_it_is_swapped_in(
    shop: Connection[TupleRow],
) -> None:
    # Computing it holds up whoever waits for the swap to be committed.
    vectors.publish(shop, card(), IDS, matrix(1))
    kept = shop.execute(
        "select state.n || ':' || state.hash_sum from ops.table_state as state"
        " where state.target = 'feature.product_graph_vector'::regclass"
        " and state.signature = ops.hash_signature(state.target)"
    ).fetchone()
    assert kept is not None
    computed = shop.execute(
        "select n || ':' || hash_sum from ops.hash_rows("
        "'feature.product_graph_vector', ops.hashed_columns('feature.product_graph_vector'))"
    ).fetchone()
    assert kept == computed


def test_drop_model_removes_a_version_that_is_not_in_use(shop: Connection[TupleRow]) -> None:
    old, new = card(), card(data_hash="e")
    vectors.publish(shop, old, IDS, matrix(1))
    vectors.publish(shop, new, IDS, matrix(2))
    shop.execute("select emb.drop_model(%s)", [old.model_id])
    left = shop.execute(
        "select relname from pg_class where relname like %s", [f"%{old.model_id}%"]
    ).fetchall()
    assert left == []
    with pytest.raises(Exception, match=f"model {new.model_id} is in use"):
        shop.execute("select emb.drop_model(%s)", [new.model_id])


def test_model_id_changes_with_everything_that_makes_the_vectors() -> None:
    same = card(metrics={"loss": 1.0}, known_at=KNOWN_AT + dt.timedelta(days=1))
    assert same.model_id == card().model_id
    others = [
        card(alias="other"),
        card(parameters={"dim": 3}),
        card(data_hash="e"),
        card(code_version="2"),
        card(feature_tables={}),
    ]
    ids = {card().model_id, *(other.model_id for other in others)}
    assert len(ids) == 6
    assert all(0 <= model < 2**31 for model in ids)


def test_card_is_registered(shop: Connection[TupleRow]) -> None:
    vectors.publish(shop, card(metrics={"loss": 0.5}), IDS, matrix(7))
    found = shop.execute(
        "select model_id, scorer, operator, dim, entity_types, known_at, metrics, parameters "
        "from emb.model"
    ).fetchall()
    assert found == [
        (
            card().model_id,
            "transe_l2",
            "<->",
            2,
            ["product"],
            KNOWN_AT,
            {"loss": 0.5, "entities": {"product": 3}},
            {"dim": 2, "feature_tables": TABLES},
        )
    ]


def test_customers_vectors_are_listed_as_personal_data(shop: Connection[TupleRow]) -> None:
    transport.copy_in(
        shop,
        "kg.entity",
        {
            "entity_id": entity_ids("customer", ["x"]),
            "entity_type": np.array(["customer"]),
            "key": np.array(["x"]),
        },
    )
    tables = {"customer": "customer_graph_vector"}
    ids = entity_ids("customer", ["x"])
    vectors.publish(shop, card(feature_tables=tables), ids, matrix(1)[:1])
    vectors.publish(shop, card(feature_tables=tables, data_hash="e"), ids, matrix(1)[:1])
    assert shop.execute("select * from ops.unlisted_personal_data()").fetchall() == []


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_refused(shop: Connection[TupleRow], number: float) -> None:
    broken = matrix(1)
    broken[2, 1] = number
    with pytest.raises(DataError, match=rf"1 of 3 vectors hold NaN .* {IDS[2]} \(row 2\)"):
        vectors.publish(shop, card(), IDS, broken)
    assert shop.execute("select count(*) from emb.model").fetchone() == (0,)


def test_vectors_that_do_not_fit_the_entities_are_refused(shop: Connection[TupleRow]) -> None:
    with pytest.raises(DataError, match=r"shape \(3, 2\) for 2 entities"):
        vectors.publish(shop, card(), IDS[:2], matrix(1))
    with pytest.raises(DataError, match=r"has two vectors"):
        vectors.publish(shop, card(), IDS[[0, 1, 1]], matrix(1))
    with pytest.raises(DataError, match=r"1 entities with vectors are not in kg.entity"):
        vectors.publish(shop, card(), np.array([IDS[0], IDS[1], 5]), matrix(1))


def test_unknown_alias_and_version_name_what_there_is(shop: Connection[TupleRow]) -> None:
    vectors.publish(shop, card(), IDS, matrix(1))
    no_version = pytest.raises(DatabaseError, match=rf"1 is no version .*{card().model_id}")
    with no_version, shop.transaction():
        vectors.activate(shop, "graph", 1)
    with pytest.raises(DatabaseError, match='called "grap".*Did you mean graph'):
        vectors.read(shop, "grap", "product")
