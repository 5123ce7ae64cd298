"""The linters refuse what the conventions forbid: a rule that nothing checks is a wish."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

UNSAFE = '''
"""Builds a statement from a value."""
from psycopg import Connection


def count(connection: Connection, table: str) -> None:
    """Count the rows of a table."""
    connection.execute(f"select count(*) from {table}")
'''


@pytest.mark.slow
def test_pyright_refuses_sql_made_of_an_f_string(tmp_path: Path) -> None:
    file = tmp_path / "unsafe.py"
    file.write_text(UNSAFE, encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = [row["message"] for row in json.loads(done.stdout)["generalDiagnostics"]]
    assert done.returncode == 1
    assert any("LiteralString" in message for message in found), found


def test_ruff_refuses_sql_made_of_an_f_string() -> None:
    command = [sys.executable, "-m", "ruff", "check", "--select", "S608", "--no-cache", "-"]
    unsafe = 'QUERY = f"select * from kg.entity where key = {key}"\n'
    done = subprocess.run(
        command, cwd=ROOT, input=unsafe, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "S608" in done.stdout
