"""Fixtures that every test may ask for: a real PostgreSQL, never a mock."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from kgfeatures.db import Database, launcher, migrate
from kgfeatures.db.connection import open_connection
from kgfeatures.db.sources import read, sql_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection
    from psycopg.rows import TupleRow

# pytest's own temporary folder is closed to the user that runs PostgreSQL for root. In memory
# where there is plenty: the tests kill processes, never the machine, so nothing needs the disk.
DISK, MEMORY = Path("/var/tmp"), Path("/dev/shm")  # noqa: S108  the folders below are made
IN_MEMORY = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4 << 30
SERVERS = MEMORY if IN_MEMORY else DISK
SESSION_FOLDER = "kgfeatures-tests-"
# What the command line says is compared in English, wherever the tests run.
os.environ["KGFEATURES_LANG"] = "en"


@pytest.fixture(scope="session")
def servers() -> Iterator[Path]:
    """Give a folder for the homes of this session's servers; sweep what killed sessions left."""
    for left in SERVERS.glob(f"{SESSION_FOLDER}*"):
        if not Path("/proc", left.name.removeprefix(SESSION_FOLDER)).exists():
            remove_servers(left)
    folder = SERVERS / f"{SESSION_FOLDER}{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o755)
    yield folder
    remove_servers(folder)


@pytest.fixture(scope="session")
def server_home(servers: Path) -> Path:
    """Give the home of the session's embedded server."""
    return servers / "session"


@pytest.fixture
def fresh_home(servers: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Give a home that does not exist yet, for a server of this test's own."""
    home = servers / f"{request.node.originalname[5:25]}-{os.urandom(2).hex()}"
    yield home
    remove_servers(home)


@pytest.fixture(scope="session")
def server_dsn(server_home: Path) -> str:
    """Give the owner's DSN of the session's embedded server, an empty database."""
    return launcher.ensure_running(server_home)


@pytest.fixture(scope="session")
def administrator(server_dsn: str) -> Iterator[Connection[TupleRow]]:
    """Give an autocommitting connection of the server's superuser, to make databases with."""
    dsn = make_conninfo(server_dsn, user="kgf", dbname="postgres")
    with psycopg.connect(dsn, autocommit=True) as conn:
        # What a power cut would lose here nobody misses; making databases is much quicker.
        conn.execute("alter system set fsync = off")
        conn.execute("select pg_reload_conf()")
        yield conn


@pytest.fixture(scope="session")
def make_database(
    server_dsn: str, administrator: Connection[TupleRow]
) -> Callable[[str | None], str]:
    """Give a function that makes a database, a copy of another one or new, and returns its DSN.

    A new one is as an administrator hands it over: extension and roles, nothing of ours.
    """
    numbers = itertools.count()

    def make(template: str | None = None) -> str:
        name = f"test_{next(numbers)}"
        statement = sql.SQL("create database {} owner kgf_owner template {}")
        source = sql.Identifier(template or "template0")
        administrator.execute(statement.format(sql.Identifier(name), source))
        dsn = make_conninfo(server_dsn, dbname=name)
        if template is None:
            folder = sql_folder()
            lines = read(folder / "administrator.sql", folder).text
            with psycopg.connect(make_conninfo(dsn, user="kgf"), autocommit=True) as conn:
                conn.execute(lines)
        return dsn

    return make


@pytest.fixture(scope="session")
def template(make_database: Callable[[str | None], str]) -> str:
    """Give the name of a migrated database without rows that nobody is connected to."""
    dsn = make_database(None)
    migrate(dsn)
    return psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]


@pytest.fixture(scope="session")
def shared_dsn(make_database: Callable[[str | None], str], template: str) -> str:
    """Give the DSN of a migrated database in which nobody commits."""
    return make_database(template)


@pytest.fixture
def conn(shared_dsn: str) -> Iterator[Connection[TupleRow]]:
    """Give a connection in a transaction that is rolled back: for tests that need not commit."""
    with open_connection(shared_dsn) as lent, lent.transaction(force_rollback=True):
        yield lent


@pytest.fixture
def db_dsn(
    make_database: Callable[[str | None], str], template: str, administrator: Connection[TupleRow]
) -> Iterator[str]:
    """Give the owner's DSN of a migrated database of this test's own."""
    dsn = make_database(template)
    yield dsn
    name = sql.Identifier(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
    administrator.execute(sql.SQL("drop database {} with (force)").format(name))


@pytest.fixture
def db(db_dsn: str) -> Iterator[Database]:
    """Give a database of this test's own: for tests that commit."""
    with Database(lambda: db_dsn) as database:
        yield database


@pytest.fixture
def reader(db_dsn: str) -> Iterator[Connection[TupleRow]]:
    """Give a connection of the read-only login to the database that `db` gives this test."""
    with open_connection(make_conninfo(db_dsn, user="kgf_reader")) as lent:
        yield lent


@pytest.fixture(scope="session")
def shop(
    make_database: Callable[[str | None], str],
    template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Database]:
    """Give a small real shop, built through every step, in which nobody commits."""
    from tests import shop as small  # takes torch and feast along

    dsn = make_database(template)
    with Database(lambda: dsn) as database:
        small.build(database, small.write(tmp_path_factory.mktemp("shop")))
        yield database


def remove_servers(folder: Path) -> None:
    """Stop the servers whose homes are `folder` or lie in it, and delete it."""
    for data in folder.rglob("pgdata"):
        launcher.stop(data.parent)
    shutil.rmtree(folder, ignore_errors=True)
