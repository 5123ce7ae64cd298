"""fit: a training from start to end, with validation, reports, checkpoints and a clean Ctrl-C."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.embedding import checkpoint, score_function, settings_for
from kgfeatures.embedding.base import GraphShape, check_triples
from kgfeatures.embedding.evaluation import evaluate
from kgfeatures.embedding.projected import trainer_of
from kgfeatures.embedding.training import steps_within
from kgfeatures.errors import DataError
from kgfeatures.threads import torch_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from kgfeatures.embedding.base import GraphVectors, TrainingSettings
    from kgfeatures.embedding.training import Trainer
    from kgfeatures.types import IntArray

REPORTS = 100
CHECKS = 10
PATIENCE = 3
VALIDATION_TRIPLES = 1000
CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True)
class Report:
    """How far a training is.

    Parameters
    ----------
    step, steps : done and planned.
    loss : mean cross entropy of a question since the last report, in nats.
    triples_per_second : of CPU time, since the last report.
    valid_mrr : of the newest check on validation triples; None before the first one.
    """

    step: int
    steps: int
    loss: float
    triples_per_second: float
    valid_mrr: float | None


class Validation:
    """Checks a sample of triples ten times over a training; remembers the best vectors.

    `misses` counts the checks since the best one.
    """

    def __init__(self, valid: IntArray, train: IntArray, seed: int) -> None:
        rng = np.random.default_rng((seed, len(valid)))
        size = min(VALIDATION_TRIPLES, len(valid))
        self.sample = valid[np.sort(rng.choice(len(valid), size, replace=False))]
        self.known = np.concatenate([train, valid])
        self.mrr: float | None = None
        self.best: GraphVectors | None = None
        self.best_mrr = -1.0
        self.misses = 0

    def check(self, vectors: GraphVectors) -> None:
        """Measure vectors and keep them when they are the best so far."""
        self.mrr = evaluate(vectors, self.sample, self.known).mrr
        if self.mrr > self.best_mrr:
            self.best, self.best_mrr, self.misses = vectors, self.mrr, 0
        else:
            self.misses += 1

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint has to remember."""
        kept: dict[str, Any] = {
            "mrr": self.mrr, "best_mrr": self.best_mrr, "misses": self.misses,
        }  # fmt: skip
        if self.best is not None:
            kept |= {"best_entities": self.best.entities, "best_relations": self.best.relations}
            kept |= {"best_steps": self.best.steps, "best_visits": self.best.visits}
            kept |= {"best_losses": list(self.best.losses)}
        return kept

    def restore(self, kept: dict[str, Any], like: GraphVectors) -> None:
        """Go on from what `state` returned."""
        self.mrr, self.best_mrr, self.misses = kept["mrr"], kept["best_mrr"], kept["misses"]
        if "best_entities" in kept:
            self.best = replace(
                like,
                entities=kept["best_entities"],
                relations=kept["best_relations"],
                losses=tuple(kept["best_losses"]),
                steps=kept["best_steps"],
                visits=kept["best_visits"],
            )


