"""`kgfeatures recommend`: neighbours, weights and a list for each customer."""

from __future__ import annotations

from typing import Annotated

import typer

from kgfeatures.cli.progress import terminal_progress
from kgfeatures.cli.report import report
from kgfeatures.db import connect
from kgfeatures.errors import DataError


def recommend(
    *,
    k: Annotated[int, typer.Option("-k", help="Products published per customer.")] = 50,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Of the signals, such as bought_together=0.6,shared_triples=0.3,popular=0.1; "
            "what suits the shop's own last weeks when left out.",
            show_default=False,
        ),
    ] = None,
    everybody: Annotated[
        bool,
        typer.Option(
            "--all/--model-only",
            help="Publish the lists of all customers too, or only what rec.recommend reads.",
        ),
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Do it even when nothing changed.")
    ] = False,
) -> None:
    """Compute and publish recommendations: select * from rec.recommend('<customer>')."""
    from kgfeatures.steps import recommend as step

    chosen = None if weights is None else parse_weights(weights)
    settings = step.RecommendSettings(weights=chosen, k=k, lists=everybody)
    with connect() as database, terminal_progress() as progress:
        result = step.recommend(database, settings, progress=progress, force=force)
    report(result)


def parse_weights(text: str) -> dict[str, float]:
    """Return weights by signal from "signal=number,signal=number".

    Raises
    ------
    DataError : another form, no number, or a signal twice.
    """
    pairs = [part.partition("=") for part in text.split(",")]
    names = [name.strip() for name, _, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"weights name {twice[0]} twice; give each signal one weight")
    try:
        return dict(zip(names, (float(weight) for _, _, weight in pairs), strict=True))
    except ValueError:
        raise DataError(
            f"weights are {text!r}; write bought_together=0.6,shared_triples=0.3,popular=0.1"
        ) from None
