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
SERVERS = Path("/var/tmp")  # noqa: S108  the folder below it is made, never found
SESSION_FOLDER = "kgfeatures-tests-"


@pytest.fixture(scope="session")
def servers() -> Iterator[Path]:
    """Give a folder for the homes of this session's servers; sweep what killed sessions left."""
    for left in SERVERS.glob(f"{SESSION_FOLDER}*"):
        if not Path("/proc", left.name.removeprefix(SESSION_FOLDER)).exists():
            remove_servers(left)
    folder = SERVERS / f"{SESSION_FOLDER}{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o755)
    yield folder
    remove_servers(folder)


@pytest.fixture(scope="session")
def server_home(servers: Path) -> Path:
    """Give the home of the session's embedded server."""
    return servers / "session"


@pytest.fixture
def fresh_home(servers: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Give a home that does not exist yet, for a server of this test's own."""
    home = servers / f"{request.node.originalname[5:25]}-{os.urandom(2).hex()}"
    yield home
    remove_servers(home)


@pytest.fixture(scope="session")
def server_dsn(server_home: Path) -> str:
    """Give the owner's DSN of the session's embedded server, an empty database."""
    return launcher.ensure_running(server_home)


def remove_servers(folder: Path) -> None:
    """Stop the servers whose homes are `folder` or lie in it, and delete it."""
    for data in folder.rglob("pgdata"):
        launcher.stop(data.parent)
    shutil.rmtree(folder, ignore_errors=True)
