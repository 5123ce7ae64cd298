"""JupyterLab's server part in a real Jupyter server, asked over HTTP."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import pytest
from psycopg.conninfo import make_conninfo

from kgfeatures.server.app import ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kgfeatures.db import Database

TOKEN = "of-this-test"
CANARY = "canary-7f3a"
V1 = "/kgfeatures/v1"


class Reply(NamedTuple):
    status: int
    body: Any
    text: str


class Jupyter(NamedTuple):
    """A Jupyter server and its log."""

    address: str
    log: Path

    def ask(self, path: str, body: object = None, **options: Any) -> Reply:
        """Ask a route of ours; method is GET without a body."""
        headers = options.pop("headers", {"Authorization": f"token {TOKEN}"})
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.address}{V1}/{path}", data, headers, **options)
        try:
            with urlopen(request, timeout=60) as response:
                status, text = response.status, response.read().decode()
        except HTTPError as error:
            status, text = error.code, error.read().decode()
        try:
            return Reply(status, json.loads(text), text)
        except ValueError:
            return Reply(status, None, text)

    def run(self, sql: str, **options: object) -> dict[str, Any]:
        """Run a statement to its end."""
        query = self.ask("queries", {"sql": sql, **options}).body
        deadline = time.monotonic() + 60
        while query["state"] in {"queued", "running"}:
            assert time.monotonic() < deadline
            time.sleep(0.02)
            query = self.ask(f"queries/{query['id']}").body
        return query


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Jupyter]]:
    """Give a function that starts a Jupyter server with the environment variables given."""
    servers: list[subprocess.Popen[bytes]] = []

    def begin(**variables: str) -> Jupyter:
        folder = tmp_path_factory.mktemp("jupyter")
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        log = folder / "jupyter.log"
        own = {
            name: str(folder / name.lower())
            for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
        }
        command = [sys.executable, "-m", "jupyter_server", "--no-browser", f"--port={port}"]
        command += ["--allow-root", f"--IdentityProvider.token={TOKEN}", "--debug"]
        command += ["--ServerApp.jpserver_extensions={'kgfeatures.server': True}"]
        kept = {key: text for key, text in os.environ.items() if not key.startswith("KGFEATURES_")}
        with log.open("wb") as out:
            servers.append(
                subprocess.Popen(
                    command, cwd=folder, env=kept | own | variables, stdout=out, stderr=out
                )
            )
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and servers[-1].poll() is None:
            try:
                with urlopen(f"{address}/api", timeout=5):
                    return Jupyter(address, log)
            except (URLError, TimeoutError):
                time.sleep(0.1)
        return pytest.fail(f"Jupyter did not answer:\n{log.read_text()[-3000:]}")

    yield begin
    for server in servers:
        server.terminate()
    for server in servers:
        server.wait(timeout=30)


@pytest.fixture(scope="module")
def jupyter(start: Callable[..., Jupyter], shop: Database) -> Jupyter:
    """Give a Jupyter server over the small shop; the logins' passwords are canaries."""
    return start(
        KGFEATURES_DSN=make_conninfo(shop.dsn, password=CANARY),
        KGFEATURES_READER_DSN=make_conninfo(shop.dsn, user="kgf_reader", password=CANARY),
    )


def paths() -> list[tuple[str, str]]:
    """Return each route with each verb that it has, places filled in."""
    return [
        (verb, re.sub(r"\([^)]*\)", "aa", pattern).removeprefix(f"{V1}/"))
        for pattern, handler in ROUTES
        for verb in ("GET", "POST", "PUT", "DELETE", "PATCH")
        if verb.lower() in vars(handler)
    ]


@pytest.mark.parametrize(("verb", "path"), paths())
def test_every_route_refuses_who_has_no_token(jupyter, verb, path) -> None:
    body = {} if verb == "POST" else None
    assert jupyter.ask(path, body, method=verb, headers={}).status == 403


