"""`kgfeatures refresh`: bring everything up to date, from a terminal or from cron."""

from __future__ import annotations

import datetime as dt
import signal
from enum import StrEnum
from pathlib import Path  # noqa: TC003  typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from kgfeatures.cli.ingest import summary as summary_of
from kgfeatures.cli.progress import terminal_progress
from kgfeatures.cli.report import describe, table
from kgfeatures.cli.speech import left, right, said, say, warn
from kgfeatures.db import connect
from kgfeatures.errors import ConfigError

if TYPE_CHECKING:
    from kgfeatures.db import Database
    from kgfeatures.steps.refresh import Expected, Wish
    from kgfeatures.steps.stages import Done


class Stage(StrEnum):
    """The stages of kgfeatures.steps.stages, for --only and --skip."""

    INGEST = "ingest"
    EXTRACT = "extract"
    GRAPH = "graph"
    TEXT = "text"
    PROFILE = "profile"
    TRIPLES = "triples"
    SEGMENT = "segment"
    RECOMMEND = "recommend"
    PUBLISH = "publish"


UNKNOWN = "unknown"
COSTS = {"seconds": 8, "CPU s": 8, "memory": 9, "disk": 9}
"""Columns of the forecast, and how wide they are."""
A_DAY = dt.timedelta(days=1)


def refresh(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]",
            help="The folder that holds dataset.yaml; that of the last ingest when left out.",
            show_default=False,
        ),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run, why and at what cost; only that.")
    ] = False,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Of the texts that fill the text features: builtin:minilm, builtin:chargram …; "
            "the last one when left out.",
            show_default=False,
        ),
    ] = None,
    max_rejected: Annotated[
        float | None,
        typer.Option(
            "--max-rejected",
            min=0,
            max=1,
            help="Share of a file's rows that may be rejected; the last one when left out.",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        list[Stage] | None, typer.Option("--only", help="Run this stage alone; may be repeated.")
    ] = None,
    skip: Annotated[
        list[Stage] | None, typer.Option("--skip", help="Leave this stage out; may be repeated.")
    ] = None,
) -> None:
    """Take in what is new and run every step that is stale, with the settings it last had.

    Exit status: 0 done or nothing to do, 1 failed, 2 wrong usage, 75 another refresh is running,
    130 stopped. Killed at any point, the next refresh goes on.
    """
    chosen = choose(only or [], skip or [])
    # What stops a service ends like Ctrl-C: rolled back, and written down as cancelled.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with connect() as database:
        # Slow to load, so after what may be wrong with the database.
        from kgfeatures.steps import refresh as step

        wish = step.Wish(folder, encoder, max_rejected, chosen)
        if dry_run:
            typer.echo(forecast(step.rehearse(database, wish)))
        else:
            perform(database, wish)


def choose(only: list[Stage], skip: list[Stage]) -> list[str]:
    """Return the names of the stages to run.

    Raises
    ------
    ConfigError : none is left.
    """
    names = [stage.value for stage in Stage if stage not in skip and stage in (only or Stage)]
    if not names:
        raise ConfigError("--only and --skip leave no stage to run; name fewer stages")
    return names


def perform(database: Database, wish: Wish) -> None:
    """Run the stages; what was done is told at the end even when one of them fails."""
    from kgfeatures.steps import refresh as step

    done: list[Done] = []
    before = step.cutoff(database)
    try:
        with terminal_progress(stamped=True) as progress:
            for each in step.refresh(database, wish, progress):
                done.append(each)
                progress.note(f"{each.result.step}: {describe(each)}")
                if each.result.step == "ingest" and not each.result.skipped:
                    progress.note(summary_of(database))
    finally:
        if done:
            typer.echo(table(done, brief=True))
    after = step.cutoff(database)
    for line in doubts(before, after, dt.datetime.now(dt.UTC)):
        warn(line)
    say(closing(done, after))


def doubts(before: dt.datetime | None, after: dt.datetime | None, now: dt.datetime) -> list[str]:
    """Return what is odd about the data cut-off before and after a refresh, a sentence each."""
    odd: list[str] = []
    if after is not None and after > now + A_DAY:
        odd.append(
            f"the data cut-off is {after:%Y-%m-%d}, but by this machine's clock it is "
            f"{now:%Y-%m-%d %H:%M} UTC: everything is computed as of then. Mend the clock, or the "
            "rows of raw.interaction that lie in the future"
        )
    if before is not None and (after is None or after < before):
        moved = f"to {after:%Y-%m-%d %H:%M} UTC" if after else "away: no interaction is left"
        odd.append(
            f"the data cut-off moved back from {before:%Y-%m-%d %H:%M} UTC {moved}: the newest "
            "rows are gone from the sources. If that is a mistake, bring them back and run it again"
        )
    return odd


def closing(done: list[Done], cutoff: dt.datetime | None) -> str:
    """Return what is current now, and what is not, as a sentence."""
    ran = sum(not each.result.skipped for each in done)
    state = f"{ran} of {len(done)} steps had something to do" if ran else "nothing to do"
    left: dict[str, list[str]] = {}
    for each in done:
        if each.idle:
            left.setdefault(each.idle, []).append(each.result.step)
    but = "; ".join(f"{', '.join(names)} ({why})" for why, names in left.items())
    what = f"everything but {but}" if but else "everything"
    at = f"{cutoff:%Y-%m-%d %H:%M} UTC, the data cut-off" if cutoff else "no interaction"
    return f"\n{state}; current as of {at}: {what}"


def forecast(expected: list[Expected]) -> str:
    """Return what would run, why, and at what cost, by the last runs."""
    heads = [right(said(name), columns) for name, columns in COSTS.items()]
    lines = [
        f"{left(said('step'), 22)} {left(said('would'), 11)} {' '.join(heads)}  {said('why')}",
        "-" * 100,
    ]
    for each in expected:
        costs = f"{'':>8} {'':>8} {'':>9} {'':>9}"
        if each.verdict not in {"unchanged", "left out"}:
            costs = (
                f"{right(number(each.cost('seconds')), 8)} "
                f"{right(number(each.cost('cpu_seconds')), 8)} "
                f"{right(megabytes(each.cost('peak_memory_bytes')), 9)} "
                f"{right(megabytes(each.cost('output_bytes')), 9)}"
            )
        verdict = left(said(each.verdict.removeprefix("would ")), 11)
        lines.append(f"{each.step:<22} {verdict} {costs}  {said(each.reason)}".rstrip())
    return "\n".join([*lines, "", said(summary(expected))])


def summary(expected: list[Expected]) -> str:
    """Return the sum of what is expected, and of how many steps nothing is known."""
    todo = [each for each in expected if each.verdict in {"would run", "may run"}]
    if not todo:
        return "nothing to do"
    seconds = [each.cost("seconds") for each in todo]
    memory = max(each.cost("peak_memory_bytes") or 0 for each in todo)
    known = [value for value in seconds if value is not None]
    said = f"{len(todo)} of {len(expected)} steps: {sum(known):,.0f} s" if known else UNKNOWN
    if memory:
        said += f", at most {megabytes(memory)} of memory"
    never = len(seconds) - len(known)
    return said + (f"; what {never} of them cost is unknown: never run" if never else "")


def number(value: float | None) -> str:
    """Return seconds with one decimal, or that they are unknown."""
    return said(UNKNOWN) if value is None else f"{value:,.1f}"


def megabytes(value: float | None) -> str:
    """Return bytes in megabytes, or that they are unknown."""
    return said(UNKNOWN) if value is None else f"{value / 2**20:,.0f} MB"
