"""What the distribution holds and what importing it costs."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import kgfeatures

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "kgfeatures"
HEAVY = {"torch", "transformers", "feast", "sklearn", "scipy", "pandas", "pyarrow", "jupyterlab"}


def packages() -> list[str]:
    """Name the package and its sub-packages."""
    folders = sorted(file.parent for file in PACKAGE.rglob("__init__.py"))
    return [".".join(folder.relative_to(ROOT).parts) for folder in folders]


@pytest.mark.parametrize("module", ["kgfeatures", "kgfeatures.cli"])
def test_import_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(done.stdout.split())


@pytest.mark.parametrize("module", packages())
def test_public_names_exist_and_are_documented(module: str) -> None:
    imported = importlib.import_module(module)
    silent = [n for n in getattr(imported, "__all__", []) if not getattr(imported, n).__doc__]
    assert silent == []


def test_version_is_the_metadatas() -> None:
    assert f'version = "{kgfeatures.__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(file.relative_to(ROOT))
        for file in PACKAGE.rglob("*.py")
        if not ast.get_docstring(ast.parse(file.read_text("utf-8")))
    ]
    assert silent == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build the wheel, without a network, and name the files in it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return set(zipfile.ZipFile(built).namelist())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("kgfeatures", "kgfeatures"),
        ("sql", "kgfeatures/sql"),
        ("feature_repo", "kgfeatures/feature_repo_template"),
        ("notebooks", "kgfeatures/notebooks"),
    ],
)
def test_wheel_holds_every_file_that_git_knows(wheel: set[str], source: str, target: str) -> None:
    listed = subprocess.run(
        ["git", "ls-files", source], cwd=ROOT, check=True, capture_output=True, text=True
    )
    wanted = {target + name.removeprefix(source) for name in listed.stdout.splitlines()}
    assert wanted
    assert wanted <= wheel


@pytest.mark.slow
def test_wheel_holds_the_demo_data_and_the_licence(wheel: set[str]) -> None:
    assert any(name.startswith("kgfeatures/datasets/") for name in wheel)
    assert any(name.endswith("licenses/LICENSE") for name in wheel)
