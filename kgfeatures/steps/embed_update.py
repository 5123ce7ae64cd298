"""Give entities that came since the last training vectors of their own, without training again.

What had a vector keeps it, bit for bit; so the version that comes out can be compared with the
one before it, and is published in its place. A training now and then should follow: who bought
more since then stays where they were.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.db.runs import run_step
from kgfeatures.embedding import score_function
from kgfeatures.embedding.base import GraphVectors, TrainingSettings
from kgfeatures.errors import DataError
from kgfeatures.graph import lineage, training
from kgfeatures.graph.training import KnownTriples
from kgfeatures.steps import graph_versions
from kgfeatures.steps.embed import GRAPH_STEP, Training
from kgfeatures.steps.graph_versions import GRAPH
from kgfeatures.steps.moments import known_moment

if TYPE_CHECKING:
    import datetime as dt

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.db.step import StepResult
    from kgfeatures.graph.lineage import StoredVectors, Version
    from kgfeatures.types import IntArray, Progress


def run_update(
    database: Database,
    *,
    known_at: dt.datetime | None = None,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Publish the version of `graph` in use with vectors for entities that are new since then.

    Settings and relations are those of the version in use. Relations that it has no vector of
    are left out, and so is who has no other triples. Without new entities nothing is published.

    Parameters
    ----------
    known_at : only what was known then; None takes the end of the data.
    progress : told of what is left out.
    force : look again even when nothing changed.

    Raises
    ------
    DataError : there is no version to update, it knew what came later, or its model cannot take
        new entities.
    BusyError : another process is training.
    """
    with database.transaction() as conn:
        used = lineage.in_use(conn, GRAPH)
    if used is None or used.model is None:
        raise DataError("there are no graph vectors to update; run `kgfeatures embed graph` first")
    if score_function(used.model).projects or used.model == "rotate":
        raise DataError(
            f"version {used.model_id} is {used.model}, which cannot take new entities alone; "
            "train it again: `kgfeatures embed graph`"
        )
    asked = Training(
        used.model,
        _settings(used),
        known_at=known_at,
        choice=training.Choice(
            used.parameters.get("without", ()), used.parameters.get("weights", {})
        ),
        valid=used.parameters.get("valid", 0.0),
    )

    def work(conn: Connection[TupleRow], watch: Progress) -> dict[str, int]:
        moment = known_moment(conn, known_at)
        before = lineage.in_use(conn, GRAPH)
        if before is None or before.model_id != used.model_id:
            raise DataError(f"version {used.model_id} was replaced meanwhile; run it again")
        if before.known_at > moment:
            raise DataError(
                f"version {before.model_id} knew what came until {before.known_at:%Y-%m-%d}, after "
                f"{moment:%Y-%m-%d}; name a later known_at, or activate an earlier version"
            )
        watch.start("read triples")
        known = training.read(conn, moment, asked.choice)
        grown = Grown.of(lineage.read(conn, before), known)
        return _publish(conn, watch, grown, before, known, moment)

    params = {**asked.asked, "update": True}
    return run_step(database, GRAPH_STEP, params, work, progress=progress, force=force)


@dataclass(frozen=True)
class Grown:
    """Old vectors and all triples, old entities with the first row numbers.

    Parameters
    ----------
    entity_ids : (n,) of old entities that still have triples, then of new ones.
    relation_ids : those of the old vectors.
    base : the vectors of the old ones and of the relations.
    triples : (m, 3) row numbers; relations are those of `base`.
    left_out : how many triples are of relations without a vector.
    """

    entity_ids: IntArray
    relation_ids: IntArray
    base: GraphVectors
    triples: IntArray
    left_out: int

    @staticmethod
    def of(stored: StoredVectors, known: KnownTriples) -> Grown:
        """Return what stored vectors and the triples of now have in common, and what is new."""
        relation = graph_versions.rows_in(stored.relation_ids, known.relation_ids)
        speaks = relation[known.triples[:, 1]] >= 0
        triples = known.triples[speaks]
        named = np.unique(triples[:, (0, 2)])
        old = graph_versions.rows_in(stored.entity_ids, known.entity_ids[named])
        order = np.argsort(old < 0, kind="stable")
        place = np.empty(len(known.entity_ids), dtype=np.int64)
        place[named[order]] = np.arange(len(order))
        kept = old[order][: (old >= 0).sum()]
        return Grown(
            known.entity_ids[named[order]],
            stored.relation_ids,
            replace(stored.vectors, entities=stored.vectors.entities[kept]),
            np.column_stack([place[triples[:, 0]], relation[triples[:, 1]], place[triples[:, 2]]]),
            int((~speaks).sum()),
        )

    @property
    def new(self) -> int:
        """How many entities have no vector yet."""
        return len(self.entity_ids) - len(self.base.entities)

    def fitted(self, settings: TrainingSettings) -> GraphVectors:
        """Return vectors of all entities, in the order of `entity_ids`."""
        from kgfeatures.embedding.incremental import EPOCHS, LEARNING_RATE, partial_fit

        fresh = (self.triples[:, (0, 2)] >= len(self.base.entities)).any(axis=1)
        return partial_fit(
            self.base,
            self.triples[~fresh],
            self.triples[fresh],
            len(self.entity_ids),
            replace(settings, epochs=EPOCHS, learning_rate=LEARNING_RATE),
        )


def _publish(
    conn: Connection[TupleRow],
    progress: Progress,
    grown: Grown,
    before: Version,
    known: KnownTriples,
    known_at: dt.datetime,
) -> dict[str, int]:
    if grown.left_out:
        progress.note(
            f"{grown.left_out:,} triples are of relations that version {before.model_id} does not "
            "know; a training learns them"
        )
    if not grown.new:
        progress.note(f"nobody and nothing is new since version {before.model_id}: it stays")
        return {}
    progress.start(f"place {grown.new:,} new entities")
    vectors = grown.fitted(_settings(before))
    parameters: dict[str, Any] = {
        name: value for name, value in before.parameters.items() if name != "feature_tables"
    }
    parameters |= {"update": True, "predecessor": before.model_id, "steps": vectors.steps}
    now = KnownTriples(grown.entity_ids, grown.relation_ids, grown.triples, known.data_hash)
    nobody = np.empty((0, 3), dtype=np.int64)
    metrics = {**graph_versions.measures(vectors, nobody, now), "new_entities": grown.new}
    card = graph_versions.card_of(parameters, now, known_at, metrics)
    rows = graph_versions.publish(conn, progress, card, now, vectors)
    lineage.link(conn, card.model_id, before, 0.0, comparable=True)
    return rows


def _settings(version: Version) -> TrainingSettings:
    names = set(signature(TrainingSettings).parameters)
    return TrainingSettings(**{k: v for k, v in version.parameters.items() if k in names})
