"""The notebooks run from top to bottom on a small real shop."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from kgfeatures.db import Database

NOTEBOOKS = sorted((Path(__file__).parent.parent.parent / "notebooks").glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def is_python(cell: nbformat.NotebookNode) -> bool:
    return not cell.source.startswith("%")


@every_notebook
def test_notebook_is_committed_without_outputs(file: Path) -> None:
    cells = code_cells(nbformat.read(file, as_version=4))
    assert [cell.outputs for cell in cells if cell.outputs] == []
    assert [cell.execution_count for cell in cells if cell.execution_count] == []


@every_notebook
def test_no_function_in_a_notebook_is_longer_than_five_lines(file: Path) -> None:
    cells = code_cells(nbformat.read(file, as_version=4))
    source = "\n".join(cell.source for cell in cells if is_python(cell))
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef)]
    assert [f.name for f in functions if (f.end_lineno or 0) - f.lineno >= 5] == []


@pytest.mark.slow
@every_notebook
def test_notebook_runs(
    shop: Database, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KGFEATURES_DSN", shop.dsn)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(file, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": tmp_path}}).execute()
    shown = [output.output_type for cell in code_cells(notebook) for output in cell.outputs]
    if "matplotlib" in file.read_text():
        assert "display_data" in shown
    assert shown.count("execute_result") >= 10
    assert "stderr" not in [o.get("name") for cell in code_cells(notebook) for o in cell.outputs]
