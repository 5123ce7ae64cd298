"""`kgfeatures check db` sees what is wrong: each thing is made wrong, and looked at."""

from __future__ import annotations

import psycopg
import pytest

from kgfeatures.db import health, launcher
from kgfeatures.db.embedded.bootstrap import superuser
from kgfeatures.db.embedded.home import home_at
from kgfeatures.db.target import Target


@pytest.fixture(scope="module")
def checked(servers):
    """Give the target of a server that tests may damage."""
    home = servers / "health"
    dsn = launcher.ensure_running(home)
    return Target(dsn, launcher.reader_dsn(home), home)


def state(target, name):
    finding = next(found for found in health.findings(target) if found.name == name)
    assert (finding.state == "ok") == (finding.advice == "")
    return finding


def administrate(target, *statements):
    with superuser(home_at(target.home), "kgf") as conn:
        for statement in statements:
            conn.execute(statement)


def test_nothing_is_wrong_with_a_new_server(checked):
    assert {finding.state for finding in health.findings(checked)} == {"ok"}


def test_index_that_a_failed_build_left_is_named_with_its_cure(checked):
    with psycopg.connect(checked.dsn, autocommit=True) as conn:
        conn.execute("create schema shop")
        conn.execute("create table shop.twice as select 1 as x from generate_series(1, 2)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            conn.execute("create unique index concurrently once on shop.twice (x)")
        found = state(checked, "indexes")
        assert found.state == "fail"
        assert "reindex index concurrently shop.once" in found.advice
        conn.execute("drop schema shop cascade")
    assert state(checked, "indexes").state == "ok"


def test_reader_that_may_write_is_named_with_the_table(checked):
    with psycopg.connect(checked.dsn, autocommit=True) as conn:
        conn.execute("create schema shop create table open (x int)")
        conn.execute("grant insert on shop.open to public")
        found = state(checked, "reader")
        conn.execute("drop schema shop cascade")
    assert (found.state, found.found) == ("fail", "kgf_reader can write shop.open")


def test_reader_that_can_become_the_owner_is_a_failure(checked):
    administrate(checked, "grant kgf_owner to kgf_reader")
    found = state(checked, "reader")
    administrate(checked, "revoke kgf_owner from kgf_reader")
    assert (found.state, found.found) == ("fail", "kgf_reader can become kgf_owner")


def test_reader_with_an_administrators_rights_is_a_failure(checked):
    administrate(checked, "alter role kgf_reader createrole")
    found = state(checked, "reader")
    administrate(checked, "alter role kgf_reader nocreaterole")
    assert found.state == "fail"
    assert "nocreaterole" in found.advice


def test_reader_that_cannot_log_in_is_a_failure(checked):
    wrong = Target(checked.dsn, checked.reader_dsn.replace("/kgf?", "/nowhere?"), checked.home)
    assert state(wrong, "reader").state == "fail"


def test_missing_extension_is_answered_with_the_line_to_run(checked):
    administrate(checked, "drop extension vector")
    found = state(checked, "pgvector")
    administrate(checked, "create extension vector")
    assert found.state == "fail"
    assert "create extension vector;" in found.advice


@pytest.mark.parametrize(
    ("version", "expected"),
    [("0.8.3", "fail"), ("0.8.4", "ok"), ("0.8.10", "ok"), ("0.10.0", "ok"), ("0.7.4", "fail")],
)
def test_versions_of_pgvector_compare_by_number(version, expected):
    assert health.pgvector({"vector_version": version}).state == expected


def test_superuser_as_owner_is_a_warning(checked):
    by_superuser = checked.dsn.replace("kgf_owner@", "kgf@")
    assert state(Target(by_superuser, checked.reader_dsn, None), "owner").state == "warn"


def test_dsn_without_a_reader_is_a_warning(checked):
    found = state(Target(checked.dsn, None, None), "reader")
    assert found.state == "warn"
    assert "KGFEATURES_READER_DSN" in found.advice
