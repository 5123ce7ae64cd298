"""What is wrong with a database, and what to do about each thing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from kgfeatures.db import launcher, queries
from kgfeatures.db.failures import parse_dsn, translated
from kgfeatures.errors import DatabaseError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.target import Target

POSTGRES_AT_LEAST = 16
# 0.8.2 to 0.8.4 mend an overflow in parallel HNSW builds and corruption of HNSW by vacuum.
VECTOR_AT_LEAST = "0.8.4"
DISK_BYTES = 2 << 30
CONNECTIONS_SHARE = 0.8
READER = "kgf_reader"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    `state` is "ok", "warn" (works, but look at it) or "fail"; `advice` is "" when ok.
    """

    name: str
    state: str
    found: str
    advice: str = ""


def findings(target: Target) -> list[Finding]:
    """Return everything that was looked at in a database, the reader's login too.

    Raises
    ------
    DatabaseError : the database cannot be reached.
    """
    with translated(), psycopg.connect(target.dsn, autocommit=True) as conn:
        server = queries.fetch(conn, "health.server")[0]
        return [
            postgres(server),
            pgvector(server),
            disk(server, target),
            damage(server),
            connections(server),
            owner(conn),
            reader(conn, target),
            indexes(conn),
        ]


def postgres(server: dict[str, Any]) -> Finding:
    """Check the server's version."""
    if server["major"] < POSTGRES_AT_LEAST:
        advice = f"kgfeatures needs PostgreSQL {POSTGRES_AT_LEAST} or newer: upgrade the server"
        return Finding("postgres", "fail", server["version"], advice)
    return Finding("postgres", "ok", server["version"])


def pgvector(server: dict[str, Any]) -> Finding:
    """Check the extension's version."""
    version = server["vector_version"]
    if version is None:
        advice = "let an administrator run in this database: create extension vector;"
        return Finding("pgvector", "fail", "not installed", advice)
    if numbers(version) < numbers(VECTOR_AT_LEAST):
        advice = (
            f"install pgvector {VECTOR_AT_LEAST} or newer on the server, let an administrator run "
            "in this database: alter extension vector update; then reindex the HNSW indexes"
        )
        return Finding("pgvector", "fail", version, advice)
    return Finding("pgvector", "ok", version)


def disk(server: dict[str, Any], target: Target) -> Finding:
    """Check the free disk of the embedded server; that of another machine cannot be seen."""
    size = f"database {megabytes(server['bytes'])}"
    if target.home is None:
        return Finding("disk", "ok", f"{size}; the server's disk cannot be seen from here")
    free = launcher.free_bytes(target.home)
    found = f"{size}, {megabytes(free)} free in {target.home}"
    if free < max(DISK_BYTES, server["bytes"] // 2):
        advice = "free some disk space, or move the database: stop it, move the directory, set "
        return Finding("disk", "warn", found, f"{advice}KGFEATURES_HOME")
    return Finding("disk", "ok", found)


def damage(server: dict[str, Any]) -> Finding:
    """Check that no page failed its checksum."""
    failures = server["checksum_failures"]
    if failures:
        advice = "the disk returns wrong data: restore a backup onto another disk"
        return Finding("checksums", "fail", f"{failures} pages failed", advice)
    return Finding("checksums", "ok", "no page failed")


def connections(server: dict[str, Any]) -> Finding:
    """Check that connections are left."""
    used, allowed = server["connections"], server["connections_allowed"]
    found = f"{used} of {allowed} in use"
    if used > CONNECTIONS_SHARE * allowed:
        advice = "close idle kernels, or raise max_connections"
        return Finding("connections", "warn", found, advice)
    return Finding("connections", "ok", found)


def owner(conn: Connection[TupleRow]) -> Finding:
    """Check that the login that writes is no superuser."""
    login = queries.fetch(conn, "health.login")[0]
    if login["is_superuser"]:
        advice = "name a login in KGFEATURES_DSN that owns the database and is no superuser"
        return Finding("owner", "warn", f"{login['name']} is a superuser", advice)
    return Finding("owner", "ok", login["name"])


def reader(conn: Connection[TupleRow], target: Target) -> Finding:
    """Check that the reader exists, can log in, cannot write and can become nobody else."""
    named = None if target.reader_dsn is None else parse_dsn(target.reader_dsn).get("user")
    name = named or READER
    rows = queries.fetch(conn, "health.role", role=name)
    if not rows:
        advice = f"let an administrator run: create role {name} login password '…';"
        return Finding("reader", "fail", f"no role {name}", advice)
    too_much = powers(rows[0], name)
    if too_much is not None:
        return too_much
    if target.reader_dsn is None:
        advice = "set KGFEATURES_READER_DSN to its login, for the SQL console and for analysts"
        return Finding("reader", "warn", f"{name} exists, nobody uses it", advice)
    try:
        with translated(), psycopg.connect(target.reader_dsn):
            return Finding("reader", "ok", f"{name} logs in and only reads")
    except DatabaseError as exc:
        return Finding("reader", "fail", str(exc), "mend KGFEATURES_READER_DSN")


def powers(role: dict[str, Any], name: str) -> Finding | None:
    """Return what the reader can do beyond reading, None when it is nothing."""
    if role["has_powers"]:
        advice = f"let an administrator run: alter role {name} nosuperuser nocreaterole nocreatedb "
        advice += "noreplication nobypassrls;"
        return Finding("reader", "fail", f"{name} has an administrator's rights", advice)
    if role["member_of"]:
        others = ", ".join(role["member_of"])
        advice = f"let an administrator run: revoke {others} from {name};"
        return Finding("reader", "fail", f"{name} can become {others}", advice)
    if role["may_write"]:
        tables = role["may_write"]
        advice = f"revoke insert, update, delete, truncate on {tables[0]} from {name}, public;"
        return Finding("reader", "fail", f"{name} can write {', '.join(tables[:5])}", advice)
    return None


def indexes(conn: Connection[TupleRow]) -> Finding:
    """Check that every index can be used."""
    broken = [row["name"] for row in queries.fetch(conn, "health.broken_indexes")]
    if broken:
        advice = f"rebuild each: reindex index concurrently {broken[0]};"
        return Finding("indexes", "fail", f"unusable: {', '.join(broken[:5])}", advice)
    count = queries.fetch(conn, "health.index_count")[0]
    return Finding("indexes", "ok", f"{count['indexes']}, of which {count['hnsw']} HNSW")


def numbers(version: str) -> tuple[int, ...]:
    """Return the first three numbers of a version, to compare it by."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def megabytes(size: int) -> str:
    """Return a size as people read it."""
    return f"{size / (1 << 30):.1f} GB" if size >= 1 << 30 else f"{size >> 20} MB"
