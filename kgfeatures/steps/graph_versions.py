"""From a training to a version and back: start values, measures, the card, publishing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.embedding import precision, score_function
from kgfeatures.graph import vectors

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.embedding.base import GraphVectors
    from kgfeatures.embedding.candidates import Candidates
    from kgfeatures.graph.lineage import StoredVectors
    from kgfeatures.graph.training import KnownTriples
    from kgfeatures.types import IntArray, Progress

GRAPH = "graph"
GRAPH_VERSION = "5"
GRAPH_FEATURES = {"customer": "customer_graph_vector", "product": "product_graph_vector"}
COMPARABLE = 0.5
"""The residual up to which a version can be compared with its predecessor."""


def start_values(stored: StoredVectors, known: KnownTriples, seed: int) -> GraphVectors:
    """Return vectors to begin a training with: stored ones, new entities among them."""
    from kgfeatures.embedding.incremental import continued

    return continued(
        stored.vectors,
        rows_in(stored.entity_ids, known.entity_ids),
        rows_in(stored.relation_ids, known.relation_ids),
        known.triples,
        seed,
    )


def rows_in(ids: IntArray, wanted: IntArray) -> IntArray:
    """Return the row of each wanted id among ascending ids, -1 where there is none.

    >>> rows_in(np.array([3, 5]), np.array([5, 4, 9]))
    array([ 1, -1, -1])
    """
    if not len(ids):
        return np.full(len(wanted), -1)
    rows = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[rows] == wanted, rows, -1)


def measures(trained: GraphVectors, held: IntArray, known: KnownTriples) -> dict[str, Any]:
    """Return what a card says of a training: cost, losses, and how it predicts held-out triples.

    `mrr` and `hits_at_10` are among all entities, `candidates` says how many; `random_mrr` and
    `popularity_mrr` are those of a random order and of how often an entity answers the relation.
    `among_seen` says the same among the entities that were seen in the relation's place.
    """
    from kgfeatures.embedding.candidates import Candidates
    from kgfeatures.embedding.trainer import contained

    found: dict[str, Any] = {
        "losses": [round(loss, 4) for loss in trained.losses],
        "triples": len(known.triples),
        "visits": trained.visits,
        "cpu": list(precision.cpu_instructions()),
    }
    if len(held):
        learned = known.triples[~contained(known.triples, held, *known.sizes)]
        seen = Candidates.seen(learned, known.sizes)
        found |= {"held_out": len(held), **_predictions(trained, held, known, learned, None)}
        found["among_seen"] = _predictions(trained, held, known, learned, seen)
    return found


def _predictions(
    trained: GraphVectors,
    held: IntArray,
    known: KnownTriples,
    learned: IntArray,
    candidates: Candidates | None,
) -> dict[str, float]:
    from kgfeatures.embedding.evaluation import degree_baseline, random_baseline, ranks

    found = ranks(trained, held, known.triples, candidates)
    metrics = found.metrics()
    popular = degree_baseline(held, known.triples, learned, known.sizes, candidates)
    return {
        "mrr": round(metrics.mrr, 4),
        "hits_at_10": round(metrics.hits_at_10, 4),
        "candidates": round(metrics.candidates, 1),
        "random_mrr": round(random_baseline(found).mrr, 4),
        "popularity_mrr": round(popular.mrr, 4),
    }


def card_of(
    parameters: Mapping[str, Any],
    known: KnownTriples,
    known_at: dt.datetime,
    metrics: Mapping[str, Any],
) -> vectors.ModelCard:
    """Return the card of graph vectors; `parameters` name the model."""
    function = score_function(parameters["model"])
    return vectors.ModelCard(
        alias=GRAPH,
        kind="graph",
        scorer=function.scorer,
        operator=function.operator,
        parameters=parameters,
        data_hash=known.data_hash,
        code_version=GRAPH_VERSION,
        known_at=known_at,
        feature_tables=GRAPH_FEATURES,
        metrics=metrics,
    )


def publish(
    conn: Connection[TupleRow],
    progress: Progress,
    card: vectors.ModelCard,
    known: KnownTriples,
    trained: GraphVectors,
) -> dict[str, int]:
    """Publish vectors whose rows are those of `known`; return the rows by table."""
    n = trained.n_relations
    both = vectors.RelationVectors(known.relation_ids, trained.relations[:n], trained.relations[n:])
    progress.start("publish graph vectors")
    return vectors.publish(conn, card, known.entity_ids, trained.entities, both)
