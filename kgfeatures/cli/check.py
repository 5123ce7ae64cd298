"""`kgfeatures check`: what is wrong, and what to do."""

from __future__ import annotations

import typer

from kgfeatures.cli.speech import said, say
from kgfeatures.config import settings

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Say what is wrong with the installation and what to do.",
)


@app.callback()
def check() -> None:
    """Say what is wrong with the installation and what to do."""


@app.command()
def db() -> None:
    """Check versions, disk, roles and indexes of the database; exit with 1 when one fails."""
    from kgfeatures.db import health
    from kgfeatures.db.target import target

    found = health.findings(target(settings(), note=lambda text: say(text, err=True)))
    for finding in found:
        typer.echo(f"{finding.state:<5} {finding.name:<12} {said(finding.found)}")
        if finding.advice:
            typer.echo(f"{'':<18} -> {said(finding.advice)}")
    if any(finding.state == "fail" for finding in found):
        raise typer.Exit(1)
