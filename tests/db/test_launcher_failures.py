"""The embedded server when things go wrong: killed, stale, twice at once, full, of another version.

No mocks: processes are killed and disks filled. After each, every acknowledged row is there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from kgfeatures.db import Database, launcher
from kgfeatures.db.embedded import process
from kgfeatures.errors import ServerError

START = "import sys; from pathlib import Path; from kgfeatures.db import launcher; "
START += "print(launcher.ensure_running(Path(sys.argv[1])), flush=True); "
ROWS_PER_BATCH = 500


def starter(home: Path, then: str = "") -> subprocess.Popen[str]:
    """Start a Python process of its own group that brings the server up, then does `then`."""
    command = [sys.executable, "-c", START + then, str(home)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def value(dsn: str, query: str):
    with psycopg.connect(dsn, autocommit=True) as conn:
        return conn.execute(query).fetchone()[0]


def kill_server(home: Path, *, survivors: bool = False) -> None:
    """Kill the postmaster without warning; wait for its sessions to notice, or leave them."""
    pid = launcher.status(home).pid
    os.kill(pid, signal.SIGKILL)
    while process.is_postgres_on(pid, home / "pgdata") or (
        process.processes_on(home / "pgdata") and not survivors
    ):
        time.sleep(0.01)


def load_until_it_breaks(dsn: str, acknowledged: list[int]) -> None:
    """Commit batch after batch, remembering those that the server said are safe."""
    with contextlib.suppress(psycopg.Error), psycopg.connect(dsn, autocommit=True) as conn:
        for batch in range(1_000_000):
            rows = "insert into loaded select %s, i from generate_series(1, %s) as i"
            conn.execute(rows, [batch, ROWS_PER_BATCH])
            acknowledged.append(batch)


@contextlib.contextmanager
def loading(dsn: str, acknowledged: list[int]):
    """Load in another thread, which has some batches safe before and ends after the block."""
    load = threading.Thread(target=load_until_it_breaks, args=(dsn, acknowledged))
    load.start()
    while len(acknowledged) < 50:
        time.sleep(0.01)
    yield
    load.join()


def forge_pid(home: Path, pid: int) -> None:
    """Let postmaster.pid and the socket's lock file name another process."""
    locks = launcher.status(home).socket_directory.glob("*.lock")
    for path in (home / "pgdata" / "postmaster.pid", *locks):
        lines = path.read_text().splitlines()
        path.write_text("\n".join([str(pid), *lines[1:], ""]))


def test_server_survives_kill_9_of_the_process_that_started_it(fresh_home):
    with starter(fresh_home, "import time; time.sleep(60)") as parent:
        dsn = parent.stdout.readline().strip()
        pid = launcher.status(fresh_home).pid
        with psycopg.connect(dsn) as conn:
            parent.kill()
            parent.wait()
            assert conn.execute("select 1").fetchone() == (1,)
    assert launcher.ensure_running(fresh_home) == dsn
    assert launcher.status(fresh_home).pid == pid
    assert launcher.stop(fresh_home)
    assert launcher.status(fresh_home).state == "stopped"


def test_server_survives_ctrl_c_in_the_terminal_that_started_it(fresh_home):
    with starter(fresh_home, "import time; time.sleep(60)") as parent:
        dsn = parent.stdout.readline().strip()
        os.killpg(parent.pid, signal.SIGINT)
        parent.wait()
    assert value(dsn, "select 1") == 1


def test_process_killed_while_it_creates_the_database_leaves_nothing_half_done(fresh_home):
    with starter(fresh_home) as parent:
        while not (fresh_home / "pgdata.partial").exists():
            time.sleep(0.005)
        parent.kill()
    assert value(launcher.ensure_running(fresh_home), "select 1") == 1


def test_no_acknowledged_row_is_lost_when_the_server_is_killed_in_a_load(fresh_home):
    dsn = launcher.ensure_running(fresh_home)
    with psycopg.connect(dsn) as conn:
        conn.execute("create table loaded (batch int, i int)")
    acknowledged: list[int] = []
    with loading(dsn, acknowledged):
        kill_server(fresh_home)
    dsn = launcher.ensure_running(fresh_home)
    with psycopg.connect(dsn) as conn:
        found = conn.execute("select batch, count(*) from loaded group by batch").fetchall()
    assert set(acknowledged) <= {batch for batch, _ in found}
    assert {rows for _, rows in found} == {ROWS_PER_BATCH}


