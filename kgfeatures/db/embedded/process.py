"""The server as a process: does it live, does it answer, start it, stop it.

A process number in postmaster.pid proves nothing: after a crash or in a restarted container it may
belong to anybody. It is believed only when that process is a postgres on this data directory.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg import pq
from psycopg.conninfo import make_conninfo

from kgfeatures.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgfeatures.db.embedded.account import Account
    from kgfeatures.db.embedded.files import ServerFiles
    from kgfeatures.db.embedded.home import Home

# Larger than any process number that a kernel gives out.
NOBODY = 2**31 - 1
POLL_SECONDS = 0.03
NOTE_EVERY_SECONDS = 2.0
STOP_SECONDS = 120.0
# How long a connection is tried.
PING_SECONDS = 5
# How long a server that says "ready" may stay unreachable: where nobody listens at its socket, and
# where somebody does, who on a busy machine takes his time.
DEAF_SECONDS = 10.0
SLOW_SECONDS = 120.0
# How long a session may outlive its server before it is told to end, and then made to.
GRACE_SECONDS = 5.0
START = 'exec "$@" &'


def postmaster_lines(home: Home) -> list[str]:
    """Return the lines of postmaster.pid: pid, data, start time, port, socket, …, status."""
    try:
        return (home.data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def postmaster_pid(home: Home) -> int | None:
    """Return the process number of the living server on this data directory, else None."""
    lines = postmaster_lines(home)
    if not lines or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    return pid if is_postgres_on(pid, home.data) else None


def is_postgres_on(pid: int, data: Path) -> bool:
    """Return whether this process is a living postgres whose data directory is `data`."""
    entry = Path("/proc") / str(pid)
    if not Path("/proc/self").exists():
        return command_of(pid).startswith("postgres") and str(data) in command_of(pid)
    try:
        state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        program = (entry / "exe").readlink().name.removesuffix(" (deleted)")
        # The server changes into its data directory and stays there.
        return state != "Z" and program == "postgres" and (entry / "cwd").samefile(data)
    except OSError:
        return False


def command_of(pid: int) -> str:
    """Return the command line of a process where there is no /proc, by its program's name."""
    command = ["/bin/ps", "-o", "command=", "-p", str(pid)]
    done = subprocess.run(command, check=False, text=True, capture_output=True)  # noqa: S603
    program, _, rest = done.stdout.strip().partition(" ")
    return f"{Path(program).name} {rest}"


def answers(home: Home) -> pq.Ping:
    """Return what the server says at its socket: OK, REJECT (starting, stopping) or nothing."""
    network = home.network()
    if network is None:
        return pq.Ping.NO_RESPONSE
    target = make_conninfo(
        host=str(home.socket_directory),
        port=network.port,
        dbname="postgres",
        connect_timeout=PING_SECONDS,
    )
    return pq.Ping(pq.PGconn.ping(target.encode()))


def listens(home: Home) -> bool:
    """Return whether somebody listens at the server's socket, be it without answering yet."""
    network = home.network()
    port = "" if network is None else network.port
    with socket.socket(socket.AF_UNIX) as probe:
        # Not waiting: where many wait already, somebody listens.
        probe.settimeout(0)
        try:
            probe.connect(str(home.socket_directory / f".s.PGSQL.{port}"))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except BlockingIOError:
            return True
    return True


def launch(home: Home, account: Account, files: ServerFiles) -> None:
    """Start the server detached from this process; returns at once, before it is ready.

    Raises
    ------
    ServerError : processes of an earlier server are still alive.
    """
    with home.server_lock() as lock, home.log.open("ab") as log:
        if lock is None:
            raise ServerError(
                f"processes of an earlier server still run on {home.data}, perhaps in another "
                "container; end them and start again"
            )
        # The shell leaves at once: the server belongs to nobody, is never our zombie, and a
        # Ctrl-C in this terminal does not reach its session.
        subprocess.run(  # noqa: S603  the wheel's own program
            ["/bin/sh", "-c", START, "sh", str(files.program("postgres")), "-D", str(home.data)],
            env=clean_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(lock,),
            check=True,
            user=account.uid if account.switched else None,
            group=account.gid if account.switched else None,
            extra_groups=[] if account.switched else None,
        )


