"""The plain `feast` CLI in feature_repo/, with nothing but the exports of `kgfeatures db env`."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from kgfeatures.db import Database, launcher, migrate
from kgfeatures.features.store import Repository
from tests.features.conftest import feast

pytestmark = pytest.mark.slow


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
