from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from kgfeatures.errors import DataError
from kgfeatures.features import online_features, open_store
from kgfeatures.steps.publish import publish

pytestmark = pytest.mark.slow


def test_online_features_are_the_latest_rows_of_the_feature_table(shop) -> None:
    latest = shop.sql(
        "select distinct on (customer_id) * from feature.customer_profile"
        " order by customer_id, event_timestamp desc"
    ).drop(columns=["event_timestamp", "created_timestamp"])
    rows = [{"customer_id": key} for key in latest["customer_id"]]
    got = online_features(rows, "customer_profile_v1", database=shop)
    assert got.columns.tolist() == latest.columns.tolist()
    for column in latest.columns:
        for found, stored in zip(got[column], latest[column], strict=True):
            missing = stored is None or (isinstance(stored, float) and np.isnan(stored))
            assert found is None or np.isnan(found) if missing else found == stored


def test_vectors_are_served_as_they_are_stored(shop) -> None:
    stored = shop.sql("select product_id, graph_vector from feature.product_graph_vector")
    rows = [{"product_id": key} for key in stored["product_id"]]
    got = online_features(rows, ["product_graph_vector"], database=shop)
    assert np.array_equal(np.stack(got["graph_vector"]), np.stack(stored["graph_vector"]))


def test_an_unknown_key_is_served_as_null_and_a_missing_one_is_an_error(shop) -> None:
    got = online_features([{"customer_id": "nobody"}], ["customer_profile"], database=shop)
    assert got["orders_total"].isna().all()
    with pytest.raises(DataError, match="lacks a key: customer_id"):
        online_features([{"customer": "c1"}], ["customer_profile"], database=shop)


def test_no_rows_and_a_null_key_are_one_sentence_in_plain_feast_too(shop) -> None:
    asked = ["customer_profile:orders_total"]
    with open_store(shop) as store:
        for rows, message in (
            ([], "no entity rows; give one"),
            ([{"customer_id": "c1"}, {"customer_id": None}], "'customer_id' is null in .* row 1"),
        ):
            with pytest.raises(DataError, match=message):
                store.get_online_features(asked, rows)
            with pytest.raises(DataError, match=message):
                asyncio.run(store.get_online_features_async(asked, rows))


def test_a_registry_of_an_older_feast_says_what_to_do(db) -> None:
    with db.transaction() as conn:
        conn.execute("create table feast_registry.entities (entity_name text, project_id text)")
    with (
        pytest.raises(DataError, match="entities has no column '.*': an older Feast than .*; move"),
        open_store(db),
    ):
        pass


def test_publishing_again_skips_and_notices_an_emptied_online_table(shop) -> None:
    assert publish(shop).skipped
    with shop.transaction() as conn:
        conn.execute("truncate online.product_profile")
    result = publish(shop)
    assert not result.skipped
    assert result.rows["product_profile"] == 3


def test_a_customer_who_left_the_shop_is_no_longer_served(shop) -> None:
    with shop.transaction() as conn:
        conn.execute("delete from feature.customer_recommendation where customer_id = 'c3'")
    rows = [{"customer_id": "c3"}, {"customer_id": "c4"}]
    assert publish(shop).rows["customer_recommendation"] == 6
    got = online_features(rows, ["customer_recommendation"], database=shop)
    assert got["product_ids"].isna().tolist() == [True, False]


def test_the_catalogue_tells_of_views_services_and_entities_without_feast(shop) -> None:
    rows = shop.sql("select kind, name, description, details from ops.catalogue")
    kinds = rows.groupby("kind")["name"].agg(list)
    assert sorted(kinds["entity"]) == ["customer", "product"]
    assert "customer_profile_v1" in kinds["feature_service"]
    card = rows.set_index("name").loc["customer_profile", "details"]
    card = json.loads(card) if isinstance(card, str) else card
    assert card["source_table"] == "feature.customer_profile"
    assert card["online_table"] == "online.customer_profile"
    assert (
        card["columns"][0]["description"] == "Whole days since the first interaction of any kind."
    )
    assert (rows["description"] != "").all()


def test_what_was_published_is_listed_as_personal_data(shop) -> None:
    listed = shop.sql("select table_name from ops.personal_data where schema_name = 'online'")
    assert "customer_profile" in set(listed["table_name"])
    assert "product_profile" not in set(listed["table_name"])
    assert shop.sql("select * from ops.unlisted_personal_data()").empty
