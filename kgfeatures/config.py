"""The settings that come from outside: four environment variables, each with a default.

$KGFEATURES_HOME         data directory of the embedded database and of caches
$KGFEATURES_DSN          the user's own PostgreSQL, instead of the embedded one
$KGFEATURES_READER_DSN   the read-only login that analysts and the SQL console use
$KGFEATURES_DATA         where benchmarks look for data sets that cannot be shipped
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

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
