"""The passwords of the TCP logins: generated once, in a file of mode 0600 that libpq can read.

The server gets a scram verifier computed here, so that no password stands in its log.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from kgfeatures.db.embedded.bootstrap import DATABASE, OWNER, READER, superuser
from kgfeatures.db.embedded.whole import write_whole
from kgfeatures.errors import ServerError

if TYPE_CHECKING:
    from kgfeatures.db.embedded.home import Home

HOST = "127.0.0.1"
FILE = "pgpass"


def password_of(home: Home, user: str) -> str | None:
    """Return the stored password of a login, None when there is none yet."""
    try:
        text = (home.path / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    found = (line.split(":") for line in text.splitlines())
    return next((fields[4] for fields in found if len(fields) == 5 and fields[3] == user), None)


def make_passwords(home: Home) -> None:
    """Give both logins a password where the file has none; the server must be running.

    Raises
    ------
    ServerError : the server refused; its own words.
    """
    passwords = {user: password_of(home, user) for user in (OWNER, READER)}
    if all(passwords.values()):
        return
    made = {user: secrets.token_urlsafe(24) for user in passwords}
    try:
        with superuser(home, DATABASE) as conn, conn.transaction():
            for user, password in made.items():
                verifier = conn.pgconn.encrypt_password(
                    password.encode(), user.encode(), b"scram-sha-256"
                )
                alter = sql.SQL("alter role {} password {}")
                conn.execute(alter.format(sql.Identifier(user), verifier.decode()))
            lines = [f"{HOST}:*:{DATABASE}:{user}:{word}\n" for user, word in made.items()]
            write_whole(home.path / FILE, "".join(lines))
    except psycopg.Error as exc:
        raise ServerError(f"the logins could not be given passwords: {exc}") from exc
