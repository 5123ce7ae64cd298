"""Which database is meant: the user's own by $KGFEATURES_DSN, else the embedded one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgfeatures.db import launcher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kgfeatures.config import Settings


@dataclass(frozen=True)
class Target:
    """A database and its logins; `home` is None when the database is the user's own."""

    dsn: str
    reader_dsn: str | None
    home: Path | None


def is_embedded(now: Settings) -> bool:
    """Return whether these settings mean the embedded server.

    They do without a DSN, and with the one that `kgfeatures db env` exported for it.
    """
    return now.dsn is None or launcher.is_own(now.home, now.dsn)


def target(now: Settings, note: Callable[[str], None] = launcher.silent) -> Target:
    """Return the database that the settings mean, the embedded server running.

    Raises
    ------
    ConfigError : $KGFEATURES_DSN cannot be parsed.
    ServerError : the embedded server cannot be started.
    """
    if now.dsn is not None and not is_embedded(now):
        return Target(now.dsn, now.reader_dsn, home=None)
    dsn = launcher.ensure_running(now.home, note)
    return Target(dsn, launcher.reader_dsn(now.home), now.home)
