"""Materialize: the newest row of each key, inside the database or from another one."""

# ruff: noqa: S608  the names of tables are those of the tests

from __future__ import annotations

import datetime as dt
import os
import signal
import time

import pytest

from kgfeatures.errors import DataError, UnknownNameError
from tests.features.online_store.conftest import NOW, apply, key, make_config, make_view, row

pytestmark = pytest.mark.slow
TABLE = """
create table feature.{name} (
    item_id text, event_timestamp timestamptz, created_timestamp timestamptz,
    a bigint, v public.vector(3), note jsonb
);
insert into feature.{name}
select
    'k' || n % 50, '2024-01-01'::timestamptz + n / 50 * interval '1 day',
    '2024-01-01'::timestamptz + n / 50 * interval '1 day',
    n, array[n, 1, 2]::public.vector(3), jsonb_build_object('n', n)
from generate_series(0, 199) as n
"""


@pytest.fixture
def view(request, store, config, database):
    """Give an applied view over a feature table of 50 keys with four days of history each."""
    from feast import Field
    from feast.types import Array, Float32, Int64, Map

    name = request.node.originalname.removeprefix("test_")[:40]
    with database.transaction() as conn:
        conn.execute(TABLE.format(name=name))
    vector = Field(name="v", dtype=Array(Float32), vector_index=True, vector_search_metric="L2")
    made = make_view(name, {"a": Int64, "v": vector, "note": Map}, ttl=dt.timedelta(0))
    apply(store, config, made)
    return made


@pytest.fixture
def engine(store, config):
    return make_engine(store, config)


def make_engine(store, config):
    from kgfeatures.features.engine import KGFeaturesEngine

    return KGFeaturesEngine(repo_config=config, offline_store=None, online_store=store)


def held(database, view) -> dict[str, int]:
    rows = database.sql(f"select item_id, a from online.{view.name}")
    return dict(zip(rows["item_id"], rows["a"], strict=True))


NEWEST = {f"k{n % 50}": n for n in range(150, 200)}


def test_the_newest_row_of_each_key_is_served_with_its_vector(
    engine, store, config, database, view
) -> None:
    filled = engine.fill(view, None, None)
    assert filled.rows == 50
    assert held(database, view) == NEWEST
    [(event, values)] = store.online_read(config, view, [key(item_id="k7")])
    assert event == dt.datetime(2024, 1, 4, tzinfo=dt.UTC)
    assert list(values["v"].float_list_val.val) == [157.0, 1.0, 2.0]
    assert values["note"].map_val.val["n"].int64_val == 157
    indexes = database.sql("select indexdef from pg_indexes where tablename = %s", [view.name])
    assert indexes["indexdef"].str.contains("vector_l2_ops").any()
    assert engine.fill(view, None, None).rows == 0


def test_a_view_without_entities_is_materialized_to_its_newest_row(
    engine, store, config, database
) -> None:
    from feast.types import Float64

    with database.transaction() as conn:
        conn.execute(
            "create table feature.weather (event_timestamp timestamptz,"
            " created_timestamp timestamptz, rain float8)"
        )
        conn.execute("insert into feature.weather values ('2024-01-01', '2024-01-01', 0.5)")
        conn.execute("insert into feature.weather values ('2024-01-02', '2024-01-02', 0.25)")
    view = make_view("weather", {"rain": Float64}, keys={})
    apply(store, config, view)
    for until, rain in ((dt.datetime(2024, 1, 1, tzinfo=dt.UTC), 0.5), (None, 0.25)):
        assert engine.fill(view, None, until).rows == 1
        served = database.sql("select rain from online.weather")
        assert served["rain"].tolist() == [rain]
    assert engine.fill(view, None, None, mirror=True).rows == 0


def test_a_column_that_the_source_lost_is_named_with_the_nearest(engine, database, view) -> None:
    with database.transaction() as conn:
        conn.execute(f"alter table feature.{view.name} rename column note to notes")
    with pytest.raises(UnknownNameError, match="no column 'note'; did you mean 'notes'"):
        engine.fill(view, None, None)


def test_only_rows_between_two_times_are_taken_and_older_ones_change_nothing(
    engine, database, view
) -> None:
    day = dt.datetime(2024, 1, 2, tzinfo=dt.UTC)
    engine.fill(view, day, day)
    assert held(database, view) == {name: a - 100 for name, a in NEWEST.items()}
    engine.fill(view, day, NOW)
    assert held(database, view) == NEWEST
    assert engine.fill(view, day, day).rows == 0
    assert held(database, view) == NEWEST