@pytest.mark.parametrize(("verb", "path"), [pair for pair in paths() if pair[0] != "GET"])
def test_every_change_refuses_a_cookie_without_xsrf(jupyter, verb, path) -> None:
    cookies = CookieJar()
    browser = build_opener(HTTPCookieProcessor(cookies))
    browser.open(f"{jupyter.address}/login?next=%2Fapi&token={TOKEN}", timeout=30).close()
    headers = {"Cookie": "; ".join(f"{one.name}={one.value}" for one in cookies)}
    assert jupyter.ask("status", headers=headers).status == 200
    body = {} if verb == "POST" else None
    assert jupyter.ask(path, body, method=verb, headers=headers).status == 403


def test_status_names_version_and_limits(jupyter) -> None:
    body = jupyter.ask("status").body
    assert body["database"] == {"reachable": True, "message": None}
    assert body["limits"]["row_cap"] == 1_000_000


def test_catalogue_is_searched_also_in_chinese_and_paged(jupyter) -> None:
    found = jupyter.ask(f"catalogue?q={quote('顾客画像')}").body
    assert found["entries"][0]["name"] == "customer_profile"
    all_of_it = jupyter.ask("catalogue?limit=1000").body
    assert sum(all_of_it["kinds"].values()) == all_of_it["total"] == len(all_of_it["entries"])
    page = jupyter.ask("catalogue?offset=2&limit=3").body["entries"]
    assert page == all_of_it["entries"][2:5]
    only = jupyter.ask("catalogue?kind=entity").body
    assert [entry["name"] for entry in only["entries"]] == ["customer", "product"]


def test_detail_and_sample_of_a_feature_view(jupyter) -> None:
    detail = jupyter.ask("catalogue/feature_view/product_text_vector").body
    assert detail["lineage"][0]["step"].startswith("embed text")
    sample = jupyter.ask("catalogue/feature_view/product_text_vector/sample?limit=2").body
    assert len(sample["rows"]) == 2
    place = [column["type"] for column in sample["columns"]].index("vector")
    assert re.fullmatch(r"\[\S+, \S+, \S+, … 384\]", sample["rows"][0][place])


def test_graph_is_browsed_from_entity_to_evidence(jupyter) -> None:
    [first, *_] = jupyter.ask("entities?q=22837&type=product").body["entities"]
    around = jupyter.ask(f"neighbors?type=product&key={first['key']}&direction=out").body
    assert around["entity"]["label"] == first["label"]
    one = around["neighbors"][0]
    why = jupyter.ask(
        f"evidence?head_type=product&head=22837&relation={one['relation']}&tail={quote(one['key'])}"
    ).body
    assert why["evidence"][0]["text"]


def test_statement_is_run_paged_exported_and_forgotten(jupyter) -> None:
    query = jupyter.run("select i, '顾客' as who from generate_series(1, 1200) as i")
    assert (query["state"], query["rows"]) == ("done", 1200)
    page = jupyter.ask(f"queries/{query['id']}/rows?offset=1199&limit=10").body
    assert page == {"offset": 1199, "rows": [[1200, "顾客"]]}
    csv = jupyter.ask(f"queries/{query['id']}/export?format=csv").text
    assert csv.splitlines()[1200] == "1200,顾客"
    assert query["id"] in {one["id"] for one in jupyter.ask("queries").body["queries"]}
    assert jupyter.ask(f"queries/{query['id']}", method="DELETE").status == 204
    assert jupyter.ask(f"queries/{query['id']}").status == 404


def test_slow_statement_is_cancelled(jupyter) -> None:
    query = jupyter.ask("queries", {"sql": "select pg_sleep(60)"}).body
    assert jupyter.ask(f"queries/{query['id']}?keep=1", method="DELETE").status == 204
    deadline = time.monotonic() + 20
    while (state := jupyter.ask(f"queries/{query['id']}").body["state"]) != "cancelled":
        assert state in {"queued", "running"}
        assert time.monotonic() < deadline


