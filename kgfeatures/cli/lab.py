"""`kgfeatures lab`: JupyterLab on the user's own copy of the first notebook."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

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


def copy_notebook(folder: Path) -> Path:
    """Return the notebook in `folder`, copied there unless it is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / FIRST_NOTEBOOK
    if not copy.exists():
        shutil.copyfile(notebooks() / FIRST_NOTEBOOK, copy)
    return copy


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
        Path, typer.Option(help="Where your copy of the notebook lies; made if needed.")
    ] = Path("kgfeatures-lab"),
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Passed on to JupyterLab, after a `--`.")
    ] = None,
) -> None:
    """Open JupyterLab on your own copy of a data scientist's first hour.

    The notebook connects by itself: to $KGFEATURES_DSN, else to the embedded database.
    """
    if find_spec("jupyterlab") is None:
        message = "JupyterLab is not installed; run: pip install 'kgfeatures[lab]'"
        raise MissingExtraError(message)
    notebook = copy_notebook(folder)
    typer.echo(f"opening {notebook}")
    command = jupyter_command(notebook, arguments or [])
    # Replaces this process, so that Ctrl-C and signals are JupyterLab's own.
    os.execv(command[0], command)  # noqa: S606  no shell is meant
