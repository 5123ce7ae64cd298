"""A rehearsal of steps: it decides as a run does, says why, and leaves everything as it is."""

from __future__ import annotations

from typing import Any

import pytest

from kgfeatures.db import Database
from kgfeatures.db.rehearsal import Rehearsal, first_difference
from kgfeatures.db.runs import run_step
from kgfeatures.db.step import Step

COUNT = Step("count", "1", inputs=("raw.product",), outputs=("raw.customer",))
PARAMS: dict[str, object] = {"k": (1, 2), "files": {"a.csv": "1"}}


def work(conn: Any, _progress: Any) -> dict[str, int]:
    conn.execute("delete from raw.customer")
    return {"raw.customer": conn.execute("insert into raw.customer values ('x')").rowcount}


def reason(db: Database, step: Step = COUNT, params: dict[str, object] = PARAMS, **options: Any):
    with Rehearsal(lambda: db.dsn) as rehearsal:
        result = run_step(rehearsal, step, params, work, **options)
        [forecast] = rehearsal.forecasts
    assert result.skipped == (forecast.reason is None)
    return forecast.reason


def test_a_step_that_never_ran_is_not_run_either(db: Database) -> None:
    assert reason(db) == "never run"
    assert db.sql("select * from ops.run").empty
    assert db.sql("select * from raw.customer").empty


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("select 1", None),
        ("insert into raw.product (product_id) values ('c')", "raw.product changed"),
        ("delete from raw.customer", "raw.customer is not as the last run left it"),
    ],
)
def test_the_reason_is_the_table_that_changed(db: Database, statement, expected) -> None:
    run_step(db, COUNT, PARAMS, work)
    db.sql(statement)
    assert reason(db) == expected


def test_the_reason_is_the_setting_or_the_code_that_changed(db: Database) -> None:
    run_step(db, COUNT, PARAMS, work)
    assert reason(db, params={**PARAMS, "files": {"a.csv": "2"}}) == "files: a.csv: 1 -> 2"
    assert reason(db, params={**PARAMS, "files": {}}) == "files: a.csv is gone"
    newer = Step("count", "2", COUNT.inputs, COUNT.outputs)
    assert reason(db, newer) == "this version computes it otherwise (1 -> 2)"
    assert reason(db, force=True) == "its last result does not stand"


def test_long_values_are_not_repeated() -> None:
    assert first_difference({"sha": "a" * 64}, {"sha": "b" * 64}) == "sha changed"
    assert first_difference({"a": [1]}, {"a": [1]}) is None
