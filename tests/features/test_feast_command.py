"""The plain `feast` CLI in feature_repo/, with nothing but the exports of `kgfeatures db env`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from kgfeatures.db import Database, launcher, migrate
from kgfeatures.db.environment import environment
from kgfeatures.features.store import Repository

pytestmark = pytest.mark.slow


def feast(dsn: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("feast")), *arguments],
        cwd=Repository().folder,
        env=os.environ | environment(dsn),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_feast_command_lists_what_was_published_over_the_socket(shop) -> None:
    listed = feast(shop.dsn, "feature-views", "list")
    assert "customer_profile" in listed
    assert "segment_behaviour" in listed


def test_the_feast_command_applies_over_tcp_with_a_password(fresh_home) -> None:
    launcher.ensure_running(fresh_home)
    dsn = launcher.tcp_dsn(fresh_home)
    assert conninfo_to_dict(dsn)["password"]
    migrate(dsn)
    feast(dsn, "apply")
    with Database(lambda: dsn) as database:
        registered = database.sql(
            "select feature_view_name as name from feast_registry.feature_views"
        )
        assert set(registered["name"]) == set(Repository().tables)
