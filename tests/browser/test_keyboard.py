"""The panels without a mouse: every step of a newcomer's way by keys alone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Error, Page, expect

from tests.browser.lab_page import CELLS, open_lab, wait_for_kernel

pytestmark = [pytest.mark.slow, pytest.mark.browser]

MOUSE = "window.mouse = 0; addEventListener('pointerdown', () => { window.mouse += 1; }, true);"
ATTEMPTS = 8
FOCUSED = "() => [document.activeElement.textContent.trim(), document.activeElement.className]"


def choose(page: Page, command: str) -> None:
    """Run a command of the palette; what takes the focus while it loads closes it again."""
    marked = page.locator("#modal-command-palette .lm-mod-active", has_text=command)
    for _ in range(ATTEMPTS):
        page.keyboard.press("Control+Shift+C")
        page.keyboard.type(command)
        try:
            marked.wait_for(timeout=3000)
        except Error:
            page.keyboard.press("Escape")
        else:
            return page.keyboard.press("Enter")
    return pytest.fail(f"the palette never offered {command!r}")


def tab_to(page: Page, wanted: str, most: int = 12) -> None:
    """Press Tab until what has this text or class is focused."""
    passed = []
    for _ in range(most):
        page.keyboard.press("Tab")
        text, classes = page.evaluate(FOCUSED)
        if wanted in {text, *classes.split()}:
            return
        passed.append((text[:30], classes))
    pytest.fail(f"Tab does not come to {wanted!r}, it comes to {passed}")


def test_every_step_is_done_by_keys(odd_lab: str, page: Page) -> None:
    page.add_init_script(MOUSE)
    open_lab(page, odd_lab, workspace="keys")
    press, status = page.keyboard.press, page.locator(".kgf-Sql-status")

    choose(page, "Show the catalogue")
    expect(page.locator(".kgf-Search")).to_be_focused()
    page.keyboard.type("画像")
    expect(page.locator(".kgf-Catalogue-count")).to_have_text(re.compile(r"^\d entries$"))
    press("ArrowDown")
    press("ArrowUp")
    press("Enter")
    expect(page.locator(".kgf-Detail h1")).to_have_text("customer_profile")
    tab_to(page, "Insert code")
    press("Enter")
    page.wait_for_function(f"({CELLS})().some(cell => cell.includes('training_set(labels'))")

    # The notebook takes the focus once more when its kernel is there.
    wait_for_kernel(page)

    choose(page, "New SQL console")
    expect(page.locator(".kgf-Sql .cm-content")).to_be_focused()
    page.keyboard.type("select pg_sleep(60)")
    press("Escape")
    press("Control+Enter")
    expect(status).to_contain_text("Running")
    press("Control+.")
    expect(status).to_have_text("Cancelled.")
    press("Control+a")
    page.keyboard.type("select 'by keys' as how")
    press("Escape")
    press("Control+Enter")
    expect(status).to_have_text(re.compile(r"^1 row in "))

    choose(page, "New graph browser")
    expect(page.locator(".kgf-Graph input")).to_be_focused()
    page.keyboard.type("22837")
    expect(page.locator(".kgf-Graph .kgf-List-row")).to_have_count(1)
    press("Enter")
    row = page.locator(".kgf-Tree-row")
    expect(row.nth(1)).to_contain_text("bought")
    tab_to(page, "kgf-Tree")
    press("ArrowDown")
    press("ArrowRight")
    expect(row.nth(2)).to_contain_text("raw.interaction")
    press("ArrowDown")
    expect(page.locator(".kgf-Evidence")).to_contain_text("rows of raw.interaction themselves")
    press("ArrowRight")
    expect(page.locator('.kgf-Tree-row[aria-level="4"]').first).to_be_visible()
    assert page.evaluate("window.mouse") == 0
