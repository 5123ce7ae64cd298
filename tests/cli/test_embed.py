"""`kgfeatures embed` on a database of its own, through the real command line."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from kgfeatures.cli.embed import app
from kgfeatures.errors import DatabaseError, DataError, UnknownNameError
from kgfeatures.graph import vectors
from kgfeatures.steps import embed
from kgfeatures.types import entity_ids

if TYPE_CHECKING:
    from kgfeatures.db import Database


@pytest.fixture
def run(db_dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KGFEATURES_DSN", db_dsn)

    def run(*arguments: str) -> str:
        answer = CliRunner().invoke(app, list(arguments))
        if answer.exception is not None:
            raise answer.exception
        return answer.output

    return run


def publish(db: Database, data_hash: str) -> int:
    card = vectors.ModelCard(
        alias="graph", kind="graph", scorer="transe_l2", operator="<->", parameters={},
        data_hash=data_hash, code_version="1", known_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    )  # fmt: skip
    with db.transaction() as conn:
        conn.execute(
            "insert into kg.entity (entity_id, entity_type, key) "
            "values (kg.entity_id('product', 'a'), 'product', 'a') on conflict do nothing"
        )
        vectors.publish(conn, card, entity_ids("product", ["a"]), np.ones((1, 2), dtype="f4"))
    return card.model_id


def test_versions_marks_the_one_in_use_and_activate_moves_it(run, db: Database) -> None:
    assert run("versions") == "no vectors yet; run `kgfeatures embed graph`\n"
    old, new = publish(db, "old"), publish(db, "new")
    lines = run("versions").splitlines()
    assert lines[0].split()[:3] == ["*", "graph", str(new)]
    assert "transe_l2, 2 numbers, 1 entities, known at 2020-01-01" in lines[0]
    assert run("activate", "graph", str(old)) == f"graph is version {old} now\n"
    assert f"* graph {old}" in " ".join(run("versions").split())


def test_activate_refuses_an_unknown_version(run, db: Database) -> None:
    model_id = publish(db, "only")
    with pytest.raises(DatabaseError, match='model 1 is no version of "graph"') as caught:
        run("activate", "graph", "1")
    assert str(model_id) in str(caught.value)
    with pytest.raises(DatabaseError, match='no vectors are called "grahp"') as caught:
        run("activate", "grahp", str(model_id))
    assert "graph" in str(caught.value).replace("grahp", "")


@pytest.mark.parametrize("command", [("graph", "--epochs", "1"), ("text", "builtin:chargram")])
def test_an_empty_shop_says_what_to_run(run, command: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="run `kgfeatures ingest DIR` first"):
        run(*command)


def test_settings_that_cannot_train_are_refused(run) -> None:
    with pytest.raises(DataError, match="dim is 0; it must be at least 1"):
        run("graph", "--dim", "0")
    with pytest.raises(UnknownNameError, match="did you mean 'rotate'"):
        run("graph", "--model", "rotates")


def test_what_was_replaced_long_ago_is_removed_and_says_so(run, db: Database) -> None:
    old, new = publish(db, "old"), publish(db, "new")
    assert run("expire") == "no version of graph was replaced more than 90 days ago\n"
    db.sql("update emb.model set retired_at = now() - interval '8 days' where retired_at < now()")
    assert run("expire", "--keep-days", "7") == f"removed the vectors of version {old}\n"
    [used, gone] = run("versions").splitlines()
    assert (used.split()[2], gone.split()[1]) == (str(new), str(old))
    assert gone.endswith("vectors removed")


@pytest.mark.parametrize("days", ["-1", "-90"])
def test_versions_are_not_kept_for_less_than_no_time(run, db: Database, days: str) -> None:
    publish(db, "old")
    publish(db, "new")
    with pytest.raises(DatabaseError, match="to be kept for .*; it must be at least 0 days"):
        run("expire", "--keep-days", days)
    assert "vectors removed" not in run("versions")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2010-09-01", dt.datetime(2010, 9, 1, tzinfo=dt.UTC)),
        ("2010-09-01T08:00:00+08:00", dt.datetime(2010, 9, 1, tzinfo=dt.UTC)),
        ("2010-09-01T00:00:00Z", dt.datetime(2010, 9, 1, tzinfo=dt.UTC)),
    ],
)
def test_a_moment_is_utc_unless_it_names_its_offset(
    run, monkeypatch: pytest.MonkeyPatch, text: str, moment: dt.datetime
) -> None:
    asked: list[object] = []

    def stop(_database: object, **named: object) -> None:
        asked.append(named["known_at"])
        raise DataError("enough")

    monkeypatch.setattr(embed, "run_graph", stop)
    with pytest.raises(DataError, match="enough"):
        run("graph", "--known-at", text)
    assert asked == [moment]


def test_a_relation_has_one_weight(run) -> None:
    with pytest.raises(DataError, match=r"bought has the weights 0\.5 and 2\.0; choose one"):
        run("graph", "--weight", "bought=0.5", "--weight", "bought=2")


def test_an_update_without_vectors_says_what_to_run(run) -> None:
    with pytest.raises(DataError, match="no graph vectors to update; run `kgfeatures embed graph`"):
        run("update")


@pytest.mark.parametrize("weight", ["bought", "bought=half"])
def test_a_weight_that_is_none_shows_how_to_write_one(run, weight: str) -> None:
    with pytest.raises(SystemExit):
        run("graph", "--weight", weight)
