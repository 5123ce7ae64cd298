"""The linters refuse what the conventions forbid: a rule that nothing checks is a wish."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

STATEMENTS = """
from psycopg import Connection
from kgfeatures.db import Database


def count(connection: Connection, database: Database, table: str) -> None:
    connection.execute("select count(*) from kg.entity")
    database.sql("select count(*) from kg.entity where key = %(key)s", {"key": table})
    connection.execute(f"select count(*) from {table}")
    database.sql(f"select count(*) from {table}")
"""


@pytest.mark.slow
def test_pyright_refuses_sql_made_of_an_f_string(tmp_path: Path) -> None:
    file = tmp_path / "statements.py"
    file.write_text(STATEMENTS, encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["generalDiagnostics"]
    wrong = {row["range"]["start"]["line"] for row in found if row["rule"] == "reportArgumentType"}
    lines = STATEMENTS.splitlines()
    assert [lines[n].partition(".")[2][:10] for n in sorted(wrong)] == ['execute(f"', 'sql(f"sele']


def test_ruff_refuses_sql_made_of_an_f_string() -> None:
    command = [sys.executable, "-m", "ruff", "check", "--select", "S608", "--no-cache", "-"]
    unsafe = 'QUERY = f"select * from kg.entity where key = {key}"\n'
    done = subprocess.run(
        command, cwd=ROOT, input=unsafe, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "S608" in done.stdout
