"""rec.* under row-level security, whichever table hides a product: full lists of what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from kgfeatures.db import Database
from kgfeatures.db.connection import open_connection
from kgfeatures.steps.recommend import recommend
from tests.sql.rec_shop import SETTINGS, SmallShop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMALL = SmallShop()
POLICIES = {
    "rec.popular": "substr(product_id, 2)::int % 3 > 0",
    "raw.product": "substr(product_id, 2)::int % 3 > 0",
    "kg.entity": "entity_type <> 'product' or substr(key, 2)::int % 3 > 0",
}
CALLS = (
    "rec.recommend('c0004', {k})",
    "rec.recommend('c0004', {k}, '{{}}')",
    "rec.recommend('c0039', {k})",
    "rec.recommend_many('{{c0004}}', {k})",
    "rec.similar_products('p001', {k})",
    "rec.complements('p001', {k})",
)


@pytest.fixture(scope="module")
def shop(make_database: Callable[[str | None], str], template: str) -> Iterator[str]:
    dsn = make_database(template)
    with Database(lambda: dsn) as database:
        with database.transaction() as conn:
            SMALL.load(conn)
        recommend(database, SETTINGS)
    return dsn


@pytest.fixture(params=POLICIES)
def hidden(shop: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Hide every third product from the reader."""
    with open_connection(shop) as conn:
        conn.execute(f"alter table {request.param} enable row level security")
        conn.execute(f"create policy few on {request.param} using ({POLICIES[request.param]})")
    yield shop
    with open_connection(shop) as conn:
        conn.execute(f"drop policy few on {request.param}")
        conn.execute(f"alter table {request.param} disable row level security")


def products(conn: psycopg.Connection, call: str, k: int) -> list[str]:
    rows = conn.execute(f"select * from {call.format(k=k)}")  # noqa: S608  the tests' own words
    names = [column.name for column in rows.description or ()]
    key = next(
        n for n, name in enumerate(names) if name in {"product_id", "neighbor_id"} or "comp" in name
    )
    return [row[key] for row in rows]


@pytest.mark.parametrize("call", CALLS)
def test_lists_are_full_of_what_may_be_seen(hidden: str, call: str) -> None:
    with (
        open_connection(hidden) as owner,
        open_connection(make_conninfo(hidden, user="kgf_reader")) as reader,
    ):
        visible = [key for key in products(owner, call, 1000) if int(key[1:]) % 3]
        assert products(reader, call, 8) == visible[:8]


def test_a_hidden_product_is_not_explained_and_not_counted(hidden: str) -> None:
    with open_connection(make_conninfo(hidden, user="kgf_reader")) as reader:
        for call in ("rec.explain('c0004', 'p003')", "rec.similar_products('p003')"):
            with pytest.raises(psycopg.Error, match='no product "p003" was known'):
                products(reader, call, 1)
            reader.rollback()
        why = reader.execute("select rec.why('c0004', '{\"has_colour\": \"red\"}')").fetchone()
    # Red are the products that are hidden.
    assert why is not None
    assert "no product passes the filters" in why[0]
