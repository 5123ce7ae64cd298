"""`kgfeatures init` and `kgfeatures ingest --check` as a person types them."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from kgfeatures import cli
from tests.graph.odd_shops import SHOPS, USUAL, csv, orders, renamed

ORDERS = csv(renamed(orders(), USUAL))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    monkeypatch.setenv("KGFEATURES_HOME", str(tmp_path / "no-home"))

    def run(*arguments: object) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["kgfeatures", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return SimpleNamespace(status=end.value.code or 0, out=out, err=err)

    return run


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "orders.csv").write_bytes(ORDERS)
    return folder


def test_init_drafts_what_check_then_accepts_without_a_database(run, shop, tmp_path):
    drafted = run("init", shop)
    assert drafted.status == 0
    assert "drafted interactions" in drafted.out
    checked = run("ingest", shop, "--check")
    assert checked.status == 0
    assert "interactions from orders.csv: 90 of 90 rows loaded, 0 rejected\n" in checked.out
    assert not (tmp_path / "no-home").exists()
    assert sorted(each.name for each in shop.iterdir()) == ["dataset.yaml", "orders.csv"]


def test_init_keeps_a_manifest_unless_forced(run, shop):
    (shop / "dataset.yaml").write_text("mine", encoding="utf-8")
    refused = run("init", shop)
    assert (refused.status, (shop / "dataset.yaml").read_text("utf-8")) == (1, "mine")
    assert "--force" in refused.err
    assert run("init", shop, "--force").status == 0
    assert "customer: customer_id" in (shop / "dataset.yaml").read_text("utf-8")


def test_init_writes_elsewhere_with_names_of_files_relative_to_there(run, shop, tmp_path):
    beside = tmp_path / "beside"
    beside.mkdir()
    assert run("init", shop, "--out", beside / "dataset.yaml").status == 0
    assert run("ingest", beside, "--check").status == 0
    assert not (shop / "dataset.yaml").exists()


def test_init_without_interactions_says_so_and_exits_with_1(run, shop):
    (shop / "orders.csv").write_bytes(b"sku,title\nA,red mug\nB,blue mug\n")
    drafted = run("init", shop)
    assert drafted.status == 1
    assert "no interactions found" in drafted.out
    assert "product: sku" in (shop / "dataset.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    "source",
    [
        *("none", "sqlite:///none.db", "nosuch://me:secret@host/shop"),
        "postgresql+psycopg://me:secret@localhost:1/shop",
    ],
)
def test_init_of_what_is_no_folder_is_one_sentence(run, tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    answer = run("init", source)
    assert answer.status == 1
    assert answer.err.count("\n") == 1
    assert "secret" not in answer.err
    assert list(tmp_path.iterdir()) == []


def test_check_fails_as_loading_would(run, shop, tmp_path):
    run("init", shop)
    (shop / "orders.csv").write_bytes(ORDERS.replace(b"2023-01-01", b"yesterday"))
    answer = run("ingest", shop, "--check")
    assert answer.status == 1
    assert "orders.csv, line 2, column 'ordered_at'" in answer.err
    allowed = run("ingest", shop, "--check", "--max-rejected", "0.1")
    assert allowed.status == 0
    assert "  rejected: orders.csv, 2, column 'ordered_at'" in allowed.out


def test_init_drafts_tables_of_a_schema_and_check_reads_them(run, db, monkeypatch, tmp_path):
    monkeypatch.setenv("KGFEATURES_DSN", db.dsn)
    monkeypatch.chdir(tmp_path)
    with db.transaction() as conn:
        conn.execute("create schema erp")
        conn.execute("create table erp.orders (customer_id int, sku text, ordered_at timestamptz)")
        conn.execute("insert into erp.orders values (1, 'a', '2024-01-01'), (2, 'b', '2024-01-02')")
        conn.execute("create table erp.empty (customer_id int)")
    drafted = run("init", "schema:erp")
    assert drafted.status == 0, drafted.err
    assert "erp.empty has no rows" in drafted.out
    content = yaml.safe_load(Path("dataset.yaml").read_text("utf-8"))
    assert content["interactions"][0]["table"] == "erp.orders"
    checked = run("ingest", ".", "--check")
    assert "interactions from erp.orders: 2 of 2 rows loaded" in checked.out
    assert db.rows("ingest.summary") == []
    assert "has no tables" in run("init", "schema:nothing", "--force").err


def test_init_exports_another_database_and_drafts_its_tables(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("shop.db")) as shop, shop:
        shop.execute("create table orders (customer_id integer, sku text, ordered_at datetime, x)")
        rows = [
            (n % 5, f"p{n % 3}", f"2024-01-{1 + n % 28:02d}", (1, "a", 2.5)[n % 3])
            for n in range(40)
        ]
        shop.executemany("insert into orders values (?, ?, ?, ?)", rows)
        shop.execute('create table "my goods" (sku text, title text, picture blob)')
        shop.executemany(
            "insert into \"my goods\" values (?, ?, x'00')",
            [(f"p{n}", f"red mug {n}") for n in range(3)],
        )
        shop.execute("create table bare (a text)")
    drafted = run("init", "sqlite:///shop.db")
    assert drafted.status == 0, drafted.err
    checked = run("ingest", ".", "--check")
    assert "interactions from orders.parquet: 40 of 40 rows loaded" in checked.out
    assert "products from my_goods.parquet: 3 of 3 rows loaded" in checked.out
    again = run("init", "sqlite:///shop.db", "--out", "other.yaml")
    assert again.status == 1
    assert "--force" in again.err


@pytest.mark.parametrize("number", range(len(SHOPS)), ids=lambda n: SHOPS[n].name)
def test_loading_a_draft_says_what_its_check_said(run, db, monkeypatch, shop, number):
    monkeypatch.setenv("KGFEATURES_DSN", db.dsn)
    (shop / "orders.csv").unlink()
    for name, content in SHOPS[number].files.items():
        (shop / name).write_bytes(content)
    run("init", shop)
    *checked, last = run("ingest", shop, "--check").out.splitlines()
    loaded = run("ingest", shop)
    assert last == "check: everything would load; nothing was written"
    assert loaded.status == 0, loaded.err
    assert loaded.out.splitlines()[: len(checked)] == checked
