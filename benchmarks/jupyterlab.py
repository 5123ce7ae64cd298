"""How quick JupyterLab's panel is: a keystroke to its result, a cancelled query, a million rows.

    python benchmarks/jupyterlab.py [--views 300] [--rows 1000000] [--keys 60]

A small generated shop is built in a home of its own, a catalogue of so many feature views laid
over it, and `kgfeatures lab` started; Chromium types into the catalogue's search: at rest, while a
cell keeps the kernel busy, while every step runs anew. Beside it, in the same run, the time of a
plain `GET /api/status` of Jupyter, which does nothing: the peer that the machine's load weighs on
alike. The panel waits 150 ms after the last key (a setting), which is counted.

Then a query is cancelled (until pg_stat_activity has forgotten it), and a result of a million rows
is scrolled through from end to end; heap_mb is what the page's JavaScript holds after a garbage
collection. Needs Chromium and playwright. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import numpy as np
import psycopg
from psycopg.conninfo import make_conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import CDPSession, Page

TOKEN = "of-this-benchmark"  # noqa: S105  guards nothing
PATIENCE = 180
CONSOLE = "kgfeatures console"
STEPS = ("profile", "segment", "extract")
VIEWS = """
    do $$
    begin
        for i in 0..%s loop
            execute format(
                'create table feature.bench_view_%%s as select * from feature.customer_profile',
                lpad(i::text, 3, '0')
            );
            execute format('analyze feature.bench_view_%%s', lpad(i::text, 3, '0'));
            insert into ops.catalogue (kind, name, description, details)
            select
                kind,
                'bench_view_' || lpad(i::text, 3, '0'),
                description,
                details || jsonb_build_object(
                    'source_table', 'feature.bench_view_' || lpad(i::text, 3, '0')
                )
            from ops.catalogue
            where kind = 'feature_view' and name = 'customer_profile';
        end loop;
    end $$
