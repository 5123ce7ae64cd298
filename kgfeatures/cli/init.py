"""`kgfeatures init SOURCE`: look at files or tables and draft the dataset.yaml for them."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgfeatures.cli.progress import terminal_progress
from kgfeatures.cli.speech import say
from kgfeatures.errors import ConfigError, DataError

if TYPE_CHECKING:
    from kgfeatures.graph.draft import Draft

SCHEMA = "schema:"


def init(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A folder of csv, tsv, parquet, jsonl files (also .gz), or schema:NAME for the "
            "tables of a schema in the shop's database, or the SQLAlchemy URL of another "
            "one, whose tables are written as Parquet files beside the dataset.yaml.",
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to write; dataset.yaml in the folder."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files that are there already.")
    ] = False,
) -> None:
    """Draft a dataset.yaml: which column is the customer, the product, the time, and how sure."""
    file = target(source, out)
    if file.exists() and not force:
        raise ConfigError(
            f"{file} exists already; write elsewhere with --out FILE, or overwrite it with --force"
        )
    draft = drafted(source, file, force=force)
    write(file, draft.text)
    say("\n".join(report(draft, file)))
    if "interactions" not in draft.sections:
        raise typer.Exit(1)


def target(source: str, out: Path | None) -> Path:
    """Return the file to write.

    Raises
    ------
    ConfigError : its folder does not exist.
    """
    folder = Path() if source.startswith(SCHEMA) or "://" in source else Path(source)
    file = out or folder / "dataset.yaml"
    if not file.parent.is_dir() and out is not None:
        raise ConfigError(f"{file.parent} is no folder; make it first, or give --out another FILE")
    return file


def drafted(source: str, file: Path, *, force: bool) -> Draft:
    """Return the draft for a folder, a schema or another database, which is exported first.

    Raises
    ------
    DataError : there is no such folder, or the schema has no tables.
    """
    from kgfeatures.graph.draft import draft_files, draft_folder, draft_tables

    if "://" in source:
        from kgfeatures.db.exporting import export

        with terminal_progress() as progress:
            files = export(source, file.parent, progress, force=force)
            if not files:
                raise DataError("the database has no tables with rows; nothing was exported")
            return draft_files(file.parent.absolute().name, files, file.parent, progress)
    with terminal_progress() as progress:
        if not source.startswith(SCHEMA):
            return draft_folder(Path(source), file.parent, progress)
        from kgfeatures.db import connect, transport

        name = source.removeprefix(SCHEMA)
        with connect() as database, database.transaction() as conn:
            tables = [row["name"] for row in database.rows("ingest.tables_of", schema=name)]
            if not tables:
                raise DataError(f"the schema {name!r} has no tables in the shop's database")
            return draft_tables(name, tables, partial(transport.read_table, conn), progress)


def write(file: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".dataset-", text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as open_file:
        open_file.write(text)
    Path(name).chmod(0o644)
    Path(name).replace(file)


def report(draft: Draft, file: Path) -> list[str]:
    """Return what was found, what is unsure and what to do next, a sentence each."""
    kinds = ", ".join(dict.fromkeys(draft.sections)) or "nothing"
    lines = [f"{file}: drafted {kinds}; {draft.unsure} guesses are marked as unsure"]
    lines += [f"  left out: {reason}" for reason in draft.left_out]
    if "interactions" not in draft.sections:
        lines.append(
            "no interactions found: no source has columns for a customer, a product and a time; "
            f"write the section into {file} by hand"
        )
    lines.append(f"next: read it, mend it, then `kgfeatures ingest {file.parent} --check`")
    return lines
