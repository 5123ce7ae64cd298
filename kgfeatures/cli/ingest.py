"""`kgfeatures ingest DIR`: load a folder of files that its dataset.yaml describes."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path  # noqa: TC003  typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgfeatures.cli.progress import terminal_progress
from kgfeatures.cli.report import report
from kgfeatures.cli.speech import say
from kgfeatures.db import connect
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

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
    check: Annotated[
        bool, typer.Option("--check", help="Read, clean and count everything, load nothing.")
    ] = False,
) -> None:
    """Load interactions, products, customers, attributes, documents and triples from files."""
    if check:
        say(checked(folder, max_rejected))
        return
    from kgfeatures.steps.stages import load as step

    with connect() as database:
        with terminal_progress() as progress:
            result = step(
                database, folder, max_rejected=max_rejected, progress=progress, force=force
            )
        say(summary(database))
    report(result)


def summary(database: Database) -> str:
    """Return what became of each source, a line each, and the first rejected values."""
    lines = [source_line(source) for source in database.rows("ingest.summary")]
    rejected = database.rows("ingest.first_rejected", k=REJECTED_SHOWN)
    lines += [problem_line(problem) for problem in rejected]
    if rejected:
        lines.append("  all of them: select * from raw.rejected")
    return "\n".join(lines)


def checked(folder: Path, max_rejected: float) -> str:
    """Return the summary that loading a folder would give; a database is asked for tables only."""
    from kgfeatures.db import transport
    from kgfeatures.graph.checking import check
    from kgfeatures.graph.manifest import read_manifest

    manifest = read_manifest(folder)
    with ExitStack() as stack:
        progress = stack.enter_context(terminal_progress())
        read = no_table
        if any(section.table for section in manifest.sections):
            conn = stack.enter_context(stack.enter_context(connect()).transaction())
            read = partial(transport.read_table, conn)
        found = check(manifest, read, progress, max_rejected)
    lines = [source_line(each.source) for each in found]
    problems = [(each.source["name"], problem) for each in found for problem in each.rejected]
    lines += [
        problem_line(
            {
                "name": name,
                "source_row": problem.row,
                "column_name": problem.column,
                "value": problem.value,
                "reason": problem.reason,
            }
        )
        for name, problem in problems[:REJECTED_SHOWN]
    ]
    return "\n".join([*lines, "check: everything would load; nothing was written"])


def no_table(table: str) -> pa.Table:
    """Refuse: a manifest without tables needs no database.

    Raises
    ------
    DataError : always.
    """
    raise DataError(f"the table {table} was not named by the manifest when it was read")


def problem_line(problem: dict[str, Any]) -> str:
    """Return a rejected value with its place as a sentence."""
    column = f", column {problem['column_name']!r}" if problem["column_name"] else ""
    place = f"{problem['name']}, {problem['source_row']}{column}"
    return f"  rejected: {place}: {problem['value']!r} {problem['reason']}"


def source_line(source: dict[str, Any]) -> str:
    """Return a source's counts as a sentence."""
    dropped = [f"{n:,} {reason}" for reason, n in source["rows_dropped"].items()]
    left_out = f"; left out: {', '.join(dropped)}" if dropped else ""
    return (
        f"{source['kind']} from {source['name']}: {source['rows_loaded']:,} of "
        f"{source['rows_read']:,} rows loaded, {source['rows_rejected']:,} rejected{left_out}"
    )
