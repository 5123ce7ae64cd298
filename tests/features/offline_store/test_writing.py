"""What is written: saved data sets, rows, logs, the online store."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pyarrow as pa
import pytest

from kgfeatures.db.connection import open_connection
from kgfeatures.errors import DataError
from tests.features.offline_store.conftest import MARKS, labels, utc

pytestmark = MARKS


def test_a_saved_data_set_keeps_vectors_and_time_zones(store) -> None:
    from kgfeatures.features.source import KGFeaturesSavedDatasetStorage

    job = store.get_historical_features(labels(), ["taste:v", "profile:facts", "profile:raw"])
    place = KGFeaturesSavedDatasetStorage("f.saved")
    saved = store.create_saved_dataset(job, "saved", place).to_df()
    assert saved["v"].map(lambda one: one is not None and one.tolist()).tolist() == [
        [4, 5, 6],
        [1, 2, 3],
        False,
        [1, 2, 3],
    ]
    assert str(saved["event_timestamp"].dtype).endswith("UTC]")
    with pytest.raises(DataError, match="'f.saved' is there already; .* allow_overwrite=True"):
        store.create_saved_dataset(job, "saved", place)
    store.create_saved_dataset(job, "saved", place, allow_overwrite=True)
    pd.testing.assert_frame_equal(store.get_saved_dataset("saved").to_df(), saved)


def test_rows_are_written_under_the_columns_own_names_and_pushed(store) -> None:
    from feast.data_source import PushMode

    late = pd.Timestamp("2025-01-01", tz="UTC")
    rows = pd.DataFrame(
        {"customer_id": ["x"], "at": late, "made": late, "v": None, "r": None, "h": None}
    )
    with pytest.raises(DataError, match="'taste' is read from a query"):
        store.write_to_offline_store("taste", rows)
    store.write_to_offline_store(
        "profile",
        pd.DataFrame(
            {
                "made": [late], "spend": [7.5], "customer_id": ["新"], "tags": [["t"]],
                "raw": [b"\x01"], "facts": ['{"n": 1}'], "price": [2.5], "at": [late],
            }
        ),
    )  # fmt: skip
    store.push(
        "pushed", pd.DataFrame({"place_id": [77], "at": [late], "heat": [5]}), to=PushMode.OFFLINE
    )
    asked = pd.DataFrame({"customer_id": ["新"], "place_id": [77], "event_timestamp": [late]})
    got = store.get_historical_features(
        asked, ["profile:spent", "profile:price", "heat:heat"]
    ).to_df()
    assert got.iloc[0][["spent", "price", "heat"]].tolist() == [7.5, 2.5, 5]


def test_a_query_for_all_of_a_table_is_written_to_as_the_table(store, dsn) -> None:
    from feast import FeatureView, Field
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import (
        PostgreSQLSource,
    )
    from feast.types import Int64

    with open_connection(dsn) as conn:
        conn.execute("create table f.whole (place_id bigint, at timestamptz, heat bigint)")
    source = PostgreSQLSource(name="whole", query="SELECT * FROM f.Whole", timestamp_field="at")
    fields = [Field(name="place_id", dtype=Int64), Field(name="heat", dtype=Int64)]
    view = FeatureView(
        name="whole", entities=[store.get_entity("place")], schema=fields, source=source
    )
    store.apply([view])
    at = pd.Timestamp("2025-01-01", tz="UTC")
    store.write_to_offline_store(
        "whole", pd.DataFrame({"heat": [3, 4], "at": [at, at], "place_id": [1, 2]})
    )
    asked = pd.DataFrame({"place_id": [2, 1], "event_timestamp": at})
    assert store.get_historical_features(asked, ["whole:heat"]).to_df()["heat"].tolist() == [4, 3]


def test_what_a_service_gave_out_is_logged(store, tmp_path) -> None:
    import pyarrow.parquet as pq
    from feast.feature_logging import FeatureServiceLoggingSource

    service = store.get_feature_service("trip")
    schema = FeatureServiceLoggingSource(service, "test").get_schema(store.registry)
    now = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    one = {field.name: None for field in schema}
    one |= {"__log_timestamp": now, "__log_date": now.date(), "__request_id": "r1", "goal__heat": 3}
    rows = pa.Table.from_pylist([one], schema)
    store.write_logged_features(rows, service)
    pq.write_table(rows, tmp_path / "logs.parquet")
    store.write_logged_features(tmp_path, service)
    logs = store._get_provider().retrieve_feature_service_logs(
        service, now, now + dt.timedelta(seconds=1), store.config, store.registry
    )
    assert logs.to_df()["goal__heat"].tolist() == [3, 3]


def test_the_latest_rows_are_materialized(store) -> None:
    store.materialize(utc(2023, 1, 1), utc(2024, 2, 1), ["profile", "taste", "weather"])
    got = store.get_online_features(
        ["profile:spent", "profile:tags", "taste:v", "weather:rain"],
        [{"customer_id": "红"}, {"customer_id": "b"}],
    ).to_dict()
    assert got["spent"] == [3, 4]
    assert got["tags"] == [[], ["c"]]
    assert got["v"] == [[1, 2, 3], [4, 5, 6]]
    assert got["rain"] == [0.75, 0.75]
