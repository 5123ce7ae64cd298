"""A newcomer's first minutes, played end to end in a real JupyterLab over a real small shop."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from kgfeatures.db import Database
from tests.browser.lab_page import (
    CELLS,
    DO,
    execute,
    open_lab,
    put,
    run_inserted,
    wait_for_kernel,
    write,
)
from tests.shop import CUSTOMER

pytestmark = [pytest.mark.slow, pytest.mark.browser]

NEAREST = """
select
    product.title,
    near.text_vector <=> anchor.text_vector as cosine_distance
from feature.product_text_vector as anchor
cross join feature.product_text_vector as near
inner join raw.product on near.product_id = product.product_id
where anchor.product_id = '22837'
order by cosine_distance
limit 5
"""
SLOW = "select pg_sleep(60)"
RUNNING = """
select count(*) as running
from pg_stat_activity
where query like '%pg_sleep(60)%' and state = 'active' and pid <> pg_backend_pid()
"""


def find_a_view_and_use_it(page: Page) -> None:
    page.locator(".jp-LauncherCard", has_text="Show the catalogue").click()
    page.locator(".kgf-Search").fill("画像")
    expect(page.locator(".kgf-Catalogue-count")).to_have_text("2 entries")
    expect(page.locator(".kgf-Catalogue .kgf-List-row").first).to_contain_text("customer_profile")
    page.keyboard.press("Enter")
    detail = page.locator(".kgf-Detail")
    profile = detail.get_by_role("region", name="Columns and their profile")
    expect(profile).to_contain_text("spend_90d")
    expect(detail.get_by_role("region", name="Sample")).to_be_visible()
    expect(detail.locator(".kgf-Lineage")).to_contain_text("kg.triple")
    detail.get_by_role("button", name="Insert %%kgsql").click()
    page.wait_for_function(f"({CELLS})()[0] === '%load_ext kgfeatures'")
    wait_for_kernel(page)
    page.evaluate(DO, "notebook:run-all-above")
    expect(run_inserted(page, "%%kgsql")).to_contain_text("customer_id")


def ask_in_sql(page: Page, shop: Database) -> None:
    status = page.locator(".kgf-Sql-status")
    execute(page, "open-sql", sql="")
    write(page, "select customer_id, wrong from feature.customer_profile")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".kgf-ErrorMark")).to_have_text("wrong")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".kgf-Sql [role=alert]:visible")).to_contain_text('"wrong" does not exist')

    write(page, NEAREST)
    page.keyboard.press("Control+Enter")
    expect(status).to_have_text(re.compile(r"^5 rows in "))
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    head, nearest, *_ = download.value.path().read_text("utf-8").splitlines()
    assert head == "title,cosine_distance"
    assert float(nearest.rpartition(",")[2]) == pytest.approx(0, abs=1e-6)
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".kgf-Plan")).to_contain_text("product_text_vector")

    write(page, SLOW)
    page.keyboard.press("Control+Enter")
    expect(status).to_contain_text("Running")
    page.keyboard.press("Control+.")
    expect(status).to_have_text("Cancelled.")
    page.wait_for_timeout(1000)
    assert shop.sql(RUNNING).running.item() == 0


def walk_the_graph(page: Page) -> None:
    execute(page, "open-graph")
    page.locator(".kgf-Graph input").fill(str(CUSTOMER))
    page.locator(".kgf-Graph .kgf-List-row", has_text="customer").first.click()
    page.locator(".kgf-Tree-row", has_text="bought").click()
    page.locator(".kgf-Tree-row", has_text="product").first.click()
    expect(page.locator(".kgf-Evidence")).to_contain_text("raw.interaction")


def open_the_widget(page: Page) -> None:
    title = page.locator(".kgf-Tree-row[aria-selected=true] .kgf-Tree-label").inner_text()
    page.get_by_role("button", name="Open as a widget").click()
    widget = run_inserted(page, "GraphBrowser(").locator(".kgf-gb")
    expect(widget.locator(".kgf-gb-title")).to_contain_text(title)

    # By keys alone: to the first neighbour's evidence, on to the neighbour, and back.
    widget.locator("tbody button").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(widget.locator(".kgf-gb-evidence")).to_contain_text("extract:gazetteer")
    expect(widget.locator("tbody tr").first.locator("button").nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    neighbor = widget.locator("tbody button").first.inner_text()
    page.keyboard.press("Enter")
    expect(widget.locator(".kgf-gb-title")).to_contain_text(neighbor)
    page.keyboard.press("Backspace")
    expect(widget.locator(".kgf-gb-title")).to_contain_text(title)
    widget.get_by_role("combobox", name="Search entities").fill(str(CUSTOMER))
    expect(widget.locator(".kgf-gb-found li")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(widget.locator(".kgf-gb-title")).to_have_text(re.compile(rf"^customer {CUSTOMER}"))
    page.evaluate(DO, "docmanager:save")
    page.wait_for_timeout(1500)  # JupyterLab saves a workspace a second after its last change


def test_a_newcomer_finds_asks_browses_and_reloads(lab: str, page: Page, shop: Database) -> None:
    # Else the first save asks for a name.
    put(page, lab, "docmanager-extension:plugin", '{"renameUntitledFileOnSave": false}')
    open_lab(page, lab)
    find_a_view_and_use_it(page)
    ask_in_sql(page, shop)
    walk_the_graph(page)
    open_the_widget(page)

    open_lab(page, lab, fresh=False)
    tab = page.locator(".lm-DockPanel-tabBar")
    for name in ("customer_profile", "SQL console", "Graph browser", "Untitled.ipynb"):
        expect(tab.get_by_text(name)).to_be_visible()
    expect(page.locator(".kgf-gb-title")).to_contain_text(str(CUSTOMER))
    expect(page.locator(".kgf-Search")).to_have_value("画像")
    tab.get_by_text("Graph browser").click()
    expect(page.locator(".kgf-Tree-row", has_text="product").first).to_be_visible()
    tab.get_by_text("SQL console").click()
    expect(page.locator(".kgf-Sql .cm-content")).to_contain_text("pg_sleep")
