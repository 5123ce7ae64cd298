from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pytest

from kgfeatures.db import transport
from kgfeatures.embedding import TrainingSettings
from kgfeatures.errors import DataError, UnknownNameError
from kgfeatures.steps import embed
from kgfeatures.types import entity_ids, relation_id

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database

SETTINGS = TrainingSettings(dim=8, epochs=2, batch_size=16, negatives=8)
TEXTS = {"p0": "red tea cup", "p1": "blue tea cup", "p2": "red umbrella", "p3": None}
BOUGHT = [("c0", "p0"), ("c0", "p1"), ("c0", "p1"), ("c1", "p2"), ("c1", "p3"), ("c2", "p3")]
DAY = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def shop(db: Database) -> Database:
    """Four products, three with a text, and three customers who bought on successive days."""
    with db.transaction() as conn:
        keys = {"product": list(TEXTS), "customer": ["c0", "c1", "c2"], "colour": ["red"]}
        for kind, names in keys.items():
            columns = {
                "entity_id": entity_ids(kind, names),
                "entity_type": np.array([kind] * len(names)),
                "key": np.array(names),
            }
            transport.copy_in(conn, "kg.entity", columns)
        add_colours(conn)
        for product, text in TEXTS.items():
            conn.execute(
                "insert into raw.product (product_id, body) values (%s, %s)", [product, text]
            )
        conn.execute(
            "insert into raw.source (source_id, kind, name, sha256, rows_read, rows_loaded, "
            "rows_rejected) values (1, 'interactions', 'tx', '', 6, 6, 0)"
        )
        for row, (customer, product) in enumerate(BOUGHT):
            buy(conn, row, customer, product)
    return db


def add_colours(conn: Connection[TupleRow]) -> None:
    red = [entity_ids("product", ["p0", "p2"]), entity_ids("colour", ["red", "red"])]
    relation = relation_id("has_colour")
    conn.execute(
        "insert into kg.relation (relation_id, name) values (%s, 'has_colour')", [relation]
    )
    columns = {"head_id": red[0], "relation_id": np.array([relation] * 2), "tail_id": red[1]}
    transport.copy_in(conn, "kg.triple", columns)


def buy(conn: Connection[TupleRow], row: int, customer: str, product: str) -> None:
    conn.execute(
        "insert into raw.interaction (source_id, row_id, customer_id, product_id, event, "
        "occurred_at) values (1, %s, %s, %s, 'purchase', %s)",
        [row, customer, product, DAY + dt.timedelta(days=row, hours=1)],
    )


def graph(db: Database, **options: object) -> dict[str, int]:
    result = embed.run_graph(db, settings=SETTINGS, **options)  # type: ignore[arg-type]
    return result.rows


def test_graph_vectors_cover_all_triples_of_the_graph(shop: Database) -> None:
    rows = graph(shop)
    assert sorted(rows.values()) == [3, 4, 4, 8]  # customers, products, 2 x 2 relations, entities
    fact = shop.sql("select distinct head_id, relation_id, tail_id from kg.fact order by 1, 2, 3")
    seen = shop.frame("embed.facts", known_at=DAY + dt.timedelta(days=6))
    assert seen.equals(fact)
    assert len(seen) == 5 + 2


def test_graph_features_hold_at_the_data_cutoff(shop: Database) -> None:
    graph(shop)
    found = shop.sql(
        "select distinct event_timestamp, created_timestamp from feature.product_graph_vector"
    )
    assert found.to_numpy().tolist() == [[DAY + dt.timedelta(days=6)] * 2]


def test_second_run_is_skipped_until_something_changes(shop: Database) -> None:
    first = embed.run_graph(shop, settings=SETTINGS)
    assert not first.skipped
    assert embed.run_graph(shop, settings=SETTINGS).skipped
    with shop.transaction() as conn:
        conn.execute("drop table feature.product_graph_vector cascade")
    again = embed.run_graph(shop, settings=SETTINGS)
    assert (again.skipped, again.rows) == (False, first.rows)
    with shop.transaction() as conn:
        buy(conn, 6, "c2", "p0")
    assert not embed.run_graph(shop, settings=SETTINGS).skipped


def test_forced_run_gives_the_same_bits(shop: Database) -> None:
    hashes = []
    for force in (False, True):
        rows = graph(shop, force=force)
        found = shop.frame("runs.hashes", names=sorted(rows))
        hashes.append(found.to_numpy().tolist())
    assert hashes[0] == hashes[1]


def test_vectors_know_nothing_of_what_came_later(shop: Database) -> None:
    known_at = DAY + dt.timedelta(days=3)
    before = graph(shop, known_at=known_at)
    with shop.transaction() as conn:
        buy(conn, 6, "c0", "p3")
    assert graph(shop, known_at=known_at) == before
    customers = shop.sql("select customer_id, event_timestamp from feature.customer_graph_vector")
    assert customers.customer_id.tolist() == ["c0"]
    assert customers.event_timestamp.tolist() == [known_at]


def test_a_shop_without_rows_says_what_to_run(db: Database) -> None:
    with pytest.raises(DataError, match="run `kgfeatures ingest DIR` first"):
        embed.run_graph(db)
    with pytest.raises(UnknownNameError, match="did you mean 'transe'"):
        embed.run_graph(db, model="transee")


def test_reader_may_ask_but_not_write(shop: Database, reader: Connection[TupleRow]) -> None:
    graph(shop)
    found = reader.execute("select * from kg.similar('graph', 'product', 'p0', 2)").fetchall()
    assert len(found) == 2
    found = reader.execute('select * from kg.filter_products(\'{"has_colour": "red"}\')')
    assert len(found.fetchall()) == 2
    version = reader.execute("select emb.model_in_use('graph')").fetchone()
    assert version is not None
    with pytest.raises(Exception, match="read-only|permission denied|must be owner"):
        reader.execute("select emb.activate('graph', %s)", version)


def test_a_card_names_model_precision_and_the_steps_of_a_budget(shop: Database) -> None:
    settings = TrainingSettings(dim=8, batch_size=16, negatives=8, precision="float32")
    embed.run_graph(shop, model="rotate", settings=settings, seconds=0.2)
    card = shop.rows("embed_versions.versions")[0]
    [stored] = shop.sql("select parameters, scorer, operator from emb.model").to_dict("records")
    assert card["scorer"] == stored["scorer"] == "rotate_l2"
    named = {name: stored["parameters"][name] for name in ("model", "precision", "dim")}
    assert named == {"model": "rotate", "precision": "float32", "dim": 8}
    assert stored["parameters"]["steps"] >= 1
    assert "seconds" not in stored["parameters"]
