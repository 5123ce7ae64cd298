"""The whole story in order, as one list: a shop's files become recommendations in SQL.

Each stage is one step, or one for each encoder and segmentation in use. A stage takes what it is
to do from a `Plan`: an empty history gives the defaults, else everything is done as it was last.
Each imports its step by itself: all of them together take seconds to load.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from dataclasses import dataclass, field
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeVar

from kgfeatures.db.rehearsal import Rehearsal
from kgfeatures.db.step import StepResult
from kgfeatures.graph.manifest import read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from kgfeatures.db import Database
    from kgfeatures.steps.segment import SegmentSettings
    from kgfeatures.types import Progress

    Work = Callable[[Database, Progress], StepResult]

_Settings = TypeVar("_Settings")


@dataclass(frozen=True)
class Plan:
    """What the stages start from.

    Parameters
    ----------
    folder : holds dataset.yaml and its files.
    history : by step, its last finished run: params and row_counts as in ops.run; in the order
        of the runs.
    encoder : of the texts that fill the text feature tables; None keeps the last one.
    max_rejected : of ingest; None keeps the last one.
    state : what query refresh.state gives; empty in a new database.
    """

    folder: Path
    history: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, "dict[str, Any]"])
    encoder: str | None = None
    max_rejected: float | None = None
    state: dict[str, Any] = field(default_factory=dict[str, Any])

    def params(self, step: str) -> Mapping[str, Any]:
        """Return what a step was last run with, empty when it never ran."""
        return self.history[step]["params"] if step in self.history else {}

    def steps(self, prefix: str) -> list[str]:
        """Return the steps that ran and whose names begin so, the one run last at the end."""
        return [step for step in self.history if step.startswith(prefix)]

    def pinned(self, step: str, alias: str) -> str | None:
        """Return why vectors are left alone: somebody activated another version than the last."""
        made = re.findall(r"\bemb\.m_(\d+)\b", " ".join(self.rows(step)))
        in_use = self.state.get("aliases", {}).get(alias)
        if not made or in_use is None or str(in_use) in made:
            return None
        return f"pinned to version {in_use} by `embed activate`"

    def lacks(self, step: str, what: str, reason: str) -> str | None:
        """Return the reason when a step never ran and the shop lacks what it lives on."""
        return reason if step not in self.history and not self.state.get(what, True) else None

    def rows(self, step: str) -> Mapping[str, int]:
        """Return the rows by table that a step's last run counted."""
        return self.history[step]["row_counts"] if step in self.history else {}


@dataclass(frozen=True)
class Call:
    """One step with what it is to be run with.

    Parameters
    ----------
    step : its name in ops.run; of two that are one stage, the one that counts rows.
    work : runs it.
    idle : why it is not to be run now, None when it is.
    """

    step: str
    work: Work
    idle: str | None = None


@dataclass(frozen=True)
class Done:
    """What became of a call: its result, CPU seconds of this process, the rows before.

    `idle` says why it was not run; None when it was.
    """

    result: StepResult
    cpu_seconds: float
    before: Mapping[str, int] = field(default_factory=dict[str, int])
    idle: str | None = None


