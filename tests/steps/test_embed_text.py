from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pytest

from kgfeatures.db import transport
from kgfeatures.errors import DataError, UnknownNameError
from kgfeatures.graph import vectors
from kgfeatures.llm import text_encoder
from kgfeatures.steps import embed_text
from kgfeatures.types import entity_ids

if TYPE_CHECKING:
    from kgfeatures.db import Database

TEXTS = {"p0": "red tea cup", "p1": "blue tea cup", "p2": "red umbrella", "p3": None}
BOUGHT = [("c0", "p0"), ("c0", "p1"), ("c0", "p1"), ("c1", "p2"), ("c1", "p3"), ("c2", "p3")]
DAY = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def shop(db: Database) -> Database:
    """Four products, three with a text, and three customers who bought on successive days."""
    with db.transaction() as conn:
        for kind, names in {"product": list(TEXTS), "customer": ["c0", "c1", "c2"]}.items():
            columns = {
                "entity_id": entity_ids(kind, names),
                "entity_type": np.array([kind] * len(names)),
                "key": np.array(names),
            }
            transport.copy_in(conn, "kg.entity", columns)
        conn.cursor().executemany(
            "insert into raw.product (product_id, body) values (%s, %s)", list(TEXTS.items())
        )
        conn.execute(
            "insert into raw.source (source_id, kind, name, sha256, rows_read, rows_loaded, "
            "rows_rejected) values (1, 'interactions', 'tx', '', 6, 6, 0)"
        )
        conn.cursor().executemany(
            "insert into raw.interaction (source_id, row_id, customer_id, product_id, event, "
            "occurred_at) values (1, %s, %s, %s, 'purchase', %s)",
            [
                (row, *line, DAY + dt.timedelta(days=row, hours=1))
                for row, line in enumerate(BOUGHT)
            ],
        )
    return db


def test_text_vectors_are_the_encoders(shop: Database) -> None:
    embed_text.run_text(shop, "builtin:chargram")
    with shop.transaction() as conn:
        keys, found = vectors.read(conn, "text_chargram", "product")
    expected = text_encoder("builtin:chargram").encode([str(TEXTS[key]) for key in keys])
    assert keys == ["p0", "p1", "p2"]
    np.testing.assert_array_equal(found, expected)


def test_customers_are_the_mean_of_the_different_products_they_bought(shop: Database) -> None:
    embed_text.run_text(shop, "builtin:chargram")
    with shop.transaction() as conn:
        _, products = vectors.read(conn, "text_chargram", "product")
        customers, found = vectors.read(conn, "text_chargram", "customer")
    assert customers == ["c0", "c1"]  # c2 bought only p3, which has no text
    np.testing.assert_allclose(found[0], (products[0] + products[1]) / 2, atol=1e-6)
    np.testing.assert_allclose(found[1], products[2], atol=1e-6)


def test_text_features_are_filled_when_asked_for(shop: Database) -> None:
    embed_text.run_text(shop, "builtin:chargram")
    missing = shop.sql("select to_regclass('feature.product_text_vector') is null as missing")
    assert missing.missing.tolist() == [True]
    result = embed_text.run_text(shop, "builtin:chargram", features=True)
    assert result.rows["feature.product_text_vector"] == 3
    assert result.rows["feature.customer_text_vector"] == 2
    assert embed_text.run_text(shop, "builtin:chargram", features=True).skipped


def test_changed_text_gives_a_new_version(shop: Database) -> None:
    embed_text.run_text(shop, "builtin:chargram")
    with shop.transaction() as conn:
        conn.execute("update raw.product set body = 'green umbrella' where product_id = 'p3'")
    result = embed_text.run_text(shop, "builtin:chargram")
    assert not result.skipped
    assert len(shop.sql("select from emb.model where alias = 'text_chargram'")) == 2


def test_an_unknown_encoder_and_a_shop_without_rows_say_what_to_do(db: Database) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'builtin:minilm'"):
        embed_text.run_text(db, "builtin:mini")
    with pytest.raises(DataError, match="run `kgfeatures ingest DIR` first"):
        embed_text.run_text(db, "builtin:chargram")


def test_mean_of_bought_ignores_products_without_a_vector() -> None:
    products = np.array([[1, 0], [0, 2]], dtype=np.float32)
    customers, means = embed_text.mean_of_bought(
        ["a", "b"], products, ["x", "x", "y"], ["a", "b", "z"]
    )
    assert customers == ["x"]
    assert means.tolist() == [[0.5, 1]]
