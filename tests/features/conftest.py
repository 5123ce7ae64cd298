"""A small shop whose features are published once for all tests of this folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kgfeatures.db import Database
from kgfeatures.db.environment import environment
from kgfeatures.features.store import Repository
from kgfeatures.steps.profile import profile
from kgfeatures.steps.publish import publish

LINES = """
insert into raw.interaction (
    source_id, row_id, customer_id, product_id, event, occurred_at, basket_id, quantity, amount
)
select
    1, n, 'c' || n % 7, 'p' || n * n % 5, case when n % 11 = 10 then 'return' else 'purchase' end,
    '2020-01-10'::timestamptz + n * interval '19 hours', 'b' || n / 2, n % 4 + 1, n % 13 + 0.5
from generate_series(0, 149) as n
"""
SOURCE = """
insert into raw.source (source_id, kind, name, sha256, rows_read, rows_loaded, rows_rejected)
values (1, 'interactions', 'lines', 'x', 150, 150, 0)
"""
# Two versions of recommendations in time, one of vectors; known at the end of a month.
MADE = """
create table feature.product_graph_vector as
select
    product_id, event_timestamp, created_timestamp, 7 as model_id,
    array[tenure_days, orders_total, 0.25]::public.vector(3) as graph_vector
from feature.product_profile where event_timestamp = '2020-04-01';
alter table feature.product_graph_vector
add primary key (product_id, event_timestamp, created_timestamp);

insert into feature.customer_recommendation
select
    customer_id, event_timestamp, created_timestamp,
    array['p' || orders_total, 'p0'], array[0.75, orders_total / 100.0]::real[]
from feature.customer_profile where event_timestamp in ('2020-03-01', '2020-05-01');
"""


@pytest.fixture(scope="module")
def shop(make_database, template):
    """Give a shop with profiles, recommendations and one kind of vectors, published."""
    dsn = make_database(template)
    with Database(lambda: dsn) as database:
        with database.transaction() as conn:
            conn.execute(SOURCE)
            conn.execute(LINES)
        profile(database)
        with database.transaction() as conn:
            conn.execute(MADE)
        publish(database)
        yield database


def feast(dsn: str, *arguments: str) -> str:
    """Run the plain `feast` command in our repository; return what it printed."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("feast")), *arguments],
        cwd=Repository().folder,
        env=os.environ | environment(dsn),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
