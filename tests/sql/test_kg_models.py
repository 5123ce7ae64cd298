"""kg.predict_tail and kg.similar of every graph model, against torch over the same vectors."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from kgfeatures.db import transport
from kgfeatures.embedding import MODELS, GraphVectors, score_function, settings_for
from kgfeatures.embedding.trainer import fit
from kgfeatures.graph import vectors
from kgfeatures.types import entity_ids, relation_id

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

PRODUCTS = [f"p{number:02}" for number in range(40)]
COLOURS = ["red", "blue", "green", "white", "black"]
IDS = np.concatenate([entity_ids("product", PRODUCTS), entity_ids("colour", COLOURS)])
RELATION = relation_id("has_colour")
SERVED = sorted(name for name in MODELS if not score_function(name).projects)
TRIPLES = np.array([(product, 0, 40 + product % 5) for product in range(40)])


def publish(conn: Connection[TupleRow], model: str) -> GraphVectors:
    """Train a little on the colours of products and publish it as alias `graph`."""
    entities = {
        "entity_id": IDS,
        "entity_type": np.array(["product"] * 40 + ["colour"] * 5),
        "key": np.array(PRODUCTS + COLOURS),
    }
    transport.copy_in(conn, "kg.entity", entities)
    conn.execute(
        "insert into kg.relation (relation_id, name, domain, range, inverse) "
        "values (%s, 'has_colour', 'product', 'colour', 'colour_of')",
        [RELATION],
    )
    columns = {"head_id": IDS[TRIPLES[:, 0]], "tail_id": IDS[TRIPLES[:, 2]]}
    transport.copy_in(conn, "kg.triple", {**columns, "relation_id": np.full(40, RELATION)})
    trained = fit(TRIPLES, 45, 1, settings_for(model, dim=8, epochs=5), model=model)
    function = score_function(model)
    card = vectors.ModelCard(
        alias="graph", kind="graph", scorer=function.scorer, operator=function.operator,
        parameters={}, data_hash=model, code_version="1",
        known_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    )  # fmt: skip
    both = vectors.RelationVectors(
        np.array([RELATION]), trained.relations[:1], trained.relations[1:]
    )
    vectors.publish(conn, card, IDS, trained.entities, both)
    return trained


def expected(
    model: str, trained: GraphVectors, anchor: int, row: int, among: range
) -> list[tuple[int, float]]:
    """Return (entity, score) of candidates, best first."""
    heads = torch.from_numpy(np.repeat(trained.entities[[anchor]], len(among), axis=0))
    relations = torch.from_numpy(np.repeat(trained.relations[[row]], len(among), axis=0))
    tails = torch.from_numpy(trained.entities[list(among)])
    scores = score_function(model).score(heads, relations, tails).tolist()
    return sorted(zip(among, scores, strict=True), key=lambda pair: -pair[1])


@pytest.mark.parametrize("model", SERVED)
def test_sql_ranks_and_scores_tails_and_heads_like_torch(
    conn: Connection[TupleRow], model: str
) -> None:
    trained = publish(conn, model)
    keys = PRODUCTS + COLOURS
    asked = [("product", "p07", "has_colour", 7, 0, range(40, 45), 5)]
    asked += [("colour", "blue", "colour_of", 41, 1, range(40), 10)]
    for kind, key, relation, anchor, row, among, k in asked:
        found = conn.execute(
            "select tail_key, score from kg.predict_tail('graph', %s, %s, %s, %s, false)",
            [kind, key, relation, k],
        ).fetchall()
        right = expected(model, trained, anchor, row, among)[:k]
        assert [row[0] for row in found] == [keys[entity] for entity, _ in right]
        np.testing.assert_allclose(
            [row[1] for row in found], [score for _, score in right], rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("model", SERVED)
def test_known_tails_are_left_out_and_the_answer_is_full(
    conn: Connection[TupleRow], model: str
) -> None:
    publish(conn, model)
    found = conn.execute(
        "select tail_key from kg.predict_tail('graph', 'colour', 'blue', 'colour_of', 32)"
    ).fetchall()
    assert {row[0] for row in found} == {key for at, key in enumerate(PRODUCTS) if at % 5 != 1}
