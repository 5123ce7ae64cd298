"""`kgfeatures extract`: triples from product titles."""

from __future__ import annotations

from typing import Annotated

import typer

from kgfeatures.cli.progress import terminal_progress
from kgfeatures.cli.report import report
from kgfeatures.db import connect


def extract(
    *,
    extractors: Annotated[
        list[str] | None,
        typer.Option("--extractor", help="gazetteer, pack_size; may be repeated; default: both."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Do it even when nothing changed.")
    ] = False,
) -> None:
    """Make triples from product titles: colour, material, pattern, theme, kind, size, pack size."""
    from kgfeatures.extraction import DEFAULT_EXTRACTORS
    from kgfeatures.steps.extract import extract as step

    with connect() as database, terminal_progress() as progress:
        result = step(database, extractors or DEFAULT_EXTRACTORS, progress=progress, force=force)
    report(result)
