"""One workspace in two tabs of a browser: each does its own work, neither spoils the other's."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab_page import execute, open_lab, write
from tests.shop import PRODUCT

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ONE_ROW = re.compile(r"^1 row in ")


def ask(page: Page, sql: str) -> None:
    write(page, sql)
    page.keyboard.press("Control+Enter")


def read_first_cell(page: Page) -> str:
    page.locator(".lm-DockPanel-tabBar").get_by_text("SQL console").click()
    page.locator(".kgf-Grid").click(position={"x": 120, "y": 55})
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    return page.locator(".kgf-Sql .kgf-Unseen").inner_text()


def test_two_tabs_of_one_workspace_work_side_by_side(odd_lab: str, page: Page) -> None:
    open_lab(page, odd_lab, workspace="shared")
    execute(page, "open-sql", sql="select pg_sleep(110)")
    page.get_by_role("button", name="Run", exact=True).click()
    status = page.locator(".kgf-Sql-status")
    expect(status).to_contain_text("Running")
    page.wait_for_timeout(1500)  # JupyterLab saves a workspace a second after its last change

    other = page.context.new_page()
    # JupyterLab gives the second tab a workspace of its own.
    open_lab(other, odd_lab, fresh=False, workspace="shared")
    expect(other.locator(".jp-Launcher")).to_be_visible()
    execute(other, "open-sql", sql="")
    ask(other, "select 'of the second tab' as whose")
    expect(other.locator(".kgf-Sql-status")).to_have_text(ONE_ROW)
    assert "of the second tab" in read_first_cell(other)
    execute(other, "open-graph")
    other.locator(".kgf-Graph input").fill(PRODUCT)
    other.locator(".kgf-Graph .kgf-List-row").first.click()
    expect(other.locator(".kgf-Tree-row").nth(1)).to_be_visible()

    # The first still runs its own statement, and ends it alone.
    expect(status).to_contain_text("Running")
    page.locator(".kgf-Sql .cm-content").click()
    page.keyboard.press("Control+.")
    expect(status).to_have_text("Cancelled.")
    ask(page, "select 'of the first tab' as whose")
    expect(status).to_have_text(ONE_ROW)
    assert "of the first tab" in read_first_cell(page)
    assert "of the second tab" in read_first_cell(other)
    other.wait_for_timeout(1500)
    other.close()

    # The first finds its own text after a reload, not what the second left.
    page.wait_for_timeout(1500)
    open_lab(page, odd_lab, fresh=False, workspace="shared")
    expect(page.locator(".kgf-Sql .cm-content")).to_contain_text("of the first tab")
