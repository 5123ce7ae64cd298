"""Refresh: bring everything up to what the shop's files say now, each step as it was last run.

Steps whose inputs and settings are as they were are skipped, so a refresh that was killed goes on
where it stopped. One refresh at a time: it holds a lock and a line in ops.run, step "refresh".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgfeatures.db import Database
from kgfeatures.db.rehearsal import Forecast, Rehearsal
from kgfeatures.db.runs import booked
from kgfeatures.db.step import Step
from kgfeatures.errors import DataError
from kgfeatures.graph.manifest import read_manifest
from kgfeatures.llm import encoder_version
from kgfeatures.steps import stages
from kgfeatures.types import NoProgress

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterator

    from kgfeatures.types import Progress

REFRESH = Step("refresh", "1")
LEFT_OUT = "left out"


@dataclass(frozen=True)
class Wish:
    """What a refresh is asked for.

    Parameters
    ----------
    folder : of dataset.yaml; None takes the one of the last ingest.
    encoder : of the texts that fill the text feature tables; None keeps the last one.
    max_rejected : share of a file's rows that may be rejected; None keeps the last one.
    stages : names in `stages.STAGES`; the others are left as they are.
    """

    folder: Path | None = None
    encoder: str | None = None
    max_rejected: float | None = None
    stages: Collection[str] = tuple(stages.STAGES)


@dataclass(frozen=True)
class Expected:
    """What a refresh would make of a step.

    Parameters
    ----------
    step : its name in ops.run.
    verdict : "would run", "may run" (a step before it may change what it reads), "unchanged"
        or "left out".
    reason : the first reason.
    last : the line in ops.run of its last finished run, None when it never ran.
    scale : rows that it reads now by those that it read then.
    """

    step: str
    verdict: str
    reason: str = ""
    last: dict[str, Any] | None = None
    scale: float = 1.0

    def cost(self, column: str) -> float | None:
        """Return what a column of ops.run lets expect, None where nobody knows."""
        known = None if self.last is None else self.last[column]
        return None if known is None else float(known) * self.scale


def refresh(database: Database, wish: Wish, progress: Progress) -> Iterator[stages.Done]:
    """Run every stage that is stale, in order, and yield what each did, as soon as it is done.

    Parameters
    ----------
    database : the shop's database, migrated.
    wish : what is asked for.
    progress : told of each stage.

    Raises
    ------
    BusyError : another refresh is running, or somebody runs one of its steps by hand.
    KGFeaturesError : what a step raises; the steps before it stand, run again to go on.
    """
    folder = shop_folder(database, wish.folder)
    if wish.encoder is not None:
        encoder_version(wish.encoder)
    # The lock has a connection of its own: the steps need all that a Database lends.
    with (
        Database(lambda: database.dsn) as keeper,
        booked(keeper, REFRESH, {"stages": list(wish.stages)}) as (rows, report),
    ):
        for number, name in enumerate(stages.STAGES):
            report({"label": name, "done": number, "total": len(stages.STAGES)})
            # Read anew each time: what a stage finds depends on what those before it made.
            plan = plan_for(database, folder, wish)
            for call in stages.STAGES[name](plan) if name in wish.stages else ():
                done = stages.run(call, database, progress, plan)
                if not done.result.skipped:
                    rows.update(done.result.rows)
                yield done
            if name not in wish.stages:
                yield stages.left(name, LEFT_OUT)


def rehearse(database: Database, wish: Wish) -> list[Expected]:
    """Return what `refresh` would make of each step, in order; nothing is written.

    Raises
    ------
    KGFeaturesError : what `refresh` would raise before its first step.
    """
    folder = shop_folder(database, wish.folder)
    if wish.encoder is not None:
        encoder_version(wish.encoder)
    plan = plan_for(database, folder, wish)
    touched: dict[str, str] = {}
    expected: list[Expected] = []
    with Rehearsal(lambda: database.dsn) as rehearsal:
        for name, calls in stages.STAGES.items():
            if touched:
                plan.state.update(has_titles=True, has_texts=True, has_purchases=True)
            if name not in wish.stages:
                expected.append(Expected(name, LEFT_OUT))
                continue
            for call in calls(plan):
                if call.idle:
                    expected.append(Expected(call.step, LEFT_OUT, call.idle))
                    continue
                rehearsal.forecasts.clear()
                call.work(rehearsal, NoProgress())
                expected += [_expect(forecast, touched) for forecast in rehearsal.forecasts]
    return expected


def _expect(forecast: Forecast, touched: dict[str, str]) -> Expected:
    """Return what is expected of a step; adds the tables that it may change to `touched`."""
    step, last = forecast.step, forecast.last
    sources = [name for name in step.inputs if name in touched]
    if forecast.reason is None and not sources:
        return Expected(step.name, "unchanged", last=last)
    verdict, reason = "would run", forecast.reason or ""
    if forecast.reason is None:
        verdict, reason = "may run", f"if {touched[sources[0]]} changes {sources[0]}"
    for table in step.outputs:
        touched.setdefault(table, step.name)
    return Expected(step.name, verdict, reason, last, _scale(forecast))


def _scale(forecast: Forecast) -> float:
    """Return the rows that a step reads now, by those that its last run read; 1 if unknown."""
    before = forecast.last["inputs"] if forecast.last else {}
    both = [name for name, content in forecast.inputs.items() if content and before.get(name)]
    then = sum(_rows(before[name]) for name in both)
    now = sum(_rows(forecast.inputs[name] or "") for name in both)
    return now / then if then and now else 1.0


def _rows(content_hash: str) -> int:
    """Return the number of rows, which a content hash begins with."""
    count = content_hash.partition(":")[0]
    return int(count) if count.isdigit() else 0


def plan_for(database: Database, folder: Path, wish: Wish) -> stages.Plan:
    """Return what the stages start from now."""
    return stages.Plan(
        folder,
        history={row["step"]: row for row in database.rows("refresh.history")},
        encoder=wish.encoder,
        max_rejected=wish.max_rejected,
        state=database.rows("refresh.state")[0],
    )


def cutoff(database: Database) -> dt.datetime | None:
    """Return the moment at which everything loaded is known; None without interactions."""
    return database.rows("embed.cutoff")[0]["known_at"]


def shop_folder(database: Database, folder: Path | None) -> Path:
    """Return the folder to read: the one given, else that of the last ingest.

    Raises
    ------
    DataError : no folder is known, it is gone, or it holds another shop than the database.
    ManifestError : its dataset.yaml cannot be used.
    """
    known = database.rows("refresh.shop")
    if folder is None and not known:
        loaded = any(row["step"] == "ingest" for row in database.rows("refresh.history"))
        state = "does not know where its shop was loaded from" if loaded else "holds no shop yet"
        raise DataError(
            f"this database {state}; run `kgfeatures ingest DIR` first, with the folder that holds "
            "the shop's dataset.yaml"
        )
    place = Path(known[0]["folder"]) if folder is None else folder
    if folder is None and not place.is_dir():
        raise DataError(
            f"the folder {place}, where the shop {known[0]['name']!r} was loaded from, is gone; "
            "bring it back, or say where it is now: `kgfeatures refresh DIR`"
        )
    name = read_manifest(place).name
    if known and known[0]["name"] != name:
        raise DataError(
            f"{place} holds the shop {name!r}, but this database holds {known[0]['name']!r}; one "
            "database holds one shop. Name another database (KGFEATURES_HOME or KGFEATURES_DSN), "
            "or replace the shop in this one: `kgfeatures ingest DIR`"
        )
    return place
