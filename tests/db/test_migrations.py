"""Migrations: once, in order, frozen, whole or not at all; the owner is no superuser."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from kgfeatures.db import connect, migrate
from kgfeatures.db.migrations import require_current
from kgfeatures.db.sources import read_all, sql_folder
from kgfeatures.errors import MigrationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder sql/ with the book, one migration and one function file."""
    made = tmp_path / "sql"
    (made / "migrations").mkdir(parents=True)
    (made / "functions").mkdir()
    shutil.copy(sql_folder() / "migrations" / "0000_book.sql", made / "migrations")
    shutil.copy(sql_folder() / "administrator.sql", made)
    write(made, "migrations/0001_shop.sql", "create schema shop; create table shop.a (n int);")
    write(made, "functions/one.sql", one_returning(1))
    return made


@pytest.fixture
def fresh(make_database: Callable[[str | None], str]) -> str:
    """Give the owner's DSN of a database without anything of ours."""
    return make_database(None)


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


def one_returning(number: int) -> str:
    return f"create or replace function shop.one() returns int return {number};"


def value(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as conn:
        row = conn.execute(query).fetchone()
        return None if row is None else row[0]


def test_everything_runs_once_in_order_and_the_functions_last(fresh, folder) -> None:
    ran = ["migrations/0000_book.sql", "migrations/0001_shop.sql", "functions/one.sql"]
    assert migrate(fresh, folder) == ran
    assert migrate(fresh, folder) == []
    assert value(fresh, "select string_agg(name, ' ' order by kind, name) from ops.migration") == (
        " ".join(ran)
    )


def test_functions_run_again_when_their_file_changed_and_only_then(fresh, folder) -> None:
    migrate(fresh, folder)
    write(folder, "functions/one.sql", one_returning(2))
    write(folder, "functions/two.sql", "create view shop.b as select shop.one() as one;")
    assert migrate(fresh, folder) == ["functions/one.sql", "functions/two.sql"]
    assert value(fresh, "select one from shop.b") == 2


def test_function_that_moves_to_another_file_keeps_its_grants(fresh, folder) -> None:
    migrate(fresh, folder)
    with psycopg.connect(fresh) as conn:
        conn.execute("revoke execute on function shop.one() from public")
        conn.execute("grant execute on function shop.one() to kgf_reader")
    granted = "select proacl::text from pg_proc where oid = 'shop.one()'::regprocedure"
    before = value(fresh, granted)
    (folder / "functions" / "one.sql").rename(folder / "functions" / "first.sql")
    assert migrate(fresh, folder) == ["functions/first.sql"]
    assert value(fresh, granted) == before


def test_version_that_has_a_function_file_again_runs_it_again(fresh, folder) -> None:
    migrate(fresh, folder)
    (folder / "functions" / "one.sql").unlink()
    write(folder, "functions/first.sql", one_returning(2))
    migrate(fresh, folder)
    (folder / "functions" / "first.sql").unlink()
    write(folder, "functions/one.sql", one_returning(1))
    assert migrate(fresh, folder) == ["functions/one.sql"]
    assert value(fresh, "select shop.one()") == 1


def test_all_function_files_under_new_names_change_no_function(db_dsn, tmp_path) -> None:
    functions = (
        "select array_agg((oid, proname, proacl, obj_description(oid, 'pg_proc'))::text "
        "|| pg_get_functiondef(oid) order by oid) from pg_proc "
        "where pronamespace in (select oid from pg_namespace where nspname = any("
        "'{ops,raw,kg,emb,feature,online,rec,seg}')) and prokind = 'f'"
    )
    before = value(db_dsn, functions)
    folder = tmp_path / "sql"
    shutil.copytree(sql_folder(), folder)
    for path in (folder / "functions").iterdir():
        path.rename(path.with_stem(f"{path.stem}_renamed"))
    names = [source.name for source in read_all("functions", folder)]
    assert migrate(db_dsn, folder) == names
    assert value(db_dsn, functions) == before
    booked = "select array_agg(name order by name) from ops.migration where kind = 'repeatable'"
    assert value(db_dsn, booked) == names


def test_edited_migration_is_named(fresh, folder) -> None:
    migrate(fresh, folder)
    write(folder, "migrations/0001_shop.sql", "create schema shop; create table shop.a (n text);")
    with pytest.raises(MigrationError, match="0001_shop.sql .* was edited afterwards; restore"):
        migrate(fresh, folder)


def test_line_ends_of_windows_are_no_edit(fresh, folder) -> None:
    migrate(fresh, folder)
    path = folder / "migrations" / "0000_book.sql"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert migrate(fresh, folder) == []


def test_database_newer_than_the_code_is_left_alone(fresh, folder) -> None:
    write(folder, "migrations/0002_later.sql", "create table shop.later ();")
    migrate(fresh, folder)
    (folder / "migrations" / "0002_later.sql").unlink()
    with pytest.raises(MigrationError, match="newer than this version .*0002_later.sql"):
        migrate(fresh, folder)


def test_migration_numbered_below_one_that_ran_is_refused(fresh, folder) -> None:
    write(folder, "migrations/0003_third.sql", "create table shop.third ();")
    migrate(fresh, folder)
    write(folder, "migrations/0002_second.sql", "create table shop.second ();")
    with pytest.raises(MigrationError, match="0002_second.sql has not run but .*0003_third.sql"):
        migrate(fresh, folder)


def test_failure_names_file_and_line_and_leaves_nothing(fresh, folder) -> None:
    write(folder, "migrations/0002_bad.sql", "create table shop.b ();\n\nselect nothing;\n")
    with pytest.raises(MigrationError, match=r"0002_bad.sql, line 3: column .nothing") as caught:
        migrate(fresh, folder)
    assert caught.value.sqlstate == "42703"
    assert value(fresh, "select to_regnamespace('shop')") is None


def test_two_migrations_at_once_migrate_once(fresh, folder) -> None:
    ran: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: ran.append(migrate(fresh, folder))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, ran)) == [0, 3]


