"""`kgfeatures ingest DIR`: load a folder of files that its dataset.yaml describes."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgfeatures.cli.progress import terminal_progress
from kgfeatures.db import connect

if TYPE_CHECKING:
    from kgfeatures.db import Database

REJECTED_SHOWN = 5


def ingest(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder that holds dataset.yaml.")
    ],
    *,
    max_rejected: Annotated[
        float,
        typer.Option(
            "--max-rejected",
            min=0,
            max=1,
            help="Share of a file's rows that may be rejected before nothing is loaded.",
        ),
    ] = 0.01,
    force: Annotated[
        bool, typer.Option("--force", help="Do it even when nothing changed.")
    ] = False,
) -> None:
    """Load interactions, products, customers, attributes, documents and triples from files."""
    from kgfeatures.steps.ingest import ingest as step

    with connect() as database:
        with terminal_progress() as progress:
            result = step(
                database, folder, max_rejected=max_rejected, progress=progress, force=force
            )
        typer.echo(summary(database))
    state = "unchanged" if result.skipped else f"{result.seconds:.1f} s"
    rows = ", ".join(f"{name} {n:,}" for name, n in sorted(result.rows.items()))
    typer.echo(f"{result.step}: {rows} ({state})")


def summary(database: Database) -> str:
    """Return what became of each source, a line each, and the first rejected values."""
    lines = [source_line(source) for source in database.rows("ingest.summary")]
    for problem in database.rows("ingest.first_rejected", k=REJECTED_SHOWN):
        column = f", column {problem['column_name']!r}" if problem["column_name"] else ""
        place = f"{problem['name']}, {problem['source_row']}{column}"
        lines.append(f"  rejected: {place}: {problem['value']!r} {problem['reason']}")
    if any("rejected:" in line for line in lines):
        lines.append("  all of them: select * from raw.rejected")
    return "\n".join(lines)


def source_line(source: dict[str, Any]) -> str:
    """Return a source's counts as a sentence."""
    dropped = [f"{n:,} {reason}" for reason, n in source["rows_dropped"].items()]
    left_out = f"; left out: {', '.join(dropped)}" if dropped else ""
    return (
        f"{source['kind']} from {source['name']}: {source['rows_loaded']:,} of "
        f"{source['rows_read']:,} rows loaded, {source['rows_rejected']:,} rejected{left_out}"
    )
