"""A real JupyterLab in a real Chromium; skipped, with the reason, where Chromium is missing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from kgfeatures.db import Database

TOKEN = "of-this-test"
PATIENCE = 120
HOSTILE = "<img src=x onerror=alert(1)>"
DISCONNECT = """
select pg_terminate_backend(pid)
from pg_stat_activity
where datname = %s and pid <> pg_backend_pid()
"""
# More vectors than the console reads without a question.
ODD = """
update kg.entity set label = '<img src=x onerror=alert(1)>'
where entity_type = 'product' and key = (
    select min(key) from kg.entity
    where entity_type = 'product'
);
update raw.product set title = entity.label from kg.entity
where entity.key = product.product_id and entity.label like '<img%';
create table feature.many_vectors as
select
    i as vector_id,
    '[1,2,3]'::vector(3) as vector
from generate_series(1, 20001) as i;
analyze feature.many_vectors;
create table feature.fleeting as
select * from feature.customer_profile limit 10;
insert into ops.catalogue (kind, name, description, details)
select
    kind,
    'fleeting',
    description,
    details || '{"source_table": "feature.fleeting"}'
from ops.catalogue
where kind = 'feature_view' and name = 'customer_profile';
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return as soon as the server answers; fail with its log when it ends or takes too long."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(url, timeout=5):
                return
        except (URLError, TimeoutError):
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not answer at {url}:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Give the path of Chromium. In CI it has to be there."""
    found = shutil.which("chromium")
    if found is None:
        reason = "Chromium is not installed; on Debian: apt-get install chromium fonts-noto-cjk"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return found


@contextmanager
def running(dsn: str, folder: Path) -> Generator[str]:
    """Give the address of `kgfeatures lab` over a database while it runs, in its own folder."""
    port = free_port()
    log = folder / "jupyterlab.log"
    # Nothing of this user's Jupyter is read, nothing is written to it.
    own = {
        "KGFEATURES_DSN": dsn,
        "KGFEATURES_READER_DSN": make_conninfo(dsn, user="kgf_reader"),
        "HOME": str(folder),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    options = [
        "--no-browser",
        f"--port={port}",
        f"--IdentityProvider.token={TOKEN}",
        "--LabApp.expose_app_in_browser=True",
    ]
    command = [sys.executable, "-m", "kgfeatures", "lab", "--folder", "lab", "--", *options]
    with log.open("wb") as out:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | own,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/api", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            # The kernels are the server's children: the whole group ends.
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=30)


@pytest.fixture
def lab(shop: Database, chromium: str, tmp_path: Path) -> Iterator[str]:
    """Give the address of a JupyterLab over the small shop."""
    with running(shop.dsn, tmp_path) as address:
        yield address


@pytest.fixture(scope="session")
def odd_shop(
    shop: Database,
    make_database: Callable[[str | None], str],
    administrator: Connection[TupleRow],
) -> Iterator[Database]:
    """Give a copy of the small shop with a hostile name, many vectors, a view to be deleted."""
    name = conninfo_to_dict(shop.dsn)["dbname"]
    shop.close()
    administrator.execute(DISCONNECT, [name])
    dsn = make_database(str(name))
    with Database(lambda: dsn) as database:
        with database.transaction() as conn:
            conn.execute(ODD)
        yield database


@pytest.fixture(scope="session")
def odd_lab(
    odd_shop: Database, chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Give the address of a JupyterLab over that copy; the tests share it."""
    with running(odd_shop.dsn, tmp_path_factory.mktemp("odd")) as address:
        yield address


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    """Give an empty page of a browser that is closed afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            context = browser.new_context(viewport={"width": 1400, "height": 1000})
            page = context.new_page()
            page.set_default_timeout(PATIENCE * 1000)
            expect.set_options(timeout=PATIENCE * 1000)
            yield page
        finally:
            browser.close()
