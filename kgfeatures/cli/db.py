"""`kgfeatures db`: the database as a process, as an address and as a file."""

from __future__ import annotations

import os
import shlex
from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import Annotated

import typer

from kgfeatures.cli.speech import say
from kgfeatures.config import Settings, settings
from kgfeatures.db import Database, launcher, migrations, personal_files
from kgfeatures.db import backup as archive
from kgfeatures.db.environment import environment
from kgfeatures.db.personal_files import PersonalFile
from kgfeatures.db.target import Target, is_embedded, target
from kgfeatures.errors import ConfigError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The database: start, stop, status, url, env, psql, migrate, backup, restore.",
)

Reader = Annotated[bool, typer.Option("--reader", help="The login that may only read.")]


def note(text: str) -> None:
    """Write what is waited for to stderr: stdout is for eval and for pipes."""
    say(text, err=True)


def meant() -> Target:
    """Return the database that the environment means, running."""
    return target(settings(), note)


def embedded_settings(what: str) -> Settings:
    """Return the settings when they mean the embedded server.

    Raises
    ------
    ConfigError : $KGFEATURES_DSN names a server of the user's own.
    """
    now = settings()
    if not is_embedded(now):
        raise ConfigError(
            f"KGFEATURES_DSN names a PostgreSQL of your own, and {what} is for the embedded one; "
            "unset KGFEATURES_DSN to use that"
        )
    return now


@app.command()
def start() -> None:
    """Start the embedded server, or find it running; recovery after a crash is waited out."""
    now = embedded_settings("db start")
    launcher.ensure_running(now.home, note)
    say(describe(launcher.status(now.home)))


@app.command()
def stop() -> None:
    """Stop the embedded server; its sessions end, what was committed stays."""
    now = embedded_settings("db stop")
    say("stopped" if launcher.stop(now.home, note) else "was not running")


@app.command()
def status() -> None:
    """Say whether the embedded server runs, where its data is and how it is reached."""
    now = settings()
    if is_embedded(now):
        say(describe(launcher.status(now.home)))
    else:
        say("KGFEATURES_DSN names a PostgreSQL of your own; kgfeatures check db looks at it")


def describe(found: launcher.ServerStatus) -> str:
    """Return a status as lines of "what: value"."""
    lines = [f"state:  {found.state}", f"home:   {found.home}"]
    if found.pid is not None:
        lines.append(f"pid:    {found.pid}")
    if found.port is not None:
        lines.append(f"socket: {found.socket_directory}, port {found.port}")
        lines.append(f"tcp:    {f'127.0.0.1:{found.port}' if found.tcp else 'off'}")
    return "\n".join(lines)


@app.command()
def url(
    *,
    tcp: Annotated[
        bool,
        typer.Option("--tcp", help="Listen on 127.0.0.1; prints the generated password."),
    ] = False,
    reader: Reader = False,
) -> None:
    """Print the connection URL, for programs that take one."""
    if tcp:
        now = embedded_settings("db url --tcp")
        typer.echo(launcher.tcp_dsn(now.home, note, reader=reader))
        return
    typer.echo(login(meant(), reader=reader))


@app.command()
def env() -> None:
    """Print the exports for psql and the plain feast CLI: eval "$(kgfeatures db env)"."""
    found = meant()
    variables = environment(found.dsn, found.reader_dsn)
    if found.home is not None:
        variables = {"KGFEATURES_HOME": str(found.home), **variables}
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context, *, reader: Reader = False) -> None:
    """Open psql; further arguments go to it, as in: kgfeatures db psql -- -c 'select 1'."""
    database, variables = archive.client_arguments(login(meant(), reader=reader))
    program = archive.client_program("psql")
    os.execve(program, [program, database, *context.args], variables)  # noqa: S606  no shell


def login(found: Target, *, reader: bool) -> str:
    """Return the owner's or the reader's connection string.

    Raises
    ------
    ConfigError : the reader's is not known.
    """
    if not reader:
        return found.dsn
    if found.reader_dsn is None:
        raise ConfigError("KGFEATURES_READER_DSN is not set; set it to the login that only reads")
    return found.reader_dsn


@app.command()
def migrate() -> None:
    """Bring the schema to this version's: new migrations once, changed functions again."""
    names = migrations.migrate(meant().dsn)
    for name in names:
        typer.echo(name)
    say(f"{len(names)} files applied" if names else "nothing to do")


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="Where to write the backup.")]) -> None:
    """Write the whole database into one file, by pg_dump; the server keeps working."""
    whole = file.expanduser().absolute()
    dsn = meant().dsn
    size = archive.backup(dsn, whole)
    with Database(lambda: dsn) as database, database.transaction() as conn:
        personal_files.note(conn, [PersonalFile(whole, "backup", "every table")])
    say(f"{file}: {size:,} bytes")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What db backup wrote.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Drop what is there first.")] = False,
) -> None:
    """Put the database back as a backup has it, all of it or nothing."""
    archive.restore(meant().dsn, file.expanduser().absolute(), force=force)
    say(f"restored {file}")
