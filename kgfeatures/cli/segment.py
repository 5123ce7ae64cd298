"""`kgfeatures segment`: customers in groups of like behaviour."""

from __future__ import annotations

from typing import Annotated

import typer

from kgfeatures.cli.progress import terminal_progress
from kgfeatures.cli.report import report
from kgfeatures.cli.speech import say
from kgfeatures.db import connect


def segment(
    *,
    name: Annotated[
        str, typer.Option(help="Of the segmentation: its table is feature.segment_<name>.")
    ] = "behaviour",
    k: Annotated[
        int | None,
        typer.Option("-k", help="Number of segments; chosen from 4 to 8 when left out."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Do it even when nothing changed.")
    ] = False,
) -> None:
    """Group customers into segments: select * from seg.profile('behaviour')."""
    from kgfeatures.steps import segment as step

    settings = step.SegmentSettings(name=name, k=k)
    with connect() as database, terminal_progress() as progress:
        result = step.segment(database, settings, progress=progress, force=force)
        described = database.rows("segment.described", name=name)
    for row in described:
        say(f"{row['segment_id']}  {row['size']:>7} customers  {row['segment_name']}")
    report(result)
