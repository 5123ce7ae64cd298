"""The panels in Chinese and in the dark, judged by axe, over a database that is away at first."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.lab_page import execute, open_lab, put

pytestmark = [pytest.mark.slow, pytest.mark.browser]

AXE = Path(__file__).parent.parent.parent / "extension/node_modules/axe-core/axe.min.js"
SERIOUS = """async selector => {
    const found = await axe.run(selector, {resultTypes: ['violations']});
    const bad = found.violations.filter(one => ['serious', 'critical'].includes(one.impact));
    return bad.map(one => `${one.id}: ${one.nodes.map(node => node.html.slice(0, 120))}`);
}"""


def down(route: Route) -> None:
    error = {"kind": "unavailable", "message": "The database does not answer.", "hint": None}
    route.fulfill(status=503, json={"error": error})


def test_panels_are_chinese_accessible_and_wait_for_the_database(lab: str, page: Page) -> None:
    put(page, lab, "translation-extension:plugin", '{"locale": "zh_CN"}')
    put(page, lab, "apputils-extension:themes", '{"theme": "JupyterLab Dark"}')
    page.route("**/kgfeatures/v1/catalogue*", down)
    open_lab(page, lab)
    page.add_script_tag(path=AXE)
    execute(page, "open-catalogue")
    expect(page.locator(".kgf-Failure")).to_contain_text("The database does not answer.")
    page.unroute("**/kgfeatures/v1/catalogue*")  # five seconds later it asks again by itself
    expect(page.locator(".kgf-Catalogue-count")).to_contain_text("个条目")
    page.locator(".kgf-Search").fill("customer_profile")
    expect(page.locator(".kgf-Catalogue .kgf-List-row").first).to_contain_text("顾客画像")
    page.keyboard.press("Enter")
    expect(page.locator(".kgf-Detail")).to_contain_text("列及其概况")
    execute(page, "open-detail", kind="feature_view", name="nothing")
    expect(page.locator(".kgf-Detail .kgf-Failure")).to_contain_text("没有特征视图 'nothing'。已有")
    page.locator(".lm-DockPanel-tabBar").get_by_text("customer_profile").click()

    execute(page, "open-sql", sql="select 1 as one")
    page.get_by_role("button", name="运行").click()
    expect(page.locator(".kgf-Sql-status")).to_contain_text("1 行")
    execute(page, "open-graph")
    page.locator(".kgf-Graph .kgf-List-row").first.click()
    expect(page.locator(".kgf-Tree-row").nth(1)).to_be_visible()
    page.locator(".kgf-Jobs-button").click()
    expect(page.locator(".kgf-Runs")).to_contain_text("最近的运行")
    parts = (".kgf-Catalogue", ".kgf-Detail", ".kgf-Sql", ".kgf-Graph", ".kgf-Runs", ".kgf-Jobs")
    assert [finding for part in parts for finding in page.evaluate(SERIOUS, part)] == []
