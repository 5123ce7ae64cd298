"""The settings that come from outside, and where the files are that ship beside the package.

Five environment variables, each with a default:

$KGFEATURES_HOME         data directory of the embedded database and of caches
$KGFEATURES_DSN          the user's own PostgreSQL, instead of the embedded one
$KGFEATURES_READER_DSN   the read-only login that analysts and the SQL console use
$KGFEATURES_DATA         where benchmarks look for data sets that cannot be shipped
$KGFEATURES_LANG         the language of the command line, zh or en, instead of the locale's
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from kgfeatures.errors import ConfigError

PACKAGE = Path(__file__).resolve().parent
SYSTEM_HOME = Path("/var/lib/kgfeatures")


@dataclass(frozen=True)
class Settings:
    """The environment as read once; `dsn` None means the embedded database."""

    home: Path
    dsn: str | None
    reader_dsn: str | None
    data: Path | None


def settings() -> Settings:
    """Return the settings that hold now; reads the environment at each call."""
    data = os.environ.get("KGFEATURES_DATA")
    return Settings(
        home=Path(os.environ.get("KGFEATURES_HOME") or default_home()).expanduser().absolute(),
        dsn=os.environ.get("KGFEATURES_DSN") or None,
        reader_dsn=os.environ.get("KGFEATURES_READER_DSN") or None,
        data=Path(data) if data else None,
    )


def default_home() -> Path:
    """Return where data lives unless told otherwise.

    Root gets a system directory: PostgreSQL refuses to run as root, and the unprivileged user
    that runs it instead cannot enter root's home.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return SYSTEM_HOME
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "kgfeatures"


def language() -> str:
    """Return the language tag that the environment names, such as zh_CN.UTF-8; "" for none."""
    names = ("KGFEATURES_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    return next(filter(None, map(os.environ.get, names)), "")


def shipped_folder(
    what: str, name: str, within: str, inside: str | None = None, package: Path = PACKAGE
) -> Path:
    """Return a folder that ships with the package: the checkout's first, else the package's.

    An editable install may leave a stale copy in the package, so the checkout wins.

    Parameters
    ----------
    what : the files that are looked for, for the message.
    name, inside : the folder at the top of the checkout, and in the package (None = the same).
    within : a file or folder that stands in it, by which it is known.

    Raises
    ------
    ConfigError : neither the checkout nor the package has one.
    """
    candidates = (package.parent / name, package / (inside or name))
    for folder in candidates:
        if (folder / within).exists():
            return folder
    places = " nor ".join(str(folder) for folder in candidates)
    raise ConfigError(f"no {what}: neither {places} holds {within}; install kgfeatures again")
