from __future__ import annotations

import pytest

from kgfeatures.errors import DataError
from kgfeatures.steps.profile import profile

TABLES = ("feature.customer_profile", "feature.product_profile")


@pytest.fixture
def shop(db):
    with db.transaction() as conn:
        conn.execute(
            "insert into raw.source"
            " (source_id, kind, name, sha256, rows_read, rows_loaded, rows_rejected)"
            " values (1, 'interactions', 'lines', 'x', 0, 0, 0)"
        )
        conn.execute(
            "insert into raw.interaction (source_id, row_id, customer_id, product_id, event,"
            " occurred_at, basket_id, quantity, amount)"
            " select 1, n, 'c' || n % 3, 'p' || n % 5, 'purchase',"
            " '2020-01-10'::timestamptz + n * interval '2 days', 'b' || n, 1, n"
            " from generate_series(0, 29) as n"
        )
    return db


def hashes(db) -> list[str]:
    found = db.sql(
        "select ops.table_hash(name::regclass) as hash from unnest(%(names)s::text[]) as name",
        {"names": list(TABLES)},
    )
    return found["hash"].tolist()


def test_profile_fills_both_tables_at_every_month_start_and_the_end_of_the_data(shop) -> None:
    result = profile(shop)
    times = shop.sql(
        "select distinct event_timestamp as at from feature.customer_profile"
        " where event_timestamp = created_timestamp order by at"
    )
    starts = ["2020-02-01", "2020-03-01", "2020-03-09"]
    assert times["at"].dt.strftime("%Y-%m-%d").tolist() == starts
    assert result.rows == {TABLES[0]: 3 * 3, TABLES[1]: 3 * 5}


def test_profile_skips_when_nothing_changed_and_runs_when_a_line_did(shop) -> None:
    profile(shop)
    before = hashes(shop)
    assert profile(shop).skipped
    with shop.transaction() as conn:
        conn.execute("update raw.interaction set amount = amount + 1 where row_id = 0")
    assert not profile(shop).skipped
    assert hashes(shop)[0] != before[0]


def test_profile_makes_a_table_again_that_somebody_dropped(shop) -> None:
    profile(shop)
    before = hashes(shop)
    with shop.transaction() as conn:
        conn.execute("drop table feature.customer_profile cascade")
    assert not profile(shop).skipped
    assert hashes(shop) == before


def test_profile_of_an_empty_shop_says_what_to_do(db) -> None:
    with pytest.raises(DataError, match="kgfeatures ingest DIR"):
        profile(db)
