"""What `kgfeatures demo` says at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgfeatures.cli import demo, report
from kgfeatures.db.step import StepResult
from kgfeatures.steps.stages import Done

DONE = [
    Done(StepResult("ingest", {"raw.interaction": 12345, "raw.product": 7}, 2.5, skipped=False), 1),
    Done(StepResult("embed graph", {"emb.m_7": 9, "emb.m_7_relation": 4}, 0.1, skipped=True), 0),
]


def test_closing_table_has_a_line_for_each_table_and_the_sums() -> None:
    lines = [line.split() for line in report.table(DONE).splitlines()[3:]]
    assert lines == [
        ["ingest", "raw.interaction", "12,345", "2.5", "1.0"],
        ["raw.product", "7"],
        ["embed", "graph", "emb.m_7", "9", "unchanged", "0.0"],
        ["emb.m_7_relation", "4"],
        ["total", "2.6", "1.0"],
    ]


def test_vectors_are_counted_without_those_of_relations() -> None:
    rows = {name: n for done in DONE for name, n in done.result.rows.items()}
    assert report.totals(rows).strip() == "9 vectors, 0 rows of features."


def test_five_things_to_try_name_a_customer_and_no_unfilled_place() -> None:
    shown = demo.next_steps("13085", Path("/srv/feature_repo"))
    assert [f"{n}. " in shown for n in range(1, 6)] == [True] * 5
    assert "rec.recommend('13085', 10)" in shown
    assert 'eval "$(kgfeatures db env)"' in shown
    assert "${" not in shown


def test_generated_shop_lies_in_the_home_and_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KGFEATURES_HOME", str(tmp_path))
    monkeypatch.setattr(demo, "CUSTOMERS", 20)
    monkeypatch.setattr(demo, "PRODUCTS", 20)
    folder = demo.generated_shop()
    assert folder.is_relative_to(tmp_path)
    written = (folder / "orders.parquet").stat().st_mtime_ns
    assert demo.generated_shop() == folder
    assert (folder / "orders.parquet").stat().st_mtime_ns == written
    assert "invented" in capsys.readouterr().err


def test_generated_shop_goes_to_the_cache_while_there_is_no_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KGFEATURES_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(demo, "CUSTOMERS", 20)
    monkeypatch.setattr(demo, "PRODUCTS", 20)
    assert demo.generated_shop().is_relative_to(tmp_path / "cache")
    assert not (tmp_path / "home").exists()