def test_plan_is_explained(jupyter) -> None:
    plan = jupyter.ask("queries/explain", {"sql": "select * from kg.entity limit 3"}).body
    assert "Seq Scan on kg.entity" in plan["plan"]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("catalogue?limit=ten", None, 400, "limit is 'ten'; it must be a whole number"),
        ("catalogue/feature_view/customer_profil", None, 404, "did you mean 'customer_profile'"),
        ("catalogue/nothing/at%20all", None, 404, "no nothing 'at all'"),
        ("neighbors?type=product", None, 400, "key is missing"),
        ("neighbors?type=product&key=nothing", None, 404, "no product 'nothing'"),
        ("neighbors?type=product&key=22837&direction=up", None, 400, "direction is 'up'"),
        ("neighbors?type=product&key=22837&known_at=noon", None, 400, "invalid input syntax"),
        ("queries/abc", None, 404, "no query 'abc'"),
        ("queries", {"sql": 5}, 400, "sql is missing"),
        ("queries", {"sql": "select 1", "row_cap": "all"}, 400, "row_cap is 'all'"),
        ("queries", [], 400, "no JSON object"),
        ("queries/explain", {"sql": "selec 1"}, 400, "syntax error"),
    ],
)
def test_what_cannot_be_is_one_sentence(jupyter, path, body, status, words) -> None:
    reply = jupyter.ask(path, body)
    assert reply.status == status
    assert words in reply.body["error"]["message"]


CHINESE = {"Authorization": f"token {TOKEN}", "Accept-Language": "zh-CN"}


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("catalogue?limit=ten", None, "limit 为 'ten'；它必须是 1 到 1000 的整数"),
        ("catalogue/feature_view/nothing", None, "没有特征视图 'nothing'。已有："),
        ("neighbors?type=product&key=nothing", None, "图谱中没有 product 'nothing'"),
        ("queries", {"sql": " "}, "没有可运行的语句；请写一条"),
        ("queries/explain", {"sql": "selec 1"}, "syntax error"),
        ("catalogue/table/%3Cimg%20src=x%3E", None, "没有表 '<img src=x>'"),
    ],
)
def test_refusals_are_in_the_browsers_language(jupyter, path, body, words) -> None:
    reply = jupyter.ask(path, body, headers=CHINESE)
    assert words in reply.body["error"]["message"]


def test_failed_statement_tells_our_advice_in_the_browsers_language(jupyter) -> None:
    query = jupyter.run("select * from nothing.at_all")
    told = jupyter.ask(f"queries/{query['id']}", headers=CHINESE).body["error"]["message"]
    assert 'relation "nothing.at_all" does not exist；如果它属于 kgfeatures' in told
    listed = jupyter.ask("queries", headers=CHINESE).body["queries"][0]["error"]["message"]
    assert listed == told
    assert "；" not in jupyter.ask(f"queries/{query['id']}").body["error"]["message"]


def test_name_with_markup_stays_text(jupyter) -> None:
    name = "<img src=x onerror=alert(1)>"
    reply = jupyter.ask(f"catalogue/table/{quote(name, safe='')}")
    assert reply.status == 404
    assert name in reply.body["error"]["message"]


def test_no_password_is_ever_told(jupyter) -> None:
    said = [
        jupyter.ask(path).text
        for path in ("status", "catalogue?limit=1000", "completions", "runs", "queries")
    ]
    said.append(jupyter.run("select pg_sleep(0), current_setting('nothing.like.it')")["id"])
    said.append(json.dumps(jupyter.ask("queries").body))
    said.append(jupyter.log.read_text())
    assert not [text for text in said if CANARY in text]


def test_panel_is_told_when_there_is_no_database(start, fresh_home) -> None:
    jupyter = start(KGFEATURES_HOME=str(fresh_home))
    status = jupyter.ask("status").body
    assert status["database"]["reachable"] is False
    assert "no shop's database yet" in status["database"]["message"]
    chinese = jupyter.ask("status", headers=CHINESE).body["database"]["message"]
    assert chinese == "还没有商店的数据库；请运行 `kgfeatures demo` 或 `kgfeatures init`"
    reply = jupyter.ask("catalogue")
    assert (reply.status, reply.body["error"]["kind"]) == (503, "unavailable")
    assert not fresh_home.exists()


def test_owners_login_is_never_used_for_the_panel(start, shop) -> None:
    jupyter = start(KGFEATURES_DSN=make_conninfo(shop.dsn, password=CANARY, application_name="x"))
    message = jupyter.ask("status").body["database"]["message"]
    assert "set it to the login that may only read" in message
    assert CANARY not in message
