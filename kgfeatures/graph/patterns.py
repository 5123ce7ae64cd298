"""`file: orders/*.csv`: a section of the manifest that stands for every file that fits."""

from __future__ import annotations

import glob
from pathlib import PurePath
from typing import TYPE_CHECKING

from kgfeatures.errors import nearest

if TYPE_CHECKING:
    from kgfeatures.graph.yaml_values import Mapping, Where

SIGNS = "*?["


def expanded(where: Where, entry: Mapping) -> list[Mapping]:
    """Return a section once for each file that its pattern fits, by name; others as they are.

    A file that is really called so is no pattern.

    Parameters
    ----------
    where : file and place in it, for messages.
    entry : a section as YAML has it; its `file` may be a pattern.

    Raises
    ------
    ManifestError : no file fits.
    """
    written = entry.get("file")
    folder = where.file.parent
    if not isinstance(written, str) or not any(sign in written for sign in SIGNS):
        return [entry]
    if (folder / written).is_file():
        return [entry]
    names = glob.glob(written, root_dir=folder, recursive=True)  # noqa: PTH207  may be absolute
    files = sorted(PurePath(name).as_posix() for name in names if (folder / name).is_file())
    if not files:
        present = (other.name for other in folder.iterdir())
        raise where.under("file").error(
            f"{written!r} fits no file below {folder}{nearest(written, present)}"
        )
    return [{**entry, "file": name} for name in files]


def of(written: Mapping, entry: Mapping) -> str | None:
    """Return the pattern that a section was expanded from, None where there was none."""
    return None if written is entry else str(written["file"])
