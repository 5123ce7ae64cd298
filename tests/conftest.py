"""Fixtures that every test may ask for: a real PostgreSQL, never a mock."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kgfeatures.db import launcher

if TYPE_CHECKING:
    from collections.abc import Iterator

# pytest's own temporary folder is closed to the user that runs PostgreSQL for root.
SERVERS = Path("/var/tmp")
SESSION_HOME = "kgfeatures-tests-"


@pytest.fixture(scope="session")
def server_home() -> Iterator[Path]:
    """Give the home of the session's embedded server; sweep what killed sessions left behind."""
    for left in SERVERS.glob(f"{SESSION_HOME}*"):
        if not Path("/proc", left.name.removeprefix(SESSION_HOME)).exists():
            remove_home(left)
    home = SERVERS / f"{SESSION_HOME}{os.getpid()}"
    yield home
    remove_home(home)


@pytest.fixture(scope="session")
def server_dsn(server_home: Path) -> str:
    """Give the owner's DSN of the session's embedded server, an empty database."""
    return launcher.ensure_running(server_home)


def remove_home(home: Path) -> None:
    """Stop the server at `home` and delete it."""
    launcher.stop(home)
    shutil.rmtree(home, ignore_errors=True)
