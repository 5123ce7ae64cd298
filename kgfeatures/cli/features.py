"""`kgfeatures profile` and `kgfeatures features`: feature tables, and Feast on top of them."""

from __future__ import annotations

import warnings
from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from kgfeatures.cli.progress import terminal_progress
from kgfeatures.cli.report import report
from kgfeatures.cli.speech import say, warn
from kgfeatures.db import connect, personal_files
from kgfeatures.db.personal_files import PersonalFile
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Register feature tables with Feast, serve them, and make training sets.",
)

Force = Annotated[bool, typer.Option("--force", help="Do it even when nothing changed.")]


def profile(*, force: Force = False) -> None:
    """Compute the profiles of customers and products, and what the graph says, with history."""
    from kgfeatures.steps import profile as step
    from kgfeatures.steps import triples

    with connect() as database, terminal_progress() as progress:
        report(step.profile(database, progress=progress, force=force))
        report(triples.triples(database, progress=progress, force=force))


@app.command()
def apply(*, force: Force = False) -> None:
    """Register feature_repo/ with Feast and refresh the catalogue, as `feast apply` does."""
    from kgfeatures.steps import publish

    with connect() as database, terminal_progress() as progress:
        report(publish.register(database, progress=progress, force=force))


@app.command()
def materialize(*, force: Force = False) -> None:
    """Register, then put the latest row of every customer and product online."""
    from kgfeatures.steps import publish

    with connect() as database, terminal_progress() as progress:
        report(publish.publish(database, progress=progress, force=force))


@app.command("training-set")
def training_set(
    labels: Annotated[Path, typer.Argument(help="csv or parquet: keys, event_timestamp, labels.")],
    features: Annotated[
        list[str], typer.Argument(help="A feature service, or feature views and view:feature.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="csv or parquet to write.", show_default=False)
    ],
    *,
    later_vectors: Annotated[
        bool,
        typer.Option(
            "--later-vectors", help="Take vectors even where they were trained after a label."
        ),
    ] = False,
) -> None:
    """Join labels with the features that were known at their time, into a file."""
    from kgfeatures.features import training_set as joined

    entity_df = _read(labels)
    _writer(output)
    with connect() as database:
        asked = features[0] if len(features) == 1 else features
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", UserWarning)
            frame = joined(entity_df, asked, database=database, later_vectors=later_vectors)
        for warning in told:
            warn(str(warning.message))
        _write(frame, output)
        if "customer_id" in frame.columns:
            written = PersonalFile(output.expanduser().absolute(), "export", "customers' features")
            with database.transaction() as conn:
                personal_files.note(conn, [written])
    say(f"{output}: {len(frame)} rows, {len(frame.columns)} columns")


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    if not path.is_file():
        raise DataError(f"there is no file {path}; give a csv or parquet file of labels")
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    # Read as numbers, keys would lose their leading zeros.
    frame = pd.read_csv(path, converters={"customer_id": str, "product_id": str})
    if "event_timestamp" in frame.columns:
        try:
            frame["event_timestamp"] = pd.to_datetime(frame["event_timestamp"], utc=True)
        except ValueError as error:
            raise DataError(
                f"{path}: event_timestamp is no time ({error}); write it as 2010-06-01T00:00:00Z"
            ) from error
    return frame


def _writer(path: Path) -> str:
    """Return "parquet" or "csv" for a file to write.

    Raises
    ------
    DataError : another ending.
    """
    kind = path.suffix.removeprefix(".")
    if kind not in {"parquet", "csv"}:
        raise DataError(f"cannot write {path}; end its name in .parquet or .csv")
    return kind


def _write(frame: pd.DataFrame, path: Path) -> None:
    if _writer(path) == "parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
