"""The documentation is true: its examples run, and it leaves nothing out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kgfeatures.cli import COMMANDS
from kgfeatures.db import Database

ROOT = Path(__file__).parent.parent
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = ["sql.md", "recommend.md"]  # whose SQL is run
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
@pytest.mark.parametrize("statement", [s for name in RUN for s in statements(ROOT / "docs" / name)])
def test_every_example_of_the_sql_pages_answers(shop: Database, statement: str) -> None:
    with shop.transaction() as conn, conn.transaction(force_rollback=True):
        rows = conn.execute(statement).fetchall()
    assert rows


@pytest.mark.slow
def test_the_readmes_python_prints_the_columns_it_shows(
    shop: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KGFEATURES_DSN", shop.dsn)
    [code] = blocks(ROOT / "README.md", "python")
    exec(code, {})  # noqa: S102  the README's own lines
    header, *rows = capsys.readouterr().out.splitlines()
    shown = blocks(ROOT / "README.md", "text")[0].splitlines()
    assert header.split() == shown[0].split()
    assert len(rows) == len(shown) - 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_the_readmes_sql_gives_the_columns_it_shows(shop: Database, number: int) -> None:
    with shop.transaction() as conn:
        cursor = conn.execute(statements(ROOT / "README.md")[number])
        names = [column.name for column in cursor.description or ()]
    shown = blocks(ROOT / "README.md", "text")[1 + number].splitlines()
    assert names == [name.strip() for name in shown[0].split("|")]
    assert cursor.rowcount == len(shown) - 2
