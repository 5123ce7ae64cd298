"""The embedded server when nothing goes wrong: who it is, who may do what, how it is reached."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from kgfeatures.db import launcher
from kgfeatures.db.embedded.home import Network
from kgfeatures.db.embedded.settings import configuration, memory_bytes

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do this")
PARALLEL_BUILD = """
import sys, psycopg
from pathlib import Path
from kgfeatures.db import launcher
with psycopg.connect(launcher.ensure_running(Path(sys.argv[1]))) as conn:
    conn.execute("create table v as select array[i, i % 7, random()]::vector(3) as v "
                 "from generate_series(1, 20000) as i")
    conn.execute("set min_parallel_table_scan_size = 0")
    conn.execute("set max_parallel_maintenance_workers = 2")
    conn.execute("set maintenance_work_mem = '200MB'")
    conn.execute("create index on v using hnsw (v vector_l2_ops)")
"""


def value(dsn: str, query: str):
    with psycopg.connect(dsn, autocommit=True) as conn:
        return conn.execute(query).fetchone()[0]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_default_login_owns_the_database_and_is_no_superuser(server_dsn):
    assert value(server_dsn, "select current_user") == "kgf_owner"
    assert not value(server_dsn, "select rolsuper from pg_roles where rolname = current_user")
    owner = "select datdba::regrole::text from pg_database where datname = current_database()"
    assert value(server_dsn, owner) == "kgf_owner"


def test_server_is_postgres_18_with_a_vector_extension_that_is_new_enough(server_dsn):
    assert int(value(server_dsn, "show server_version_num")) // 10_000 == 18
    version = value(server_dsn, "select extversion from pg_extension where extname = 'vector'")
    assert tuple(map(int, version.split("."))) >= (0, 8, 4)
    assert value(server_dsn, "select '[1,2]'::vector <-> '[1,4]'") == 2


def test_second_call_finds_the_running_server(server_home, server_dsn):
    before = launcher.status(server_home).pid
    assert launcher.ensure_running(server_home) == server_dsn == launcher.dsn(server_home)
    assert launcher.status(server_home).pid == before


def test_status_changes_nothing_where_there_is_no_database(fresh_home):
    found = launcher.status(fresh_home)
    assert (found.state, found.pid, found.port) == ("absent", None, None)
    assert not launcher.stop(fresh_home)
    assert not fresh_home.exists()


def test_data_and_socket_are_closed_to_others(server_home, server_dsn):
    del server_dsn
    assert mode(server_home / "pgdata") == 0o700
    assert mode(launcher.status(server_home).socket_directory) == 0o700
    assert mode(server_home / "postgres.log") == 0o600


def test_server_does_not_listen_on_tcp_unless_asked(server_dsn):
    assert value(server_dsn, "show listen_addresses") == ""


@pytest.mark.parametrize(
    "attempt",
    [
        "set role kgf_owner",
        "select set_config('role', 'kgf_owner', false)",
        "select set_config('role', 'kgf', false)",
        "set session authorization kgf_owner",
        "create table public.mine (x int)",
        "create temporary table mine (x int)",
        "create schema mine",
        "select lo_create(0)",
        "copy (select 1) to program 'true'",
        "select pg_read_file('PG_VERSION')",
    ],
)
def test_reader_can_neither_write_nor_become_anyone_else(server_home, server_dsn, attempt):
    del server_dsn
    with psycopg.connect(launcher.reader_dsn(server_home), autocommit=True) as conn:
        assert conn.execute("select current_user").fetchone() == ("kgf_reader",)
        conn.execute("set default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(attempt)


def test_path_may_hold_spaces_quotes_and_chinese(servers):
    home = servers / "it's my 图谱 100%"
    dsn = launcher.ensure_running(home)
    assert value(dsn, "select 1") == 1
    assert quote(str(home / "run"), safe="") in dsn
    assert launcher.stop(home)


def test_socket_of_a_long_path_lies_in_a_private_short_directory(fresh_home):
    home = fresh_home / ("very-long-name-" * 8)
    try:
        assert value(launcher.ensure_running(home), "select 1") == 1
        directory = launcher.status(home).socket_directory
        assert directory.parent == Path("/tmp")  # noqa: S108
        assert mode(directory) == 0o700
    finally:
        assert launcher.stop(home)
    directory.rmdir()


def test_short_directory_of_somebody_else_is_refused(fresh_home):
    home = fresh_home / ("very-long-name-" * 8)
    directory = launcher.status(home).socket_directory
    directory.mkdir()
    directory.chmod(0o777)
    try:
        with pytest.raises(launcher.ServerError, match="open to others"):
            launcher.ensure_running(home)
        assert mode(directory) == 0o777
    finally:
        directory.rmdir()


def test_tcp_asks_for_the_generated_password(fresh_home):
    dsn = launcher.tcp_dsn(fresh_home)
    reader = launcher.tcp_dsn(fresh_home, reader=True)
    port = launcher.status(fresh_home).port
    assert value(dsn, "select current_user") == "kgf_owner"
    assert value(reader, "select current_user") == "kgf_reader"
    assert value(dsn, "select host(inet_server_addr())") == "127.0.0.1"
    assert mode(fresh_home / "pgpass") == 0o600
    for user in ("kgf_owner", "kgf_reader", "kgf"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"postgresql://{user}:guess@127.0.0.1:{port}/kgf")
    with pytest.raises(psycopg.OperationalError, match="no password"):
        psycopg.connect(f"postgresql://kgf_owner@127.0.0.1:{port}/kgf?passfile=/dev/null")
    # The socket still works, and so does all of it after a restart.
    assert value(launcher.ensure_running(fresh_home), "select 1") == 1
    launcher.stop(fresh_home)
    launcher.ensure_running(fresh_home)
    assert launcher.tcp_dsn(fresh_home) == dsn
    assert value(dsn, "select 1") == 1


def test_password_stands_neither_in_the_log_nor_in_the_clear_in_the_server(fresh_home):
    dsn = launcher.tcp_dsn(fresh_home)
    password = psycopg.conninfo.conninfo_to_dict(dsn)["password"]
    assert len(password) >= 32
    assert password not in (fresh_home / "postgres.log").read_text()


def test_dsn_that_db_env_exported_is_known_as_our_own(server_home, server_dsn):
    assert launcher.is_own(server_home, server_dsn)
    assert not launcher.is_own(server_home, launcher.reader_dsn(server_home))
    assert not launcher.is_own(server_home, "postgresql://kgf_owner@db.example/kgf")


def test_settings_leave_most_of_the_memory_to_the_rest_of_the_product():
    text = configuration(Path("/x"), Network(21_000, tcp=False), memory=24 << 30, cores=2)
    settings = dict(line.split(" = ") for line in text.splitlines() if " = " in line)
    assert settings["shared_buffers"] == "'1536MB'"
    assert settings["maintenance_work_mem"] == "'256MB'"
    small = configuration(Path("/x"), Network(21_000, tcp=False), memory=2 << 30, cores=2)
    assert "shared_buffers = '128MB'" in small
    assert 0 < memory_bytes() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.fixture
def home_on_disk():
    """Give a home outside /dev/shm."""
    home = Path(f"/var/tmp/kgfeatures-test-{os.getpid()}")  # noqa: S108
    yield home
    launcher.stop(home)
    shutil.rmtree(home, ignore_errors=True)


@as_root
def test_parallel_index_build_works_with_64_mb_of_shared_memory(home_on_disk):
    mount = "mount -t tmpfs -o size=64m tmpfs /dev/shm 2>/dev/null || exit 77"
    command = ["unshare", "--mount", "sh", "-c", f'{mount}; exec "$@"', "sh"]
    command += [sys.executable, "-c", PARALLEL_BUILD, str(home_on_disk)]
    done = subprocess.run(command, check=False, text=True, capture_output=True)
    if done.returncode == 77:
        pytest.skip("this container may not mount")
    assert done.returncode == 0, done.stderr
    indexes = "select count(*) from pg_indexes where tablename = 'v'"
    assert value(launcher.ensure_running(home_on_disk), indexes) == 1


@as_root
def test_root_runs_it_as_another_user_and_leaves_parents_as_they_are(fresh_home):
    fresh_home.mkdir()
    fresh_home.chmod(0o711)
    home = fresh_home / "inner" / "home"
    parents = [*fresh_home.parents, fresh_home]
    before = [(path, path.stat().st_mode, path.stat().st_uid) for path in parents]
    launcher.ensure_running(home)
    pid = launcher.status(home).pid
    assert Path(f"/proc/{pid}").stat().st_uid == (home / "pgdata").stat().st_uid != 0
    assert [(path, path.stat().st_mode, path.stat().st_uid) for path in parents] == before
    assert launcher.stop(home)


@as_root
def test_home_below_a_closed_directory_is_refused_and_the_directory_stays_closed(fresh_home):
    fresh_home.mkdir()
    fresh_home.chmod(0o700)
    with pytest.raises(launcher.ServerError, match=f"cannot enter {fresh_home}, so"):
        launcher.ensure_running(fresh_home / "home")
    assert mode(fresh_home) == 0o700
    assert fresh_home.stat().st_uid == 0
