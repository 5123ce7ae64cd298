"""Ingest again: only what changed is read and written; the end is that of a load from nothing."""

from __future__ import annotations

import random

import pytest

from kgfeatures.db import Database
from kgfeatures.errors import DataError
from kgfeatures.steps.ingest import ingest
from tests.steps.changing_shop import ChangingShop

TABLES = [
    *("raw.source", "raw.interaction", "raw.product", "raw.customer", "raw.attribute"),
    *("raw.document", "raw.rejected", "raw.description", "raw.campaign", "raw.contact"),
    *("raw.coupon_event", "kg.entity", "kg.relation", "kg.triple", "kg.evidence"),
]
WATCHED = """
select name from unnest(%s::text[]) as name
where ops.table_hash(name::regclass) <> (
    select n || ':' || hash_sum from ops.hash_rows(name, ops.hashed_columns(name::regclass)))
"""
CHANGED = """
select kind, key, since from ops.changed_key join ops.change_set using (change_id)
where table_name = 'raw.interaction'
and change_id > %s
"""


def content(db):
    with db.transaction() as conn:
        wrong = conn.execute(WATCHED, [TABLES]).fetchall()
        assert wrong == []
        return {name: sorted(map(str, conn.execute(f"table {name}").fetchall())) for name in TABLES}


def lines(db):
    with db.transaction() as conn:
        rows = conn.execute(
            "select source_id, row_id, customer_id, product_id, occurred_at from raw.interaction"
        )
        return set(rows.fetchall())


def last_change(db):
    with db.transaction() as conn:
        [[number]] = conn.execute("select coalesce(max(change_id), 0) from ops.change_set")
        return number


def changed_keys(before, after):
    since = {}
    for _, _, customer, product, at in before ^ after:
        for named in (("customer", customer), ("product", product)):
            since[named] = min(at, since.get(named, at))
    return since


@pytest.fixture(scope="module")
def two(make_database, template):
    """Give a database that grows, and one that is loaded from nothing each time."""
    dsns = make_database(template), make_database(template)
    with Database(lambda: dsns[0]) as grown, Database(lambda: dsns[1]) as clean:
        yield grown, clean


@pytest.mark.parametrize("seed", range(5))
def test_any_change_gives_what_a_load_from_nothing_gives(two, tmp_path, seed):
    grown, clean = two
    shop = ChangingShop(tmp_path, random.Random(seed))  # noqa: S311  no secret
    ingest(grown, shop.write(), max_rejected=0.9, force=True)
    history: list[str] = []
    for _ in range(8):
        history += [shop.change() for _ in range(shop.dice.randint(1, 3))]
        before, last = lines(grown), last_change(grown)
        said = loaded(grown, shop.write())
        assert said == loaded(clean, shop.folder, force=True), history
        if said:
            break
        assert content(grown) == content(clean), history
        with grown.transaction() as conn:
            rows = conn.execute(CHANGED, [last]).fetchall()
        found = {(kind, key): at for kind, key, at in rows}
        assert found == changed_keys(before, lines(grown)), history


def loaded(database, folder, *, force=False):
    """Load a folder; return why it could not be loaded."""
    try:
        ingest(database, folder, max_rejected=0.9, force=force)
    except DataError as error:
        return str(error)
    return ""
