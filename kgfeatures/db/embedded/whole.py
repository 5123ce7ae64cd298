"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_whole(
    path: Path, text: str, mode: int = 0o600, owner: tuple[int, int] | None = None
) -> None:
    """Write a file so that a reader sees the old text or the new one, never a part.

    Parameters
    ----------
    path : what to write; its folder exists.
    text : the whole content.
    mode : permissions of the new file.
    owner : user and group id; set on the open file, so that nobody can put a link in its place.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        with os.fdopen(
            os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8"
        ) as file:
            os.fchmod(file.fileno(), mode)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
