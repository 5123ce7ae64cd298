"""Embed the graph: learn vectors from what was known at a time, and publish them as `graph`.

A training starts from the version in use, where that is of the same model and knew nothing later,
and is aligned to it, so that both can be compared. New entities alone: steps/embed_update.py.
Vectors of the products' texts come from steps/embed_text.py.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.db.runs import run_step
from kgfeatures.db.step import Step, StepResult
from kgfeatures.embedding import precision, score_function, shop_settings
from kgfeatures.errors import DataError
from kgfeatures.graph import lineage, training
from kgfeatures.steps import graph_versions
from kgfeatures.steps.graph_versions import COMPARABLE, GRAPH, GRAPH_FEATURES, GRAPH_VERSION
from kgfeatures.steps.moments import iso, known_moment
from kgfeatures.steps.trainings import Checkpoint, Told

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.db.runs import Compute, Write
    from kgfeatures.embedding.base import GraphVectors, TrainingSettings
    from kgfeatures.graph.lineage import StoredVectors, Version
    from kgfeatures.graph.training import Choice, KnownTriples
    from kgfeatures.graph.vectors import ModelCard
    from kgfeatures.types import IntArray, Progress

GRAPH_STEP = Step(
    name="embed graph",
    version=GRAPH_VERSION,
    inputs=("raw.interaction", "kg.triple"),
    outputs=tuple(f"feature.{table}" for table in GRAPH_FEATURES.values()),
)
CONTINUED_RATE = 1 / 3
"""Of the learning rate, in a training that starts from a predecessor: at the whole rate Adagrad's
first steps throw the vectors about (a month later: residual .69 instead of .27)."""
MOST_HELD_OUT = 5000


@dataclass(frozen=True)
class Training:
    """What to learn and how.

    Parameters
    ----------
    model : a name in kgfeatures.embedding.MODELS.
    settings : part of the version's number, as are `choice` and `valid`.
    seconds : CPU time to train, instead of the settings' epochs; None for these.
    known_at : only what was known then is learned; None takes the end of the data.
    choice : which relations are learned, and how often.
    valid : share of the triples that is not learned, but measured with; at most 5000 of them.
    follow : start from the version in use and be aligned to it.
    """

    model: str
    settings: TrainingSettings
    seconds: float | None = None
    known_at: dt.datetime | None = None
    choice: Choice = field(default_factory=training.Choice)
    valid: float = 0.0
    follow: bool = True

    @property
    def asked(self) -> dict[str, Any]:
        """What is remembered of a run; what it depends on beside the data."""
        return {
            "model": self.model,
            **asdict(self.settings),
            **self.choice.parameters,
            "seconds": self.seconds,
            "known_at": iso(self.known_at),
            "valid": self.valid,
            "follow": self.follow,
        }

    @property
    def parameters(self) -> dict[str, Any]:
        """What the card says, but for the steps taken and the predecessor."""
        return {
            "model": self.model,
            **asdict(self.settings),
            **self.choice.parameters,
            "valid": self.valid,
            "precision": precision.resolve(self.settings.precision),
        }


def run_graph(  # noqa: PLR0913
    database: Database,
    *,
    model: str = "transe",
    settings: TrainingSettings | None = None,
    seconds: float | None = None,
    known_at: dt.datetime | None = None,
    choice: Choice | None = None,
    valid: float = 0.0,
    follow: bool = True,
    resume: bool = True,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Train graph vectors, publish them as alias `graph` and as feature tables.

    A training that was stopped or killed goes on where it was, from a checkpoint in
    $KGFEATURES_HOME that is written once a minute and removed when the vectors are published.

    Parameters
    ----------
    model, seconds, known_at, valid, follow : see `Training`.
    settings : None takes those that suit the model; part of the version's number.
    choice : which relations are learned, and how often; None leaves both to `usual_weights`.
    resume : go on from the checkpoint of the same training, if there is one.
    progress : told of loss, speed and the MRR of held-out triples.
    force : train again even when nothing changed.

    Raises
    ------
    DataError : there is nothing to learn from, the seconds are too few, or the loss is not finite.
    UnknownNameError : no such model or relation.
    BusyError : another process is training.
    KeyboardInterrupt : stopped; a checkpoint was written before.
    """
    chosen = settings or shop_settings(model)
    if not 0 <= valid < 1:
        raise DataError(f"valid is {valid}; pass the share of triples to measure with, below 1")
    if seconds is not None and not 0 < seconds < math.inf:
        raise DataError(f"seconds is {seconds}; pass CPU time to train, above 0, or name epochs")
    wanted = Training(model, chosen, seconds, known_at, choice or training.Choice(), valid, follow)
    checkpoints: list[Checkpoint] = []

    def work(conn: Connection[TupleRow], watch: Progress) -> Compute:
        moment = known_moment(conn, known_at)
        watch.start("read triples")
        known = training.read(conn, moment, wanted.choice)
        weights = training.relation_ids(conn, list(wanted.choice.weights))
        before = _predecessor(conn, watch, wanted, known.data_hash, moment)
        by_id = {weights[name]: weight for name, weight in wanted.choice.weights.items()}
        task = Task(wanted, known, moment, by_id, before)
        checkpoints.append(task.checkpoint)
        if not resume:
            task.checkpoint.discard()
        stored = lineage.read(conn, before) if before else None
        # Without a transaction: whoever swaps a table would wait for hours, and its readers too.
        return lambda: _trained(watch, task, stored)

    result = run_step(database, GRAPH_STEP, wanted.asked, work, progress=progress, force=force)
    for checkpoint in checkpoints:
        checkpoint.discard()
    return result


