"""A real JupyterLab in a real Chromium; skipped, with the reason, where Chromium is missing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from psycopg.conninfo import make_conninfo

from kgfeatures.db import Database

TOKEN = "of-this-test"
PATIENCE = 120


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


@pytest.fixture
def lab(shop: Database, chromium: str, tmp_path: Path) -> Iterator[str]:
    """Give the address of `kgfeatures lab` over the small shop, in a folder of its own."""
    port = free_port()
    log = tmp_path / "jupyterlab.log"
    # Nothing of this user's Jupyter is read, nothing is written to it.
    own = {
        "KGFEATURES_DSN": shop.dsn,
        "KGFEATURES_READER_DSN": make_conninfo(shop.dsn, user="kgf_reader"),
        "HOME": str(tmp_path),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
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
            cwd=tmp_path,
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
def page(chromium: str) -> Iterator[Page]:
    """Give an empty page of a browser that is closed afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.set_default_timeout(PATIENCE * 1000)
            expect.set_options(timeout=PATIENCE * 1000)
            yield page
        finally:
            browser.close()
