"""`kgfeatures lab`: JupyterLab on the user's own copies of the notebooks, the first one open."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from kgfeatures.cli.speech import say
from kgfeatures.config import shipped_folder
from kgfeatures.errors import MissingExtraError

FIRST_NOTEBOOK = "01_first_hour.ipynb"


def notebooks() -> Path:
    """Return the folder of the notebooks: the checkout's, else the installed package's.

    Raises
    ------
    ConfigError : neither has them.
    """
    return shipped_folder("notebooks", "notebooks", FIRST_NOTEBOOK)


def copy_notebooks(folder: Path) -> Path:
    """Copy the notebooks that are not in `folder` yet; return the first one there."""
    folder.mkdir(parents=True, exist_ok=True)
    for notebook in notebooks().glob("*.ipynb"):
        copy = folder / notebook.name
        if not copy.exists():
            shutil.copyfile(notebook, copy)
    return folder / FIRST_NOTEBOOK


def jupyter_command(notebook: Path, arguments: list[str]) -> list[str]:
    """Return the command that opens `notebook` in JupyterLab, `arguments` passed on."""
    as_root = ["--allow-root"] if os.name == "posix" and os.geteuid() == 0 else []
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={notebook.parent.absolute()}",
        f"--LabApp.default_url=/lab/tree/{notebook.name}",
        *as_root,
        *arguments,
    ]


def lab(
    folder: Annotated[
        Path, typer.Option(help="Where your copies of the notebooks lie; made if needed.")
    ] = Path("kgfeatures-lab"),
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Passed on to JupyterLab, after a `--`.")
    ] = None,
) -> None:
    """Open JupyterLab on your own copy of a data scientist's first hour; the analyst's lies beside.

    The notebooks connect by themselves: to $KGFEATURES_DSN, else to the embedded database.
    """
    if find_spec("jupyterlab") is None:
        message = "JupyterLab is not installed; run: pip install 'kgfeatures[lab]'"
        raise MissingExtraError(message)
    notebook = copy_notebooks(folder)
    say(f"opening {notebook}")
    command = jupyter_command(notebook, arguments or [])
    # Replaces this process, so that Ctrl-C and signals are JupyterLab's own.
    os.execv(command[0], command)  # noqa: S606  no shell is meant