def test_missing_extension_prints_the_administrators_line(fresh, folder) -> None:
    with psycopg.connect(make_conninfo(fresh, user="kgf")) as conn:
        conn.execute("drop extension vector")
    with pytest.raises(MigrationError, match="\n  create extension vector with schema public;"):
        migrate(fresh, folder)


def test_login_without_rights_in_the_database_gets_the_line_to_run(fresh, folder) -> None:
    name = conninfo_to_dict(fresh)["dbname"]
    with psycopg.connect(make_conninfo(fresh, user="kgf")) as conn:
        conn.execute(f'alter database "{name}" owner to kgf')
        conn.execute(f'revoke create on database "{name}" from kgf_owner')
    with pytest.raises(MigrationError, match=f'grant create on database "{name}" to "kgf_owner"'):
        migrate(fresh, folder)


def test_superuser_makes_what_is_missing_himself(fresh, folder) -> None:
    administrator = make_conninfo(fresh, user="kgf")
    with psycopg.connect(administrator) as conn:
        conn.execute("drop extension vector")
    assert "migrations/0001_shop.sql" in migrate(administrator, folder)
    assert value(fresh, "select '[1,2]'::vector <-> '[1,4]'") == 2


def test_older_database_says_what_did_not_run(fresh, folder) -> None:
    migrate(fresh, folder)
    with psycopg.connect(fresh) as conn:
        conn.execute("delete from ops.migration where name <> 'migrations/0000_book.sql'")
        conn.execute("update ops.migration set sha256 = %s", [read_all("migrations")[0].sha256])
        with pytest.raises(MigrationError, match="older than this version .*0001_ops_and_raw.sql"):
            require_current(conn)


def test_connect_accepts_exactly_the_version_of_the_code(fresh) -> None:
    migrate(fresh)
    connect(fresh).close()
    with psycopg.connect(fresh) as conn:
        conn.execute("insert into ops.migration values ('migrations/9999_x.sql', '', 'once')")
    with pytest.raises(MigrationError, match="newer than this version"):
        connect(fresh)


def test_embedded_server_is_migrated_by_connecting(server_home, server_dsn, monkeypatch) -> None:
    monkeypatch.setenv("KGFEATURES_HOME", str(server_home))
    monkeypatch.delenv("KGFEATURES_DSN", raising=False)
    with connect() as database:
        assert database.sql("select count(*) as n from kg.entity")["n"].tolist() == [0]
    monkeypatch.setenv("KGFEATURES_DSN", server_dsn)
    connect().close()


def test_checkout_wins_over_the_copy_in_the_package(tmp_path) -> None:
    package = tmp_path / "kgfeatures"
    in_package, in_checkout = package / "sql", tmp_path / "sql"
    (in_package / "migrations").mkdir(parents=True)
    assert sql_folder(package) == in_package
    (in_checkout / "migrations").mkdir(parents=True)
    assert sql_folder(package) == in_checkout


def test_installation_without_sql_says_to_install_again(tmp_path) -> None:
    with pytest.raises(MigrationError, match="install kgfeatures again"):
        sql_folder(tmp_path / "kgfeatures")
