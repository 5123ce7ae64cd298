"""The operating-system user that runs the server.

PostgreSQL refuses to run as root. When root starts it, a system user `kgfeatures` runs it and owns
the data; everybody else runs it as themselves. Permissions of directories that were there before
are never changed: where that user cannot get in, an error says so.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgfeatures.db.embedded.whole import write_whole
from kgfeatures.errors import ServerError

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM_USER = "kgfeatures"
NOLOGIN = "/usr/sbin/nologin"
# Enters each directory in turn and names the first one that refuses.
ENTER = 'for d in "$@"; do cd -- "$d" 2>/dev/null || { printf %s "$d"; exit 1; }; done'


@dataclass(frozen=True)
class Account:
    """Who runs the server; `switched` when that is another user than the caller."""

    name: str
    uid: int
    gid: int
    switched: bool

    def run(
        self, command: list[str], env: dict[str, str], pass_fds: tuple[int, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user and return what it printed; never raises for its status."""
        return subprocess.run(  # noqa: S603  the programs of the server files, and /bin/sh
            command,
            check=False,
            env=env,
            cwd="/",
            pass_fds=pass_fds,
            text=True,
            capture_output=True,
            user=self.uid if self.switched else None,
            group=self.gid if self.switched else None,
            extra_groups=[] if self.switched else None,
        )

    def own(self, path: Path) -> None:
        """Give this user a path that we have just made."""
        if self.switched:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def write(self, path: Path, text: str) -> None:
        """Write a file that this user owns and alone may read, whole or not at all."""
        write_whole(path, text, owner=(self.uid, self.gid) if self.switched else None)

    def require_entry(self, path: Path) -> None:
        """Check that this user can get into `path` and every directory above it.

        Raises
        ------
        ServerError : names the first directory that keeps the user out.
        """
        if not self.switched:
            return
        ladder = [str(step) for step in reversed((path, *path.parents)) if step.exists()]
        done = self.run(["/bin/sh", "-c", ENTER, "sh", *ladder], env={})
        if done.returncode != 0:
            raise ServerError(
                f"the user {self.name!r}, who runs PostgreSQL for root, cannot enter "
                f"{done.stdout}, so the database cannot live in {path}; set KGFEATURES_HOME to a "
                "directory such as /var/lib/kgfeatures, or start as an ordinary user"
            )


def server_account() -> Account:
    """Return who runs the server, creating the system user when root asks for the first time.

    Raises
    ------
    ServerError : the user is missing and cannot be created.
    """
    uid = os.geteuid()
    if uid != 0:
        return Account(user_name(uid), uid, os.getegid(), switched=False)
    try:
        found = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        found = create_system_user()
    return Account(found.pw_name, found.pw_uid, found.pw_gid, switched=True)


def user_name(uid: int) -> str:
    """Return the login name of a user id; containers may run under an id without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError as exc:
        raise ServerError(
            f"user id {uid} has no name in the password file, and PostgreSQL needs one: "
            f"add one (useradd --uid {uid} kgfeatures) or set KGFEATURES_DSN"
        ) from exc


def create_system_user() -> pwd.struct_passwd:
    """Create the system user without a home, a shell or a password, and return its entry."""
    command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", NOLOGIN, SYSTEM_USER]
    if shutil.which("useradd") is None:
        raise ServerError(
            f"PostgreSQL refuses to run as root and the user {SYSTEM_USER!r} does not exist; "
            "useradd is not on the PATH: create the user, or start as an ordinary user"
        )
    done = subprocess.run(command, check=False, text=True, capture_output=True)  # noqa: S603  useradd
    try:
        # Two processes may create it at once: the second one fails and still finds it.
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError as exc:
        raise ServerError(
            f"PostgreSQL refuses to run as root and the user {SYSTEM_USER!r} could not be created "
            f"({done.stderr.strip()}); create it: {' '.join(command)}"
        ) from exc
