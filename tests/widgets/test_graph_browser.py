"""GraphBrowser over a real small shop, asked as the browser asks it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient
from psycopg.conninfo import make_conninfo

from kgfeatures.errors import DatabaseError, DataError, UnknownNameError
from kgfeatures.widgets import GraphBrowser
from kgfeatures.widgets.graph_browser import STATIC, WORDS
from kgfeatures.widgets.language import chosen
from tests.shop import CUSTOMER, PRODUCT

if TYPE_CHECKING:
    from kgfeatures.db import Database

HERE = ("product", PRODUCT)
CANARY = "canary-7f3a"
NEIGHBORS = "select * from kg.neighbors('product', %s, null, 'both', 50)"


@pytest.fixture
def browser(shop: Database) -> GraphBrowser:
    return GraphBrowser(*HERE, database=shop)


def ask(browser: GraphBrowser, what: str, **rest: Any) -> dict[str, Any]:
    """Send what graph_browser.js sends; give what is shown then."""
    data = {"method": "custom", "content": {"ask": what, "id": 1, **rest}}
    browser._handle_msg({"content": {"data": data}, "buffers": []})
    return browser.shown


def test_package_of_widgets_loads_no_ipywidgets() -> None:
    code = (
        "import kgfeatures.widgets, sys; print(sorted({'ipywidgets', 'pandas'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_entity_is_shown_with_its_triples_their_time_and_source(browser, shop) -> None:
    expected = shop.sql(NEIGHBORS, [PRODUCT])
    shown = browser.shown
    assert shown["entity"]["key"] == PRODUCT
    assert [row["key"] for row in shown["triples"]] == list(expected["neighbor_key"])
    assert {row["source"] for row in shown["triples"]} >= {"raw.interaction", "extract:gazetteer"}
    bought = next(row for row in shown["triples"] if row["relation"] == "bought")
    assert pd.Timestamp(bought["since"]) in set(expected["observed_at"])
    json.dumps(browser.get_state(), default=str)


def test_all_that_is_shown_can_be_had_as_sql_and_as_a_frame(browser, shop) -> None:
    triples = browser.frame()
    assert list(triples["key"]) == [row["key"] for row in browser.shown["triples"]]
    assert f"kg.neighbors('product', '{PRODUCT}'" in browser.sql()
    browser.explain(0)
    assert list(browser.frame("evidence")["text"]) == [
        row["text"] for row in browser.shown["evidence"]
    ]
    assert browser.triple is not None
    assert browser.triple["head"] == PRODUCT
    counts = browser.frame("relations").set_index(["relation", "direction"])["count"].to_dict()
    assert counts == {
        (one["relation"], one["direction"]): one["count"]
        for one in browser.shown["entity"]["relations"]
    }
    browser.search("cake")
    assert list(browser.frame("entities")["key"]) == [row["key"] for row in browser.shown["found"]]


def test_walk_goes_on_and_back_as_the_browser_asks(browser) -> None:
    shown = ask(browser, "go", type="customer", key=str(CUSTOMER))
    assert shown["entity"]["type"] == "customer"
    assert shown["passed"] == 1
    shown = ask(browser, "filter", relation="bought", direction="out")
    assert {row["relation"] for row in shown["triples"]} == {"bought"}
    shown = ask(browser, "back")
    assert browser.entity == HERE
    assert shown["passed"] == 0
    assert ask(browser, "back")["entity"]["key"] == PRODUCT


def test_more_shows_more_until_there_are_no_more(shop) -> None:
    browser = GraphBrowser("customer", str(CUSTOMER), database=shop, step=3)
    browser.filter("bought", "out")
    of = "select count(distinct product_id) from raw.interaction where event = 'purchase' and"
    total = shop.sql(f"{of} customer_id = %s", [str(CUSTOMER)]).to_numpy().item()
    shown = browser.shown
    while shown["more"]:
        before = len(shown["triples"])
        shown = ask(browser, "more")
        assert len(shown["triples"]) > before or not shown["more"]
    assert len(shown["triples"]) == total


@pytest.mark.parametrize(("words", "found"), [("REGENCY", True), ("<img src=x>", False)])
def test_search_finds_names_by_any_part(browser, words, found) -> None:
    shown = ask(browser, "search", text=words, type="product")
    assert bool(shown["found"]) is found
    assert shown["type"] == "product"


def test_search_finds_chinese_words(shop: Database) -> None:
    browser = GraphBrowser(database=shop)
    assert browser.entity is None
    with shop.transaction() as conn:
        conn.execute(
            "insert into kg.entity (entity_id, entity_type, key, label)"
            " values (7, 'word', 'w1', '青花茶具套装')"
        )
    try:
        found = ask(browser, "search", text="茶具")["found"]
    finally:
        with shop.transaction() as conn:
            conn.execute("delete from kg.entity where entity_id = 7")
    assert [(one["key"], one["label"]) for one in found] == [("w1", "青花茶具套装")]


def test_triples_are_those_that_were_known_at_a_time(shop) -> None:
    first = "select min(occurred_at) as first from raw.interaction where product_id = %s"
    start = shop.sql(first, [PRODUCT])["first"][0]
    browser = GraphBrowser(*HERE, database=shop, known_at=start.isoformat())
    times = [row["since"] for row in browser.shown["triples"] if row["since"]]
    assert {pd.Timestamp(time) for time in times} == {start}


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"entity_type": "product", "key": "nothing"}, UnknownNameError, "no product 'nothing'"),
        ({"entity_type": "product"}, DataError, "give both entity_type and key"),
        ({"step": 0}, DataError, "step is 0; it must be from 1 to 5000"),
        ({"entity_type": "product", "key": PRODUCT, "known_at": "noon"}, DatabaseError, "noon"),
    ],
)
def test_what_cannot_be_is_refused(shop, arguments, error, words) -> None:
    with pytest.raises(error, match=words):
        GraphBrowser(database=shop, **arguments)


def test_parts_that_there_are_not_are_refused(shop) -> None:
    browser = GraphBrowser(database=shop)
    with pytest.raises(DataError, match="there are no triples yet"):
        browser.sql()
    with pytest.raises(UnknownNameError, match="did you mean 'triples'"):
        browser.sql("triple")
    with pytest.raises(DataError, match="has not begun"):
        browser.filter("bought")
    browser.go(*HERE)
    with pytest.raises(UnknownNameError, match="did you mean 'bought'"):
        browser.filter("bougt")
    with pytest.raises(DataError, match="direction is 'up'"):
        browser.filter("bought", "up")
    with pytest.raises(DataError, match="triple is 999"):
        browser.explain(999)


def test_failure_is_a_sentence_and_what_was_shown_stays(browser) -> None:
    shown = ask(browser, "go", type="product", key="nothing")
    assert "no product 'nothing'" in shown["failure"]
    assert shown["entity"]["key"] == PRODUCT
    assert ask(browser, "back")["failure"] is None


def test_what_nobody_meant_is_logged_and_not_told(browser, caplog) -> None:
    shown = ask(browser, "nonsense")
    assert shown["failure"] == "something unexpected went wrong; the kernel's log says more"
    assert "KeyError" in caplog.text


def test_page_in_chinese_is_told_so(browser) -> None:
    ask(browser, "hello", language="zh-CN")
    assert browser.words["Show more"] == "显示更多"
    assert all(re.search("[\u4e00-\u9fff]", text) for text in browser.words.values())
    ask(browser, "hello", language="en")
    assert browser.words == {text: text for text in WORDS}


def test_kernel_reads_jupyterlabs_language(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JUPYTERLAB_SETTINGS_DIR", str(tmp_path))
    assert chosen() == "en"
    monkeypatch.setenv("KGFEATURES_LANG", "zh")
    assert chosen() == "zh"
    setting = tmp_path / "@jupyterlab/translation-extension/plugin.jupyterlab-settings"
    setting.parent.mkdir(parents=True)
    setting.write_text('{\n    // Locale\n    "locale": "zh_TW"\n}', "utf-8")
    assert chosen() == "zh_TW"
    setting.write_text('{"locale": "default"}', "utf-8")
    assert chosen() == "zh"


def test_words_of_the_script_are_those_that_are_translated() -> None:
    script = (STATIC / "graph_browser.js").read_text("utf-8")
    # Every text that a reader sees is capitalised or opens with a place for a value.
    said = re.findall(r"""(?<=[(\s\[?:])'((?:[A-Z]|%1)[^'\n]{2,})'""", script)
    keys = {"ArrowDown", "ArrowUp", "Backspace", "Enter", "Escape", "SQL", "Tab"}
    assert set(said) - keys == set(WORDS)


def test_script_makes_no_markup_of_text() -> None:
    script = (STATIC / "graph_browser.js").read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)


def test_saved_notebook_holds_no_password_and_little_else(shop: Database, monkeypatch) -> None:
    monkeypatch.setenv("KGFEATURES_DSN", make_conninfo(shop.dsn, password=CANARY))
    code = f"from kgfeatures.widgets import GraphBrowser\nb = GraphBrowser(*{HERE})\nb"
    broken = (
        "from kgfeatures.db import Database\n"
        f"b._walk.database = Database(lambda: 'postgresql://kgf:{CANARY}@127.0.0.1:1/x')\n"
        "b._asked(b, {'ask': 'go', 'type': 'product', 'key': '1'}, [])"
    )
    cells = [nbformat.v4.new_code_cell(text) for text in (code, broken)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    [state] = [one["state"] for one in states.values() if "shown" in one["state"]]
    assert state["shown"]["entity"]["key"] == PRODUCT
    assert "refused" in state["shown"]["failure"]
    assert CANARY not in json.dumps(state)
    assert CANARY not in json.dumps([cell.get("outputs") for cell in notebook.cells])
    assert len(json.dumps(state)) < 100_000
