"""`kgfeatures evaluate …`: how good what is computed is, measured on data held out."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003  typer reads the annotation
from typing import TYPE_CHECKING, Annotated

import typer

from kgfeatures.cli.progress import terminal_progress
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    import datetime as dt

    from kgfeatures.recommend.contest import Outcome

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)


@app.callback()
def evaluate() -> None:
    """Measure what is computed on data held out; nothing that is published changes."""


@app.command("recommend")
def evaluate_recommend(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]", help="A folder with a dataset.yaml; the loaded shop when left out."
        ),
    ] = None,
    *,
    time_split: Annotated[
        str | None,
        typer.Option(
            help="Test on what is bought from that day on (2024-05-31, UTC), instead of the "
            "data's column split or each customer's last product.",
            show_default=False,
        ),
    ] = None,
    refit: Annotated[
        bool | None,
        typer.Option(
            "--refit/--strict",
            help="For the test, learn from train and validation, or from train alone; strict "
            "when last products are left out, else refit.",
            show_default=False,
        ),
    ] = None,
    graph: Annotated[
        bool, typer.Option("--graph/--no-graph", help="Train TransE, which takes longest.")
    ] = True,
    epochs: Annotated[
        int | None, typer.Option(help="Of that training.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
) -> None:
    """Compare every recommender and their blend; the last line is one JSON object."""
    from kgfeatures.db import connect
    from kgfeatures.steps import evaluate as step

    day = None if time_split is None else parse_day(time_split)
    settings = step.EvaluationSettings(
        time_split=day, refit=refit, graph=graph, epochs=epochs, seed=seed
    )
    with terminal_progress() as progress:
        if folder is not None:
            outcome = step.evaluate_folder(folder, settings, progress=progress)
        else:
            with connect() as database:
                outcome = step.evaluate(database, settings, progress=progress)
    show(outcome)


def show(outcome: Outcome) -> None:
    """Write the tables, then one JSON object in the last line."""
    from kgfeatures.recommend.scoreboard import report, summary

    typer.echo(report(outcome))
    typer.echo(json.dumps(summary(outcome)))


def parse_day(text: str) -> dt.date:
    """Return the day that a text like 2024-05-31 names.

    Raises
    ------
    DataError : it names none.
    """
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DataError(f"--time-split is {text!r}; write a day such as 2024-05-31") from None