@dataclass
class Run:
    """A trainer, who watches it, and where its state is kept."""

    trainer: Trainer
    validation: Validation | None
    callbacks: Sequence[Callable[[Report], object]]
    folder: Path | None
    made_of: dict[str, Any]

    def finish(self, stopped: list[int]) -> GraphVectors:
        """Take the steps that are left; return the best vectors, without validation the last.

        Parameters
        ----------
        stopped : not empty once the user pressed Ctrl-C, see `held_back`.

        Raises
        ------
        KeyboardInterrupt : after a checkpoint, when the user stopped it.
        """
        trainer = self.trainer
        report_every = max(1, trainer.steps // REPORTS)
        check_every = max(1, trainer.steps // CHECKS)
        saved = began = time.process_time()
        reported, loss = trainer.visits, self._loss()
        while trainer.done < trainer.steps and not self._settled():
            trainer.step()
            if self.validation and (trainer.done % check_every == 0 or self._last()):
                self.validation.check(trainer.vectors())
            now = time.process_time()
            if trainer.done % report_every == 0 or self._last():
                self._report(trainer.visits - reported, self._loss() - loss, now - began)
                reported, loss, began = trainer.visits, self._loss(), now
            if stopped or now - saved > CHECKPOINT_SECONDS or self._last():
                self.save()
                saved = time.process_time()
            if stopped:
                raise KeyboardInterrupt
        best = self.validation.best if self.validation else None
        return best or trainer.vectors()

    def _last(self) -> bool:
        return self.trainer.done == self.trainer.steps

    def _settled(self) -> bool:
        return self.validation is not None and self.validation.misses >= PATIENCE

    def _loss(self) -> float:
        """Return the summed loss of all steps so far."""
        questions = 2 * len(self.trainer.sampler.triples)
        return sum(self.trainer.losses) * questions + self.trainer.loss_sum

    def _report(self, triples: int, loss: float, seconds: float) -> None:
        trainer = self.trainer
        mrr = self.validation.mrr if self.validation else None
        report = Report(
            trainer.done, trainer.steps, loss / (2 * triples), triples / max(seconds, 1e-9), mrr
        )
        for callback in self.callbacks:
            callback(report)

    def save(self) -> None:
        """Write a checkpoint; when that fails, warn and let the training go on."""
        if self.folder is None:
            return
        extra = self.validation.state() if self.validation else {}
        try:
            checkpoint.save(self.folder, self.trainer, self.made_of, extra)
        except OSError as exc:
            warnings.warn(
                f"no checkpoint at step {self.trainer.done}: {exc}; "
                "the training goes on, and an older checkpoint stays as it was",
                RuntimeWarning,
                stacklevel=2,
            )

    def resume(self) -> None:
        """Go on from the checkpoint in the folder, if there is one."""
        if self.folder is None or not (self.folder / checkpoint.FILE).exists():
            return
        kept = checkpoint.load(self.folder, self.trainer, self.made_of)
        if self.validation:
            self.validation.restore(kept, self.trainer.vectors())


@contextmanager
def held_back() -> Generator[list[int]]:
    """Hold a Ctrl-C back, because half a step is no state; the list yielded fills instead."""
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def fit(  # noqa: PLR0913
    triples: IntArray,
    n_entities: int,
    n_relations: int,
    settings: TrainingSettings | None = None,
    *,
    model: str = "transe",
    valid: IntArray | None = None,
    seconds: float | None = None,
    start: GraphVectors | None = None,
    callbacks: Sequence[Callable[[Report], object]] = (),
    checkpoint_dir: Path | str | None = None,
    resume: bool = True,
) -> GraphVectors:
    """Return vectors of all entities and relations, the same bits for the same arguments.

    Parameters
    ----------
    triples : (n, 3) row numbers of head, relation, tail; a repeated one counts twice. Integers of
        32 bits are not copied.
    n_entities, n_relations : one vector each, two for relations; an entity in no triple
        is only ever pushed away.
    settings : None takes what suits the model and the graph, see `settings_for`.
    model : a name in `MODELS`.
    valid : (m, 3) triples that are not learned; the training stops after `PATIENCE` checks without
        a higher MRR on a sample of them, and the best vectors are returned.
    seconds : budget of CPU time, turned into steps by a calibration; None takes
        `settings.epochs`. The result names its steps: as many steps give the same bits.
    start : vectors to begin with, one row for each entity and two for each relation, instead of
        random ones; not for transr.
    callbacks : each is called with a Report, about a hundred times.
    checkpoint_dir : folder for the state of the training, written once a minute, at the end and
        on Ctrl-C; None keeps none.
    resume : go on from the checkpoint in that folder, if there is one.

    Raises
    ------
    DataError : a row number out of range, no triples, a checkpoint of another training.
    UnknownNameError : no such model.
    KeyboardInterrupt : stopped by the user; a checkpoint was written before.

    Warns
    -----
    UserWarning : triples of `valid` stand in `triples`.
    RuntimeWarning : a checkpoint could not be written.
    """
    began = time.process_time()
    function = score_function(model)
    check_triples(triples, n_entities, n_relations)
    chosen = settings or settings_for(model, GraphShape(len(triples), n_entities))
    if valid is not None:
        check_valid(valid, triples, n_entities, n_relations)
    with torch_threads(chosen.threads):
        trainer = trainer_of(function, triples, (n_entities, n_relations), chosen)
        if start is not None:
            trainer.start_from(start)
        run = Run(
            trainer,
            None if valid is None else Validation(valid, triples, chosen.seed),
            callbacks,
            None if checkpoint_dir is None else Path(checkpoint_dir),
            checkpoint.fingerprint(trainer, valid, seconds),
        )
        if resume:
            run.resume()
        if seconds is not None and trainer.done == 0:
            trainer.steps = steps_within(trainer, began + seconds - time.process_time())
        with held_back() as stopped:
            return run.finish(stopped)


def check_valid(valid: IntArray, train: IntArray, n_entities: int, n_relations: int) -> None:
    """Raise DataError unless `valid` can be used; warn of triples that are learned as well."""
    if len(valid) == 0:
        raise DataError("valid has no triples; pass None to train without validation")
    check_triples(valid, n_entities, n_relations)
    leaked = int(contained(valid, train, n_entities, n_relations).sum())
    if leaked:
        warnings.warn(
            f"{leaked} of {len(valid)} validation triples are learned as well: "
            "what they measure is memory; take them out of the training triples",
            UserWarning,
            stacklevel=3,
        )


def contained(asked: IntArray, among: IntArray, n_entities: int, n_relations: int) -> np.ndarray:
    """Return which of the triples `asked` (n, 3) are in `among` (m, 3): (n,) bool."""

    def keys(triples: IntArray) -> IntArray:
        head, relation, tail = triples.astype(np.int64, copy=False).T
        return (head * n_relations + relation) * n_entities + tail

    return np.isin(keys(asked), keys(among))