"""
# Resolves to the milliseconds from a key to another count of entries on the page.
ON_COUNT = """(key) => new Promise(resolve => {
    const count = document.querySelector('.kgf-Catalogue-count');
    const before = count.textContent;
    const input = document.querySelector('.kgf-Search');
    let start;
    input.addEventListener('input', () => { start = performance.now(); }, { once: true });
    const watch = new MutationObserver(() => {
        if (start !== undefined && count.textContent !== before) {
            watch.disconnect();
            requestAnimationFrame(() => resolve(performance.now() - start));
        }
    });
    watch.observe(count, { childList: true, characterData: true, subtree: true });
    window.kgfReady = true;
})"""


SHOWN = "(n) => document.querySelector('.kgf-Catalogue-count').textContent.startsWith(n)"


def main() -> None:
    """Print a line per figure, and one JSON object last."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--views", type=int, default=300)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=60)
    options = parser.parse_args()
    if options.views <= 100:
        parser.error(f"--views is {options.views}; with 100 or fewer a key changes nothing")
    if shutil.which("chromium") is None:
        sys.exit("Chromium is not installed; on Debian: apt-get install chromium")
    folder = Path(tempfile.mkdtemp(prefix="kgfeatures-jupyterlab-", dir="/var/tmp"))
    folder.chmod(0o755)
    os.environ["KGFEATURES_HOME"] = str(folder / "home")
    try:
        figures = measure(folder, options)
    finally:
        run("db", "stop", check=False)
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(figures))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Build the shop, start JupyterLab, and return all figures."""
    build(folder, options.views)
    figures: dict[str, Any] = {"views": options.views, "keys": options.keys}
    with jupyterlab(folder, options.rows) as address, browser(address) as (page, session):
        figures["at_rest"] = keystrokes(page, address, options.views, options.keys)
        with busy_kernel(page):
            figures["kernel_busy"] = keystrokes(page, address, options.views, options.keys)
        with busy_steps():
            figures["steps_running"] = keystrokes(page, address, options.views, options.keys)
        figures["cancelled_s"] = cancelled(address)
        figures["scroll"] = scrolled(page, session, options.rows)
    return figures


def build(folder: Path, views: int) -> None:
    """Build a small shop through every step, and lay `views` feature views over it."""
    from kgfeatures.datasets import generate

    generate(600, 300, 120, seed=1, folder=folder / "shop")
    run("refresh", str(folder / "shop"), "--encoder", "builtin:chargram")
    from kgfeatures.db import launcher

    dsn = launcher.ensure_running(folder / "home")
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(VIEWS % (views - 1))  # pyright: ignore[reportArgumentType]
    print(f"a catalogue with {views} more feature views")


def run(*arguments: str, check: bool = True) -> None:
    """Run a kgfeatures command, quietly."""
    command = [sys.executable, "-m", "kgfeatures", *arguments]
    subprocess.run(command, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def jupyterlab(folder: Path, rows: int) -> Iterator[str]:
    """Start `kgfeatures lab` with settings of its own; give its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    # The console keeps 100,000 rows unless its settings say more.
    core = folder / "settings" / "kgfeatures" / "core.jupyterlab-settings"
    core.parent.mkdir(parents=True, exist_ok=True)
    core.write_text(json.dumps({"rowCap": rows}))
    own = {
        "HOME": str(folder),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    command = [sys.executable, "-m", "kgfeatures", "lab", "--folder", str(folder / "lab"), "--"]
    command += ["--no-browser", f"--port={port}", f"--IdentityProvider.token={TOKEN}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    log = (folder / "lab.log").open("wb")
    server = subprocess.Popen(
        command, env=os.environ | own, stdout=log, stderr=log, start_new_session=True
    )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                asked(address, "/api/status")
                break
            except OSError:
                time.sleep(0.3)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)
        log.close()


@contextmanager
def browser(address: str) -> Iterator[tuple[Page, CDPSession]]:
    """Open JupyterLab with the catalogue in a real browser."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--enable-precise-memory-info"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=arguments
        )
        page = chromium.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE * 1000)
        page.goto(f"{address}/lab?token={TOKEN}&reset")
        page.wait_for_function("() => window.jupyterapp !== undefined")
        page.evaluate("() => window.jupyterapp.restored.then(() => true)")
        execute(page, "kgfeatures:open-catalogue")
        page.wait_for_selector(".kgf-Catalogue [role=option]")
        yield page, page.context.new_cdp_session(page)
        chromium.close()


def keystrokes(page: Page, address: str, views: int, keys: int) -> dict[str, float]:
    """Type and delete in the search; return p50 and p95 in ms, and the peer's in the same time."""
    search = page.locator(".kgf-Search")
    search.fill("bench_view_")
    page.wait_for_function(SHOWN, arg=str(views))
    took: list[float] = []
    peer: list[float] = []
    while len(took) < keys:
        # 100, 10, 1 entries, and back.
        for key in ("0", "1", "2", "Backspace", "Backspace", "Backspace"):
            page.evaluate(f"() => {{ window.kgfWait = ({ON_COUNT})(); return true; }}")
            search.press(key)
            took.append(page.evaluate("() => window.kgfWait"))
            peer.append(asked(address, "/api/status"))
    found = {
        "p50_ms": round(float(np.percentile(took, 50))),
        "p95_ms": round(float(np.percentile(took, 95))),
        "peer_p50_ms": round(float(np.percentile(peer, 50)) * 1000),
        "peer_p95_ms": round(float(np.percentile(peer, 95)) * 1000),
    }
    print(found, flush=True)
    return found


@contextmanager
def busy_kernel(page: Page) -> Iterator[None]:
    """Keep the kernel of a notebook in a cell that does not end by itself."""
    execute(page, "notebook:create-new", kernelName="python3")
    page.wait_for_selector(".jp-Notebook")
    execute(page, "notebook:replace-selection", text="while True: pass")
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
    # The kernel says that it is idle a moment before it takes anything.
    page.wait_for_timeout(3000)
    execute(page, "notebook:run-cell", wait=False)
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="busy"]')
    yield
    execute(page, "kernelmenu:interrupt")


