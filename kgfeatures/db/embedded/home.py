"""What lies where in $KGFEATURES_HOME.

    pgdata/        the database cluster                          0700, the server's user
    run/           its socket (a short path in /tmp if too long) 0700, the server's user
    server/        copy of the server files, only when root      readable by all
    postgres.log   what the server says
    server.json    port, and whether it listens on TCP
    launcher.lock  held while somebody starts, stops or changes the server
    server.lock    held by every process of a running server, inherited at its start

The second lock needs no process number: the kernel frees it when the last process of the server
is gone, also after kill -9, across containers that share the directory, and never for a zombie.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from kgfeatures.db.embedded.whole import write_whole
from kgfeatures.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from kgfeatures.db.embedded.account import Account

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, with the closing zero; PostgreSQL appends
# "/.s.PGSQL.54321" (15 bytes).
SOCKET_PATH_BYTES = 103 - 15
PORTS = range(20_000, 30_000)


@dataclass(frozen=True)
class Network:
    """How the server is reached: `port` names the socket too; `tcp` listens on 127.0.0.1."""

    port: int
    tcp: bool


@dataclass(frozen=True)
class Home:
    """The paths below one $KGFEATURES_HOME; nothing is created by asking."""

    path: Path

    @property
    def data(self) -> Path:
        """Return PostgreSQL's data directory."""
        return self.path / "pgdata"

    @property
    def log(self) -> Path:
        """Return the server's log file."""
        return self.path / "postgres.log"

    @property
    def marker(self) -> Path:
        """Return the file that says: roles, database and extension are in place."""
        return self.data / "kgfeatures.ready"

    @property
    def socket_directory(self) -> Path:
        """Return where the socket lies: in the home, or in /tmp when that path is too long."""
        inside = self.path / "run"
        if len(os.fsencode(inside)) <= SOCKET_PATH_BYTES:
            return inside
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        # Not $TMPDIR: every process must find the same place. Its owner and mode are checked.
        return Path("/tmp") / f"kgfeatures-{digest}"  # noqa: S108

    def network(self) -> Network | None:
        """Return how the server is reached, None before the first start."""
        try:
            stored = json.loads((self.path / "server.json").read_text())
            return Network(int(stored["port"]), bool(stored["tcp"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as exc:
            raise ServerError(
                f"{self.path / 'server.json'} cannot be read ({exc}); delete it: the next start "
                "writes a new one"
            ) from exc

    def keep_network(self, network: Network) -> None:
        """Store how the server is reached."""
        write_whole(self.path / "server.json", json.dumps(asdict(network)) + "\n", mode=0o644)

    @contextlib.contextmanager
    def launcher_lock(self, note: Callable[[str], None]) -> Generator[None]:
        """Hold the right to start, stop or change the server; wait for whoever holds it."""
        with lock_file(self.path / "launcher.lock") as descriptor:
            if not try_lock(descriptor):
                note("another process is starting or stopping the server")
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def server_lock(self) -> Generator[int | None]:
        """Give the descriptor for a new server to inherit, or None while an old one lives."""
        with lock_file(self.path / "server.lock") as descriptor:
            yield descriptor if try_lock(descriptor) else None

    def server_lives(self) -> bool:
        """Return whether any process of a server that we started is still there."""
        if not (self.path / "server.lock").exists():
            return False
        with self.server_lock() as free:
            return free is None


def home_at(path: Path) -> Home:
    """Return the home at `path`, by its real name: one home has one lock and one socket."""
    return Home(Path(os.path.realpath(path.expanduser())))


def make_home(home: Home, account: Account) -> None:
    """Create what is missing of the home; permissions of what exists stay as they are.

    Raises
    ------
    ServerError : the home cannot be created or entered, or its socket directory is another's.
    """
    mode = 0o755 if account.switched else 0o700
    for folder in reversed((home.path, *home.path.parents)):
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
            folder.chmod(mode)
    account.require_entry(home.path)
    if not os.access(home.path, os.W_OK | os.X_OK):
        raise ServerError(
            f"{home.path} belongs to another user; set KGFEATURES_HOME to a directory of your own, "
            "or ask its owner for `kgfeatures db url --tcp` and set KGFEATURES_DSN to it"
        )
    make_socket_directory(home.socket_directory, account)


def make_socket_directory(folder: Path, account: Account) -> None:
    """Create the socket directory with mode 0700, or check that it is ours and nobody else's."""
    try:
        folder.mkdir(mode=0o700)
        account.own(folder)
    except FileExistsError:
        found = folder.lstat()
        if found.st_uid not in {account.uid, os.geteuid()} or found.st_mode & 0o077:
            raise ServerError(
                f"the socket directory {folder} belongs to another user or is open to others; "
                "remove it or set KGFEATURES_HOME to a shorter path"
            ) from None


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on.

    Below the range from which the kernel takes ports of outgoing connections, so that it is
    still free at the next start.
    """
    for port in SystemRandom().sample(PORTS, 100):
        if port_is_free(port):
            return port
    raise ServerError(f"no free port on 127.0.0.1 between {PORTS.start} and {PORTS.stop - 1}")


def port_is_free(port: int) -> bool:
    """Return whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def lock_file(path: Path) -> Generator[int]:
    """Open a file to lock; nobody else may open it, or they could block the server for good."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Take an exclusive lock if it is free; say whether it was."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
