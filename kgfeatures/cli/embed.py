"""`kgfeatures embed`: train graph vectors, encode texts, list and switch versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from kgfeatures.cli.progress import terminal_progress
from kgfeatures.cli.report import report
from kgfeatures.cli.speech import say
from kgfeatures.db import connect
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Train graph vectors, encode texts, switch versions.",
)

Force = Annotated[bool, typer.Option("--force", help="Do it even when nothing changed.")]
KnownAt = Annotated[
    datetime | None,
    typer.Option(help="Use only what was known then, UTC; without it, all that was loaded."),
]


Model = Annotated[str, typer.Option(help="transe, transe_l1, distmult, complex, rotate or transr.")]
Epochs = Annotated[
    int | None,
    typer.Option(help="Passes over the triples; by default 12, fewer of more than 1.7 million."),
]
Seconds = Annotated[
    float | None,
    typer.Option(help="CPU time to train, instead of passes; turned into steps at the start."),
]
Without = Annotated[
    list[str] | None, typer.Option(help="A relation that is not learned; may be repeated.")
]
Weight = Annotated[
    list[str] | None,
    typer.Option(help="RELATION=0.5 visits its triples half as often as others; may be repeated."),
]
Valid = Annotated[
    float, typer.Option(help="Share of the triples that is held out to measure with.")
]
Follow = Annotated[
    bool,
    typer.Option(
        "--follow/--anew",
        help="Start from the version in use and stay comparable with it, or from nothing.",
    ),
]
Resume = Annotated[
    bool, typer.Option(help="Go on from the checkpoint that a stopped training left.")
]


@app.command()
def graph(  # noqa: PLR0913
    *,
    model: Model = "transe",
    dim: Annotated[int, typer.Option(help="Numbers per vector.")] = 64,
    epochs: Epochs = None,
    seconds: Seconds = None,
    threads: Annotated[int, typer.Option(help="Of the products; at most the idle cores.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the start values and the order.")] = 0,
    without: Without = None,
    weight: Weight = None,
    valid: Valid = 0.0,
    follow: Follow = True,
    resume: Resume = True,
    known_at: KnownAt = None,
    force: Force = False,
) -> None:
    """Train a model of the graph and publish it as alias `graph` and as feature tables."""
    from kgfeatures.embedding import shop_settings
    from kgfeatures.graph.training import Choice
    from kgfeatures.steps import embed

    settings = shop_settings(model, dim=dim, epochs=epochs, threads=threads, seed=seed)
    choice = Choice(tuple(without or ()), _weights(weight or ()))
    with connect() as database, terminal_progress() as progress:
        result = embed.run_graph(
            database,
            model=model,
            settings=settings,
            seconds=seconds,
            known_at=_utc(known_at),
            choice=choice,
            valid=valid,
            follow=follow,
            resume=resume,
            progress=progress,
            force=force,
        )
    report(result)


@app.command()
def update(*, known_at: KnownAt = None, force: Force = False) -> None:
    """Give new customers, products … vectors in `graph`; all others keep theirs, to the bit."""
    from kgfeatures.steps import embed_update

    with connect() as database, terminal_progress() as progress:
        result = embed_update.run_update(
            database, known_at=_utc(known_at), progress=progress, force=force
        )
    report(result)


@app.command()
def text(
    encoder: Annotated[
        str, typer.Argument(help="builtin:minilm, builtin:chargram, hf:<id>@<rev>, path:<folder>")
    ] = "builtin:minilm",
    *,
    threads: Annotated[int, typer.Option(help="Of the model; at most the idle cores.")] = 1,
    features: Annotated[
        bool | None,
        typer.Option(help="Fill the text feature tables; by default builtin:minilm does."),
    ] = None,
    known_at: KnownAt = None,
    force: Force = False,
) -> None:
    """Encode the products' texts and publish them as alias `text_<encoder>`."""
    from kgfeatures.steps import embed_text

    with connect() as database, terminal_progress() as progress:
        result = embed_text.run_text(
            database,
            encoder,
            threads=threads,
            features=features,
            known_at=_utc(known_at),
            progress=progress,
            force=force,
        )
    report(result)


@app.command()
def versions() -> None:
    """List the versions of all vectors, those in use with a star."""
    with connect() as database:
        rows = database.rows("embed_versions.versions")
    for row in rows:
        star = "*" if row["in_use"] else " "
        card = f"{row['scorer']}, {row['dim']} numbers, {row['entities']:,} entities"
        known = f"known at {row['known_at']:%Y-%m-%d}"
        follows = f", comparable with {row['comparable_id']}" if row["follows"] else ""
        follows += "" if row["readable"] else ", vectors removed"
        typer.echo(f"{star} {row['alias']:<16} {row['model_id']:>10}  {card}, {known}{follows}")
    if not rows:
        say("no vectors yet; run `kgfeatures embed graph`")


@app.command()
def activate(
    alias: Annotated[str, typer.Argument(help="graph, text_minilm …")],
    model_id: Annotated[int, typer.Argument(help="A version of it, see `versions`.")],
) -> None:
    """Point an alias to another of its versions; its feature tables are swapped with it."""
    from kgfeatures.graph import vectors

    with connect() as database, database.transaction() as conn:
        vectors.activate(conn, alias, model_id)
    say(f"{alias} is version {model_id} now")


@app.command()
def expire(
    alias: Annotated[str, typer.Argument(help="graph, text_minilm …")] = "graph",
    *,
    keep_days: Annotated[int, typer.Option(help="How long a replaced version is kept.")] = 90,
) -> None:
    """Remove the vectors of versions that were replaced some time ago; their cards stay."""
    with connect() as database:
        removed = database.rows("embed_versions.expire", alias=alias, keep_days=keep_days)
    for row in removed:
        say(f"removed the vectors of version {row['model_id']}")
    if not removed:
        say(f"no version of {alias} was replaced more than {keep_days} days ago")


def _weights(texts: Iterable[str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for name, weight in map(_weight, texts):
        if weights.setdefault(name, weight) != weight:
            raise DataError(f"{name} has the weights {weights[name]} and {weight}; choose one")
    return weights


def _weight(text: str) -> tuple[str, float]:
    relation, _, number = text.rpartition("=")
    try:
        return relation, float(number)
    except ValueError:
        raise typer.BadParameter(
            f"--weight is {text!r}; write RELATION=NUMBER, for example bought=0.5"
        ) from None


def _utc(moment: datetime | None) -> datetime | None:
    """Return a moment in UTC; it is taken for UTC unless it names its own offset."""
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
