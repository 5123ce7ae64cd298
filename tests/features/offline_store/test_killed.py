"""A client that is killed in the middle of a join leaves nothing in the database."""

from __future__ import annotations

import os
import signal
import time

import pandas as pd
import pytest

from kgfeatures.db.connection import open_connection
from tests.features.offline_store.conftest import MARKS

pytestmark = MARKS
# A history that takes its time to be read.
SLOW = """
create view f.slow_{plan} as
select place_id, at, heat from f.place where pg_sleep(0.3)::text is not null
"""
RELATIONS = """
select oid, relname from pg_class where relkind in ('r', 'i', 'v', 'm', 'S', 't') order by oid
"""
JOINING = """
select query from pg_stat_activity
where wait_event = 'PgSleep' and datname = current_database()
"""


@pytest.mark.parametrize("plan", ["lateral", "merge"])
def test_a_killed_join_leaves_no_table_behind(make_store, dsn, plan) -> None:
    from feast import FeatureView, Field
    from feast.types import Int64

    from kgfeatures.features.source import KGFeaturesSource

    name = f"slow_{plan}"
    store = make_store(plan=plan)
    fields = [Field(name="place_id", dtype=Int64), Field(name="heat", dtype=Int64)]
    source = KGFeaturesSource(name=name, table=f"f.{name}", timestamp_field="at")
    place = store.get_entity("place")
    view = FeatureView(name=name, entities=[place], schema=fields, source=source)
    with open_connection(dsn) as conn:
        conn.execute(SLOW.format(plan=plan))
        conn.commit()
        conn.autocommit = True
        store.apply([view])
        before = conn.execute(RELATIONS).fetchall()
        asked = pd.DataFrame(
            {"place_id": range(1000), "event_timestamp": pd.Timestamp("2024-02-01", tz="UTC")}
        )
        child = os.fork()
        if child == 0:
            store.get_historical_features(asked, [f"{name}:heat"]).to_df()
            os._exit(0)
        while (statement := conn.execute(JOINING).fetchone()) is None:
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        # The labels were in the database.
        assert "kgfeatures_label" in statement[0]
        until = time.monotonic() + 30
        while (
            conn.execute(JOINING).fetchone() or conn.execute(RELATIONS).fetchall() != before
        ) and (time.monotonic() < until):
            time.sleep(0.05)
        assert conn.execute(RELATIONS).fetchall() == before
