"""The environment variables by which psql and the plain feast CLI find the shop's database."""

from __future__ import annotations

import getpass
from urllib.parse import quote, urlencode

from psycopg import pq

from kgfeatures.db.failures import parse_dsn

REGISTRY_SCHEMA = "feast_registry"
# The parts of a DSN that stand in a URL before its question mark.
IN_FRONT = frozenset({"host", "hostaddr", "port", "user", "password", "dbname", "options"})


def environment(dsn: str, reader_dsn: str | None = None) -> dict[str, str]:
    """Return the variables to export for a database: libpq's, kgfeatures' and feature_store.yaml's.

    Parameters
    ----------
    dsn : the owner's connection string, over a socket or over TCP.
    reader_dsn : the read-only login's; its variable is left out when None.

    Returns
    -------
    variables : name to value. KGFEATURES_PG_PASSWORD is "" over a socket, because a variable that
        is not set would stay literal in feature_store.yaml.

    Raises
    ------
    ConfigError : the DSN cannot be parsed.
    """
    options = pq.Conninfo.get_defaults()
    given = parse_dsn(dsn)
    standard = {
        option.keyword.decode(): option.val.decode() for option in options if option.val is not None
    }
    parts = {**standard, **given}
    host = parts.get("host") or parts.get("hostaddr") or ""
    over_socket = host.startswith("/")
    user = parts.get("user") or getpass.getuser()
    database = parts.get("dbname") or user
    port = parts.get("port") or "5432"
    password = parts.get("password", "")
    libpq = {
        option.envvar.decode(): given[option.keyword.decode()]
        for option in options
        if option.envvar is not None and option.keyword.decode() in given
    }
    own = {"KGFEATURES_DSN": dsn}
    if reader_dsn is not None:
        own["KGFEATURES_READER_DSN"] = reader_dsn
    return {
        **libpq,
        "PGHOST": host,
        "PGPORT": port,
        "PGDATABASE": database,
        "PGUSER": user,
        **own,
        "KGFEATURES_PG_HOST": host,
        "KGFEATURES_PG_PORT": port,
        "KGFEATURES_PG_DATABASE": database,
        "KGFEATURES_PG_USER": user,
        "KGFEATURES_PG_PASSWORD": password,
        "KGFEATURES_PG_SSLMODE": given.get("sslmode") or ("disable" if over_socket else "prefer"),
        "KGFEATURES_REGISTRY_URL": registry_url(
            {**given, "host": host, "port": port, "user": user, "dbname": database},
            password,
        ),
    }


def registry_url(parts: dict[str, str], password: str) -> str:
    """Return the SQLAlchemy URL of Feast's registry, in its own schema of the same database.

    Parameters
    ----------
    parts : a DSN's parts with host, port, user and dbname; others go into the query.
    password : "" over a socket.
    """
    search_path = f"-csearch_path={REGISTRY_SCHEMA}"
    query = {name: value for name, value in parts.items() if name not in IN_FRONT}
    query["options"] = f"{parts['options']} {search_path}" if "options" in parts else search_path
    login = quote(parts["user"], safe="")
    if password:
        login += f":{quote(password, safe='')}"
    place = ""
    if parts["host"].startswith("/"):
        query = {"host": parts["host"], "port": parts["port"], **query}
    else:
        # An IPv6 address has colons of its own.
        host = f"[{parts['host']}]" if ":" in parts["host"] else quote(parts["host"], safe="")
        place = f"{host}:{parts['port']}"
    database = quote(parts["dbname"], safe="")
    return f"postgresql+psycopg://{login}@{place}/{database}?{urlencode(query, quote_via=quote)}"
