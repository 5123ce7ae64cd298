"""The language of a notebook's reader, as the kernel can know it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from kgfeatures import config

SETTING = Path("@jupyterlab") / "translation-extension" / "plugin.jupyterlab-settings"
_LOCALE = re.compile(r'^\s*"locale"\s*:\s*"([^"]*)"', re.MULTILINE)


def chosen() -> str:
    """Return the language that JupyterLab is set to, else that of the environment; "" for none.

    A kernel is not told what its reader's browser shows; it runs where JupyterLab keeps its
    settings, unless it runs on another machine.
    """
    return _of_jupyterlab() or config.language()


def _of_jupyterlab() -> str:
    from jupyter_core.paths import jupyter_config_dir

    folder = os.environ.get("JUPYTERLAB_SETTINGS_DIR")
    settings = Path(folder) if folder else Path(jupyter_config_dir()) / "lab" / "user-settings"
    try:
        # JSON with comments: one line of it is read.
        found = _LOCALE.search((settings / SETTING).read_text("utf-8"))
    except OSError:
        return ""
    return "" if found is None or found[1] == "default" else found[1]
