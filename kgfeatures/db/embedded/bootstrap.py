"""A new cluster, and what an administrator sets up in it: roles, database, extension."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, LiteralString

import psycopg
from psycopg.conninfo import make_conninfo

from kgfeatures.db.embedded import files as server_files
from kgfeatures.db.embedded.process import clean_environment
from kgfeatures.db.embedded.settings import HBA_CONF, POSTGRESQL_CONF, ident_conf
from kgfeatures.errors import ServerError

if TYPE_CHECKING:
    from kgfeatures.db.embedded.account import Account
    from kgfeatures.db.embedded.files import ServerFiles
    from kgfeatures.db.embedded.home import Home

SUPERUSER = "kgf"
OWNER = "kgf_owner"
READER = "kgf_reader"
DATABASE = "kgf"
# The wheel's server is built without ICU; its own C.UTF-8 sorts alike on every machine.
INITDB = (
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--auth-local=peer",
    "--auth-host=scram-sha-256",
)


def make_cluster(home: Home, account: Account, files: ServerFiles) -> None:
    """Create the data directory, whole or not at all.

    Raises
    ------
    ServerError : initdb failed; its own words.
    """
    # An initdb whose caller was killed works on: it holds the lock as a server does.
    with home.server_lock() as lock:
        if lock is None:
            raise ServerError(
                f"another process still creates a database in {home.path}; try again in a moment"
            )
        initialise(home, account, files, lock)


def initialise(home: Home, account: Account, files: ServerFiles, lock: int) -> None:
    """Run initdb beside the data directory's place and move the result there."""
    partial = home.path / "pgdata.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    account.own(partial)
    command = [str(files.program("initdb")), f"--pgdata={partial}", *INITDB]
    done = account.run(command, env=clean_environment(), pass_fds=(lock,))
    if done.returncode != 0:
        words = [line for line in done.stderr.splitlines() if line.strip()]
        shutil.rmtree(partial, ignore_errors=True)
        raise ServerError(f"initdb could not create {home.data}: {'; '.join(words[-3:])}")
    users = sorted({account.name, "root"} if account.switched else {account.name})
    texts = {
        "postgresql.conf": POSTGRESQL_CONF,
        "pg_hba.conf": HBA_CONF,
        "pg_ident.conf": ident_conf(users),
    }
    for name, text in texts.items():
        account.write(partial / name, text)
    partial.rename(home.data)


def require_major(home: Home) -> None:
    """Check that the data directory was made by the major version that we run.

    Raises
    ------
    ServerError : another version, or no cluster at all.
    """
    try:
        found = (home.data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise ServerError(
            f"{home.data} exists and is no PostgreSQL data directory (PG_VERSION is missing); "
            "move it away or set KGFEATURES_HOME to another directory"
        ) from None
    if found != str(server_files.MAJOR):
        raise ServerError(
            f"{home.data} was made by PostgreSQL {found}, and this version of kgfeatures runs "
            f"PostgreSQL {server_files.MAJOR}: make a backup with the kgfeatures that made it "
            "(kgfeatures db backup), move the directory away and restore the backup"
        )


def socket_dsn(home: Home, user: str, database: str = DATABASE) -> dict[str, str]:
    """Return the connection parameters over the socket."""
    network = home.network()
    port = "" if network is None else str(network.port)
    return {"host": str(home.socket_directory), "port": port, "user": user, "dbname": database}


def make_database(home: Home, administrator: LiteralString) -> None:
    """Create roles, database and extension where they are missing.

    Raises
    ------
    ServerError : the server refused; its own words.
    """
    try:
        with superuser(home, "postgres") as conn:
            query = "select 1 from pg_database where datname = %s"
            if conn.execute(query, [DATABASE]).fetchone() is None:
                conn.execute("create database kgf")
        with superuser(home, DATABASE) as conn:
            conn.execute(administrator)
            conn.execute("alter database kgf owner to kgf_owner")
            conn.execute("alter extension vector update")
    except psycopg.Error as exc:
        raise ServerError(f"the database {DATABASE!r} could not be set up: {exc}") from exc


def superuser(home: Home, database: str) -> psycopg.Connection:
    """Return an autocommitting connection as the cluster's superuser, over the socket."""
    return psycopg.connect(make_conninfo(**socket_dsn(home, SUPERUSER, database)), autocommit=True)
