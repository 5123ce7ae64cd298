"""What is hostile, costly, gone or away: the panels show it as text and say it in a sentence."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Dialog, Page, expect
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from kgfeatures.db import Database
from tests.browser.conftest import DISCONNECT, HOSTILE
from tests.browser.lab_page import execute, open_lab, run_inserted, write

pytestmark = [pytest.mark.slow, pytest.mark.browser]

MARKUP = "document.querySelectorAll('img[src=\"x\"]').length"
COSTLY = "select max(vector <-> '[1,2,4]') as farthest from feature.many_vectors"


def test_a_name_of_markup_is_text_everywhere(odd_lab: str, page: Page) -> None:
    dialogs: list[str] = []

    def remember(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", remember)
    open_lab(page, odd_lab, workspace="hostile")
    execute(page, "open-detail", kind="entity_type", name="product")
    sample = page.get_by_role("region", name="Sample")
    expect(sample.get_by_text(HOSTILE)).to_be_visible()

    execute(page, "open-sql", sql="select title from raw.product where title like '<img%'")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator(".kgf-Sql-status")).to_have_text(re.compile(r"^1 row in "))
    page.locator(".kgf-Grid").click(position={"x": 120, "y": 55})
    page.keyboard.press("ArrowRight")
    expect(page.locator(".kgf-Sql .kgf-Unseen")).to_contain_text(HOSTILE)
    write(page, f'select "{HOSTILE}"')
    page.keyboard.press("Control+Enter")
    expect(page.locator(".kgf-Sql .kgf-mod-error")).to_contain_text(HOSTILE)
    expect(page.locator(".kgf-ErrorMark")).to_have_text(f'"{HOSTILE}"')

    execute(page, "open-graph")
    page.locator(".kgf-Graph input").fill(HOSTILE)
    page.locator(".kgf-Graph .kgf-List-row", has_text=HOSTILE).click()
    expect(page.locator(".kgf-Tree-label").first).to_have_text(HOSTILE)
    page.get_by_role("button", name="As a table").click()
    page.get_by_role("button", name="Open as a widget").click()
    widget = run_inserted(page, "GraphBrowser(").locator(".kgf-gb")
    expect(widget.locator(".kgf-gb-title")).to_contain_text(HOSTILE)
    widget.locator("input").fill(HOSTILE)
    expect(widget.locator(".kgf-gb-found li")).to_have_count(1)
    expect(widget.locator(".kgf-gb-found li")).to_contain_text(HOSTILE)
    assert page.evaluate(MARKUP) == 0
    assert dialogs == []


def test_a_costly_query_asks_first_and_runs_when_told(odd_lab: str, page: Page) -> None:
    open_lab(page, odd_lab, workspace="costly")
    execute(page, "open-sql", sql=COSTLY)
    page.get_by_role("button", name="Run", exact=True).click()
    warning = page.locator(".kgf-Sql .kgf-mod-warning")
    expect(warning).to_contain_text("this reads all 20,001 vectors of feature.many_vectors")
    assert warning.inner_text().count("20,001") == 1
    warning.get_by_role("button", name="Run anyway").click()
    expect(page.locator(".kgf-Sql-status")).to_have_text(re.compile(r"^1 row in "))
    expect(warning).to_have_count(0)


def test_a_view_deleted_meanwhile_is_said_in_one_sentence(
    odd_lab: str, page: Page, odd_shop: Database
) -> None:
    open_lab(page, odd_lab, workspace="fleeting")
    execute(page, "open-detail", kind="feature_view", name="fleeting")
    detail = page.locator(".kgf-Detail")
    expect(detail.get_by_role("region", name="Sample")).to_be_visible()
    with odd_shop.transaction() as conn:
        conn.execute("delete from ops.catalogue where name = 'fleeting'")
        conn.execute("drop table feature.fleeting")
    detail.get_by_role("button", name="Refresh").click()
    expect(detail.get_by_role("alert")).to_have_count(1)
    expect(detail.get_by_role("alert")).to_contain_text("no feature view 'fleeting'")
    page.wait_for_timeout(1500)  # JupyterLab saves a workspace a second after its last change
    open_lab(page, odd_lab, workspace="fleeting", fresh=False)
    expect(detail.get_by_role("alert")).to_contain_text("no feature view 'fleeting'")


def test_two_browser_tabs_keep_their_queries_apart(odd_lab: str, page: Page) -> None:
    other = page.context.new_page()
    tabs = {"one": page, "two": other}
    for workspace, tab in tabs.items():
        open_lab(tab, odd_lab, workspace=workspace)
        execute(tab, "open-sql", sql="select pg_sleep(60)")
        tab.get_by_role("button", name="Run", exact=True).click()
        expect(tab.locator(".kgf-Sql-status")).to_contain_text("Running")
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator(".kgf-Sql-status")).to_have_text("Cancelled.")
    expect(other.locator(".kgf-Sql-status")).to_contain_text("Running")
    write(page, "select i from generate_series(1, 7) as i")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".kgf-Sql-status")).to_have_text(re.compile(r"^7 rows in "))
    other.get_by_role("button", name="Cancel", exact=True).click()
    expect(other.locator(".kgf-Sql-status")).to_have_text("Cancelled.")


def test_a_database_that_goes_is_missed_and_found_again(
    odd_lab: str, page: Page, odd_shop: Database, administrator: Connection[TupleRow]
) -> None:
    name = sql.Identifier(str(conninfo_to_dict(odd_shop.dsn)["dbname"]))
    away = sql.Identifier("odd_shop_away")
    rename = sql.SQL("alter database {} rename to {}")
    open_lab(page, odd_lab, workspace="away")
    odd_shop.close()
    administrator.execute(DISCONNECT, [conninfo_to_dict(odd_shop.dsn)["dbname"]])
    administrator.execute(rename.format(name, away))
    try:
        execute(page, "open-catalogue")
        failure = page.locator(".kgf-Catalogue .kgf-Failure")
        expect(failure).to_contain_text("does not exist")
        execute(page, "open-sql", sql="select 1 as one")
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator(".kgf-Sql .kgf-mod-error")).to_contain_text("does not exist")
    finally:
        administrator.execute(DISCONNECT, ["odd_shop_away"])
        administrator.execute(rename.format(away, name))
    failure.get_by_role("button", name="Try again").click()
    expect(page.locator(".kgf-Catalogue-count")).to_contain_text("entries")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator(".kgf-Sql-status")).to_have_text(re.compile(r"^1 row in "))
