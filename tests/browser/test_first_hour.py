"""The first notebook in a real JupyterLab, as its reader runs it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import TOKEN

pytestmark = [pytest.mark.slow, pytest.mark.browser]

# Commands given before the kernel is there are lost without a word.
READY = """async () => {
    await window.jupyterapp.restored;
    const notebook = window.jupyterapp.shell.currentWidget;
    await notebook.revealed;
    await notebook.sessionContext.ready;
}"""
RUN_ALL = "void window.jupyterapp.commands.execute('notebook:run-all-cells')"
CELLS = "window.jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells"
CODE = f"{CELLS}.filter(cell => cell.cell_type === 'code')"
FAILED = "cell => cell.outputs.some(output => output.output_type === 'error')"
# An error leaves the cells below it unrun.
DONE = f"(cells => cells.some({FAILED}) || cells.every(cell => cell.execution_count))({CODE})"


def test_the_first_notebook_runs_in_the_browser(lab: str, page: Page) -> None:
    page.goto(f"{lab}/lab/tree/01_first_hour.ipynb?token={TOKEN}&reset")
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
    page.evaluate(READY)
    page.evaluate(RUN_ALL)
    page.wait_for_function(DONE, polling=500)
    outputs = [output for cell in page.evaluate(CODE) for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert any("image/png" in output.get("data", {}) for output in outputs)