def test_database_reconnects_by_itself_after_the_server_was_killed(fresh_home):
    with Database(lambda: launcher.ensure_running(fresh_home)) as database:
        assert database.sql("select 1 as one")["one"].tolist() == [1]
        kill_server(fresh_home)
        assert database.sql("select 2 as two")["two"].tolist() == [2]
        launcher.stop(fresh_home)
        assert database.sql("select 3 as three")["three"].tolist() == [3]


def test_stale_pid_of_a_living_foreign_process_is_not_believed(fresh_home):
    launcher.ensure_running(fresh_home)
    kill_server(fresh_home)
    with subprocess.Popen(["sleep", "60"]) as foreign:
        forge_pid(fresh_home, foreign.pid)
        assert launcher.status(fresh_home).state == "stopped"
        assert not launcher.stop(fresh_home)
        assert value(launcher.ensure_running(fresh_home), "select 1") == 1
        assert launcher.stop(fresh_home)
        assert foreign.poll() is None
        foreign.kill()


def test_stale_pid_of_a_postgres_on_other_data_is_not_believed(fresh_home, server_home, server_dsn):
    launcher.ensure_running(fresh_home)
    kill_server(fresh_home)
    forge_pid(fresh_home, launcher.status(server_home).pid)
    assert value(launcher.ensure_running(fresh_home), "select 1") == 1
    assert launcher.stop(fresh_home)
    assert value(server_dsn, "select 1") == 1


def test_empty_pid_file_of_a_full_disk_does_not_block_the_next_start(fresh_home):
    launcher.ensure_running(fresh_home)
    kill_server(fresh_home)
    (fresh_home / "pgdata" / "postmaster.pid").write_text("")
    assert value(launcher.ensure_running(fresh_home), "select 1") == 1


def test_session_that_outlives_its_killed_server_is_ended_before_the_next_one_starts(fresh_home):
    dsn = launcher.ensure_running(fresh_home)
    busy = "select count(*) from generate_series(1, 2000000000)"
    with ThreadPoolExecutor() as pool:
        outcome = pool.submit(value, dsn, busy)
        while not value(dsn, "select count(*) from pg_stat_activity where query ~ '^select count'"):
            time.sleep(0.01)
        kill_server(fresh_home, survivors=True)
        assert value(launcher.ensure_running(fresh_home), "select 1") == 1
        assert isinstance(outcome.exception(), psycopg.OperationalError)


def test_processes_that_start_at_once_get_one_server(fresh_home):
    parents = [starter(fresh_home) for _ in range(3)]
    answers = {parent.communicate()[0] for parent in parents}
    assert len(answers) == 1
    assert [parent.returncode for parent in parents] == [0, 0, 0]
    pid = launcher.status(fresh_home).pid
    assert value(answers.pop().strip(), "select 1") == 1
    servers = [
        number
        for number in process.processes_on(fresh_home / "pgdata")
        if b"-D" in Path(f"/proc/{number}/cmdline").read_bytes()
    ]
    assert servers == [pid]


def hold_recovery(home: Path, seconds: float) -> None:
    """Stop the server's recovery process as soon as it appears, and let it go on later."""
    while True:
        for pid in process.processes_on(home / "pgdata"):
            with contextlib.suppress(OSError):
                if b"startup" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGSTOP)
                    time.sleep(seconds)
                    os.kill(pid, signal.SIGCONT)
                    return
        time.sleep(0.001)


def test_recovery_longer_than_ten_seconds_is_waited_out_with_notes(fresh_home):
    dsn = launcher.ensure_running(fresh_home)
    with psycopg.connect(dsn) as conn:
        conn.execute("create table loaded (i int, filler text)")
    with psycopg.connect(dsn) as conn:
        rows = "select i, repeat('x', 200) from generate_series(1, 200000) as i"
        conn.execute(f"insert into loaded {rows}")
    kill_server(fresh_home)
    notes: list[str] = []
    with ThreadPoolExecutor() as pool:
        held = pool.submit(hold_recovery, fresh_home, 11)
        dsn = launcher.ensure_running(fresh_home, notes.append)
        assert held.done()
    assert value(dsn, "select count(*) from loaded") == 200_000
    assert len(notes) >= 4
    assert notes[-1].startswith("PostgreSQL is starting, 1")


