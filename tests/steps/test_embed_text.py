from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from psycopg import sql
from scipy.sparse import csr_array

from kgfeatures import llm
from kgfeatures.db import transport
from kgfeatures.errors import DataError, UnknownNameError
from kgfeatures.graph import vectors
from kgfeatures.llm import TextEncoder, text_encoder
from kgfeatures.steps import embed_text
from kgfeatures.types import entity_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

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
        for row, line in enumerate(BOUGHT):
            buy(conn, row, *line)
    return db


def buy(conn: Connection[TupleRow], row: int, customer: str, product: str) -> None:
    conn.execute(
        "insert into raw.interaction (source_id, row_id, customer_id, product_id, event, "
        "occurred_at) values (1, %s, %s, %s, 'purchase', %s)",
        [row, customer, product, DAY + dt.timedelta(days=row, hours=1)],
    )


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


def test_mean_of_bought_sums_products_in_order_and_divides_by_their_number() -> None:
    products = np.array([[1, 0], [0, 2], [3, 3]], dtype=np.float32)
    bought = csr_array(np.array([[1.0, 1, 0], [0, 0, 1]]))
    assert embed_text.mean_of_bought(products, bought).tolist() == [[0.5, 1], [3, 3]]


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the list of all texts that encoders are asked for from now on."""
    asked: list[str] = []

    def text_encoder(uri: str, *, threads: int) -> TextEncoder:
        encoder = llm.encoders.text_encoder(uri, threads=threads)
        plain = encoder.encode

        def encode(texts: Sequence[str], on_batch: Callable[[int], None] | None = None):
            asked.extend(texts)
            return plain(texts, on_batch)

        monkeypatch.setattr(encoder, "encode", encode)
        return encoder

    monkeypatch.setattr(llm, "text_encoder", text_encoder)
    return asked


def say(db: Database, product: str, text: str | None) -> None:
    with db.transaction() as conn:
        conn.execute("update raw.product set body = %s where product_id = %s", [text, product])


def result(db: Database, uri: str, *, force: bool = False) -> list[str]:
    """Return the content hashes of all that the step leaves: vectors, features, texts' hashes."""
    rows = embed_text.run_text(db, uri, features=True, force=force).rows
    found = db.frame("runs.hashes", names=sorted(rows))["content_hash"].tolist()
    texts = db.sql(
        "select ops.table_hash('emb.encoded_text') as hash, alias.model_id from emb.alias"
        " where alias = %(alias)s",
        {"alias": embed_text.alias_of(uri)},
    )
    return [*found, *texts.astype(str).to_numpy()[0]]


def test_only_texts_that_are_new_are_encoded(shop: Database, encoded: list[str]) -> None:
    embed_text.run_text(shop, "builtin:chargram")
    assert encoded == ["red tea cup", "blue tea cup", "red umbrella"]
    encoded.clear()
    say(shop, "p3", "green umbrella")
    say(shop, "p0", "red umbrella")  # what p2 says stands there already
    embed_text.run_text(shop, "builtin:chargram")
    assert encoded == ["green umbrella"]


def test_forced_run_and_another_encoder_encode_everything(
    shop: Database, encoded: list[str]
) -> None:
    embed_text.run_text(shop, "builtin:chargram")
    embed_text.run_text(shop, "builtin:chargram", force=True)
    assert len(encoded) == 6
    embed_text.run_text(shop, "builtin:minilm")
    assert len(encoded) == 9


def test_vectors_that_somebody_changed_are_made_again(shop: Database, encoded: list[str]) -> None:
    before = result(shop, "builtin:chargram")
    model = shop.sql("select model_id from emb.alias").model_id[0]
    with shop.transaction() as conn:
        table = sql.Identifier("emb", f"m_{model}")
        conn.execute(sql.SQL("update {} set v = v + v").format(table))
    assert result(shop, "builtin:chargram") == before
    assert len(encoded) == 6


@pytest.mark.parametrize("uri", ["builtin:chargram", "builtin:minilm"])
def test_kept_vectors_equal_those_from_scratch(shop: Database, uri: str) -> None:
    rng = np.random.default_rng(0)
    words = ["red", "tea", "cup", "of", "the", "umbrella", "42"]
    for day in range(4):
        for product in rng.choice(list(TEXTS), 2, replace=False):
            text = " ".join(rng.choice(words, rng.integers(1, 6)))
            say(shop, str(product), None if rng.random() < 0.2 else text)
        with shop.transaction() as conn:
            buy(conn, 100 + day, f"c{rng.integers(0, 3)}", f"p{rng.integers(0, 4)}")
        kept = result(shop, uri)
        assert result(shop, uri, force=True) == kept


def test_a_killed_run_changes_nothing_and_the_next_one_does_it_all(
    shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = result(shop, "builtin:chargram")
    say(shop, "p3", "green umbrella")
    with monkeypatch.context() as broken:
        broken.setattr(embed_text, "_remember", None)
        with pytest.raises(TypeError):
            embed_text.run_text(shop, "builtin:chargram", features=True)
    used = shop.sql("select model_id from emb.alias").model_id.astype(str).tolist()
    assert used == before[-1:]
    kept = result(shop, "builtin:chargram")
    assert result(shop, "builtin:chargram", force=True) == kept


def test_sql_tells_whose_text_is_another_one_now(shop: Database) -> None:
    embed_text.run_text(shop, "builtin:chargram")
    stale = "select * from emb.stale_texts('text_chargram') as product_id"
    assert len(shop.sql(stale)) == 0
    say(shop, "p1", "caffè")
    assert shop.sql(stale).product_id.tolist() == ["p1"]
    found = shop.sql("select emb.text_hash('caffè') as hash").hash[0]
    assert found == hashlib.sha256("caffè".encode()).hexdigest()
