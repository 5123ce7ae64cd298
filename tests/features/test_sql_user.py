"""The tables that Feast serves are those that analysts query, and other processes ask over HTTP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from kgfeatures.db.environment import environment
from kgfeatures.features import online_features
from kgfeatures.features.store import Repository
from tests.features.conftest import feast

pytestmark = pytest.mark.slow


def test_sql_and_feast_give_the_same_vectors_to_the_bit(shop) -> None:
    stored = shop.sql(
        "select product_id, graph_vector from online.product_graph_vector"
        " order by graph_vector <=> (select graph_vector from online.product_graph_vector"
        " where product_id = 'p1') limit 10"
    )
    assert stored["product_id"][0] == "p1"
    rows = [{"product_id": key} for key in stored["product_id"]]
    got = online_features(rows, ["product_graph_vector"], database=shop)
    for mine, theirs in zip(got["graph_vector"], stored["graph_vector"], strict=True):
        assert np.asarray(mine, dtype=np.float32).tobytes() == theirs.tobytes()


def test_a_feature_service_is_a_view_that_the_reader_may_read(shop) -> None:
    columns = ["customer_id", "orders_total", "country"]
    mine = shop.sql("select * from online.customer_profile_v1 order by customer_id")[columns]
    with psycopg.connect(make_conninfo(shop.dsn, user="kgf_reader")) as reader:
        theirs = reader.execute(
            "select customer_id, orders_total, country from online.customer_profile_v1 order by 1"
        ).fetchall()
        assert [list(row) for row in theirs] == mine.to_numpy().tolist()
        with pytest.raises(psycopg.Error, match=r"read-only|permission denied"):
            reader.execute("delete from online.customer_profile")
    options = shop.sql("select reloptions from pg_class where relname = 'customer_profile_v1'")
    assert "security_invoker=true" in options["reloptions"][0]


def test_the_comments_of_the_definitions_stand_on_the_tables(shop) -> None:
    [[table, column]] = (
        shop.sql(
            "select obj_description('online.customer_profile'::regclass),"
            " col_description('online.customer_profile'::regclass, attnum) from pg_attribute"
            " where attrelid = 'online.customer_profile'::regclass and attname = 'tenure_days'"
        )
        .to_numpy()
        .tolist()
    )
    assert table.startswith("How each customer behaved up to a cut-off")
    assert column == "Whole days since the first interaction of any kind."


def test_a_client_that_knows_only_http_is_served(shop) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [str(Path(sys.executable).with_name("feast")), "serve", "--port", str(port)],
        cwd=Repository().folder,
        env=os.environ | environment(shop.dsn),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    asked = {
        "features": ["customer_profile:orders_total", "customer_profile:country"],
        "entities": {"customer_id": ["c1", "nobody"]},
    }
    try:
        got = post(f"http://127.0.0.1:{port}/get-online-features", asked)
    finally:
        server.terminate()
        server.wait()
    columns = dict(zip(got["metadata"]["feature_names"], got["results"], strict=True))
    stored = shop.sql("select orders_total from online.customer_profile where customer_id = 'c1'")
    assert columns["orders_total"]["values"] == [stored["orders_total"][0], None]
    assert columns["orders_total"]["statuses"] == ["PRESENT", "NOT_FOUND"]


def post(address: str, asked: dict) -> dict:
    """Ask until the server answers, a minute at most."""
    request = urllib.request.Request(
        address, json.dumps(asked).encode(), {"Content-Type": "application/json"}
    )
    for _ in range(120):
        try:
            with urllib.request.urlopen(request) as answer:
                return json.loads(answer.read())
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
    pytest.fail("the feature server did not answer within a minute")


def test_the_plain_feast_command_materializes(shop) -> None:
    with shop.transaction() as conn:
        conn.execute("delete from online.customer_profile where customer_id = 'c2'")
    feast(shop.dsn, "materialize", "--views", "customer_profile", "2019-01-01", "2021-01-01")
    kept = shop.sql("select customer_id from online.customer_profile where customer_id = 'c2'")
    assert len(kept) == 1
