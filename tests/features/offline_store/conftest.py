"""A Feast store with our offline store, over a database of this folder's own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from psycopg.conninfo import conninfo_to_dict

from kgfeatures.db.connection import open_connection

MARKS = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Saving dataset is an experimental:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:Retrieving datasets is an experimental:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:On demand feature view is an experim:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

STORE = "kgfeatures.features.offline_store.KGFeaturesOfflineStore"
# Two customers and two products whose numbers run together, known at different times.
TABLES = """
create schema f;
create table f.customer (
    customer_id text, at timestamptz, made timestamptz, spend float8, tags text[], raw bytea,
    facts jsonb, price numeric, primary key (customer_id, at, made)
);
insert into f.customer values
    ('红', '2024-01-01', '2024-01-01', 1, '{a,b}', '\\x00ff', '{"a": 1}', 1.5),
    ('红', '2024-01-02', '2024-01-02', 2, null, null, null, null),
    ('红', '2024-01-02', '2024-01-05', 3, '{}', '\\x', '[]', 0.25),
    ('b', '2024-01-03', '2024-01-03', 4, '{c}', null, null, 100);
create table f.pair (a bigint, b bigint, at timestamp, score real);
insert into f.pair values (1, 12, '2024-01-01', 0.1), (11, 2, '2024-01-01', 0.9);
create table f.taste (
    customer_id text, at timestamptz, made timestamptz, v public.vector(3), r real[],
    h public.halfvec(2)
);
insert into f.taste values
    ('红', '2024-01-01', '2024-01-01', '[1,2,3]', '{1,2,3}', '[0.5,1]'),
    ('b', '2024-01-01', '2024-01-01', '[4,5,6]', '{4,5}', null);
create table f.place (place_id bigint, at timestamptz, heat int);
insert into f.place select n, '2024-01-01', n * 10 from generate_series(1, 3) as n;
create table f.weather (at timestamptz, rain float8);
insert into f.weather values ('2024-01-01', 0.5), ('2024-01-02', 0.75);
"""


@pytest.fixture(scope="session")
def dsn(make_database, template) -> str:
    made = make_database(template)
    with open_connection(made) as conn:
        conn.execute(TABLES)
    return made


def definitions() -> dict[str, Any]:
    """Name everything that these tests register."""
    from feast import Entity, FeatureService, FeatureView, Field, PushSource, ValueType
    from feast.feature_logging import LoggingConfig
    from feast.types import Array, Bytes, Float32, Float64, Int32, Int64, Json, String

    from kgfeatures.features.source import KGFeaturesLoggingDestination, KGFeaturesSource

    customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.STRING)
    a = Entity(name="a", join_keys=["a"], value_type=ValueType.INT64)
    b = Entity(name="b", join_keys=["b"], value_type=ValueType.INT64)
    place = Entity(name="place", join_keys=["place_id"], value_type=ValueType.INT64)
    both = {"timestamp_field": "at", "created_timestamp_column": "made"}
    profile = FeatureView(
        name="profile",
        entities=[customer],
        ttl=dt.timedelta(days=30),
        source=KGFeaturesSource(
            name="profile", table="f.customer", field_mapping={"spend": "spent"}, **both
        ),
        schema=[
            Field(name="customer_id", dtype=String),
            Field(name="spent", dtype=Float64),
            Field(name="tags", dtype=Array(String)),
            Field(name="raw", dtype=Bytes),
            Field(name="facts", dtype=Json),
            Field(name="price", dtype=Float64),
        ],
    )
    pair = FeatureView(
        name="pair",
        entities=[a, b],
        source=KGFeaturesSource(name="pair", table="f.pair", timestamp_field="at"),
        schema=[
            Field(name="a", dtype=Int64),
            Field(name="b", dtype=Int64),
            Field(name="score", dtype=Float32),
        ],
    )
    taste = FeatureView(
        name="taste",
        entities=[customer],
        source=KGFeaturesSource(name="taste", query="select * from f.taste -- all", **both),
        schema=[
            Field(name="customer_id", dtype=String),
            Field(name="v", dtype=Array(Float32)),
            Field(name="r", dtype=Array(Float32)),
            Field(name="h", dtype=Array(Float32)),
        ],
    )
    heat = FeatureView(
        name="heat",
        entities=[place],
        source=PushSource(
            name="pushed",
            batch_source=KGFeaturesSource(name="heat", table="f.place", timestamp_field="at"),
        ),
        schema=[Field(name="place_id", dtype=Int64), Field(name="heat", dtype=Int32)],
    )
    weather = FeatureView(
        name="weather",
        entities=[],
        source=KGFeaturesSource(name="weather", table="f.weather", timestamp_field="at"),
        schema=[Field(name="rain", dtype=Float64)],
    )
    trip = FeatureService(
        name="trip",
        features=[
            heat.with_name("start").with_join_key_map({"place_id": "start_id"}),
            heat.with_name("goal").with_join_key_map({"place_id": "goal_id"}),
        ],
        logging_config=LoggingConfig(KGFeaturesLoggingDestination(table_name="f.log")),
    )
    return locals()


@pytest.fixture(scope="session")
def make_store(dsn, tmp_path_factory) -> Callable[..., Any]:
    """Give a function that opens a Feast store over the tables, with settings of its own."""
    from feast import FeatureStore, FeatureView
    from feast.entity import Entity
    from feast.feature_service import FeatureService
    from feast.repo_config import RepoConfig

    folder = tmp_path_factory.mktemp("feast")
    parts = conninfo_to_dict(dsn)

    def make(**settings: Any) -> Any:
        config = RepoConfig(
            project="test",
            provider="local",
            registry=str(folder / "registry.db"),
            offline_store={
                "type": STORE,
                "host": parts["host"],
                "port": int(parts["port"]),
                "database": parts["dbname"],
                "user": parts["user"],
                "db_schema": "f",
                **settings,
            },
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            entity_key_serialization_version=3,
        )
        return FeatureStore(config=config)

    kinds = (Entity, FeatureView, FeatureService)
    make().apply([one for one in definitions().values() if isinstance(one, kinds)])
    return make


@pytest.fixture(scope="session")
def store(make_store) -> Any:
    return make_store()


def utc(year: int, month: int, day: int) -> dt.datetime:
    return dt.datetime(year, month, day, tzinfo=dt.UTC)


def labels(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": ["b", "红", "nobody", "红"],
            "event_timestamp": pd.to_datetime(
                ["2024-01-04", "2024-01-03", "2024-01-04", "2024-01-06"], utc=True
            ),
            **columns,
        }
    )
