"""`kgfeatures db` and `kgfeatures check db` as a person types them."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg
import pytest
from typer.testing import CliRunner

from kgfeatures.cli import check
from kgfeatures.cli import db as cli
from kgfeatures.db import launcher
from kgfeatures.errors import ConfigError, DataError


@pytest.fixture
def use(monkeypatch):
    """Give a function that makes a home (and a DSN) the environment's."""
    for name in [name for name in os.environ if name.startswith(("KGFEATURES_", "PG"))]:
        monkeypatch.delenv(name)

    def set_environment(home, **variables):
        monkeypatch.setenv("KGFEATURES_HOME", str(home))
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_environment


def call(app, *arguments):
    """Run a command and return its result; errors of ours are raised as in Python."""
    result = CliRunner().invoke(app, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_start_status_and_stop_say_what_is(fresh_home, use):
    use(fresh_home)
    assert "state:  absent" in call(cli.app, "status").stdout
    assert not fresh_home.exists()
    assert "state:  running" in call(cli.app, "start").stdout
    assert f"home:   {fresh_home}" in call(cli.app, "status").stdout
    assert call(cli.app, "stop").stdout == "stopped\n"
    assert call(cli.app, "stop").stdout == "was not running\n"
    assert "state:  stopped" in call(cli.app, "status").stdout


def test_url_connects_as_owner_and_as_reader(server_home, server_dsn, use):
    use(server_home)
    assert call(cli.app, "url").stdout.strip() == server_dsn
    with psycopg.connect(call(cli.app, "url", "--reader").stdout.strip()) as conn:
        assert conn.execute("select current_user").fetchone() == ("kgf_reader",)


def test_url_over_tcp_connects_and_the_rest_of_stdout_is_empty(fresh_home, use):
    use(fresh_home)
    printed = call(cli.app, "url", "--tcp").stdout
    assert printed.count("\n") == 1
    with psycopg.connect(printed.strip()) as conn:
        assert conn.execute("select current_user").fetchone() == ("kgf_owner",)


def test_exports_are_read_by_a_shell_and_psql_then_connects(servers, use):
    home = servers / "it's 图谱"
    use(home)
    exports = call(cli.app, "env").stdout
    query = "select current_user || ' of ' || current_database()"
    psql = f'{sys.executable} -m kgfeatures db psql -- -XAtc "$1"'
    shell = f'eval "$0"; env | grep ^KGFEATURES_HOME=; {psql}'
    done = subprocess.run(
        ["sh", "-c", shell, exports, query],
        check=True,
        text=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )
    assert done.stdout.splitlines() == [f"KGFEATURES_HOME={home}", "kgf_owner of kgf"]
    # The exported DSN means the embedded server: it is started again when it was stopped.
    launcher.stop(home)
    use(home, KGFEATURES_DSN=launcher.dsn(home))
    assert "state:  running" in call(cli.app, "start").stdout
    launcher.stop(home)


def test_own_postgres_is_neither_started_nor_stopped(server_home, server_dsn, use):
    del server_dsn
    use(server_home, KGFEATURES_DSN="postgresql://u:secret@db.example/shop")
    for command in (["start"], ["stop"], ["url", "--tcp"]):
        with pytest.raises(ConfigError, match="names a PostgreSQL of your own") as refused:
            call(cli.app, *command)
        assert "secret" not in str(refused.value)
    assert "of your own" in call(cli.app, "status").stdout
    assert launcher.status(server_home).state == "running"


def test_exports_of_an_own_postgres_hold_its_parts(tmp_path, use):
    dsn = "postgresql://u:pass@db.example:6543/shop"
    use(tmp_path, KGFEATURES_DSN=dsn, KGFEATURES_READER_DSN="postgresql://r@db.example:6543/shop")
    printed = call(cli.app, "env").stdout.splitlines()
    assert f"export KGFEATURES_DSN={dsn}" in printed
    assert "export KGFEATURES_PG_PASSWORD=pass" in printed
    assert "export KGFEATURES_READER_DSN=postgresql://r@db.example:6543/shop" in printed
    assert not any("KGFEATURES_HOME" in line for line in printed)


def test_psql_of_the_reader_cannot_write(server_home, server_dsn, use):
    del server_dsn
    use(server_home)
    statement = "create table public.mine (x int)"
    command = [sys.executable, "-m", "kgfeatures", "db", "psql", "--reader", "--", "-c", statement]
    done = subprocess.run(command, check=False, text=True, capture_output=True)
    assert done.returncode != 0
    assert "permission denied" in done.stderr or "read-only" in done.stderr


def test_migrate_says_what_it_applied_once(fresh_home, use):
    use(fresh_home)
    assert "files applied" in call(cli.app, "migrate").stdout
    assert call(cli.app, "migrate").stdout == "nothing to do\n"


def test_migrated_database_is_backed_up_restored_and_healthy(fresh_home, use, tmp_path):
    use(fresh_home)
    call(cli.app, "migrate")
    file = tmp_path / "shop.dump"
    assert call(cli.app, "backup", str(file)).stdout.endswith(" bytes\n")
    with pytest.raises(DataError, match="not empty"):
        call(cli.app, "restore", str(file))
    assert call(cli.app, "restore", "--force", str(file)).exit_code == 0
    assert call(cli.app, "migrate").stdout == "nothing to do\n"
    checked = call(check.app, "db")
    assert checked.exit_code == 0
    assert {line.split()[0] for line in checked.stdout.splitlines()} == {"ok"}


def test_check_exits_with_1_and_says_what_to_do(fresh_home, use):
    use(fresh_home)
    with psycopg.connect(launcher.ensure_running(fresh_home)) as conn:
        conn.execute("create schema shop create table open (x int)")
        conn.execute("grant update on shop.open to kgf_reader")
    found = call(check.app, "db")
    assert found.exit_code == 1
    assert "fail  reader" in found.stdout
    assert "-> revoke insert, update" in found.stdout
