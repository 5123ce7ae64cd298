"""The whole story in order: a shop's files become recommendations in SQL.

Each stage is a step of its own and skips when nothing changed, so a second demo changes nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgfeatures.steps.embed import run_graph
from kgfeatures.steps.embed_text import DEFAULT_ENCODER, run_text
from kgfeatures.steps.extract import extract
from kgfeatures.steps.ingest import ingest
from kgfeatures.steps.profile import profile
from kgfeatures.steps.publish import publish
from kgfeatures.steps.recommend import recommend
from kgfeatures.steps.segment import segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kgfeatures.db import Database
    from kgfeatures.db.runs import StepResult
    from kgfeatures.types import Progress


@dataclass(frozen=True)
class Stage:
    """What one step of the demo did: its result, and the CPU seconds of this process."""

    result: StepResult
    cpu_seconds: float


def demo(
    database: Database,
    folder: Path,
    *,
    encoder: str = DEFAULT_ENCODER,
    progress: Progress,
) -> Iterator[Stage]:
    """Run every step in order and yield what each did, as soon as it is done.

    Parameters
    ----------
    database : the shop's database, migrated.
    folder : holds dataset.yaml and its files.
    encoder : of the product texts, which also fills the text vectors' feature tables.
    progress : told of each stage.

    Raises
    ------
    KGFeaturesError : what a step raises; the steps before it stand, run again to go on.
    """
    yield _timed(lambda: ingest(database, folder, progress=progress))
    for step in (extract, run_graph):
        yield _timed(lambda step=step: step(database, progress=progress))
    yield _timed(lambda: run_text(database, encoder, features=True, progress=progress))
    for step in (profile, segment, recommend, publish):
        yield _timed(lambda step=step: step(database, progress=progress))


def _timed(work: Callable[[], StepResult]) -> Stage:
    cpu_began = _cpu_seconds()
    result = work()
    return Stage(result, _cpu_seconds() - cpu_began)


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process and of children that have ended."""
    return sum(os.times()[:4])
