"""What stood in the tables at each label's time, through Feast's own interface."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from tests.features.offline_store.conftest import MARKS, labels, utc

pytestmark = MARKS


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


def test_keys_may_be_categories_small_numbers_or_numbers_with_gaps(store) -> None:
    at = pd.Timestamp("2024-02-01")
    small = pd.DataFrame(
        {"a": pd.array([1, 11], dtype="int8"), "b": [12.0, None], "event_timestamp": at}
    )
    got = store.get_historical_features(small, ["pair:score"]).to_df()
    assert got["score"].fillna(-1).tolist() == pytest.approx([0.1, -1])
    asked = labels().astype({"customer_id": "category"})
    assert store.get_historical_features(asked, ["profile:spent"]).to_df()["spent"].tolist()[0] == 4


def test_labels_of_several_time_zones_are_the_moments_that_they_say(store) -> None:
    noon = pd.Timestamp("2024-01-03 12:00", tz="UTC")
    zones = ["America/New_York", "Asia/Shanghai", "UTC", "Europe/Berlin"]
    times = [noon.tz_convert(zone).to_pydatetime() for zone in zones]
    asked = pd.DataFrame({"customer_id": "红", "event_timestamp": pd.Series(times, dtype=object)})
    got = store.get_historical_features(asked, ["profile:spent"]).to_df()
    assert got["spent"].tolist() == [3] * 4
    assert (got["event_timestamp"] == noon).all()


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