@dataclass(frozen=True)
class Task:
    """A training, its triples, the moment, weights by the id of a relation, the predecessor."""

    training: Training
    known: KnownTriples
    known_at: dt.datetime
    weights: Mapping[int, float]
    before: Version | None

    @property
    def checkpoint(self) -> Checkpoint:
        """Where the training keeps its state."""
        before = self.before.model_id if self.before else None
        made_of = {"data": self.known.data_hash, "predecessor": before, "code": GRAPH_VERSION}
        return Checkpoint({**self.training.asked, **made_of})

    @property
    def settings(self) -> TrainingSettings:
        """The settings; who starts from a predecessor takes smaller steps."""
        settings = self.training.settings
        if self.before is None:
            return settings
        return replace(settings, learning_rate=settings.learning_rate * CONTINUED_RATE)

    def fit(
        self, progress: Progress, start: GraphVectors | None, held: NDArray[np.bool_]
    ) -> GraphVectors:
        """Return what is learned of the triples that are not held out."""
        from kgfeatures.embedding.trainer import fit

        passes = self.settings.passes(len(self.known.triples))
        times, base = training.repeats(self.known, self.weights, passes)
        triples = np.repeat(self.known.triples[~held], times[~held], axis=0)
        # A relation of weight 1 is visited as often as it is without weights.
        epochs = max(1, round(self.settings.passes(len(triples)) / base))
        return fit(
            triples,
            *self.known.sizes,
            replace(self.settings, epochs=epochs),
            model=self.training.model,
            valid=self.known.triples[held] if held.any() else None,
            seconds=self.training.seconds,
            start=start,
            callbacks=[Told(progress, self.checkpoint)],
            checkpoint_dir=self.checkpoint.folder,
        )

    def aligned(
        self, trained: GraphVectors, stored: StoredVectors
    ) -> tuple[GraphVectors, dict[str, Any]]:
        """Return vectors as near to the predecessor's as can be, and how near that is."""
        from kgfeatures.embedding.alignment import align

        both = np.intersect1d(self.known.entity_ids, stored.entity_ids, return_indices=True)
        found = align(trained, stored.vectors, both[1], both[2])
        measured = {"residual": found.residual, "residual_before": found.residual_before}
        return found.vectors, {**measured, "shared": found.shared}


