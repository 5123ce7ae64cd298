"""The panels in a real JupyterLab, over a real shop: what a newcomer does, in two languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from kgfeatures.db import Database
from tests.browser.lab_page import CELLS, execute, open_lab, put, write
from tests.shop import CUSTOMER

pytestmark = [pytest.mark.slow, pytest.mark.browser]

AXE = Path(__file__).parent.parent.parent / "extension/node_modules/axe-core/axe.min.js"
SERIOUS = """async selector => {
    const found = await axe.run(selector, {resultTypes: ['violations']});
    const bad = found.violations.filter(one => ['serious', 'critical'].includes(one.impact));
    return bad.map(one => `${one.id}: ${one.nodes.map(node => node.html.slice(0, 120))}`);
}"""
SLOW = "select pg_sleep(60)"
RUNNING = """
select count(*) as running
from pg_stat_activity
where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()
"""


def test_a_newcomer_finds_asks_browses_and_reloads(lab: str, page: Page, shop: Database) -> None:
    open_lab(page, lab)
    row, tab = page.locator(".kgf-Catalogue .kgf-List-row"), page.locator(".lm-DockPanel-tabBar")

    page.locator(".jp-LauncherCard", has_text="Show the catalogue").click()
    page.locator(".kgf-Search").fill("画像")
    expect(page.locator(".kgf-Catalogue-count")).to_have_text("2 entries")
    expect(row.first).to_contain_text("customer_profile")
    page.keyboard.press("Enter")
    detail = page.locator(".kgf-Detail")
    expect(detail.get_by_role("region", name="Columns and their profile")).to_contain_text(
        "spend_90d"
    )
    expect(detail.get_by_role("region", name="Sample")).to_be_visible()
    expect(detail.locator(".kgf-Lineage")).to_contain_text("kg.triple")
    detail.get_by_role("button", name="Insert %%kgsql").click()
    page.wait_for_function(f"({CELLS})().some(cell => cell.startsWith('%%kgsql'))")
    assert page.evaluate(CELLS)[0] == "%load_ext kgfeatures"

    execute(page, "open-sql", sql="")
    write(page, "select customer_id, wrong from feature.customer_profile")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".kgf-ErrorMark")).to_have_text("wrong")
    write(page, "select customer_id, orders_90d from feature.customer_profile")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".kgf-Sql-status")).to_have_text(re.compile(r"^[\d,]+ rows in "))
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert download.value.path().read_text("utf-8").startswith("customer_id,orders_90d\n")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".kgf-Plan")).to_contain_text("customer_profile")

    write(page, SLOW)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".kgf-Sql-status")).to_contain_text("Running")
    page.keyboard.press("Control+.")
    expect(page.locator(".kgf-Sql-status")).to_have_text("Cancelled.")
    page.wait_for_timeout(1000)
    assert shop.sql(RUNNING).running.item() == 0

    execute(page, "open-graph")
    page.locator(".kgf-Graph input").fill(str(CUSTOMER))
    page.locator(".kgf-Graph .kgf-List-row", has_text="customer").first.click()
    page.locator(".kgf-Tree-row", has_text="bought").click()
    page.locator(".kgf-Tree-row", has_text="product").first.click()
    expect(page.locator(".kgf-Evidence")).to_be_visible()
    page.wait_for_timeout(1500)  # JupyterLab saves a workspace a second after its last change

    open_lab(page, lab, fresh=False)
    for name in ("customer_profile", "SQL console", "Graph browser"):
        expect(tab.get_by_text(name)).to_be_visible()
    expect(page.locator(".kgf-Tree-row", has_text="product").first).to_be_visible()
    expect(page.locator(".kgf-Search")).to_have_value("画像")
    tab.get_by_text("SQL console").click()
    expect(page.locator(".kgf-Sql .cm-content")).to_contain_text("pg_sleep")


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
