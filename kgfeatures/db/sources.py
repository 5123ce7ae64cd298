"""Where the SQL files are: in the checkout first, else inside the installed package.

An editable install may leave a stale copy in the package, so the checkout wins. Text read here
becomes a LiteralString: these files are part of the program, and the only SQL that is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString, cast

from kgfeatures.errors import MigrationError

PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Source:
    """One SQL file: its name (`migrations/0001_what.sql`), its text and the text's sha256."""

    name: str
    text: LiteralString
    sha256: str


def sql_folder(package: Path = PACKAGE) -> Path:
    """Return the folder sql/ that belongs to `package`.

    Raises
    ------
    MigrationError : neither the checkout nor the package has one.
    """
    candidates = (package.parent / "sql", package / "sql")
    for folder in candidates:
        if (folder / "migrations").is_dir():
            return folder
    places = " nor ".join(str(folder) for folder in candidates)
    raise MigrationError(f"no SQL files: neither {places} exists; install kgfeatures again")


def read(path: Path, folder: Path) -> Source:
    """Return the file at `path`, named relative to `folder`; line ends count as line feeds."""
    text = path.read_bytes().replace(b"\r\n", b"\n")
    return Source(
        name=path.relative_to(folder).as_posix(),
        text=cast("LiteralString", text.decode()),
        sha256=hashlib.sha256(text).hexdigest(),
    )


def read_all(kind: str, folder: Path | None = None) -> list[Source]:
    """Return the files sql/<kind>/*.sql in the order of their names."""
    root = folder or sql_folder()
    return [read(path, root) for path in sorted((root / kind).glob("*.sql"))]
