"""The JupyterLab extension: its own unit tests, its size, its build, its place in the wheel."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
EXTENSION = ROOT / "extension"
BUILT = ROOT / "kgfeatures/labextension"
SHARED = "data/share/jupyter/labextensions/kgfeatures"


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    """Give hatch_build.py, which is no package's module."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_units_pass() -> None:
    if not (EXTENSION / "node_modules").is_dir():
        reason = "npm packages are not installed: python hatch_build.py install --immutable"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    command = [sys.executable, "hatch_build.py", "test"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_scripts_are_small() -> None:
    # React, CodeMirror and the data grid are JupyterLab's own.
    scripts = [file.stat().st_size for file in (BUILT / "static").glob("*.js")]
    assert len(scripts) >= 2
    assert sum(scripts) <= 150_000


def test_output_is_that_of_these_sources(hook: ModuleType) -> None:
    assert (BUILT / "sources.sha256").read_text().strip() == hook.fingerprint(EXTENSION)


def test_build_runs_when_the_sources_changed_and_only_then(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in hook.READ:
        source, target = EXTENSION / name, tmp_path / "extension" / name
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copy(source, target)
    shutil.copytree(BUILT, tmp_path / "kgfeatures/labextension")
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(hook, "jlpm", lambda _folder, *arguments: ran.append(arguments))
    assert not hook.build(tmp_path)
    with (tmp_path / "extension/src/index.ts").open("a") as file:
        file.write("// changed\n")
    assert hook.build(tmp_path)
    assert ran == [("install", "--immutable"), ("build",)]
    assert not hook.build(tmp_path)


def test_build_without_its_sources_takes_the_output_as_it_is(
    hook: ModuleType, tmp_path: Path
) -> None:
    assert not hook.build(tmp_path)


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f'"version": "{project["version"]}"' in (EXTENSION / "package.json").read_text("utf-8")


def test_lock_file_names_no_host() -> None:
    lock = (EXTENSION / "yarn.lock").read_text("utf-8")
    assert "archiveUrl" not in lock
    assert "://" not in lock


@pytest.mark.slow
def test_wheel_puts_the_extension_where_jupyter_looks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    names = {name.partition(".")[2] for name in zipfile.ZipFile(wheel).namelist()}
    shared = {name.partition(SHARED)[2] for name in names if SHARED in name}
    assert {"/package.json", "/install.json", "/schemas/kgfeatures/core.json"} <= shared
    assert any(name.startswith("/static/remoteEntry.") for name in shared)
    assert any(name.endswith("jupyter_server_config.d/kgfeatures.json") for name in names)
    # Once, not a second time inside the package; and nothing that only the build reads.
    inside = zipfile.ZipFile(wheel).namelist()
    assert not any("node_modules" in name or "kgfeatures/labextension" in name for name in inside)
    assert "kgfeatures/locale/zh_CN/LC_MESSAGES/kgfeatures.json" in inside
