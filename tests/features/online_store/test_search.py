"""Search: nearest first, filters before top k, words of both scripts."""

from __future__ import annotations

import numpy as np
import pytest

from kgfeatures.errors import DataError, UnknownNameError
from tests.features.online_store.conftest import apply, key, make_view, row

pytestmark = pytest.mark.slow
N, DIM = 400, 8
TITLES = ["红色连衣裙", "red dress", "blue summer dress", "圣诞树 15cm", "Christmas tree"]


@pytest.fixture(scope="module")
def documents():
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, DIM)).astype(np.float32)


@pytest.fixture(scope="module")
def view(config, documents):
    """Give a view of documents: a vector, a text, a price, tags."""
    from feast import Field
    from feast.types import Array, Float32, Int64, String

    from kgfeatures.features.online_store import KGFeaturesOnlineStore

    vector = Field(name="v", dtype=Array(Float32), vector_index=True, vector_search_metric="cosine")
    made = make_view("documents", {"v": vector, "title": String, "price": Int64, "tags": String})
    store = KGFeaturesOnlineStore()
    apply(store, config, made)
    rows = [
        row(key(item_id=f"d{n}"), {"v": documents[n].tolist(), "title": TITLES[n % 5], "price": n})
        for n in range(N)
    ]
    store.online_write_batch(config, made, rows, None)
    store.disconnect()
    return made


def found(store, config, view, **asked) -> list[str]:
    asked = {"requested_features": ["price"], "embedding": None, "top_k": 10} | asked
    rows = store.retrieve_online_documents_v2(config, view, **asked)
    return [entity.entity_values[0].string_val for _, entity, _ in rows]


def nearest(documents, query, k: int, keep=slice(None)) -> list[str]:
    """Compare with every document that may be found, by cosine distance."""
    numbers = np.arange(N)[keep]
    kept = documents[numbers].astype(float)
    distance = 1 - kept @ query / np.linalg.norm(kept, axis=1) / np.linalg.norm(query)
    return [f"d{numbers[place]}" for place in np.argsort(distance)[:k]]


def test_the_nearest_come_first_with_their_distance(store, config, view, documents) -> None:
    query = documents[7] + np.float32(0.1)
    assert found(store, config, view, embedding=query.tolist()) == nearest(documents, query, 10)
    [(_, _, values)] = store.retrieve_online_documents_v2(
        config, view, ["price", "v"], documents[7].tolist(), 1
    )
    assert values["price"].int64_val == 7
    assert list(values["v"].float_list_val.val) == documents[7].tolist()
    assert values["distance"].double_val == pytest.approx(0, abs=1e-6)


def test_a_filter_holds_before_the_best_are_taken(store, config, view, documents) -> None:
    from feast.filter_models import ComparisonFilter, CompoundFilter

    query = np.ones(DIM, dtype=np.float32)
    few = ComparisonFilter(type="lt", key="price", value=12)
    got = found(store, config, view, embedding=query.tolist(), filters=few)
    assert got == nearest(documents, query, 10, slice(0, 12))
    both = CompoundFilter(
        type="and",
        filters=[
            ComparisonFilter(type="gte", key="price", value=99.5),
            ComparisonFilter(type="in", key="title", value=["red dress"]),
        ],
    )
    got = found(store, config, view, embedding=query.tolist(), filters=both, top_k=1000)
    assert got == nearest(documents, query, 1000, slice(101, N, 5))


def test_every_metric_orders_by_its_own_distance(store, config, view, documents) -> None:
    query = documents[3].astype(float)
    for metric, distance in {
        "L2": np.linalg.norm(documents - query, axis=1),
        "L1": np.abs(documents - query).sum(axis=1),
        "inner_product": -(documents @ query),
    }.items():
        got = found(store, config, view, embedding=query.tolist(), distance_metric=metric)
        assert got == [f"d{place}" for place in np.argsort(distance)[:10]]


@pytest.mark.parametrize(
    ("words", "titles"),
    [
        ("连衣裙", {0}),
        ("裙", {0}),
        ("DRESS", {1, 2}),
        ("dress summer", {2}),
        ("圣诞 15", {3}),
        ("red & (", {1}),
        ("nothing", set()),
    ],
)
def test_words_are_found_in_english_and_chinese(store, config, view, words, titles) -> None:
    got = found(store, config, view, query_string=words, top_k=N)
    assert {int(name[1:]) % 5 for name in got} == titles
    assert len(got) == len(titles) * N // 5


