"""The documentation is true: its examples run, and it leaves nothing out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kgfeatures.cli import COMMANDS
from kgfeatures.db import Database

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
SCHEMAS = ["emb", "kg", "ops", "rec", "seg"]

FUNCTIONS = """
select
    pronamespace::regnamespace::text || '.' || proname as name,
    coalesce(obj_description(oid, 'pg_proc'), '') as comment,
    prosecdef as is_definer
from pg_proc
where pronamespace::regnamespace::text = any(%(schemas)s)
"""


def blocks(file: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", file.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )


def statements(file: Path) -> list[str]:
    """Return each SQL statement of a page."""
    parts = [part for block in blocks(file, "sql") for part in block.split(";\n")]
    return [part.strip() for part in parts if part.strip()]


@pytest.mark.parametrize("file", DOCS, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(file: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text("utf-8"))
    assert [target for target in targets if not (file.parent / target).exists()] == []


def test_every_command_is_named_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"kgfeatures {name}" not in text] == []


@pytest.mark.slow
def test_every_sql_function_is_documented_and_runs_with_the_callers_rights(shop: Database) -> None:
    text = (ROOT / "docs" / "sql.md").read_text("utf-8")
    found = shop.sql(FUNCTIONS, {"schemas": SCHEMAS})
    assert found.query("comment == ''").name.tolist() == []
    assert found.query("is_definer").name.tolist() == []
    assert sorted({name for name in found.name if f"`{name}" not in text}) == []


@pytest.mark.slow
@pytest.mark.parametrize("statement", statements(ROOT / "docs" / "sql.md"))
def test_every_example_of_the_sql_page_answers(shop: Database, statement: str) -> None:
    with shop.transaction() as conn:
        rows = conn.execute(statement).fetchall()
        conn.rollback()
    assert rows
