"""Backup and restore: what comes back is what was there, or nothing changes."""

from __future__ import annotations

import psycopg
import pytest

from kgfeatures.db import launcher
from kgfeatures.db.backup import backup, client_arguments, restore
from kgfeatures.errors import DatabaseError, DataError

ROWS = [(1, "[1,0,0]", '猫\'s "mug"'), (2, "[0,2,0]", None)]


def fill(dsn):
    with psycopg.connect(dsn) as conn:
        conn.execute("create schema shop")
        conn.execute("create table shop.product (id int primary key, v vector(3), name text)")
        conn.execute("create index on shop.product using hnsw (v vector_cosine_ops)")
        conn.execute("comment on table shop.product is 'what we sell'")
        conn.execute("grant usage on schema shop to kgf_reader")
        conn.execute("grant select on shop.product to kgf_reader")
        conn.cursor().executemany("insert into shop.product values (%s, %s, %s)", ROWS)


def rows(dsn):
    with psycopg.connect(dsn) as conn:
        return conn.execute("select id, v::text, name from shop.product order by id").fetchall()


@pytest.fixture(scope="module")
def shop(servers):
    """Give the DSN of a server that holds a small shop, and its home."""
    home = servers / "backup"
    dsn = launcher.ensure_running(home)
    fill(dsn)
    return dsn, home


@pytest.fixture(scope="module")
def archive(shop, tmp_path_factory):
    """Give a backup of the small shop."""
    file = tmp_path_factory.mktemp("backup") / "图谱 shop.dump"
    assert backup(shop[0], file) == file.stat().st_size > 0
    return file


def test_restore_into_an_empty_database_brings_rows_index_comment_and_grants(fresh_home, archive):
    dsn = launcher.ensure_running(fresh_home)
    restore(dsn, archive)
    assert rows(dsn) == rows(launcher.reader_dsn(fresh_home)) == ROWS
    with psycopg.connect(dsn) as conn:
        comment = "select obj_description('shop.product'::regclass)"
        assert conn.execute(comment).fetchone() == ("what we sell",)
        indexes = "select count(*) from pg_indexes where indexdef like '%%hnsw%%'"
        assert conn.execute(indexes).fetchone() == (1,)


def test_restore_refuses_a_database_that_holds_something(shop, archive):
    with pytest.raises(DataError, match=r"not empty: shop \(1 objects\).*--force"):
        restore(shop[0], archive)
    assert rows(shop[0]) == ROWS


def test_restore_by_force_replaces_what_was_there(shop, archive):
    dsn, _ = shop
    with psycopg.connect(dsn) as conn:
        conn.execute("delete from shop.product")
        conn.execute("create schema later create table t (x int)")
    restore(dsn, archive, force=True)
    assert rows(dsn) == ROWS
    with psycopg.connect(dsn) as conn:
        assert conn.execute("select to_regnamespace('later')").fetchone() == (None,)


def test_damaged_backup_is_refused_before_anything_is_dropped(shop, archive, tmp_path):
    damaged = tmp_path / "damaged.dump"
    damaged.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(DataError, match="no whole backup"):
        restore(shop[0], damaged, force=True)
    damaged.write_text("id,name\n1,mug\n")
    with pytest.raises(DataError, match="no whole backup"):
        restore(shop[0], damaged, force=True)
    assert rows(shop[0]) == ROWS


def test_restore_that_fails_half_way_changes_nothing(shop, fresh_home, archive):
    dsn = launcher.ensure_running(fresh_home)
    with psycopg.connect(dsn) as conn:
        conn.execute("create schema mine")
        conn.execute("create table mine.kept as select 1 as x")
        conn.execute("create function public.clash() returns int language sql return 1")
    fill(dsn)
    clash = fresh_home / "clash.dump"
    backup(dsn, clash)
    with pytest.raises(DatabaseError, match="changed nothing: .*clash.*already exists"):
        restore(dsn, clash, force=True)
    with psycopg.connect(dsn) as conn:
        assert conn.execute("select x from mine.kept").fetchone() == (1,)


def test_missing_backup_and_folder_are_named(shop, tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        restore(shop[0], tmp_path / "none.dump")
    with pytest.raises(DataError, match="no folder that can be written"):
        backup(shop[0], tmp_path / "none" / "x.dump")


def test_failed_backup_leaves_no_file_and_the_old_one_whole(tmp_path, shop):
    file = tmp_path / "x.dump"
    file.write_text("older")
    with pytest.raises(DatabaseError, match="the backup failed: .*nowhere"):
        backup(shop[0].replace("/kgf?", "/nowhere?"), file)
    assert [path.name for path in tmp_path.iterdir()] == ["x.dump"]
    assert file.read_text() == "older"


def test_password_stands_in_the_environment_and_not_on_the_command_line():
    argument, variables = client_arguments("postgresql://u:secret@h:1/d?sslmode=require")
    assert "secret" not in argument
    assert variables["PGPASSWORD"] == "secret"
    assert psycopg.conninfo.conninfo_to_dict(argument.removeprefix("--dbname=")) == {
        "user": "u",
        "host": "h",
        "port": "1",
        "dbname": "d",
        "sslmode": "require",
    }