def test_words_and_vector_together_order_by_rank_then_distance(
    store, config, view, documents
) -> None:
    query = documents[11]
    got = found(store, config, view, query_string="red dress", embedding=query.tolist())
    assert got == nearest(documents, query, 10, slice(1, N, 5))


def test_feasts_response_keeps_features_beside_their_keys(store, config, view, documents) -> None:
    from feast.protos.feast.serving.ServingService_pb2 import GetOnlineFeaturesResponse
    from feast.utils import (
        _get_unique_entities_from_values,
        _populate_response_from_feature_data,
    )

    rows = store.retrieve_online_documents_v2(
        config, view, ["price"], documents[5].tolist(), 10,
        include_feature_view_version_metadata=False,
    )  # fmt: skip
    keys: dict[str, list] = {}
    for _, entity, _ in rows:
        for name, one in zip(entity.join_keys, entity.entity_values, strict=True):
            keys.setdefault(name, []).append(one)
    _, places, length = _get_unique_entities_from_values(keys)
    response = GetOnlineFeaturesResponse()
    _populate_response_from_feature_data(
        ["price"],
        [(at, values) for at, _, values in rows],
        places,
        response,
        full_feature_names=False,
        table=view,
        output_len=length,
    )
    prices = [one.int64_val for one in response.results[0].values]
    assert [f"d{price}" for price in prices] == [one.string_val for one in keys["item_id"]]


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"embedding": [1.0]}, DataError, "the query has 1 numbers, but online.documents.v holds"),
        ({}, DataError, "give a vector"),
        ({"embedding": [1.0] * DIM, "distance_metric": "far"}, DataError, "no distance metric"),
        ({"query_string": "x", "requested_features": ["prise"]}, UnknownNameError, "'price'"),
    ],
)
def test_searches_that_cannot_be_say_what_to_do(store, config, view, asked, error, message) -> None:
    with pytest.raises(error, match=message):
        found(store, config, view, **asked)


def test_filters_that_cannot_be_say_what_to_do(store, config, view) -> None:
    from feast.filter_models import ComparisonFilter

    for name, given, message in [("prise", 1, "'price'"), ("price", "dear", "give a number")]:
        filters = ComparisonFilter(type="eq", key=name, value=given)
        with pytest.raises((DataError, UnknownNameError), match=message):
            found(store, config, view, embedding=[1.0] * DIM, filters=filters)


def test_vectors_of_another_width_are_refused(store, config, view) -> None:
    with pytest.raises(DataError, match=r"is vector.8. and is given vectors of 2 numbers"):
        store.online_write_batch(config, view, [row(key(item_id="x"), {"v": [1.0, 2.0]})], None)


def test_the_tokens_of_sql_are_those_of_python(database) -> None:
    from kgfeatures.extraction.normalize import tokens

    for text in [
        *TITLES,
        "15CM Glass-Ball child’s",
        "ＡＢＣ a_b mp3 3.5kg",
        "Müller Привет",
        "裙",
        "",
    ]:
        [[made]] = database.sql("select online.tokens(%s)", [text]).to_numpy().tolist()
        assert list(made) == tokens(text)


def test_halfvec_is_chosen_by_a_tag(store, config, database) -> None:
    from feast import Field
    from feast.types import Array, Float32

    field = Field(
        name="v", dtype=Array(Float32), vector_index=True, vector_length=2,
        vector_search_metric="L2", tags={"vector_type": "halfvec"},
    )  # fmt: skip
    view = make_view("halves", {"v": field})
    apply(store, config, view)
    rows = [row(key(item_id="a"), {"v": [0.5, 2.0]}), row(key(item_id="b"), {"v": [9.0, 9.0]})]
    store.online_write_batch(config, view, rows, None)
    assert found(store, config, view, embedding=[1.0, 2.0], requested_features=["v"]) == ["a", "b"]
    [(_, values)] = store.online_read(config, view, [key(item_id="a")])
    assert list(values["v"].float_list_val.val) == [0.5, 2.0]
    [[made]] = (
        database.sql("select indexdef from pg_indexes where indexname = 'halves_v_l2_hnsw'")
        .to_numpy()
        .tolist()
    )
    assert "halfvec_l2_ops" in made


def test_feasts_first_search_is_answered_too(store, config, view, documents) -> None:
    rows = store.retrieve_online_documents(config, view, ["price"], documents[7].tolist(), 2, "L2")
    _, entity, price, vector, distance = rows[0]
    assert (entity.entity_values[0].string_val, price.int64_val) == ("d7", 7)
    assert list(vector.float_list_val.val) == documents[7].tolist()
    assert distance.float_val == 0
    assert len(rows) == 2
