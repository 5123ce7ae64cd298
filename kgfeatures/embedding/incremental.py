"""partial_fit: vectors for entities that came later, without training all of them again.

`continued` gives the start values of a whole training that goes on from an earlier one's vectors.

A new entity starts at the mean of the queries that it answers (for TransE: of h + r). Left there,
new entities stand in the middle of the space and become hubs that crowd out right answers of old
questions. So a few passes follow that move the new rows alone, in which old triples are learned
again and new entities are drawn more often as wrong answers than others: this pushes them out of
the way. Drawn for half of them, few new entities were pushed too far to answer questions of theirs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from kgfeatures.embedding import score_function, settings_for
from kgfeatures.embedding.base import GraphVectors, check_triples, with_inverses
from kgfeatures.embedding.newcomers import NewcomerTrainer
from kgfeatures.errors import DataError
from kgfeatures.threads import torch_threads

if TYPE_CHECKING:
    from kgfeatures.embedding.base import ScoreFunction, TrainingSettings
    from kgfeatures.types import FloatArray, IntArray

EPOCHS = 8
LEARNING_RATE = 0.3
REPLAYED = 2
SWEEPS = 3
CONTINUED = 3  # the purpose of these random numbers, see training and sampling


def partial_fit(
    vectors: GraphVectors,
    old_triples: IntArray,
    new_triples: IntArray,
    n_entities: int,
    settings: TrainingSettings | None = None,
) -> GraphVectors:
    """Return vectors with rows for new entities; the old rows and relations keep their bits.

    Parameters
    ----------
    vectors : of the old entities, those with the first row numbers.
    old_triples : (n, 3) what `vectors` were trained on; a sample of it is learned again.
    new_triples : (m, 3) what is new, among new and old entities; relations are old ones.
    n_entities : old and new together.
    settings : of the passes; None takes the model's with `EPOCHS` and `LEARNING_RATE`. `dim` is
        that of the vectors; `estimate_all` and `dropout` are left out. Longer and faster passes
        lose more of the new entities' first places and disturb old questions less.

    Raises
    ------
    DataError : no new entity, a row number out of range, a relation without a vector, or a model
        whose tails are compared in a space of the relation.
    """
    function = score_function(vectors.model)
    n_old, dim = vectors.entities.shape
    if function.projects or vectors.model == "rotate":
        raise DataError(f"{vectors.model} cannot take new entities; train it again with fit")
    if n_entities <= n_old:
        raise DataError(f"n_entities is {n_entities}; pass more than the {n_old} old ones")
    check_triples(new_triples, n_entities, vectors.n_relations)
    check_triples(old_triples, n_old, vectors.n_relations)
    base = settings or settings_for(
        vectors.model, dim=dim, epochs=EPOCHS, learning_rate=LEARNING_RATE
    )
    # New entities are overdrawn: a wrong answer stands for no others.
    chosen = replace(base, dim=dim, epochs=base.epochs or EPOCHS, estimate_all=False, dropout=0.0)
    rng = np.random.default_rng(chosen.seed)
    with torch_threads(chosen.threads):
        entities = placed(function, vectors, new_triples, n_entities, rng)
        size = min(len(old_triples), REPLAYED * len(new_triples))
        replayed = old_triples[rng.choice(len(old_triples), size, replace=False)]
        known = np.concatenate([old_triples, new_triples])
        learned = np.concatenate([replayed, new_triples])
        tables = entities, vectors.relations.copy()
        trainer = NewcomerTrainer(function, tables, n_old, known, learned, chosen)
        return trainer.run()


def placed(
    model: ScoreFunction,
    vectors: GraphVectors,
    new_triples: IntArray,
    n_entities: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Return all entities, new ones at the mean of the queries that they answer.

    Who has new neighbours only is placed after these; who has none starts at random. For inner
    products the mean is given the mean length of the old vectors, because its own says nothing.
    """
    n_old, dim = vectors.entities.shape
    start = model.start(rng, n_entities - n_old, dim)
    entities = np.concatenate([vectors.entities, start])
    is_placed = np.arange(n_entities) < n_old
    questions = with_inverses(new_triples, vectors.n_relations)
    questions = questions[questions[:, 2] >= n_old]
    length = float(np.linalg.norm(vectors.entities, axis=1).mean())
    for _ in range(SWEEPS):
        asked = questions[is_placed[questions[:, 0]] & ~is_placed[questions[:, 2]]]
        if not len(asked):
            break
        anchor = torch.from_numpy(entities[asked[:, 0]])
        relation = torch.from_numpy(vectors.relations[asked[:, 1]])
        query = model.query(anchor, relation).numpy()
        rows, place = np.unique(asked[:, 2], return_inverse=True)
        total = np.zeros((len(rows), dim), dtype=np.float64)
        np.add.at(total, place, query)
        means = total / np.bincount(place)[:, None]
        if model.operator == "<#>":
            norms = np.linalg.norm(means, axis=1, keepdims=True)
            means *= length / np.maximum(norms, np.finfo(np.float32).tiny)
        entities[rows] = means
        is_placed[rows] = True
    return entities


def continued(
    predecessor: GraphVectors,
    entity_rows: IntArray,
    relation_rows: IntArray,
    triples: IntArray,
    seed: int = 0,
) -> GraphVectors:
    """Return vectors to start a training from: a predecessor's, new entities placed among them.

    Parameters
    ----------
    entity_rows, relation_rows : (n,) and (r,) row of each entity and relation in `predecessor`,
        -1 for a new one; at least one entity is an old one.
    triples : (m, 3) of the training; say where new entities belong.
    seed : of the start values of what no triple places, and of new relations.

    Raises
    ------
    DataError : no entity is in `predecessor`.
    """
    function = score_function(predecessor.model)
    is_old = entity_rows >= 0
    if not is_old.any():
        raise DataError("no entity is in the predecessor; start anew")
    n_relations, dim = len(relation_rows), predecessor.entities.shape[1]
    rng = np.random.default_rng((seed, CONTINUED))
    learned = torch.from_numpy(function.start_relations(rng, 2 * n_relations, dim))
    relations = function.relation_vectors(learned).numpy().copy()
    taken = np.flatnonzero(relation_rows >= 0)
    for new, old in ((0, 0), (n_relations, predecessor.n_relations)):
        relations[taken + new] = predecessor.relations[relation_rows[taken] + old]

    order = np.argsort(~is_old, kind="stable")  # `placed` wants the old ones first
    place = np.argsort(order)
    old = predecessor.entities[entity_rows[order[: is_old.sum()]]]
    speaking = triples[relation_rows[triples[:, 1]] >= 0]
    renamed = np.column_stack([place[speaking[:, 0]], speaking[:, 1], place[speaking[:, 2]]])
    base = GraphVectors(predecessor.model, old, relations, ())
    entities = placed(function, base, renamed, len(entity_rows), rng)
    return GraphVectors(predecessor.model, entities[place], relations, ())
