from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from kgfeatures.errors import DataError, UnknownNameError
from kgfeatures.features import open_store, training_set

pytestmark = pytest.mark.slow

FEATURES = [
    "customer_profile:orders_total",
    "customer_profile:spend_total",
    "customer_recommendation:product_ids",
]

# Version 8 was trained from version 7, and aligned to it.
MODELS = """
insert into emb.model (
    model_id, alias, kind, scorer, operator, dim, entity_types, parameters, data_hash,
    code_version, known_at, comparable_id
)
select
    model_id, 'graph', 'graph', 'transe_l2', '<->', 3, '{product}', '{}', 'x', '1', '2020-04-01',
    comparable_id
from (values (7, null), (8, 7)) as made (model_id, comparable_id)
"""


def labels(n: int = 60) -> pd.DataFrame:
    """Customers at random moments, some exactly at a cut-off, some unknown, some too early."""
    rng = np.random.default_rng(0)
    starts = pd.Timestamp("2020-01-01", tz="UTC")
    times = starts + pd.to_timedelta(rng.integers(0, 170 * 24, n), unit="h")
    exact = pd.to_datetime(["2020-02-01", "2020-03-01", "2020-05-01"], utc=True)
    return pd.DataFrame(
        {
            "bought_again": rng.integers(0, 2, n + 3),
            "customer_id": [f"c{number}" for number in rng.integers(0, 9, n + 3)],
            "event_timestamp": [*times, *exact],
        },
        index=rng.permutation(n + 3),
    )


def known_then(history: pd.DataFrame, customer: str, moment: pd.Timestamp) -> dict | None:
    """Return the latest row of a customer that existed at `moment`, searched one by one."""
    best = None
    for row in history.to_dict("records"):
        known = row["event_timestamp"] <= moment and row["created_timestamp"] <= moment
        if row["customer_id"] != customer or not known:
            continue
        if best is None or row["event_timestamp"] > best["event_timestamp"]:
            best = row
    return best


def test_a_training_set_holds_what_was_known_at_each_label(shop) -> None:
    asked = labels()
    got = training_set(asked, FEATURES, database=shop)
    profiles = shop.sql("select * from feature.customer_profile")
    recommended = shop.sql("select * from feature.customer_recommendation")
    pd.testing.assert_frame_equal(got[asked.columns], asked)
    for row in got.to_dict("records"):
        key = row["customer_id"], row["event_timestamp"]
        behaviour, products = known_then(profiles, *key), known_then(recommended, *key)
        if behaviour is None:
            assert np.isnan(row["orders_total"])
        else:
            found = (row["orders_total"], row["spend_total"])
            assert found == (behaviour["orders_total"], behaviour["spend_total"])
        wanted = None if products is None else list(products["product_ids"])
        assert (None if row["product_ids"] is None else list(row["product_ids"])) == wanted


def test_a_row_computed_later_than_its_moment_is_not_used_before_it_existed(shop) -> None:
    asked = pd.DataFrame({"customer_id": ["c1"], "event_timestamp": [pd.Timestamp("2020-03-15")]})
    before = training_set(asked, FEATURES[:1], database=shop)["orders_total"].tolist()
    with shop.transaction() as conn:
        conn.execute(
            "insert into feature.customer_profile"
            " select (jsonb_populate_record(p, jsonb_build_object("
            "'event_timestamp', '2020-03-10', 'created_timestamp', '2020-03-20',"
            " 'orders_total', 999))).* from feature.customer_profile as p"
            " where customer_id = 'c1' and event_timestamp = '2020-03-01'"
        )
    later = asked.assign(event_timestamp=pd.Timestamp("2020-03-25"))
    try:
        assert training_set(asked, FEATURES[:1], database=shop)["orders_total"].tolist() == before
        assert training_set(later, FEATURES[:1], database=shop)["orders_total"].tolist() == [999]
    finally:
        with shop.transaction() as conn:
            conn.execute("delete from feature.customer_profile where orders_total = 999")


def test_vectors_and_two_keys_come_with_full_names_where_names_collide(shop) -> None:
    asked = pd.DataFrame(
        {
            "customer_id": ["c1", "c1"],
            "product_id": ["p1", "p4"],
            "event_timestamp": pd.to_datetime(["2020-04-02", "2020-03-31"], utc=True),
        }
    )
    features = ["customer_profile:orders_90d", "product_profile:orders_90d", "product_graph_vector"]
    got = training_set(asked, features, database=shop)
    stored = shop.sql("select graph_vector from feature.product_graph_vector where product_id='p1'")
    assert got["product_graph_vector__graph_vector"][0] == pytest.approx(stored.iloc[0, 0])
    assert got["product_graph_vector__graph_vector"][1] is None
    assert {"customer_profile__orders_90d", "product_profile__orders_90d"} <= set(got.columns)


def of_products(*days: str) -> pd.DataFrame:
    times = pd.to_datetime(list(days), utc=True, format="ISO8601")
    return pd.DataFrame({"product_id": "p1", "event_timestamp": times})


VECTOR = ["product_graph_vector", "product_profile:orders_total"]


