"""The embedded PostgreSQL: one server per $KGFEATURES_HOME, shared by every process.

CLI, kernels, JupyterLab and psql use one detached server. Whoever comes first starts it; it ends
at `stop`. Ready means that a connection works; recovery after a crash is waited out.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from psycopg import pq

from kgfeatures.db.embedded import bootstrap, passwords, process
from kgfeatures.db.embedded import files as server_files
from kgfeatures.db.embedded.account import server_account
from kgfeatures.db.embedded.home import (
    Network,
    free_port,
    home_at,
    make_home,
    port_is_free,
)
from kgfeatures.db.embedded.settings import CONFIGURATION, configuration, memory_bytes
from kgfeatures.db.failures import parse_dsn
from kgfeatures.db.sources import read, sql_folder
from kgfeatures.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from kgfeatures.db.embedded.account import Account
    from kgfeatures.db.embedded.files import ServerFiles
    from kgfeatures.db.embedded.home import Home

LOG_BYTES = 10 << 20


@dataclass(frozen=True)
class ServerStatus:
    """What is known about the embedded server without starting it.

    `state` is one of "absent" (no database yet), "stopped", "starting", "running".
    """

    state: str
    home: Path
    pid: int | None
    port: int | None
    tcp: bool
    socket_directory: Path


def silent(_text: str) -> None:
    """Ignore a note."""


def ensure_running(home: Path, note: Callable[[str], None] = silent) -> str:
    """Return the owner's connection URL of the server at `home`, starting it where needed.

    Parameters
    ----------
    home : $KGFEATURES_HOME; created when missing.
    note : told what is waited for, about every two seconds.

    Raises
    ------
    MissingExtraError : the server's wheel is not installed.
    ServerError : the server cannot be started; the message says why and what to do.
    """
    require_unix()
    place = home_at(home)
    with server_errors(place):
        if not answers(place):
            account = server_account()
            make_home(place, account)
            with place.launcher_lock(note):
                bring_up(place, account, note)
        return url(place, bootstrap.OWNER)


def stop(home: Path, note: Callable[[str], None] = silent) -> bool:
    """Stop the server at `home`, ending its sessions; return whether one was running.

    Parameters
    ----------
    home : the folder that $KGFEATURES_HOME names.
    note : takes a sentence on what is done meanwhile.

    Raises
    ------
    ServerError : it does not end, or belongs to another user.
    """
    require_unix()
    place = home_at(home)
    with server_errors(place):
        if not place.data.is_dir():
            return False
        with place.launcher_lock(note):
            return take_down(place, note)


def status(home: Path) -> ServerStatus:
    """Return what is known about the server at `home`; starts and changes nothing.

    Raises
    ------
    ServerError : the home belongs to another user.
    """
    require_unix()
    place = home_at(home)
    with server_errors(place):
        network = place.network()
        pid = process.postmaster_pid(place)
        return ServerStatus(
            state=state_of(place, pid),
            home=place.path,
            pid=pid,
            port=None if network is None else network.port,
            tcp=network is not None and network.tcp,
            socket_directory=place.socket_directory,
        )


def dsn(home: Path) -> str:
    """Return the owner's connection URL over the socket, without starting anything."""
    return url(home_at(home), bootstrap.OWNER)


def reader_dsn(home: Path) -> str:
    """Return the read-only login's connection URL over the socket, without starting anything."""
    return url(home_at(home), bootstrap.READER)


def tcp_dsn(home: Path, note: Callable[[str], None] = silent, *, reader: bool = False) -> str:
    """Return a connection URL over TCP with its password; the server listens on 127.0.0.1 then.

    The first call restarts the server, which ends its sessions.

    Parameters
    ----------
    home : the folder that $KGFEATURES_HOME names.
    note : takes a sentence on what is done meanwhile.
    reader : the URL of the login that only reads, not the owner's.

    Raises
    ------
    ServerError : as `ensure_running`.
    """
    ensure_running(home, note)
    place = home_at(home)
    with server_errors(place), place.launcher_lock(note):
        network = place.network()
        if network is None or not network.tcp:
            listen_on_tcp(place, network, note)
        passwords.make_passwords(place)
    user = bootstrap.READER if reader else bootstrap.OWNER
    network = place.network()
    port = "" if network is None else network.port
    word = passwords.password_of(place, user)
    return f"postgresql://{user}:{word}@{passwords.HOST}:{port}/{bootstrap.DATABASE}"


def is_own(home: Path, named: str) -> bool:
    """Return whether a DSN is the owner's socket of the server at `home`.

    `kgfeatures db env` exports that DSN; whoever uses it still wants the server started.

    Parameters
    ----------
    home : the folder that $KGFEATURES_HOME names.
    named : a DSN, as words or as a URL.
    """
    parts = parse_dsn(named)
    here = str(home_at(home).socket_directory)
    return parts.get("host") == here and parts.get("user") == bootstrap.OWNER


