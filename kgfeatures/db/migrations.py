"""Bring a database to the schema of this version: sql/migrations once, sql/functions when changed.

Numbered files run in order and are frozen by their sha256 from then on; function files are
`create or replace` and run again whenever they differ. All of it is one transaction under an
advisory lock: two processes at once migrate once, and a failure leaves nothing behind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg

from kgfeatures.db import queries
from kgfeatures.db.failures import login, translate, translated
from kgfeatures.db.sources import Source, read, read_all, sql_folder
from kgfeatures.errors import DatabaseError, MigrationError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from psycopg import Connection
    from psycopg.rows import TupleRow

VECTOR_AT_LEAST = (0, 8, 4)


def migrate(dsn: str, folder: Path | None = None) -> list[str]:
    """Bring the database at `dsn` to this version and return the names of the files that ran.

    Parameters
    ----------
    dsn : a login that may create schemas in the database; no superuser once the extension and
        the roles exist (sql/administrator.sql).
    folder : the folder sql/; None finds it.

    Raises
    ------
    MigrationError : a frozen file was edited, the database is newer than this version, a file
        fails (nothing is kept then), or an administrator has to make something first.
    DatabaseError : the database cannot be reached.
    """
    root = folder or sql_folder()
    with translated("migrate"), psycopg.connect(login(dsn, "kgfeatures migrate")) as conn:
        queries.execute(conn, "migrations.lock")
        _require_prerequisites(conn, root)
        todo = pending(conn, root)
        for source in todo:
            _run(conn, source)
        names = [source.name for source in read_all("functions", root)]
        queries.execute(conn, "migrations.forget", names=names)
    return [source.name for source in todo]


def pending(conn: Connection[TupleRow], folder: Path | None = None) -> list[Source]:
    """Return the files that have yet to run in this database, in the order to run them.

    Raises
    ------
    MigrationError : a frozen file was edited, comes too late, or is missing in this version.
    """
    migrations, functions = read_all("migrations", folder), read_all("functions", folder)
    applied = _applied(conn)
    _check_frozen(migrations, applied)
    new = [source for source in migrations if source.name not in applied]
    changed = [source for source in functions if applied.get(source.name) != source.sha256]
    return new + changed


def repeat(conn: Connection[TupleRow], names: Collection[str]) -> None:
    """Run files again that may run any number of times, to make what somebody dropped.

    Parameters
    ----------
    names : of the files, as in ops.migration ("migrations/0003_feature_tables.sql").
    """
    for source in (*read_all("migrations"), *read_all("functions")):
        if source.name in names:
            conn.execute(source.text)


def require_current(conn: Connection[TupleRow]) -> None:
    """Check that the database has exactly the schema of this version.

    Raises
    ------
    MigrationError : it is not migrated, older or newer; the message says what to do.
    """
    todo = [source.name for source in pending(conn)]
    if todo:
        listed = ", ".join(todo[:3]) + (f" and {len(todo) - 3} more" if len(todo) > 3 else "")
        state = "older than this version" if _applied(conn) else "not set up for kgfeatures yet"
        raise MigrationError(
            f"the database {conn.info.dbname!r} is {state} ({listed} did not run); "
            "run `kgfeatures db migrate` with its owner's DSN"
        )


def _applied(conn: Connection[TupleRow]) -> dict[str, str]:
    """Return name -> sha256 of the files that ran, empty in a fresh database."""
    if not queries.scalar(conn, "migrations.has_book"):
        return {}
    return {row["name"]: row["sha256"] for row in queries.fetch(conn, "migrations.applied")}


def _check_frozen(migrations: list[Source], applied: dict[str, str]) -> None:
    ran = sorted(name for name in applied if name.startswith("migrations/"))
    _require_known(ran, {source.name for source in migrations})
    for source in migrations:
        if source.name in applied and applied[source.name] != source.sha256:
            raise MigrationError(
                f"{source.name} ran in this database and was edited afterwards; restore its text "
                "and put the change into a new file with the next number"
            )
        if source.name not in applied and ran and source.name < ran[-1]:
            raise MigrationError(
                f"{source.name} has not run but {ran[-1]} has; give it the next number"
            )


def _require_known(ran: list[str], known: set[str]) -> None:
    unknown = [name for name in ran if name not in known]
    if unknown:
        raise MigrationError(
            f"the database is newer than this version of kgfeatures: {unknown[0]} ran there and "
            "is not in this version; install the newer version"
        )


def _run(conn: Connection[TupleRow], source: Source) -> None:
    """Run one file and write it into the book."""
    kind = "once" if source.name.startswith("migrations/") else "repeatable"
    try:
        conn.execute(source.text)
    except psycopg.Error as error:
        raise _file_error(source, error) from error
    queries.execute(conn, "migrations.record", name=source.name, sha256=source.sha256, kind=kind)


def _file_error(source: Source, error: psycopg.Error) -> MigrationError:
    said = translate(error)
    position = error.diag.statement_position
    line = source.text[: int(position) - 1].count("\n") + 1 if position else None
    place = f"{source.name}, line {line}" if line else source.name
    return MigrationError(f"{place}: {said}; nothing of this migration was kept", said.sqlstate)


def _require_prerequisites(conn: Connection[TupleRow], folder: Path) -> None:
    """Check extension, roles and rights; a superuser's login makes what is missing.

    Raises
    ------
    MigrationError : something is missing and this login cannot make it; the lines to run.
    """
    found = queries.fetch(conn, "migrations.prerequisites")[0]
    lines = _administrator_lines(found)
    if lines and found["is_superuser"]:
        _administrate(conn, read(folder / "administrator.sql", folder))
        lines = []
    if lines:
        raise MigrationError(
            f"{found['login']} is no superuser, and an administrator has to run these lines in "
            f"database {found['database']} first (or the whole of "
            f"{folder / 'administrator.sql'}):\n  " + "\n  ".join(lines)
        )


def _administrator_lines(found: dict[str, str | None]) -> list[str]:
    version = found["vector_version"]
    lines: list[str] = []
    if version is None:
        lines.append("create extension vector with schema public;")
    elif tuple(map(int, re.findall(r"\d+", version)[:3])) < VECTOR_AT_LEAST:
        least = ".".join(map(str, VECTOR_AT_LEAST))
        lines.append(f"alter extension vector update;  -- {version} is older than {least}")
    if not found["has_reader"]:
        lines.append("create role kgf_owner login password '…';   -- who migrates and writes")
        lines.append("create role kgf_reader login password '…';  -- who only reads")
    if not found["may_create"]:
        lines.append(f'grant create on database "{found["database"]}" to "{found["login"]}";')
    return lines


def _administrate(conn: Connection[TupleRow], source: Source) -> None:
    try:
        conn.execute(source.text)
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation) as error:
        raise DatabaseError("another migration made the roles meanwhile; run it again") from error
    except psycopg.Error as error:
        raise _file_error(source, error) from error
