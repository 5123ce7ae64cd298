"""The exported variables, read by libpq, SQLAlchemy and a shell as those read them."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import create_engine, make_url, text

from kgfeatures.db import launcher
from kgfeatures.db.environment import environment
from kgfeatures.errors import ConfigError

TCP = "postgresql://an%40owner:p%2Fw%20d@db.example:6543/the%20shop?sslmode=require&sslrootcert=/ca"


def test_parts_of_a_tcp_dsn_are_decoded():
    found = environment(TCP)
    assert found["KGFEATURES_PG_HOST"] == found["PGHOST"] == "db.example"
    assert found["KGFEATURES_PG_PORT"] == found["PGPORT"] == "6543"
    assert found["KGFEATURES_PG_USER"] == found["PGUSER"] == "an@owner"
    assert found["KGFEATURES_PG_PASSWORD"] == found["PGPASSWORD"] == "p/w d"
    assert found["KGFEATURES_PG_DATABASE"] == found["PGDATABASE"] == "the shop"
    assert found["KGFEATURES_PG_SSLMODE"] == found["PGSSLMODE"] == "require"
    assert found["PGSSLROOTCERT"] == "/ca"
    assert found["KGFEATURES_DSN"] == TCP
    assert "KGFEATURES_READER_DSN" not in found


def test_registry_url_says_the_same_to_sqlalchemy_with_feasts_own_schema():
    url = make_url(environment(TCP)["KGFEATURES_REGISTRY_URL"])
    assert (url.drivername, url.username, url.password) == (
        "postgresql+psycopg",
        "an@owner",
        "p/w d",
    )
    assert (url.host, url.port, url.database) == ("db.example", 6543, "the shop")
    assert url.query == {
        "options": "-csearch_path=feast_registry",
        "sslmode": "require",
        "sslrootcert": "/ca",
    }


def test_options_of_the_dsn_are_kept_beside_the_registrys_schema():
    dsn = make_conninfo(host="h", user="u", dbname="d", options="-c statement_timeout=9s")
    url = make_url(environment(dsn)["KGFEATURES_REGISTRY_URL"])
    assert url.query["options"] == "-c statement_timeout=9s -csearch_path=feast_registry"


def test_ipv6_host_stands_in_brackets():
    url = environment("postgresql://u@[::1]:5433/d")["KGFEATURES_REGISTRY_URL"]
    assert url.startswith("postgresql+psycopg://u@[::1]:5433/d?")


def test_key_value_dsn_without_a_port_means_the_usual_one(monkeypatch):
    monkeypatch.delenv("PGPORT", raising=False)
    found = environment("host=h user=u dbname=d")
    assert found["KGFEATURES_PG_PORT"] == "5432"
    assert found["KGFEATURES_PG_PASSWORD"] == ""
    assert found["KGFEATURES_PG_SSLMODE"] == "prefer"


def test_dsn_that_cannot_be_parsed_is_refused_without_repeating_it():
    with pytest.raises(ConfigError) as refused:
        environment("postgresql://u:secret@h/d?nonsense=1")
    assert "secret" not in str(refused.value)


def test_variables_of_the_embedded_server_connect(server_home, server_dsn):
    found = environment(server_dsn, launcher.reader_dsn(server_home))
    assert found["KGFEATURES_PG_PASSWORD"] == ""
    assert found["KGFEATURES_PG_SSLMODE"] == "disable"
    parts = conninfo_to_dict(found["KGFEATURES_READER_DSN"])
    assert (parts["user"], parts["host"]) == ("kgf_reader", found["PGHOST"])
    with psycopg.connect(
        host=found["KGFEATURES_PG_HOST"],
        port=found["KGFEATURES_PG_PORT"],
        user=found["KGFEATURES_PG_USER"],
        dbname=found["KGFEATURES_PG_DATABASE"],
        password=found["KGFEATURES_PG_PASSWORD"],
        sslmode=found["KGFEATURES_PG_SSLMODE"],
    ) as conn:
        assert conn.execute("select current_user").fetchone() == ("kgf_owner",)


@pytest.mark.parametrize("tcp", [False, True])
def test_registry_url_connects_with_its_search_path(fresh_home, tcp):
    dsn = launcher.tcp_dsn(fresh_home) if tcp else launcher.ensure_running(fresh_home)
    engine = create_engine(environment(dsn)["KGFEATURES_REGISTRY_URL"])
    with engine.connect() as conn:
        assert conn.execute(text("show search_path")).scalar() == "feast_registry"
        assert conn.execute(text("select current_user")).scalar() == "kgf_owner"
    engine.dispose()
