"""Progress with a terminal and without one."""

from __future__ import annotations

import sys

import pytest

from kgfeatures.cli import progress


def test_without_a_terminal_progress_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.terminal_progress() as shown:
        shown.start("reading", total=3)
        shown.advance(3)
        shown.note("3 rows rejected")
    assert capsys.readouterr().err == "reading\n3 rows rejected\n"


def test_long_work_says_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = progress.LineProgress()
    shown.start("reading", total=2000)
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    shown.advance(1500)
    assert capsys.readouterr().err == "reading\nreading: 1,500 of 2,000\n"


def test_a_terminal_gets_a_bar_that_leaves_only_the_notes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress.terminal_progress() as shown:
        shown.start("reading", total=3)
        shown.advance(2)
        shown.start("writing")
        shown.note("[3] rows rejected")
    assert isinstance(shown, progress.TerminalProgress)
    assert "[3] rows rejected" in capsys.readouterr().err
