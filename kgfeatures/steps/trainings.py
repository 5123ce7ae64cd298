"""What surrounds a training: the folder of its checkpoint, and what it tells on its way."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
from typing import TYPE_CHECKING, Any

from kgfeatures.config import settings as configured
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kgfeatures.embedding.trainer import Report
    from kgfeatures.types import Progress

NOTE_SECONDS = 10.0
KEPT_SECONDS = 30 * 24 * 3600.0
DIGITS = 16


class Checkpoint:
    """The folder in $KGFEATURES_HOME where a training keeps its state until it is published.

    Parameters
    ----------
    made_of : whatever the vectors depend on; the same gives the same folder.
    """

    def __init__(self, made_of: Mapping[str, Any]) -> None:
        words = json.dumps(made_of, sort_keys=True, default=str).encode()
        self.folder: Path = (
            configured().home / "trainings" / hashlib.sha256(words).hexdigest()[:DIGITS]
        )

    def discard(self) -> None:
        """Remove the folder, and those that nobody went on with for 30 days."""
        shutil.rmtree(self.folder, ignore_errors=True)
        old = time.time() - KEPT_SECONDS
        if self.folder.parent.is_dir():
            for other in self.folder.parent.iterdir():
                if other.is_dir() and other.stat().st_mtime < old:
                    shutil.rmtree(other, ignore_errors=True)


class Told:
    """Advances a progress of 100 parts by a training's reports, with a note now and then.

    Parameters
    ----------
    checkpoint : discarded when the numbers overflow: nothing can go on from there.
    """

    def __init__(self, progress: Progress, checkpoint: Checkpoint) -> None:
        self.progress = progress
        self.checkpoint = checkpoint
        self.shown = 0
        self.noted = time.monotonic()

    def __call__(self, report: Report) -> None:
        """Advance to where the training is.

        Raises
        ------
        DataError : the loss is not finite.
        """
        if not math.isfinite(report.loss):
            self.checkpoint.discard()
            raise DataError(
                f"the loss is {report.loss} at step {report.step} of {report.steps}: the vectors "
                "grew beyond all numbers; train with a smaller learning_rate or more negatives"
            )
        done = 100 * report.step // report.steps
        self.progress.advance(done - self.shown)
        self.shown = done
        if time.monotonic() - self.noted > NOTE_SECONDS or report.step == report.steps:
            self.noted = time.monotonic()
            self.progress.note(sentence(report))


def sentence(report: Report) -> str:
    """Return what a report says.

    >>> from kgfeatures.embedding.trainer import Report
    >>> sentence(Report(5, 10, 3.21, 98765.0, 0.25))
    '50 %: loss 3.210, 98,765 triples per CPU-second, MRR 0.250 of held-out triples'
    """
    words = (
        f"{100 * report.step // report.steps} %: loss {report.loss:.3f}, "
        f"{report.triples_per_second:,.0f} triples per CPU-second"
    )
    if report.valid_mrr is None:
        return words
    return f"{words}, MRR {report.valid_mrr:.3f} of held-out triples"