def test_labels_all_earlier_than_the_vectors_get_null_and_are_told_what_to_do(shop) -> None:
    early = of_products("2020-02-15", "2020-03-31T23:59:59")
    with pytest.warns(UserWarning, match="graph_vector' is null in all 2 rows") as told:
        got = training_set(early, VECTOR, database=shop)
    assert got["graph_vector"].tolist() == [None, None]
    assert got["orders_total"].notna().all()
    [sentence] = [str(one.message) for one in told]
    assert "of version 7, known from 2020-04-01 00:00 UTC on" in sentence
    assert "`kgfeatures embed --known-at 2020-02-15`" in sentence
    assert "later_vectors=True" in sentence


def test_no_warning_where_some_label_may_see_the_vectors(shop) -> None:
    got = training_set(of_products("2020-02-15", "2020-04-01"), VECTOR, database=shop)
    assert got["graph_vector"].isna().tolist() == [True, False]


def test_later_vectors_come_when_asked_for_and_nothing_else_that_is_later(shop) -> None:
    asked = of_products("2020-02-15", "2020-06-01", "2020-03-15")
    usual = training_set(asked, VECTOR, database=shop)
    got = training_set(asked, VECTOR, database=shop, later_vectors=True)
    assert got.columns.tolist() == usual.columns.tolist()
    assert got["orders_total"].tolist() == usual["orders_total"].tolist()
    stored = shop.sql("select graph_vector from feature.product_graph_vector where product_id='p1'")
    assert np.array_equal(np.stack(got["graph_vector"]), np.stack([stored.iloc[0, 0]] * 3))


@pytest.mark.parametrize("known_only", [True, False])
def test_plain_feast_gives_no_earlier_label_a_vector_either(shop, known_only: bool) -> None:  # noqa: FBT001
    asked = of_products("2020-03-31T23:59:59", "2020-04-01")
    with open_store(shop) as store:
        job = store.get_historical_features(
            entity_df=asked,
            features=["product_graph_vector:graph_vector"],
            filter_by_created_timestamp=known_only,
        )
        assert job.to_df()["graph_vector"].isna().tolist() == [True, False]


def test_only_versions_that_can_be_compared_become_one_column(shop) -> None:
    with shop.transaction() as conn:
        conn.execute(
            "insert into feature.product_graph_vector"
            " select product_id, event_timestamp + interval '1 day', created_timestamp, 8,"
            " graph_vector from feature.product_graph_vector where product_id = 'p1'"
        )
    asked = of_products("2020-05-01", "2020-05-01").assign(product_id=["p0", "p1"])
    plain = ["product_graph_vector:graph_vector"]
    try:
        with pytest.raises(DataError, match="versions 7, 8 .* they cannot be compared"):
            training_set(asked, VECTOR, database=shop)
        with open_store(shop) as store:
            mixed = [
                store.get_historical_features(asked, plain),
                store.get_historical_features(
                    features=plain,
                    start_date=dt.datetime(2020, 4, 1, tzinfo=dt.UTC),
                    end_date=dt.datetime(2020, 5, 1, tzinfo=dt.UTC),
                ),
            ]
            for job in mixed:
                with pytest.raises(
                    DataError, match="versions 7, 8 .* 'product_graph_vector'; they"
                ):
                    job.to_df()
            # Labels that find one version are given it.
            for one in (asked.iloc[:1], asked.iloc[1:]):
                found = store.get_historical_features(one, plain).to_df()
                assert list(found.columns) == [*asked.columns, "graph_vector"]
                assert found["graph_vector"].notna().all()
            with shop.transaction() as conn:
                conn.execute(MODELS)
            assert mixed[0].to_df()["graph_vector"].notna().all()
        assert training_set(asked, VECTOR, database=shop)["graph_vector"].notna().all()
    finally:
        with shop.transaction() as conn:
            conn.execute("delete from feature.product_graph_vector where model_id = 8")
            conn.execute("delete from emb.model where model_id in (7, 8)")


def test_unknown_names_are_answered_with_the_nearest(shop) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'customer_profile_v1'"):
        training_set(labels(), "customer_profil_v1", database=shop)
    with pytest.raises(UnknownNameError, match="did you mean 'orders_90d'"):
        training_set(labels(), ["customer_profile:order_90d"], database=shop)


def test_a_view_without_a_table_says_which_command_makes_it(shop) -> None:
    with pytest.raises(DataError, match="feature.customer_graph_vector.*`kgfeatures embed`"):
        training_set(labels(), "customer_features_v1", database=shop)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda df: df.drop(columns="event_timestamp"), "no column 'event_timestamp'; its columns"),
        (lambda df: df.drop(columns="customer_id"), "no column 'customer_id'"),
        (lambda df: df.assign(customer_id=13085), r"astype\(\{'customer_id': str\}\)"),
        (lambda df: df.assign(event_timestamp="May"), "pd.to_datetime"),
        (lambda df: df.assign(customer_id=None), "is empty in row"),
        (lambda df: df.assign(orders_total=1), "also a feature asked for"),
        (lambda df: df.iloc[:0], "no rows"),
    ],
)
def test_labels_that_cannot_be_used_say_what_to_do(shop, change, message) -> None:
    with pytest.raises(DataError, match=message):
        training_set(change(labels()), FEATURES, database=shop)


def test_labels_that_find_nothing_at_all_are_warned_about(shop) -> None:
    early = pd.DataFrame({"customer_id": ["c1"], "event_timestamp": [pd.Timestamp("2019-01-01")]})
    with pytest.warns(UserWarning, match="none of the 1 rows found a feature"):
        training_set(early, FEATURES[:1], database=shop)