def clean_environment() -> dict[str, str]:
    """Return an environment in which no PG* variable of the caller can mislead a program."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}


def end_survivors(home: Home, note: Callable[[str], None]) -> None:
    """Wait for sessions that outlived their killed server; end those that do not leave.

    A busy session notices the death of its server only when its statement ends. No new server
    may start on the same files until then.
    """
    started = time.monotonic()
    signals = {GRACE_SECONDS: signal.SIGQUIT, 2 * GRACE_SECONDS: signal.SIGKILL}
    while home.server_lives() and time.monotonic() - started < 3 * GRACE_SECONDS:
        time.sleep(POLL_SECONDS)
        due = [after for after in signals if time.monotonic() - started > after]
        for after in due:
            note("ending sessions that outlived the server")
            for pid in processes_on(home.data):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signals[after])
            del signals[after]


def processes_on(data: Path) -> list[int]:
    """Return the living postgres processes on this data directory (Linux; elsewhere none)."""
    numbers = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return [pid for pid in numbers if is_postgres_on(pid, data)]


def forget_stale_pid(home: Home, account: Account) -> None:
    """Make a postmaster.pid that names a foreign process harmless.

    Call with the launcher's lock, when no server lives. The file is kept with a number that
    nobody has, so that PostgreSQL itself still checks its shared memory for survivors.
    """
    path = home.data / "postmaster.pid"
    lines = postmaster_lines(home)
    if lines:
        account.write(path, "\n".join([str(NOBODY), *lines[1:], ""]))
    else:
        path.unlink(missing_ok=True)  # empty: the disk was full when the server wrote it
    for lock in home.socket_directory.glob(".s.PGSQL.*"):
        lock.unlink(missing_ok=True)


def becomes_ready(home: Home, log_offset: int, note: Callable[[str], None]) -> bool:
    """Wait until the server takes connections, however long its recovery lasts.

    Returns
    -------
    ready : False when the server ended instead.

    Raises
    ------
    ServerError : the server lives and its socket is gone, or it does not answer there.
    """
    started = time.monotonic()
    noted = deaf_since = started
    while (answer := answers(home)) != pq.Ping.OK:
        now = time.monotonic()
        # A server that was started by hand does not hold the lock but has a process number.
        if not home.server_lives() and postmaster_pid(home) is None:
            return False
        if answer == pq.Ping.REJECT or not says_ready(home):
            deaf_since = now
        elif now - deaf_since > (SLOW_SECONDS if listens(home) else DEAF_SECONDS):
            raise ServerError(
                f"PostgreSQL runs (process {postmaster_pid(home)}) but does not answer at "
                f"{home.socket_directory}; restart it: kgfeatures db stop && kgfeatures db start"
            )
        if now - noted > NOTE_EVERY_SECONDS:
            note(f"PostgreSQL is starting, {now - started:.0f} s: {activity(home, log_offset)}")
            noted = now
        time.sleep(POLL_SECONDS)
    return True


def says_ready(home: Home) -> bool:
    """Return whether postmaster.pid claims that connections are taken."""
    lines = postmaster_lines(home)
    return len(lines) > 7 and lines[7].strip() == "ready"


def last_words(home: Home, offset: int) -> str:
    """Return the line of the log, from a byte on, that says why the server ended."""
    lines = log_lines(home, offset)
    full = [line for line in lines if "No space left on device" in line]
    if full:
        return f"{message_of(full[-1])}; free some disk space and start again (log: {home.log})"
    grave = [at for at, line in enumerate(lines) if "FATAL:  " in line or "PANIC:  " in line]
    last = grave[-1] if grave else len(lines) - 1
    # The line before often holds the reason: which setting, which file, which address.
    words = [message_of(line) for line in lines[max(0, last - 1) : last + 1]]
    return f"{'; '.join(words) or 'it wrote nothing'} (log: {home.log})"


def activity(home: Home, offset: int) -> str:
    """Return what the server is doing now: the last line of its log, from a byte on."""
    return message_of((log_lines(home, offset) or ["waiting"])[-1])


def message_of(line: str) -> str:
    """Return a log line without time, process and severity."""
    return line.partition(":  ")[2] or line


def log_lines(home: Home, offset: int) -> list[str]:
    """Return the lines that the server has written since the log was `offset` bytes long."""
    with home.log.open("rb") as file:
        file.seek(offset)
        text = file.read().decode(errors="replace")
    return [line for line in text.splitlines() if line.strip()]


def end(home: Home, pid: int, note: Callable[[str], None]) -> None:
    """Stop the server: sessions are ended, everything is written, then it leaves.

    Raises
    ------
    ServerError : it is still there after two minutes.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
    started = noted = time.monotonic()
    while is_postgres_on(pid, home.data) or home.server_lives():
        now = time.monotonic()
        if now - started > STOP_SECONDS:
            raise ServerError(
                f"PostgreSQL (process {pid}) is still writing after {STOP_SECONDS:.0f} s; "
                f"look at {home.log} and run kgfeatures db stop again"
            )
        if now - noted > NOTE_EVERY_SECONDS:
            note(f"PostgreSQL is stopping, {now - started:.0f} s")
            noted = now
        time.sleep(POLL_SECONDS)
