"""What cannot be joined or written says so, and leaves nothing behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pandas as pd
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from kgfeatures.db.connection import open_connection
from kgfeatures.errors import DatabaseError, DataError, UnknownNameError
from tests.features.offline_store.conftest import MARKS, labels, utc

pytestmark = MARKS


def at(*values: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return what gives the labels these times instead of their own; one stands for all."""
    return lambda df: df.assign(event_timestamp=list(values) * (4 // len(values)))


SHANGHAI = pd.Timestamp("2024-01-01", tz="Asia/Shanghai")
BAD: list[tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = [
    (lambda df: df.drop(columns="event_timestamp"), "no column with times and none called"),
    (lambda df: df.drop(columns="customer_id"), "no column 'customer_id', which .* 'profile'"),
    (at(pd.NaT, SHANGHAI), "is missing in row 0"),
    (at(1), "'event_timestamp'] holds 1 .int., and moments"),
    (at(dt.date(2024, 1, 1)), "holds datetime.date.*pd.to_datetime"),
    (at("soon"), "'soon', which is no time"),
    (at(SHANGHAI.tz_localize(None), SHANGHAI), "with and without .* .Asia/Shanghai, no time zone"),
    (lambda df: df.assign(spent=1), "column 'spent', which is also a feature of 'profile'"),
    (lambda df: df.iloc[:0], "no rows"),
    (lambda df: df.assign(mixed=["a", 1, 2.5, None]), "give each column one type"),
]


def test_labels_that_are_no_frame_say_what_to_give(store) -> None:
    rows = [{"customer_id": "b", "event_timestamp": utc(2024, 1, 4)}]
    with pytest.raises(DataError, match="entity_df is a list; give a pandas DataFrame, or a query"):
        store.get_historical_features(rows, ["profile:spent"])


@pytest.mark.parametrize(("spoil", "message"), BAD)
def test_labels_that_cannot_be_used_say_so_at_once(store, spoil, message) -> None:
    with pytest.raises(DataError, match=message):
        store.get_historical_features(spoil(labels()), ["profile:spent"])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"customer_id": [1, 2, 3, 4]}, "'customer_id' is text .* holds int64 .1.; .*: str"),
        ({"a": ["x"] * 4, "b": [1] * 4}, "'a' is bigint .* holds string .'x'.; .*'int64'"),
        ({"a": [1.5] * 4, "b": [1] * 4}, "'a' is bigint .* holds double"),
    ],
)
def test_a_key_of_another_type_than_the_tables_is_refused(store, keys, message) -> None:
    features = ["pair:score"] if "a" in keys else ["profile:spent"]
    with pytest.raises(DataError, match=message):
        store.get_historical_features(labels(**keys), features).to_df()


def test_a_query_without_rows_times_or_keys_says_so(store) -> None:
    for query, message in (
        ("select customer_id, at as event_timestamp from f.customer where false", "no rows"),
        ("select customer_id from f.customer", "no column with times"),
        ("select at as event_timestamp from f.customer", "no column 'customer_id'"),
        ("select 'b' as customer_id, null::timestamptz as event_timestamp", "null in row 0"),
        ("select 'b' as customer_id, '2024-01-01' as event_timestamp", "times are needed; cast it"),
    ):
        with pytest.raises(DataError, match=message):
            store.get_historical_features(query, ["profile:spent"]).to_df()
    with pytest.raises(DatabaseError, match='relation "f.nothing" does not exist'):
        store.get_historical_features("select * from f.nothing", ["profile:spent"])


def test_a_column_that_the_table_lost_is_named_with_the_nearest(store, dsn) -> None:
    with open_connection(dsn) as conn:
        conn.execute("alter table f.weather rename column rain to rains")
    try:
        with pytest.raises(
            UnknownNameError, match="'weather' has no column 'rain'; did you mean 'rains'"
        ):
            store.get_historical_features(labels(), ["weather:rain"]).to_df()
    finally:
        with open_connection(dsn) as conn:
            conn.execute("alter table f.weather rename column rains to rain")


@pytest.fixture
def read_only(dsn) -> Iterator[None]:
    """Make new connections of this database read-only for a while."""
    name = conninfo_to_dict(dsn)["dbname"]
    statement = f"alter database {name} set default_transaction_read_only = on"
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(statement)
    yield
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("set default_transaction_read_only = off")
        conn.execute(f"alter database {name} reset default_transaction_read_only")


def test_a_read_only_database_is_read_and_says_that_it_cannot_be_written(store, read_only) -> None:
    from kgfeatures.features.source import KGFeaturesSavedDatasetStorage

    job = store.get_historical_features(labels(), ["profile:spent", "taste:v"])
    assert job.to_df()["spent"].fillna(-1).tolist() == [4, 3, -1, 3]
    assert "profile: client" in job.plan
    with pytest.raises(DatabaseError, match="read-only"):
        job.persist(KGFeaturesSavedDatasetStorage("f.never"))


def test_nothing_is_left_behind_when_a_join_fails(make_store, dsn) -> None:
    store = make_store(plan="lateral")
    with open_connection(dsn) as conn:
        conn.execute(
            "create view f.broken as"
            " select customer_id, at, 1 / (spend - 2)::int as v from f.customer"
        )
    from feast import FeatureView, Field
    from feast.types import Int32

    from kgfeatures.features.source import KGFeaturesSource

    broken = FeatureView(
        name="broken",
        entities=[store.get_entity("customer")],
        source=KGFeaturesSource(name="broken", table="f.broken", timestamp_field="at"),
        schema=[Field(name="v", dtype=Int32)],
    )
    store.apply([broken])
    with pytest.raises(DatabaseError, match="division by zero"):
        store.get_historical_features(labels(), ["broken:v"]).to_df()
    with open_connection(make_conninfo(dsn)) as conn:
        left = conn.execute("select count(*) from pg_class where relname like 'kgfeatures_%'")
        assert left.fetchone() == (0,)