def bring_up(place: Home, account: Account, note: Callable[[str], None]) -> None:
    """Start the server and set up what is missing in it; call with the launcher's lock."""
    if answers(place):
        return
    files = files_for(place, account)
    if place.network() is None:
        place.keep_network(Network(free_port(), tcp=False))
    if not place.data.exists():
        note("creating the database")
        process.end_survivors(place, note)
        bootstrap.make_cluster(place, account, files)
    bootstrap.require_major(place)
    place.log.touch(mode=0o600)
    offset = place.log.stat().st_size
    # One that lives may be recovering or, ended by somebody else, on its way out.
    lives = process.postmaster_pid(place) is not None
    if not (lives and process.becomes_ready(place, offset, note)):
        offset = start_process(place, account, files, note)
        if not process.becomes_ready(place, offset, note):
            raise ServerError(f"PostgreSQL did not start: {process.last_words(place, offset)}")
    if not place.marker.exists():
        folder = sql_folder()
        bootstrap.make_database(place, read(folder / "administrator.sql", folder).text)
        account.write(place.marker, files.version)


def start_process(
    place: Home, account: Account, files: ServerFiles, note: Callable[[str], None]
) -> int:
    """Write the configuration, start the server and return where its words begin in the log."""
    network = place.network() or Network(free_port(), tcp=False)
    if network.tcp and not port_is_free(network.port):
        raise ServerError(
            f"port {network.port} of 127.0.0.1, on which this database listens, is taken by "
            f"another program; end that program, or delete {place.path / 'server.json'} to go "
            "without TCP until the next kgfeatures db url --tcp"
        )
    text = configuration(place.socket_directory, network, memory_bytes(), os.cpu_count() or 1)
    account.write(place.data / CONFIGURATION, text)
    if place.marker.exists() and place.marker.read_text(encoding="utf-8") != files.version:
        place.marker.unlink()  # another wheel may bring another extension: set it up again
    if place.log.stat().st_size > LOG_BYTES:
        place.log.replace(place.log.with_suffix(".log.1"))
        place.log.touch(mode=0o600)
    process.end_survivors(place, note)
    server_files.forget_copies(place.path / "server", files)
    process.forget_stale_pid(place, account)
    offset = place.log.stat().st_size
    process.launch(place, account, files)
    return offset


def take_down(place: Home, note: Callable[[str], None]) -> bool:
    """Stop the server and what is left of it; call with the launcher's lock."""
    pid = process.postmaster_pid(place)
    if pid is not None:
        process.end(place, pid, note)
        return True
    if not place.server_lives():
        return False
    process.end_survivors(place, note)
    if place.server_lives():
        raise ServerError(
            f"the server on {place.data} runs where this process cannot reach it, perhaps in "
            "another container: stop it there"
        )
    return True


def listen_on_tcp(place: Home, network: Network | None, note: Callable[[str], None]) -> None:
    """Restart the server so that it listens on 127.0.0.1; call with the launcher's lock."""
    keep = network is not None and port_is_free(network.port)
    port = network.port if network is not None and keep else free_port()
    note(f"restarting PostgreSQL to listen on 127.0.0.1:{port}")
    take_down(place, note)
    place.keep_network(Network(port, tcp=True))
    bring_up(place, server_account(), note)


def state_of(place: Home, pid: int | None) -> str:
    """Return the word for what the server does now; see ServerStatus."""
    if not place.data.is_dir():
        return "absent"
    answer = process.answers(place)
    if answer == pq.Ping.OK:
        return "running"
    return "stopped" if pid is None else "starting"


def files_for(place: Home, account: Account) -> ServerFiles:
    """Return the server files that the server's user can reach."""
    if account.switched:
        return server_files.copied_to(place.path / "server")
    return server_files.in_wheel()


def answers(place: Home) -> bool:
    """Return whether the server is up and set up, so that nothing is left to do."""
    return place.marker.exists() and process.answers(place) == pq.Ping.OK


def url(place: Home, user: str) -> str:
    """Return a libpq URL over the socket; every path is percent-encoded."""
    network = place.network()
    port = "" if network is None else f"&port={network.port}"
    host = quote(str(place.socket_directory), safe="")
    return f"postgresql://{user}@/{bootstrap.DATABASE}?host={host}{port}"


@contextlib.contextmanager
def server_errors(place: Home) -> Generator[None]:
    """Say what an operating-system error means for the server."""
    try:
        yield
    except PermissionError as exc:
        raise ServerError(
            f"the database in {place.path} belongs to another user ({exc}); set KGFEATURES_HOME "
            "to a directory of your own, or ask its owner for `kgfeatures db url --tcp` and set "
            "KGFEATURES_DSN to it"
        ) from exc
    except OSError as exc:
        free = free_bytes(place.path) >> 20
        hint = "; free some disk space and start again" if exc.errno == errno.ENOSPC else ""
        raise ServerError(
            f"the database in {place.path} cannot be used: {exc}, {free} MB of its disk are free"
            f"{hint}"
        ) from exc


def free_bytes(path: Path) -> int:
    """Return the free bytes of the disk that holds `path` or its nearest existing parent."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def require_unix() -> None:
    """Check that the operating system has what the launcher needs.

    Raises
    ------
    ServerError : on Windows.
    """
    if os.name != "posix":
        raise ServerError(
            "the embedded PostgreSQL runs on Linux and macOS; on Windows use WSL, or set "
            "KGFEATURES_DSN to a PostgreSQL of your own"
        )