def test_a_mirror_removes_what_left_and_keeps_what_was_pushed_later(
    engine, store, config, database, view
) -> None:
    engine.fill(view, None, None)
    store.online_write_batch(config, view, [row(key(item_id="k9"), {"a": -1}, NOW)], None)
    with database.transaction() as conn:
        conn.execute(f"delete from feature.{view.name} where item_id in ('k3', 'k4')")
    filled = engine.fill(view, None, None, mirror=True)
    assert filled.removed == 2
    wanted = {name: a for name, a in NEWEST.items() if name not in ("k3", "k4")}
    assert held(database, view) == wanted | {"k9": -1}


def test_no_rows_are_no_error_and_empty_a_mirror(engine, database, view) -> None:
    engine.fill(view, None, None)
    with database.transaction() as conn:
        conn.execute(f"truncate feature.{view.name}")
    assert engine.fill(view, None, None).rows == 0
    assert len(held(database, view)) == 50
    assert engine.fill(view, None, None, mirror=True).removed == 50
    assert engine.fill(view, None, None, mirror=True).rows == 0


def test_vectors_of_a_new_model_replace_all_or_nothing(
    engine, store, config, database, view
) -> None:
    engine.fill(view, None, None)
    with database.transaction() as conn:
        conn.execute("select ops.drop_plain_views(%s)", [f"feature.{view.name}"])
        conn.execute(f"alter table feature.{view.name} alter v type vector using null")
        conn.execute(f"update feature.{view.name} set v = array[a, 2]::real[]::vector")
    with pytest.raises(DataError, match=r"is vector.3., and its source has vectors of 2 numbers"):
        engine.fill(view, None, None)
    engine.fill(view, None, None, mirror=True)
    [(_, values)] = store.online_read(config, view, [key(item_id="k7")], ["v"])
    assert list(values["v"].float_list_val.val) == [157.0, 2.0]


def test_from_another_database_rows_are_copied(
    store, config, database, dsn, view, make_database, template, tmp_path
) -> None:
    other = make_database(template)
    from kgfeatures.db import Database

    with Database(lambda: other) as far, far.transaction() as conn:
        conn.execute(TABLE.format(name=view.name))
        conn.execute(f"update feature.{view.name} set a = a + 1000")
    apart = make_engine(store, make_config(dsn, tmp_path / "registry.db", other))
    assert apart.fill(view, None, None).rows == 50
    assert held(database, view) == {name: a + 1000 for name, a in NEWEST.items()}


def test_an_analysts_own_view_stays_where_it_is(engine, database, view) -> None:
    engine.fill(view, None, None)
    with database.transaction() as conn:
        conn.execute(f"create view online.mine as select a from online.{view.name}")
        conn.execute(f"truncate online.{view.name}")
    engine.fill(view, None, None)
    assert len(database.sql("select * from online.mine")) == 50
    assert held(database, view) == NEWEST


def test_readers_see_the_old_or_the_new_and_a_killed_client_leaves_nothing(
    engine, config, database, view
) -> None:
    engine.fill(view, None, dt.datetime(2024, 1, 3, tzinfo=dt.UTC))
    old = held(database, view)
    with database.transaction() as conn:
        # Slow enough to be killed in the middle: every row waits a little.
        conn.execute(
            f"alter table feature.{view.name} rename to slow_rows;"
            f"create view feature.{view.name} as select item_id, event_timestamp,"
            " created_timestamp, a + length(pg_sleep(0.02)::text) as a, v, note"
            " from feature.slow_rows"
        )
    child = os.fork()
    if child == 0:
        from kgfeatures.features.online_store import KGFeaturesOnlineStore

        make_engine(KGFeaturesOnlineStore(), config).fill(view, None, None)
        os._exit(0)
    busy = (
        "select count(*) from pg_stat_activity where state = 'active'"
        " and query like '%insert into \"online\"%' and pid <> pg_backend_pid()"
    )
    while not database.sql(busy).iloc[0, 0]:
        assert held(database, view) == old
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while database.sql(busy).iloc[0, 0]:
        time.sleep(0.1)
    assert held(database, view) == old
    left = "select count(*) from pg_class where relname ~ '^kgfeatures|fresh'"
    assert database.sql(left).iloc[0, 0] == 0
    engine.fill(view, None, None)
    assert held(database, view) == NEWEST