@contextmanager
def busy_steps() -> Iterator[None]:
    """Run steps anew, one after the other, as long as it is measured."""
    chain = " && ".join(f"{sys.executable} -m kgfeatures {step} --force" for step in STEPS)
    process = subprocess.Popen(
        ["/bin/sh", "-c", f"while true; do {chain}; done"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        time.sleep(3)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


def cancelled(address: str) -> float:
    """Return the seconds from asking to cancel a query until the database has forgotten it."""
    query = json.loads(answer(address, "/kgfeatures/v1/queries", {"sql": "select pg_sleep(600)"}))
    from kgfeatures.db import launcher

    dsn = make_conninfo(launcher.ensure_running(Path(os.environ["KGFEATURES_HOME"])), user="kgf")
    with psycopg.connect(dsn, autocommit=True) as conn:

        def running() -> bool:
            row = conn.execute(
                "select count(*) from pg_stat_activity where application_name = %s"
                " and state = 'active' and query like '%%pg_sleep(600)%%'",
                [CONSOLE],
            ).fetchone()
            return bool(row and row[0])

        while not running():
            time.sleep(0.01)
        start = time.monotonic()
        answer(address, f"/kgfeatures/v1/queries/{query['id']}", method="DELETE")
        while running():
            time.sleep(0.005)
        took = round(time.monotonic() - start, 3)
    print(f"a cancelled query is gone after {took} s")
    return took


def scrolled(page: Page, session: CDPSession, rows: int) -> dict[str, float]:
    """Scroll through a result from its first to its last row; return the heap before and after."""
    sql = "select i, i * 2 as twice, md5(i::text) as words from generate_series(1, %d) as i"
    execute(page, "kgfeatures:open-sql", sql=sql % rows)
    page.wait_for_selector(".kgf-Sql")
    execute(page, "kgfeatures:run-query", wait=False)
    page.wait_for_selector(".kgf-Grid")
    page.wait_for_function(
        "() => /\\d in |rows in/.test(document.querySelector('.kgf-Sql-status').textContent)"
    )
    told = page.locator(".kgf-Sql-status").inner_text()
    before = heap(page, session)
    box = page.locator(".kgf-Grid").bounding_box()
    assert box is not None  # noqa: S101  the grid is on the page
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    start = time.monotonic()
    wheels = 60
    for _ in range(wheels):
        page.mouse.wheel(0, rows * 24 / wheels)
        page.wait_for_timeout(50)
    page.wait_for_timeout(1000)
    figures = {
        "rows": rows,
        "told": told,
        "heap_before_mb": before,
        "heap_after_mb": heap(page, session),
        "seconds": round(time.monotonic() - start, 1),
    }
    print(figures, flush=True)
    return figures


def execute(page: Page, command: str, *, wait: bool = True, **arguments: object) -> None:
    """Execute one of JupyterLab's commands; what it returns stays in the browser."""
    page.evaluate(
        """([command, wait, args]) => {
            const done = window.jupyterapp.commands.execute(command, args).then(() => true);
            return wait ? done : true;
        }""",
        [command, wait, arguments],
    )


def heap(page: Page, session: CDPSession) -> float:
    """Return the megabytes that the page's JavaScript holds after a garbage collection."""
    session.send("HeapProfiler.collectGarbage")
    page.wait_for_timeout(500)
    return round(page.evaluate("() => performance.memory.usedJSHeapSize") / 1e6, 1)


def asked(address: str, path: str) -> float:
    """Return the seconds that a request takes."""
    start = time.monotonic()
    answer(address, path)
    return time.monotonic() - start


def answer(address: str, path: str, body: object = None, method: str | None = None) -> bytes:
    """Return the body of an answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"token {TOKEN}"}
    request = Request(address + path, data, headers, method=method)  # noqa: S310  our own server
    with urlopen(request, timeout=60) as response:  # noqa: S310
        return response.read()


if __name__ == "__main__":
    main()
