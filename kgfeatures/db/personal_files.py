"""Files that hold customers' keys or words, listed in ops.personal_file by whoever reads or writes.

The tables list themselves in ops.personal_data; what lies outside the database nobody would find.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kgfeatures.config import settings
from kgfeatures.db import queries

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection
    from psycopg.rows import TupleRow

HOME = "home"
ELSEWHERE = "elsewhere"
HARMLESS = {"launcher.lock", "server.lock", "server.json", "server", "run"}
"""What the launcher keeps in a home: locks, the port, the server's programs, its socket."""


@dataclass(frozen=True)
class PersonalFile:
    """A file, or a folder whose content is meant.

    Parameters
    ----------
    kind : source, truth, export, backup, checkpoint or database.
    holds : in words, such as "customers' keys".
    """

    path: Path
    kind: str
    holds: str = "customers' keys"


def note(conn: Connection[TupleRow], files: Iterable[PersonalFile]) -> int:
    """List files in ops.personal_file, forget those that are gone; return how many are listed.

    What lies in $KGFEATURES_HOME is listed relative to it, with the server's own files. A database
    of an earlier version, such as one that is backed up before it is upgraded, has no such list,
    and the reader's login may not write there: nothing is noted then.
    """
    if not queries.scalar(conn, "personal.is_writable"):
        return 0
    home = settings().home
    own = own_files(home)
    for each in (*own, *files):
        place, path = placed(each.path, home)
        queries.execute(
            conn, "personal.note", place=place, path=path, kind=each.kind, holds=each.holds
        )
    kept = {placed(each.path, home) for each in own}
    known = listed(conn)
    gone = [each for each in known if not each.exists() and placed(each, home) not in kept]
    for each in gone:
        place, path = placed(each, home)
        queries.execute(conn, "personal.forget", place=place, path=path)
    return len(known) - len(gone)


def own_files(home: Path) -> list[PersonalFile]:
    """Return what lies or may come to lie in a home with an embedded server; nothing elsewhere."""
    if not (home / "pgdata").is_dir():
        return []
    return [
        PersonalFile(home / "pgdata", "database", "every table"),
        PersonalFile(home / "postgres.log", "database", "values in statements that failed"),
        PersonalFile(home / "log", "export", "values in the tracebacks of unexpected errors"),
    ]


def placed(path: Path, home: Path) -> tuple[str, str]:
    """Return where a path lies: the place, and the path from there."""
    whole = Path(os.path.realpath(path.expanduser()))
    inside = Path(os.path.realpath(home))
    if whole.is_relative_to(inside):
        return HOME, str(whole.relative_to(inside))
    return ELSEWHERE, str(whole)


def listed(conn: Connection[TupleRow]) -> list[Path]:
    """Return every listed path as it is found from here."""
    home = Path(os.path.realpath(settings().home))
    rows = queries.fetch(conn, "personal.files")
    return [home / row["path"] if row["place"] == HOME else Path(row["path"]) for row in rows]


def unlisted(home: Path, known: Iterable[Path]) -> list[Path]:
    """Return the files in a home that nobody listed and that are not the launcher's own.

    Parameters
    ----------
    known : listed files, and folders whose content is meant.
    """
    inside = Path(os.path.realpath(home))
    covered = set(known)
    found: list[Path] = []
    for folder, names, files in os.walk(inside):
        here = Path(folder)
        at_top = here == inside
        names[:] = [
            name
            for name in names
            if here / name not in covered and not (at_top and name in HARMLESS)
        ]
        found += [
            here / name
            for name in files
            if here / name not in covered and not (at_top and name in HARMLESS)
        ]
    return sorted(found)
