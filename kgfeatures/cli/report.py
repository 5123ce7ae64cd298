"""What a command says of the step that it ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from kgfeatures.db.runs import StepResult


def report(result: StepResult) -> None:
    """Write the rows of each table and the seconds, or that nothing changed."""
    if result.skipped:
        typer.echo(f"{result.step}: nothing changed since the last run")
        return
    for name, rows in sorted(result.rows.items()):
        typer.echo(f"{name}: {rows} rows")
    typer.echo(f"{result.step}: {result.seconds:.1f} s")
