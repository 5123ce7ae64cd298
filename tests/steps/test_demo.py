"""The whole story on a small real shop: again, repaired, changed, and on a second server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from kgfeatures.db import Database, launcher, migrate
from kgfeatures.db.step import StepResult
from kgfeatures.steps.demo import demo
from kgfeatures.types import NoProgress
from tests import shop as small
from tests.test_docs import ROOT, statements

pytestmark = pytest.mark.slow

CONTENT = """
select
    schemaname || '.' || tablename as name,
    ops.table_hash(format('%%I.%%I', schemaname, tablename)::regclass) as hash
from pg_tables
where schemaname = any(%(schemas)s)
"""
SCHEMAS = ["raw", "kg", "emb", "feature", "online", "rec", "seg"]


def build(database: Database, folder: Path) -> list[StepResult]:
    return [stage.result for stage in demo(database, folder, progress=NoProgress())]


def content(database: Database) -> dict[str, str]:
    """Return the content hash of every table."""
    found = database.sql(CONTENT, {"schemas": SCHEMAS})
    return dict(zip(found.name, found.hash, strict=True))


def differences(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    """Name the tables that differ."""
    names = sorted(found.keys() | expected.keys())
    return [name for name in names if found.get(name) != expected.get(name)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def built(make_database, template, folder: Path) -> Iterator[Database]:
    dsn = make_database(template)
    with Database(lambda: dsn) as database:
        build(database, folder)
        yield database


@pytest.fixture(scope="module")
def second_home(servers: Path) -> Iterator[Path]:
    """Give the home of another server."""
    home = servers / "second"
    yield home
    launcher.stop(home)


@pytest.fixture(scope="module")
def second_server(second_home: Path) -> Iterator[Database]:
    """Give a database on another server: over TCP, by password, its owner no superuser."""
    dsn = launcher.tcp_dsn(second_home)
    migrate(dsn)
    with Database(lambda: dsn) as database:
        yield database


def test_every_step_makes_rows(built: Database, folder: Path) -> None:
    results = build(built, folder)
    assert [result.step for result in results if not sum(result.rows.values())] == []


def test_a_second_demo_does_nothing_and_changes_nothing(built: Database, folder: Path) -> None:
    before = content(built)
    assert [result.step for result in build(built, folder) if not result.skipped] == []
    assert content(built) == before


TABLES = [
    "customer_profile",
    "product_graph_vector",
    "customer_text_vector",
    "segment_behaviour",
    "customer_recommendation",
]


@pytest.mark.parametrize("table", TABLES)
def test_a_dropped_feature_table_comes_back_as_it_was(
    built: Database, folder: Path, table: str
) -> None:
    before = content(built)
    with built.transaction() as conn:
        conn.execute(sql.SQL("drop table feature.{} cascade").format(sql.Identifier(table)))
    build(built, folder)
    assert differences(content(built), before) == []


def test_a_changed_shop_equals_one_built_from_nothing(
    built: Database, second_server: Database, folder: Path
) -> None:
    [data] = folder.glob("*.parquet")
    lines = pd.read_parquet(data)
    lines.loc[lines.index[0], "StockCode"] = small.PRODUCT
    lines.to_parquet(data)

    build(built, folder)
    build(second_server, folder)

    grown, clean = content(built), content(second_server)
    # Replaced versions of vectors stay, each under its own number.
    replaced = [name for name in set(grown) - set(clean) if not re.search(r"_v?\d+", name)]
    assert replaced == []
    for history in ("emb.model", "emb.encoded_text"):
        del clean[history]
    assert differences({name: grown.get(name, "missing") for name in clean}, clean) == []
    in_use = "select alias, model_id from emb.alias order by alias"
    assert built.sql(in_use).equals(second_server.sql(in_use))


def test_a_client_that_only_knows_sql_reads_over_tcp(
    second_server: Database, second_home: Path, folder: Path
) -> None:
    build(second_server, folder)
    place = conninfo_to_dict(launcher.tcp_dsn(second_home, reader=True))
    engine = sqlalchemy.create_engine(
        sqlalchemy.URL.create(
            "postgresql+psycopg",
            username=place["user"],
            password=place["password"],
            host=place["host"],
            port=int(place["port"]),
            database=place["dbname"],
        )
    )
    examples = statements(ROOT / "docs" / "sql_clients.md")
    with engine.connect() as client:
        answers = [client.execute(sqlalchemy.text(example)).fetchall() for example in examples]
    engine.dispose()
    assert [example for example, rows in zip(examples, answers, strict=True) if not rows] == []