def held_out(triples: IntArray, share: float, seed: int) -> NDArray[np.bool_]:
    """Return which triples to measure with, (n,); their entities and relations stand elsewhere too.

    >>> held_out(np.array([[0, 0, 1], [0, 0, 2], [1, 0, 2]]), 0.34, seed=0).sum().item()
    1
    """
    held = np.zeros(len(triples), dtype=bool)
    size = min(round(share * len(triples)), MOST_HELD_OUT)
    if size:
        held[np.random.default_rng((seed, size)).choice(len(triples), size, replace=False)] = True
        left = triples[~held]
        stays = np.isin(triples[:, (0, 2)], left[:, (0, 2)]).all(axis=1)
        held &= stays & np.isin(triples[:, 1], left[:, 1])
    return held


def _predecessor(
    conn: Connection[TupleRow],
    progress: Progress,
    wanted: Training,
    data_hash: str,
    known_at: dt.datetime,
) -> Version | None:
    """Return the version to start from: that in use, or what it came from when it is made anew.

    So a training that is forced again gives the same version. A version that knew later things
    would carry them into the past.
    """
    used = lineage.in_use(conn, GRAPH) if wanted.follow else None
    if used is None:
        return None
    same = {name: used.parameters.get(name) for name in wanted.parameters} == wanted.parameters
    if same and (used.data_hash, used.code_version) == (data_hash, GRAPH_VERSION):
        origin = used.parameters["predecessor"]
        return None if origin is None else lineage.card(conn, origin) or used
    if score_function(wanted.model).projects:
        why = "cannot be followed by transr, whose matrices start anew"
    elif (used.model, used.dim) != (wanted.model, wanted.settings.dim):
        why = f"is {used.model} of {used.dim} numbers"
    elif used.known_at > known_at:
        why = f"knew what came until {used.known_at:%Y-%m-%d}"
    else:
        return used
    progress.note(f"version {used.model_id} {why}: the training starts anew")
    return None


def _trained(progress: Progress, task: Task, stored: StoredVectors | None) -> Write:
    """Train, and return what publishes the vectors in a transaction."""
    wanted, known, before = task.training, task.known, task.before
    seed = wanted.settings.seed
    start = graph_versions.start_values(stored, known, seed) if stored else None
    held = held_out(known.triples, wanted.valid, seed)
    if wanted.valid and not held.any():
        progress.note(
            f"valid {wanted.valid:g} of {len(known.triples):,} triples leaves none to measure with "
            "whose entities stand in others; pass a larger share"
        )
    progress.start(f"train {wanted.model} on {len(known.triples):,} triples", 100)
    try:
        trained = task.fit(progress, start, held)
    except KeyboardInterrupt:
        progress.note("stopped; the same command goes on where it was")
        raise
    metrics = graph_versions.measures(trained, known.triples[held], known)
    if stored:
        trained, nearness = task.aligned(trained, stored)
        metrics |= nearness
    origin = before.model_id if before else None
    parameters = {**wanted.parameters, "steps": trained.steps, "predecessor": origin}
    card = graph_versions.card_of(parameters, known, task.known_at, metrics)
    return lambda conn: _publish(conn, progress, task, card, trained)


def _publish(
    conn: Connection[TupleRow],
    progress: Progress,
    task: Task,
    card: ModelCard,
    trained: GraphVectors,
) -> dict[str, int]:
    rows = graph_versions.publish(conn, progress, card, task.known, trained)
    if task.before:
        residual = card.metrics["residual"]
        near = residual <= COMPARABLE
        lineage.link(conn, card.model_id, task.before, residual, comparable=near)
        if not near:
            progress.note(f"too far from version {task.before.model_id} to be compared with it")
    return rows
