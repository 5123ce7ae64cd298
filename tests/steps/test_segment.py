from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from kgfeatures.db import Database, transport
from kgfeatures.errors import DatabaseError, DataError
from kgfeatures.steps.profile import profile
from kgfeatures.steps.segment import SegmentSettings, segment

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection


def load(conn: Connection[Any], dropped: int | None = None) -> None:
    """Load 600 order lines of 60 customers, some of whom buy much more than others."""
    rng = np.random.default_rng(0)
    n = 600
    customer = np.minimum(rng.geometric(0.06, n) - 1, 59)
    at = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 300, n), unit="D")
    lines = pd.DataFrame(
        {
            "source_id": 1,
            "row_id": range(n),
            "customer_id": [f"c{i}" for i in customer],
            "product_id": [f"p{i}" for i in rng.integers(0, 20, n)],
            "event": "purchase",
            "occurred_at": at,
            "quantity": 1.0,
            "amount": rng.integers(1, 500, n) / 10,
        }
    )
    conn.execute("insert into raw.source values (1, 'interactions', 'orders', '', 0, 0, 0)")
    kept = lines if dropped is None else lines.drop(index=dropped)
    transport.copy_in(conn, "raw.interaction", kept)


def content(database: Database) -> list[pd.DataFrame]:
    members = database.sql("select * from feature.segment_behaviour order by customer_id")
    described = database.sql("select * from seg.profile('behaviour')")
    centers = database.sql("select * from seg.centroid order by segment_id, feature")
    return [members, described, centers]


def same(one: list[pd.DataFrame], other: list[pd.DataFrame]) -> bool:
    return all(a.equals(b) for a, b in zip(one, other, strict=True))


def prepared(database: Database, dropped: int | None = None) -> None:
    with database.transaction() as conn:
        load(conn, dropped)
    profile(database)


def test_segment_groups_every_customer_at_the_end_of_the_data(db: Database):
    prepared(db)
    result = segment(db)
    members, described, _ = content(db)
    assert result.rows["feature.segment_behaviour"] == len(members)
    assert set(members["customer_id"]) == set(
        db.sql("select distinct customer_id from raw.interaction")["customer_id"]
    )
    assert set(members["event_timestamp"]) == {db.sql("select ops.data_cutoff() as at")["at"][0]}
    assert 4 <= len(described) <= 8
    assert described["size"].tolist() == members["segment_id"].value_counts().sort_index().tolist()
    assert described["size"].is_monotonic_decreasing
    assert described["segment_name"].is_unique


def test_segment_a_second_time_does_nothing(db: Database):
    prepared(db)
    segment(db)
    before = content(db)
    assert segment(db).skipped
    assert not segment(db, force=True).skipped
    assert same(content(db), before)
    assert db.sql("select run_id from seg.run")["run_id"].tolist() == [2]


def test_a_changed_row_gives_what_a_clean_build_gives(
    db: Database, make_database: Callable[[str | None], str], template: str
):
    prepared(db)
    segment(db)
    with db.transaction() as conn:
        conn.execute("delete from raw.interaction where row_id = 5")
    profile(db)
    assert not segment(db).skipped
    dsn = make_database(template)
    with Database(lambda: dsn) as clean:
        prepared(clean, dropped=5)
        segment(clean)
        assert same(content(clean), content(db))


def test_a_dropped_table_is_made_again(db: Database):
    prepared(db)
    segment(db)
    before = content(db)
    with db.transaction() as conn:
        conn.execute("drop table feature.segment_behaviour")
    assert not segment(db).skipped
    assert same(content(db), before)


def test_two_segmentations_live_side_by_side(db: Database):
    prepared(db)
    segment(db)
    segment(db, SegmentSettings(name="coarse", k=2))
    assert db.sql("select count(*) as n from seg.profile('coarse')")["n"][0] == 2
    assert segment(db).skipped


def test_a_published_list_is_not_overwritten(db: Database):
    prepared(db)
    with db.transaction() as conn:
        conn.execute("select seg.publish('vip', array['c0', 'c1'])")
    with pytest.raises(DataError, match="'vip' is a list that somebody published"):
        segment(db, SegmentSettings(name="vip"))


def test_a_name_that_is_no_table_is_refused(db: Database):
    prepared(db)
    with pytest.raises(DatabaseError, match='the segmentation is called "Big Spenders"'):
        segment(db, SegmentSettings(name="Big Spenders"))


def test_without_profiles_there_is_nobody_to_group(db: Database):
    with pytest.raises(DataError, match="run `kgfeatures profile` first"):
        segment(db)
