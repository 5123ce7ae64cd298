"""`kgfeatures lab`: the user's own copy, and the command that opens it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgfeatures.cli import lab


def test_notebooks_are_copied_once_and_edits_survive(tmp_path: Path) -> None:
    copy = lab.copy_notebooks(tmp_path / "mine")
    assert sorted(file.name for file in copy.parent.iterdir()) == [
        "01_first_hour.ipynb",
        "02_sql_only.ipynb",
    ]
    copy.write_text("edited", encoding="utf-8")
    assert lab.copy_notebooks(tmp_path / "mine").read_text("utf-8") == "edited"


def test_jupyterlab_opens_the_copy_in_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab.os, "geteuid", lambda: 1000)
    command = lab.jupyter_command(Path("/home/ann/mine/01_first_hour.ipynb"), ["--no-browser"])
    assert command[1:] == [
        "-m",
        "jupyterlab",
        "--ServerApp.root_dir=/home/ann/mine",
        "--LabApp.default_url=/lab/tree/01_first_hour.ipynb",
        "--no-browser",
    ]


def test_command_holds_no_connection_string(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGFEATURES_DSN", "postgresql://ann:secret@db/shop")
    assert "secret" not in " ".join(lab.jupyter_command(Path("x.ipynb"), []))