def load(
    database: Database,
    folder: Path,
    *,
    max_rejected: float | None = None,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Ingest a folder, and remember it as the one that `refresh` looks at; see `ingest`."""
    from kgfeatures.graph.selection import MAX_REJECTED
    from kgfeatures.steps.ingest import ingest

    share = MAX_REJECTED if max_rejected is None else max_rejected
    result = ingest(database, folder, max_rejected=share, progress=progress, force=force)
    if not isinstance(database, Rehearsal):
        name = read_manifest(folder).name
        database.execute("refresh.remember_shop", name=name, folder=str(folder.absolute()))
    return result


def _ingest(plan: Plan) -> Iterable[Call]:
    last: float | None = plan.params("ingest").get("max_rejected")
    share = last if plan.max_rejected is None else plan.max_rejected
    yield Call(
        "ingest",
        lambda db, told: load(db, plan.folder, max_rejected=share, progress=told),
    )


def _extract(plan: Plan) -> Iterable[Call]:
    from kgfeatures.extraction import DEFAULT_EXTRACTORS, EXTRACTORS
    from kgfeatures.steps.extract import extract

    last = plan.params("extract").get("extractors", {})
    # The book sorts them; those of a later version that are gone here are left out.
    names = [name for name in EXTRACTORS if name in last] or DEFAULT_EXTRACTORS
    yield Call(
        "extract",
        lambda db, told: extract(db, names, progress=told),
        plan.lacks("extract", "has_titles", "no product has a title"),
    )


def _graph(plan: Plan) -> Iterable[Call]:
    """Give the call that repeats the last training, or the last update of its vectors."""
    from kgfeatures.steps.embed import run_graph

    params = plan.params("embed graph")
    pinned = plan.pinned("embed graph", "graph")
    if params.get("update"):
        from kgfeatures.steps.embed_update import run_update

        known_at = moment(params)
        yield Call(
            "embed graph",
            lambda db, told: run_update(db, known_at=known_at, progress=told),
            pinned,
        )
        return
    chosen = _training(params)
    yield Call("embed graph", lambda db, told: run_graph(db, **chosen, progress=told), pinned)


def _training(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `run_graph` was told when it left these params."""
    from kgfeatures.embedding.base import TrainingSettings
    from kgfeatures.graph.training import Choice

    chosen: dict[str, Any] = {}
    if params:
        settings = known_fields(TrainingSettings, params)
        chosen = {"model": params["model"], "settings": settings, "known_at": moment(params)}
    if params.get("seconds") is not None:
        chosen["seconds"] = params["seconds"]
    if params.get("valid"):
        chosen["valid"] = params["valid"]
    if params.get("without") or params.get("weights"):
        chosen["choice"] = known_fields(Choice, params)
    # Who never trained by hand gets what a shop built from nothing has, bit for bit.
    chosen["follow"] = params.get("follow", False)
    return chosen


def _text(plan: Plan) -> Iterable[Call]:
    """Give a call for each encoder in use; only one of them fills the feature tables."""
    from kgfeatures.steps.embed_text import DEFAULT_ENCODER, alias_of

    steps = plan.steps("embed text_")
    encoders = {plan.params(step)["encoder"]: plan.params(step) for step in steps}
    fillers = [encoder for encoder, params in encoders.items() if params["features"]]
    filler = plan.encoder or (fillers[-1] if fillers else None if encoders else DEFAULT_ENCODER)
    if filler is not None and filler not in encoders:
        # Of two encoders with one alias, the new one takes the place of the other.
        encoders = {uri: p for uri, p in encoders.items() if alias_of(uri) != alias_of(filler)}
        encoders[filler] = {}
    in_use = plan.state.get("aliases")
    for encoder, params in encoders.items():
        if in_use is not None and alias_of(encoder) not in in_use and encoder != filler:
            continue  # somebody gave it up
        step = f"embed {alias_of(encoder)}"
        work = _text_work(encoder, features=encoder == filler, known_at=moment(params))
        idle = plan.lacks(step, "has_texts", "no product has a text")
        yield Call(step, work, idle or plan.pinned(step, alias_of(encoder)))


def _text_work(encoder: str, *, features: bool, known_at: dt.datetime | None) -> Work:
    from kgfeatures.steps.embed_text import run_text

    return lambda db, told: run_text(
        db, encoder, features=features, known_at=known_at, progress=told
    )


def _profile(_plan: Plan) -> Iterable[Call]:
    from kgfeatures.steps.profile import profile

    yield Call("profile", lambda db, told: profile(db, progress=told))


def _triples(_plan: Plan) -> Iterable[Call]:
    from kgfeatures.steps.triples import triples

    yield Call("triples", lambda db, told: triples(db, progress=told))


def _segment(plan: Plan) -> Iterable[Call]:
    from kgfeatures.steps.segment import DEFAULT_NAME, SegmentSettings

    names = [step.removeprefix("segment ") for step in plan.steps("segment ")]
    known: Mapping[str, str] = plan.state.get("segmentations", dict.fromkeys(names))
    # One that was deleted is given up; a published one is a list that somebody wrote.
    for name in [name for name in names if name in known] or [DEFAULT_NAME]:
        if known.get(name) != "published":
            params = plan.params(f"segment {name}") or {"name": name}
            yield Call(f"segment {name}", _segment_work(known_fields(SegmentSettings, params)))


def _segment_work(settings: SegmentSettings) -> Work:
    from kgfeatures.steps.segment import segment

    return lambda db, told: segment(db, settings, progress=told)


def _recommend(plan: Plan) -> Iterable[Call]:
    from kgfeatures.recommend import NeighborSettings
    from kgfeatures.steps.recommend import RecommendSettings, recommend

    params = dict(plan.params("recommend"))
    if params.get("neighbors") is not None:
        params["neighbors"] = known_fields(NeighborSettings, params["neighbors"])
    settings = known_fields(RecommendSettings, params)
    yield Call(
        "recommend",
        lambda db, told: recommend(db, settings, progress=told),
        plan.lacks("recommend", "has_purchases", "nothing was bought"),
    )


def _publish(_plan: Plan) -> Iterable[Call]:
    from kgfeatures.steps.publish import publish

    yield Call("features materialize", lambda db, told: publish(db, progress=told))


STAGES: dict[str, Callable[[Plan], Iterable[Call]]] = {
    "ingest": _ingest,
    "extract": _extract,
    "graph": _graph,
    "text": _text,
    "profile": _profile,
    "triples": _triples,
    "segment": _segment,
    "recommend": _recommend,
    "publish": _publish,
}
"""Every stage in the order in which they depend on each other."""


def run(call: Call, database: Database, progress: Progress, plan: Plan | None = None) -> Done:
    """Run one call, unless it is idle, and return what it did and cost; rows before: the plan's."""
    if call.idle:
        return left(call.step, call.idle)
    began = _cpu_seconds()
    result = call.work(database, progress)
    return Done(result, _cpu_seconds() - began, plan.rows(call.step) if plan else {})


def left(name: str, why: str) -> Done:
    """Return what became of something that was not run."""
    return Done(StepResult(name, {}, 0.0, skipped=True), 0.0, idle=why)


def known_fields(kind: type[_Settings], params: Mapping[str, Any]) -> _Settings:
    """Return settings of a kind from what the book holds; what this version lacks is left out.

    >>> from kgfeatures.steps.segment import SegmentSettings
    >>> known_fields(SegmentSettings, {"name": "value", "k": 5, "of_another_version": 1})
    SegmentSettings(name='value', k=5, vector_weight=0.25, seed=0)
    """
    names = set(signature(kind).parameters)
    return kind(**{name: value for name, value in params.items() if name in names})


def moment(params: Mapping[str, Any]) -> dt.datetime | None:
    """Return the moment to which a step was bound by hand, None when it was not."""
    text = params.get("known_at")
    return None if text is None else dt.datetime.fromisoformat(text)


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process and of children that have ended."""
    return sum(os.times()[:4])
