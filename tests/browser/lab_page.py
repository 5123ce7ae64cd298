"""What the tests of the panels do with a page of JupyterLab."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

from tests.browser.conftest import TOKEN

COMMAND = "([name, args]) => void window.jupyterapp.commands.execute(name, args)"
CELLS = """() => {
    const notebooks = [...window.jupyterapp.shell.widgets('main')].filter(
        widget => widget.hasClass('jp-NotebookPanel'));
    return notebooks.flatMap(one => one.model.sharedModel.cells.map(cell => cell.getSource()));
}"""
# The commands of a notebook are lost before its kernel is there, while its indicator says "idle".
KERNEL_WAITS = """() => {
    const context = window.jupyterapp.shell.currentWidget?.sessionContext;
    const kernel = context?.session?.kernel;
    const connected = kernel?.connectionStatus === 'connected';
    return !!context?.isReady && connected && kernel.status === 'idle';
}"""
DO = "name => window.jupyterapp.commands.execute(name).then(() => null)"


def put(page: Page, lab: str, plugin: str, raw: str) -> None:
    """Change one of JupyterLab's own settings."""
    address = f"{lab}/lab/api/settings/@jupyterlab/{plugin}"
    token = {"Authorization": f"token {TOKEN}"}
    assert page.request.put(address, data={"raw": raw}, headers=token).ok


def open_lab(page: Page, lab: str, *, fresh: bool = True, workspace: str = "panel") -> None:
    # The question whether to show news would cover what the test clicks.
    put(page, lab, "apputils-extension:notification", '{"fetchNews": "false"}')
    page.goto(f"{lab}/lab/workspaces/{workspace}?token={TOKEN}{'&reset' if fresh else ''}")
    page.wait_for_function("window.jupyterapp?.restored.then(() => true)")


def execute(page: Page, command: str, **arguments: str) -> None:
    page.evaluate(COMMAND, [f"kgfeatures:{command}", arguments])


def wait_for_kernel(page: Page) -> None:
    """Wait until the notebook in front has a kernel that has nothing to do."""
    page.wait_for_function(KERNEL_WAITS)


def run_inserted(page: Page, words: str) -> Locator:
    """Run the cell that was inserted, which holds `words`, and give what it shows."""
    page.wait_for_function(f"({CELLS})().some(cell => cell.includes({words!r}))")
    wait_for_kernel(page)
    page.evaluate(DO, "notebook:run-cell")
    return page.locator(".jp-Cell", has_text=words).locator(".jp-OutputArea-output")


def write(page: Page, sql: str) -> None:
    page.locator(".kgf-Sql .cm-content").fill(sql)
    page.keyboard.press("Escape")
