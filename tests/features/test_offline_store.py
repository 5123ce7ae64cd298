"""The offline store through Feast's own interface, over a database of one's own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from kgfeatures.db.connection import open_connection
from kgfeatures.errors import DatabaseError, DataError, UnknownNameError

pytestmark = [
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


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
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


def test_features_of_every_type_come_back_beside_every_column_of_the_labels(store) -> None:
    asked = labels(
        small=pd.array([1, 2, 3, 4], dtype="int8"),
        kind=pd.Categorical(["x", "y", "x", None]),
        day=[dt.date(2024, 1, day) for day in range(1, 5)],
        words=[["p"], [], None, ["q", "r"]],
        text=["数", None, "b", "c"],
    )
    references = [f"profile:{name}" for name in ("spent", "tags", "raw", "facts", "price")]
    got = store.get_historical_features(asked, references).to_df()
    pd.testing.assert_frame_equal(
        got[["customer_id", "small", "kind", "day"]], asked[["customer_id", "small", "kind", "day"]]
    )
    assert (
        got["words"].map(lambda one: one if one is None else list(one)).tolist()
        == asked["words"].tolist()
    )
    assert (got["event_timestamp"] == asked["event_timestamp"]).all()
    assert got["spent"].tolist()[:2] == [4, 3]
    assert got["spent"].isna().tolist() == [False, False, True, False]
    assert [None if one is None else list(one) for one in got["tags"]] == [["c"], [], None, []]
    assert got["raw"].tolist() == [None, b"", None, b""]
    assert got["facts"].tolist() == [None, "[]", None, "[]"]
    assert got["price"].tolist()[:2] == [100, 0.25]


def test_only_what_was_created_by_then_is_used_when_asked_for(store) -> None:
    job = store.get_historical_features(
        labels(), ["profile:spent"], filter_by_created_timestamp=True
    )
    assert job.to_df()["spent"].fillna(-1).tolist() == [4, 2, -1, 3]


@pytest.mark.parametrize("plan", ["lateral", "merge", "client"])
def test_every_plan_gives_the_same_and_says_what_it_is(make_store, plan, capsys) -> None:
    job = make_store(plan=plan, explain=True).get_historical_features(
        labels(), ["profile:spent", "taste:v"]
    )
    got = job.to_df()
    assert got["spent"].fillna(-1).tolist() == [4, 3, -1, 3]
    assert [None if one is None else one.tolist() for one in got["v"]] == [
        [4, 5, 6],
        [1, 2, 3],
        None,
        [1, 2, 3],
    ]
    assert f"profile: {plan}, 4 labels" in job.plan
    assert f"taste: {plan}, 4 labels" in capsys.readouterr().err


def test_keys_that_run_together_are_two_rows(store) -> None:
    asked = pd.DataFrame(
        {"a": [1, 11], "b": [12, 2], "event_timestamp": pd.Timestamp("2024-02-01")}
    )
    got = store.get_historical_features(asked, ["pair:score"]).to_df()
    assert got["score"].tolist() == pytest.approx([0.1, 0.9])


def test_a_query_gives_the_labels_in_its_order(store) -> None:
    query = """
    select '100%' as note, customer_id, at + interval '10 days' as event_timestamp
    from f.customer order by spend desc -- newest first
    """
    job = store.get_historical_features(query, ["profile:spent", "weather:rain"])
    got = job.to_df()
    assert got.columns.tolist() == ["note", "customer_id", "event_timestamp", "spent", "rain"]
    assert got["spent"].tolist() == [4, 3, 3, 3]
    assert got["rain"].tolist() == [0.75] * 4
    assert job.metadata.min_event_timestamp == dt.datetime(2024, 1, 11, tzinfo=dt.UTC)


def test_a_view_is_joined_twice_under_names_of_its_own(store) -> None:
    asked = pd.DataFrame(
        {"goal_id": [1, 3], "start_id": [2, 9], "event_timestamp": pd.Timestamp("2024-02-01")}
    )
    service = store.get_feature_service("trip")
    got = store.get_historical_features(asked, service, full_feature_names=True).to_df()
    assert got["goal__heat"].tolist() == [10, 30]
    assert got["start__heat"].fillna(0).tolist() == [20, 0]


def test_computed_features_stand_beside_the_stored_ones(store) -> None:
    from feast import Field, RequestSource
    from feast.on_demand_feature_view import on_demand_feature_view
    from feast.types import Float64

    @on_demand_feature_view(
        sources=[
            store.get_feature_view("profile"),
            RequestSource(name="given", schema=[Field(name="y", dtype=Float64)]),
        ],
        schema=[Field(name="more", dtype=Float64)],
    )
    def computed(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"more": inputs["spent"] + inputs["y"]})

    store.apply([computed])
    try:
        got = store.get_historical_features(
            labels(y=[0.5, 1, 2, 3]), ["profile:spent", "computed:more"]
        ).to_df()
    finally:
        store.apply([], objects_to_delete=[computed], partial=False)
    assert got["more"].fillna(-1).tolist() == [4.5, 4, -1, 6]


def test_without_labels_the_rows_of_one_view_come_back(store) -> None:
    got = store.get_historical_features(
        features=["profile:spent"],
        start_date=utc(2024, 1, 2),
        end_date=utc(2024, 1, 3),
    ).to_df()
    assert got.columns.tolist() == ["event_timestamp", "created_timestamp", "customer_id", "spent"]
    assert got["spent"].tolist() == [2, 3, 4]


def test_without_labels_several_views_are_joined_at_every_time_of_one_of_them(store) -> None:
    job = store.get_historical_features(
        features=["profile:spent", "taste:r", "weather:rain"],
        start_date=utc(2024, 1, 1),
        end_date=utc(2024, 1, 2),
    )
    got = job.to_df()
    rows = list(
        zip(
            got["event_timestamp"].dt.day,
            got["customer_id"],
            got["spent"].fillna(0),
            got["rain"],
            strict=True,
        )
    )
    assert rows == [
        (1, "b", 0, 0.5),
        (1, "红", 1, 0.5),
        (1, None, 0, 0.5),
        (2, "红", 3, 0.75),
        (2, None, 0, 0.75),
    ]
    none = store.get_historical_features(
        features=["profile:spent", "taste:r"],
        start_date=utc(2023, 1, 1),
        end_date=utc(2023, 1, 2),
    ).to_df()
    assert none.columns.tolist() == ["event_timestamp", "customer_id", "spent", "r"]
    assert none.empty


def test_the_sql_of_a_job_runs_by_itself(store, dsn) -> None:
    asked = labels(y=[1.5, None, 3, 4], words=[["p'"], [], None, ["q", "r"]])
    references = ["profile:spent", "profile:tags", "taste:v"]
    ranges = {"start_date": utc(2024, 1, 1), "end_date": utc(2024, 1, 3)}
    jobs = [
        store.get_historical_features(asked, references),
        store.get_historical_features(
            "select * from f.customer where made < '2024-01-04'".replace("*", "customer_id, at"),
            references,
        ),
        store.get_historical_features(features=references, **ranges),
        store.get_historical_features(features=references[:2], **ranges),
    ]
    for job in jobs:
        with open_connection(dsn) as conn:
            rows = conn.execute(job.to_sql()).fetchall()
        expected = job.to_arrow().to_pylist()
        for row, wanted in zip(rows, expected, strict=True):
            for found, value in zip(row, wanted.values(), strict=True):
                assert (list(found) if isinstance(found, np.ndarray) else found) == value


def test_vectors_may_stay_dictionaries_or_come_in_batches(make_store, store) -> None:
    asked = pd.concat([labels()] * 3, ignore_index=True)
    plain = store.get_historical_features(asked, ["taste:v", "taste:r"]).to_arrow()
    folded = make_store(dictionary_vectors=True).get_historical_features(asked, ["taste:v"])
    column = folded.to_arrow().column("v").combine_chunks()
    assert pa.types.is_dictionary(column.type)
    assert len(column.dictionary) == 2
    assert column.dictionary_decode().to_pylist() == plain.column("v").to_pylist()
    parts = list(store.get_historical_features(asked, ["taste:v", "taste:r"]).batches(5))
    assert [part.num_rows for part in parts] == [5, 5, 2]
    assert pa.concat_tables(parts).to_pylist() == plain.to_pylist()


def test_labels_that_found_the_same_vector_share_it(store) -> None:
    got = store.get_historical_features(labels(), ["taste:v"]).to_df()
    assert got["v"][1] is got["v"][3]


def test_half_precision_vectors_are_lists_too(store) -> None:
    got = store.get_historical_features(labels(), ["taste:h"]).to_arrow()
    assert got.column("h").to_pylist() == [None, [0.5, 1], None, [0.5, 1]]


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
    (at(SHANGHAI.tz_convert("UTC"), SHANGHAI), "time zones .Asia/Shanghai, UTC.*pd.to_datetime"),
    (lambda df: df.assign(spent=1), "column 'spent', which is also a feature of 'profile'"),
    (lambda df: df.iloc[:0], "no rows"),
    (lambda df: df.assign(mixed=["a", 1, 2.5, None]), "give each column one type"),
]


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


def test_keys_may_be_categories_small_numbers_or_numbers_with_gaps(store) -> None:
    at = pd.Timestamp("2024-02-01")
    small = pd.DataFrame(
        {"a": pd.array([1, 11], dtype="int8"), "b": [12.0, None], "event_timestamp": at}
    )
    got = store.get_historical_features(small, ["pair:score"]).to_df()
    assert got["score"].fillna(-1).tolist() == pytest.approx([0.1, -1])
    asked = labels().astype({"customer_id": "category"})
    assert store.get_historical_features(asked, ["profile:spent"]).to_df()["spent"].tolist()[0] == 4


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
