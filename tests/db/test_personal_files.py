"""Files with customers' keys are listed by whoever reads or writes them; a walk finds others."""

from __future__ import annotations

import pandas as pd
import pytest
from typer.testing import CliRunner

from kgfeatures.cli import db as cli
from kgfeatures.config import settings
from kgfeatures.datasets import generate
from kgfeatures.db import personal_files
from kgfeatures.db.personal_files import PersonalFile, unlisted
from kgfeatures.steps.ingest import ingest


@pytest.fixture
def home(tmp_path, monkeypatch, db_dsn):
    """Give a home as the launcher leaves it, beside a database that runs elsewhere."""
    folder = tmp_path / "home"
    for name in ("pgdata/base/1", "server/18/bin", "run"):
        (folder / name).mkdir(parents=True)
    for name in ("pgdata/base/1/1259", "server/18/bin/postgres", "postgres.log", "server.json"):
        (folder / name).write_text("x")
    monkeypatch.setenv("KGFEATURES_HOME", str(folder))
    monkeypatch.setenv("KGFEATURES_DSN", db_dsn)
    return folder


@pytest.fixture
def known(db):
    def read():
        with db.transaction() as conn:
            return personal_files.listed(conn)

    return read


def run(*words: object) -> None:
    done = CliRunner().invoke(cli.app, [str(word) for word in words])
    assert done.exit_code == 0, done.output


@pytest.mark.slow
def test_a_walk_through_the_home_finds_no_file_that_nobody_listed(home, db, known, tmp_path):
    folder = generate(30, 40, 60, 1, "zh", folder=home / "generated" / "small", basket_lines=3.0)
    ingest(db, folder)
    (home / "log").mkdir()
    (home / "log" / "kgfeatures-error-1.log").write_text("KeyError: 'C100001'")
    (home / "backups").mkdir()
    run("backup", home / "backups" / "monday.dump")
    assert unlisted(home, known()) == []
    (home / "copy.csv").write_text("customer_id\n1\n")
    assert unlisted(home, known()) == [home / "copy.csv"]
    rows = (
        db.sql("select place, path, kind from ops.personal_file order by path").to_numpy().tolist()
    )
    assert ["home", "backups/monday.dump", "backup"] in rows
    assert ["home", "generated/small/truth", "truth"] in rows
    assert ["home", "generated/small/orders.parquet", "source"] in rows
    assert ["home", "generated/small/customers.csv", "source"] in rows
    assert ["home", "generated/small/products.csv", "source"] not in rows
    assert ["home", "pgdata", "database"] in rows


def test_sources_elsewhere_are_listed_with_their_whole_path(home, db, known, tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    lines = pd.DataFrame({"c": ["1"], "p": ["a"], "t": ["2024-01-01"]})
    lines.to_csv(folder / "lines.csv", index=False)
    lines.to_csv(folder / "goods.csv", index=False)
    manifest = "interactions: {file: lines.csv, customer: c, product: p, timestamp: t}\n"
    manifest += "products: {file: goods.csv, product: p}\n"
    (folder / "dataset.yaml").write_text(manifest)
    ingest(db, folder)
    own = {home / name for name in ("pgdata", "postgres.log", "log")}
    assert set(known()) == {folder / "lines.csv", *own}


def test_a_file_that_is_gone_is_forgotten(home, db, known, tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text("x")
    with db.transaction() as conn:
        personal_files.note(conn, [PersonalFile(file, "export")])
    assert file in known()
    file.unlink()
    with db.transaction() as conn:
        personal_files.note(conn, [])
    assert file not in known()


def test_a_database_without_the_list_is_left_alone(home, conn):
    conn.execute("drop table ops.personal_file")
    assert personal_files.note(conn, [PersonalFile(settings().home, "export")]) == 0


def test_the_reader_writes_its_training_set_without_a_note(home, reader):
    assert personal_files.note(reader, [PersonalFile(settings().home, "export")]) == 0


def test_no_listed_path_holds_a_password(home, db):
    with db.transaction() as conn:
        personal_files.note(conn, [])
    paths = db.sql("select path from ops.personal_file").path
    assert not paths.str.contains("://|password").any()
