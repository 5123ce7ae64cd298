"""Embed the graph: TransE over the triples and purchases known at a time, published as `graph`.

Vectors of the products' texts come from steps/embed_text.py.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.db import transport
from kgfeatures.db.runs import Step, StepResult, run_step
from kgfeatures.embedding import precision, score_function, settings_for
from kgfeatures.errors import DataError
from kgfeatures.graph import vectors
from kgfeatures.steps.moments import iso, known_moment

if TYPE_CHECKING:
    import datetime as dt

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.embedding.base import GraphVectors, TrainingSettings
    from kgfeatures.embedding.trainer import Report
    from kgfeatures.types import IntArray, Progress

GRAPH_VERSION = "2"
GRAPH_FEATURES = {"customer": "customer_graph_vector", "product": "product_graph_vector"}


def run_graph(
    database: Database,
    *,
    model: str = "transe",
    settings: TrainingSettings | None = None,
    seconds: float | None = None,
    known_at: dt.datetime | None = None,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Train graph vectors, publish them as alias `graph` and as feature tables.

    Parameters
    ----------
    model : a name in kgfeatures.embedding.MODELS.
    settings : None takes those that suit the model; part of the version's number.
    seconds : CPU time to train, instead of the settings' epochs; the version's card names the
        steps that it allowed.
    known_at : only what was known then is learned; None takes the end of the data.
    progress : told of each epoch.
    force : train again even when nothing changed.

    Raises
    ------
    DataError : there is nothing to learn from, the seconds are too few, or the model cannot be
        served from SQL.
    UnknownNameError : no such model.
    BusyError : another process is training.
    """
    chosen = settings or settings_for(model)
    if score_function(model).projects:
        raise DataError(
            f"{model} compares tails in a space of each relation, which SQL cannot rank by; "
            "publish another model, or train it in Python: kgfeatures.embedding.trainer.fit"
        )
    params = {"model": model, **asdict(chosen), "seconds": seconds, "known_at": iso(known_at)}
    step = Step(
        name="embed graph",
        version=GRAPH_VERSION,
        inputs=("raw.interaction", "kg.triple"),
        outputs=tuple(f"feature.{table}" for table in GRAPH_FEATURES.values()),
    )

    def work(conn: Connection[TupleRow], watch: Progress) -> dict[str, int]:
        moment = known_moment(conn, known_at)
        watch.start("read triples")
        facts = transport.read_arrow(conn, "embed.facts", known_at=moment)
        triples = np.column_stack([column.to_numpy() for column in facts.columns])
        training = Training(model, chosen, seconds)
        return _train(conn, watch, triples, training, moment)

    return run_step(database, step, params, work, progress=progress, force=force)


@dataclass(frozen=True)
class Training:
    """How to train: a model, its settings, CPU-seconds instead of their epochs or None."""

    model: str
    settings: TrainingSettings
    seconds: float | None


def _train(
    conn: Connection[TupleRow],
    progress: Progress,
    triples: IntArray,
    training: Training,
    known_at: dt.datetime,
) -> dict[str, int]:
    from kgfeatures.embedding.trainer import fit

    if len(triples) == 0:
        raise DataError(f"no triple and no purchase is known at {known_at}; run ingest first")
    entities, nodes = np.unique(triples[:, (0, 2)], return_inverse=True)
    relations, names = np.unique(triples[:, 1], return_inverse=True)
    nodes = nodes.reshape(-1, 2)
    progress.start(f"train {training.model} on {len(triples):,} triples", 100)
    trained = fit(
        np.column_stack([nodes[:, 0], names, nodes[:, 1]]),
        len(entities),
        len(relations),
        training.settings,
        model=training.model,
        seconds=training.seconds,
        callbacks=[Percent(progress)],
    )
    card = _graph_card(trained, training.settings, vectors.content_hash(triples), known_at)
    n = len(relations)
    both = vectors.RelationVectors(relations, trained.relations[:n], trained.relations[n:])
    progress.start("publish graph vectors")
    return vectors.publish(conn, card, entities, trained.entities, both)


class Percent:
    """Advances a progress of 100 parts by a training's reports."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.shown = 0

    def __call__(self, report: Report) -> None:
        """Advance to where the training is."""
        done = 100 * report.step // report.steps
        self.progress.advance(done - self.shown)
        self.shown = done


def _graph_card(
    trained: GraphVectors, settings: TrainingSettings, data_hash: str, known_at: dt.datetime
) -> vectors.ModelCard:
    function = score_function(trained.model)
    return vectors.ModelCard(
        alias="graph",
        kind="graph",
        scorer=function.scorer,
        operator=function.operator,
        parameters={
            "model": trained.model,
            **asdict(settings),
            "precision": precision.resolve(settings.precision),
            "steps": trained.steps,
        },
        data_hash=data_hash,
        code_version=GRAPH_VERSION,
        known_at=known_at,
        feature_tables=GRAPH_FEATURES,
        metrics={"losses": [round(loss, 4) for loss in trained.losses]},
    )
