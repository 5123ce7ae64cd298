"""Views without the type vector: they hold what their tables do, and follow them."""

from __future__ import annotations

import datetime as dt
import subprocess

import numpy as np
import pandas as pd
import pytest
from psycopg.conninfo import make_conninfo

from kgfeatures.db.backup import client_arguments, client_program
from kgfeatures.graph import store, vectors

AT = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
VIEWS = """
select table_name as name
from information_schema.views
where table_schema = 'plain'
order by table_name"""


def publish(conn, seed: int) -> np.ndarray:
    keys = [f"p{n}" for n in range(5)]
    frame = pd.DataFrame({"entity_type": "product", "key": keys})
    store.upsert_entities(conn, frame)
    matrix = np.random.default_rng(seed).normal(size=(5, 3)).astype(np.float32)
    card = vectors.ModelCard(
        *("drawn", "text", "cosine", "<=>", {"seed": seed}, str(seed), "1", AT),
        feature_tables={"product": "product_drawn_vector"},
    )
    vectors.publish(conn, card, store.ids(frame["entity_type"], frame["key"]), matrix)
    return matrix


@pytest.fixture
def views(conn):
    def read() -> list[str]:
        return [name for (name,) in conn.execute(VIEWS)]

    return read


def test_a_published_vector_has_a_plain_view_with_numbers_dimension_and_norm(conn):
    matrix = publish(conn, 1)
    rows = conn.execute(
        "select drawn_vector, drawn_vector_dim, drawn_vector_norm"
        " from plain.feature_product_drawn_vector order by product_id"
    ).fetchall()
    assert np.allclose([row[0] for row in rows], matrix)
    assert {row[1] for row in rows} == {3}
    assert np.allclose([row[2] for row in rows], np.linalg.norm(matrix, axis=1), rtol=1e-6)


def test_views_hold_no_column_of_type_vector_and_run_with_the_callers_rights(conn):
    publish(conn, 1)
    kinds = conn.execute(
        "select distinct udt_name from information_schema.columns where table_schema = 'plain'"
    )
    assert "vector" not in {kind for (kind,) in kinds}
    options = conn.execute(
        "select distinct reloptions from pg_class where relnamespace = 'plain'::regnamespace"
    ).fetchall()
    assert options == [(["security_invoker=true"],)]


def test_views_follow_the_version_in_use(conn, views):
    publish(conn, 1)
    second = publish(conn, 2)
    rows = conn.execute(
        "select drawn_vector from plain.feature_product_drawn_vector order by product_id"
    ).fetchall()
    assert np.allclose([row[0] for row in rows], second)
    replaced = [name for name in views() if "drawn_vector_v" in name]
    assert len(replaced) == 1
    [old] = conn.execute(
        "select model_id from emb.model where alias = 'drawn' and model_id not in"
        " (select model_id from emb.alias)"
    ).fetchall()
    conn.execute("select emb.drop_model(%s)", old)
    assert [name for name in views() if "drawn" in name] == ["feature_product_drawn_vector"]


def test_a_table_that_changed_gets_another_view_and_the_others_stay(conn, views):
    publish(conn, 1)
    assert conn.execute("select ops.refresh_plain_views()").fetchone() == (0,)
    conn.execute("create table online.seen (entity_key text, v vector(2), n int)")
    assert conn.execute("select ops.refresh_plain_views()").fetchone() == (1,)
    conn.execute("alter table online.seen add column more text")
    assert conn.execute("select ops.refresh_plain_views()").fetchone() == (1,)
    conn.execute("insert into online.seen values ('a', '[3,4]', 1, 'x')")
    row = conn.execute("select * from plain.online_seen").fetchone()
    assert row == ("a", [3.0, 4.0], 2, 5.0, 1, "x")
    conn.execute("select ops.drop_plain_views('online.seen')")
    conn.execute("drop table online.seen")
    assert "online_seen" not in views()


def test_the_reader_may_read_them(db, reader):
    with db.transaction() as conn:
        publish(conn, 1)
    assert len(reader.execute("select * from plain.feature_product_drawn_vector").fetchall()) == 5


def test_psql_shows_them_as_numbers(db, db_dsn):
    with db.transaction() as conn:
        matrix = publish(conn, 1)
    place, env = client_arguments(make_conninfo(db_dsn, user="kgf_reader"))
    question = "select drawn_vector[1], drawn_vector_dim from plain.feature_product_drawn_vector"
    command = [client_program("psql"), place, "--no-psqlrc", "--csv", "--tuples-only"]
    done = subprocess.run(
        [*command, f"--command={question} order by product_id"],
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )
    rows = [line.split(",") for line in done.stdout.split()]
    assert [row[1] for row in rows] == ["3"] * 5
    assert np.allclose([float(row[0]) for row in rows], matrix[:, 0])
