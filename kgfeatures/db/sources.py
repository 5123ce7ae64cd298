"""The SQL files: where they are, and their text.

Text read here becomes a LiteralString: these files are part of the program, and the only SQL that
is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString, cast

from kgfeatures.config import PACKAGE, shipped_folder
from kgfeatures.errors import ConfigError, MigrationError

if TYPE_CHECKING:
    from pathlib import Path


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
    try:
        return shipped_folder("SQL files", "sql", "migrations", package=package)
    except ConfigError as error:
        raise MigrationError(str(error)) from None


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
