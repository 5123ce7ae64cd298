from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from kgfeatures.db import Database, transport
from kgfeatures.errors import BusyError, DataError
from kgfeatures.recommend import NeighborSettings
from kgfeatures.steps.recommend import OUTPUTS, RecommendSettings, recommend

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection


def load(conn: Connection[Any], dropped: int | None = None) -> None:
    """Load 300 purchases of 20 customers and 15 products, or all but one of them."""
    rng = np.random.default_rng(0)
    n = 300
    customer, product = rng.integers(0, 20, n), rng.integers(0, 15, n)
    at = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 99, n), unit="D")
    lines = pd.DataFrame(
        {
            "source_id": np.ones(n, dtype=np.int32),
            "row_id": np.arange(n),
            "customer_id": [f"c{i}" for i in customer],
            "product_id": [f"p{i}" for i in product],
            "event": np.where(rng.random(n) < 0.9, "purchase", "view"),
            "occurred_at": at,
        }
    )
    conn.execute("insert into raw.source values (1, 'interactions', 'orders', '', 0, 0, 0)")
    kept = lines if dropped is None else lines.drop(index=dropped)
    transport.copy_in(conn, "raw.interaction", kept)


def hashes(database: Database) -> dict[str, str]:
    with database.transaction() as conn:
        return {
            table: conn.execute("select ops.table_hash(%s::regclass)", [table]).fetchone()[0]
            for table in OUTPUTS
        }


def test_recommend_publishes_a_list_for_every_customer(db: Database):
    with db.transaction() as conn:
        load(conn)
    result = recommend(db)
    assert result.rows["feature.customer_recommendation"] == 20
    assert result.rows["rec.popular"] == 15
    lists = db.sql("select * from feature.customer_recommendation")
    cutoff = db.sql("select ops.data_cutoff() as at")["at"][0]
    assert (lists["event_timestamp"] == cutoff).all()
    assert (lists["created_timestamp"] == cutoff).all()


def test_recommend_a_second_time_does_nothing(db: Database):
    with db.transaction() as conn:
        load(conn)
    recommend(db)
    before = hashes(db)
    assert recommend(db).skipped
    assert hashes(db) == before
    assert not recommend(db, force=True).skipped
    assert hashes(db) == before
    assert db.sql("select distinct run_id from rec.product_neighbor")["run_id"].tolist() == [2]
    assert db.sql("select run_id from rec.run")["run_id"].tolist() == [2]


def test_a_changed_row_gives_what_a_clean_build_gives(
    db: Database, make_database: Callable[[str | None], str], template: str
):
    with db.transaction() as conn:
        load(conn)
    recommend(db)
    old = hashes(db)
    with db.transaction() as conn:
        conn.execute("delete from raw.interaction where row_id = 17")
    assert not recommend(db).skipped
    dsn = make_database(template)
    with Database(lambda: dsn) as clean:
        with clean.transaction() as conn:
            load(conn, dropped=17)
        recommend(clean)
        assert hashes(clean) == hashes(db) != old


def test_lost_lists_are_made_again(db: Database):
    with db.transaction() as conn:
        load(conn)
    recommend(db)
    before = hashes(db)
    with db.transaction() as conn:
        conn.execute("delete from feature.customer_recommendation where customer_id = 'c3'")
    assert not recommend(db).skipped
    assert hashes(db) == before


def test_the_settings_stand_beside_the_model(db: Database):
    with db.transaction() as conn:
        load(conn)
    settings = RecommendSettings(
        weights={"bought_together": 3, "graph_vector": 0, "popular": 1},
        neighbors=NeighborSettings(memory_half_life_days=None),
        k=4,
    )
    recommend(db, settings)
    weights = db.sql("select signal, weight from rec.blend where weight > 0 order by signal")
    assert dict(weights.to_numpy()) == {"bought_together": 0.75, "popular": 0.25}
    assert db.sql("select memory_half_life_days as days from rec.run")["days"][0] is None
    lists = db.sql("select cardinality(product_ids) as n from feature.customer_recommendation")
    assert lists["n"].max() <= 4


def test_a_run_says_what_it_is_made_of(db: Database):
    with db.transaction() as conn:
        load(conn)
    recommend(db)
    [run] = db.rows("recommend.run")
    assert run["settings"]["k"] == 50
    assert run["settings"]["neighbors"]["top"] == 100
    assert run["settings"]["validation"] == {
        "ndcg@20": None,
        "ndcg@20 without graph": None,
        "customers": 20,
    }
    assert run["memory_half_life_days"] == run["settings"]["neighbors"]["memory_half_life_days"]
    weights = db.sql("select sum(weight) as total from rec.blend")
    assert weights["total"][0] == pytest.approx(1)


def test_a_dropped_table_is_made_again(db: Database):
    with db.transaction() as conn:
        load(conn)
    recommend(db)
    before = hashes(db)
    with db.transaction() as conn:
        conn.execute("drop table feature.customer_recommendation cascade")
    assert not recommend(db).skipped
    assert hashes(db) == before


def test_without_purchases_there_is_nothing_to_recommend_from(db: Database):
    with pytest.raises(DataError, match="holds no purchases"):
        recommend(db)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"k": 0}, "k is 0"), ({"weights": {"popularity": 1.0}}, "no signal 'popularity'")],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any], words: str):
    with pytest.raises(DataError, match=words):
        RecommendSettings(**wrong)


def test_lists_may_be_left_as_they_are(db: Database):
    with db.transaction() as conn:
        load(conn)
    recommend(db)
    before = db.sql("select * from feature.customer_recommendation order by customer_id")
    result = recommend(db, RecommendSettings(weights={"popular": 1}, lists=False))
    assert "feature.customer_recommendation" not in result.rows
    after = db.sql("select * from feature.customer_recommendation order by customer_id")
    pd.testing.assert_frame_equal(before, after)
    assert db.sql("select weight from rec.blend where signal = 'popular'")["weight"][0] == 1


def test_two_at_once_are_told_apart(db: Database):
    with db.transaction() as conn:
        load(conn)

    class Rival:
        """Starts a second run while the first is at work."""

        said = ""

        def start(self, *_: object) -> None:
            if not self.said:
                with pytest.raises(BusyError) as caught:
                    recommend(db)
                self.said = str(caught.value)

        def advance(self, n: int = 1) -> None: ...

        def note(self, text: str) -> None: ...

    rival = Rival()
    recommend(db, progress=rival)
    assert "step 'recommend' is already running" in rival.said
    assert db.sql("select count(*) as n from rec.run")["n"][0] == 1


def test_baskets_make_complements(db: Database):
    with db.transaction() as conn:
        load(conn)
        conn.execute("update raw.interaction set basket_id = (row_id / 3)::text")
        # Twelve baskets hold exactly these two.
        conn.execute(
            "insert into raw.interaction (source_id, row_id, customer_id, product_id, event,"
            " occurred_at, basket_id) select 1, 1000 + n, 'c1', 'pair' || n %% 2, 'purchase',"
            " '2024-02-01', 'x' || n / 2 from generate_series(0, 23) as n".replace("%%", "%")
        )
    recommend(db)
    found = db.sql("select * from rec.complements('pair0')")
    assert found["complement_id"].tolist() == ["pair1"]
    assert found["baskets"].tolist() == [12]
    n = db.sql(
        "select count(distinct basket_id) as n from raw.interaction where event = 'purchase'"
    )["n"][0]
    assert found["lift"][0] == pytest.approx(12 * n / 12**2, rel=1e-6)
    assert found["score"][0] == pytest.approx(12 / 17, rel=1e-6)