def test_server_that_is_too_busy_to_answer_is_waited_for(fresh_home, monkeypatch):
    monkeypatch.setattr(process, "PING_SECONDS", 1)
    monkeypatch.setattr(process, "DEAF_SECONDS", 0.1)
    launcher.ensure_running(fresh_home)
    pid = launcher.status(fresh_home).pid
    os.kill(pid, signal.SIGSTOP)
    later = threading.Timer(4, os.kill, [pid, signal.SIGCONT])
    later.start()
    try:
        assert value(launcher.ensure_running(fresh_home), "select 1") == 1
    finally:
        later.join()


def test_server_without_its_socket_is_an_error_that_says_what_to_do(fresh_home, monkeypatch):
    monkeypatch.setattr(process, "DEAF_SECONDS", 0.1)
    launcher.ensure_running(fresh_home)
    for path in (fresh_home / "run").glob(".s.PGSQL.*"):
        path.unlink()
    with pytest.raises(ServerError, match=r"does not answer at .*kgfeatures db stop"):
        launcher.ensure_running(fresh_home)


def test_data_of_another_major_version_is_refused_and_left_alone(fresh_home):
    launcher.ensure_running(fresh_home)
    launcher.stop(fresh_home)
    version = fresh_home / "pgdata" / "PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(ServerError, match="made by PostgreSQL 16, .* runs PostgreSQL 18: make a"):
        launcher.ensure_running(fresh_home)
    assert version.read_text() == "16\n"


def test_directory_that_is_no_cluster_is_refused_and_left_alone(fresh_home):
    (fresh_home / "pgdata").mkdir(parents=True)
    precious = fresh_home / "pgdata" / "thesis.txt"
    precious.write_text("mine")
    with pytest.raises(ServerError, match="is no PostgreSQL data directory"):
        launcher.ensure_running(fresh_home)
    assert precious.read_text() == "mine"


def test_server_that_cannot_start_says_its_own_last_words(fresh_home):
    launcher.ensure_running(fresh_home)
    launcher.stop(fresh_home)
    with (fresh_home / "pgdata" / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 'plenty'\n")
    with pytest.raises(ServerError, match=r'did not start: .*"plenty".*postgres\.log'):
        launcher.ensure_running(fresh_home)


def fill(folder: Path) -> None:
    """Write a file until the disk is full."""
    with (folder / "filler").open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
            file.flush()


@pytest.fixture
def small_disk(servers):
    """Give a disk of 160 MB."""
    folder = servers / f"small-{os.urandom(2).hex()}"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160m,mode=0755", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk needs root and the right to mount")
    yield folder
    launcher.stop(folder / "home")
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_full_disk_is_named_and_no_acknowledged_row_is_lost(small_disk):
    home = small_disk / "home"
    dsn = launcher.ensure_running(home)
    with psycopg.connect(dsn) as conn:
        conn.execute("create table loaded (batch int, i int)")
    acknowledged: list[int] = []
    with loading(dsn, acknowledged):
        fill(small_disk)
    with contextlib.suppress(ServerError):
        launcher.stop(home)
    fill(small_disk)
    with pytest.raises(ServerError, match="No space left on device.*free some disk space"):
        launcher.ensure_running(home)
    (small_disk / "filler").unlink()
    found = value(launcher.ensure_running(home), "select count(distinct batch) from loaded")
    assert found >= len(acknowledged) > 0


def test_full_disk_at_the_first_start_leaves_nothing_in_the_way(small_disk):
    fill(small_disk)
    with pytest.raises(ServerError, match="No space left on device"):
        launcher.ensure_running(small_disk / "home")
    (small_disk / "filler").unlink()
    assert value(launcher.ensure_running(small_disk / "home"), "select 1") == 1


def test_port_that_another_program_took_is_named(fresh_home):
    launcher.tcp_dsn(fresh_home)
    launcher.stop(fresh_home)
    port = launcher.status(fresh_home).port
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(ServerError, match=f"port {port} of 127.0.0.1.*taken.*server.json"):
            launcher.ensure_running(fresh_home)
        (fresh_home / "server.json").unlink()
        assert value(launcher.ensure_running(fresh_home), "show listen_addresses") == ""


def test_upgraded_wheel_sets_up_again_at_the_next_start_and_not_before(fresh_home):
    launcher.ensure_running(fresh_home)
    marker = fresh_home / "pgdata" / "kgfeatures.ready"
    now = marker.read_text()
    marker.write_text("0.5.9")
    launcher.ensure_running(fresh_home)
    assert marker.read_text() == "0.5.9"
    launcher.stop(fresh_home)
    launcher.ensure_running(fresh_home)
    assert marker.read_text() == now
