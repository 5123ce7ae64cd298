"""The catalogue that JupyterLab shows, as the read-only login sees a real small shop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import make_conninfo

from kgfeatures.db import Database
from kgfeatures.db.catalogue import Catalogue, graph
from kgfeatures.db.catalogue.entries import Entry, search
from kgfeatures.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def reader_of_shop(shop: Database) -> Iterator[Database]:
    with Database(lambda: make_conninfo(shop.dsn, user="kgf_reader")) as database:
        yield database


@pytest.fixture
def catalogue(reader_of_shop: Database) -> Catalogue:
    return Catalogue(reader_of_shop)


PROFILE = Entry(
    "feature_view",
    "customer_profile",
    "customer_profile",
    "How each customer behaved.",
    "顾客画像：截止时刻之前的订单",
    words=("orders_90d", "spend_90d"),
)
ORDERS = Entry("table", "raw.orders", "raw.orders", "What was sold")
TASTE = Entry("feature_view", "taste", "taste", "What a Customer likes")


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("", [PROFILE, TASTE, ORDERS]),
        ("customer", [PROFILE, TASTE]),
        ("CUSTOMER likes", [TASTE]),
        ("画像", [PROFILE]),
        ("订单 画像", [PROFILE]),
        ("orders", [ORDERS, PROFILE]),
        ("nothing like that", []),
    ],
)
def test_search_finds_every_word_and_puts_names_first(q, found) -> None:
    assert search([PROFILE, TASTE, ORDERS], q) == found


def test_search_keeps_to_a_kind() -> None:
    assert search([PROFILE, TASTE, ORDERS], "orders", "feature_view") == [PROFILE]


def test_everything_with_a_name_is_there(catalogue) -> None:
    by_kind: dict[str, set[str]] = {}
    for entry in catalogue.entries():
        by_kind.setdefault(entry.kind, set()).add(entry.name)
    assert {"customer_profile", "product_graph_vector"} <= by_kind["feature_view"]
    assert by_kind["entity"] == {"customer", "product"}
    assert "graph" in by_kind["vectors"]
    assert {"bought", "has_colour"} <= by_kind["relation"]
    assert {"customer", "product", "colour"} <= by_kind["entity_type"]
    assert "kg.fact" in by_kind["table"]
    # A feature view's table is not there twice, and what a reader may not read is not there.
    assert not {"feature.customer_profile", "raw.customer"} & by_kind["table"]


def test_sizes_are_those_of_the_tables(catalogue, shop) -> None:
    [counted] = shop.sql("select count(*) as rows from feature.customer_profile")["rows"]
    assert catalogue.get("feature_view", "customer_profile").rows == counted


def test_detail_tells_columns_profile_lineage_and_code(catalogue, shop) -> None:
    detail = catalogue.detail("feature_view", "customer_profile")
    columns = {column["name"]: column for column in detail["schema_columns"]}
    assert columns["customer_id"]["role"] == "key"
    assert columns["event_timestamp"]["role"] == "time"
    assert columns["orders_90d"]["description"]
    [(least, most, nulls)] = shop.sql(
        "select min(orders_90d) as a, max(orders_90d) as b,"
        " avg((favourite_colour is null)::int)::float8 as c from feature.customer_profile"
    ).itertuples(index=False)
    orders = columns["orders_90d"]
    # The statistics are of a sample, here of all rows: the table is small.
    assert (int(orders["minimum"]), int(orders["maximum"])) == (least, most)
    assert columns["favourite_colour"]["null_rate"] == pytest.approx(nulls, abs=1e-6)
    assert [run["step"] for run in detail["lineage"]][:1] == ["profile"]
    assert {"ingest", "extract"} <= {run["step"] for run in detail["lineage"]}
    assert detail["indexes"][0]["columns"] == [
        "customer_id",
        "event_timestamp",
        "created_timestamp",
    ]
    assert "customer_profile_v1" in detail["services"]
    assert 'training_set(labels, "' in detail["code"]["python"]
    assert not shop.sql(detail["code"]["sql"]).empty


def test_relations_and_entity_types_tell_which_run_made_them(catalogue, reader_of_shop) -> None:
    for kind, name in (("relation", "bought"), ("entity_type", "product")):
        entry = catalogue.detail(kind, name)
        assert [run["step"] for run in entry["lineage"]] == ["extract", "ingest"]
        assert not reader_of_shop.sql(entry["code"]["sql"]).empty


def test_vectors_show_their_norms(catalogue, shop) -> None:
    detail = catalogue.detail("feature_view", "product_graph_vector")
    [norm] = [column["norm"] for column in detail["schema_columns"] if column["role"] == "vector"]
    vectors = shop.sql("select graph_vector from feature.product_graph_vector")["graph_vector"]
    norms = [float((vector**2).sum() ** 0.5) for vector in vectors]
    assert norm["minimum"] == pytest.approx(min(norms), rel=1e-5)
    assert norm["mean"] == pytest.approx(sum(norms) / len(norms), rel=1e-5)
    assert norm["maximum"] == pytest.approx(max(norms), rel=1e-5)


def test_code_of_every_entry_runs(catalogue, reader_of_shop) -> None:
    for entry in catalogue.entries():
        if entry.kind not in {"service", "entity"}:
            # The reader may not read all columns of the shop's own rows.
            reader_of_shop.sql(catalogue.detail(entry.kind, entry.name)["code"]["sql"])


def test_python_of_every_feature_view_makes_a_training_set(catalogue, shop, monkeypatch) -> None:
    monkeypatch.setattr("kgfeatures.connect", lambda: shop)
    views = [entry.name for entry in catalogue.entries() if entry.kind == "feature_view"]
    assert len(views) > 5
    for view in views:
        known: dict[str, object] = {}
        exec(catalogue.detail("feature_view", view)["code"]["python"], known)  # noqa: S102  what it is for
        labels, table = known["labels"], known["table"]
        assert len(table) == len(labels) > 0, view
        assert set(table.columns) > set(labels.columns), view
        assert not table.drop(columns=list(labels.columns)).isna().to_numpy().all(), view


def test_what_is_gone_is_named_with_the_nearest(catalogue) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'customer_profile'"):
        catalogue.get("feature_view", "customer_profil")


def test_completions_hold_tables_columns_and_functions(catalogue) -> None:
    schemas = {schema["name"]: schema for schema in catalogue.completions()["schemas"]}
    tables = {table["name"]: table for table in schemas["feature"]["relations"]}
    assert {"name": "orders_90d", "type": "integer"} in tables["customer_profile"]["columns"]
    functions = {function["name"]: function for function in schemas["rec"]["functions"]}
    assert "k integer" in functions["recommend"]["arguments"]
    # The reader sees four columns of the orders, no more.
    [interaction] = [
        table for table in schemas["raw"]["relations"] if table["name"] == "interaction"
    ]
    assert "amount" not in {column["name"] for column in interaction["columns"]}


def test_runs_are_told_newest_first(catalogue) -> None:
    runs = catalogue.runs(50)
    assert [run["run_id"] for run in runs] == sorted((run["run_id"] for run in runs), reverse=True)
    assert {"ingest", "profile", "recommend"} <= {run["step"] for run in runs}
    assert all(run["state"] == "finished" for run in runs)


def test_entities_are_found_by_key_and_label_with_signs_taken_literally(reader_of_shop) -> None:
    with reader_of_shop.transaction() as conn:
        [first, *_] = graph.find_entities(conn, "22837").rows
        assert (first["type"], first["key"]) == ("product", "22837")
        assert graph.find_entities(conn, "%").rows == []
        assert graph.find_entities(conn, "2283_").rows == []
        reds = graph.find_entities(conn, "RED", "colour").rows
        assert [row["key"] for row in reds] == ["red"]


def test_neighbors_and_evidence_come_with_sql_that_gives_the_same(reader_of_shop, shop) -> None:
    with reader_of_shop.transaction() as conn:
        entity = graph.entity(conn, "product", "22837")
        answer = graph.neighbors(conn, "product", "22837", direction="out", k=10)
        [one, *_] = answer.rows
        why = graph.evidence(conn, "product", "22837", one["relation"], one["key"])
        assert entity["degree"] == sum(relation["count"] for relation in entity["relations"])
        assert why.rows[0]["text"]
    again = shop.sql(answer.sql)
    assert list(again["key"]) == [row["key"] for row in answer.rows]


def test_entity_that_does_not_exist_is_said_so(reader_of_shop) -> None:
    with (
        pytest.raises(UnknownNameError, match="no product 'nothing' in the graph"),
        reader_of_shop.transaction() as conn,
    ):
        graph.entity(conn, "product", "nothing")
