"""kg.predict_tail, predict_head, score and similar of every model, against torch and numpy."""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import replace
from typing import TYPE_CHECKING, LiteralString, cast

import numpy as np
import psycopg
import pytest
import torch

from kgfeatures.db import transport
from kgfeatures.embedding import MODELS, GraphVectors, score_function, settings_for
from kgfeatures.embedding.serving import Served, Side
from kgfeatures.embedding.trainer import fit
from kgfeatures.graph import vectors
from kgfeatures.types import entity_ids, relation_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

PRODUCTS = [f"p{number:02}" for number in range(40)]
COLOURS = ["red", "blue", "green", "white", "black"]
KEYS = PRODUCTS + COLOURS
IDS = np.concatenate([entity_ids("product", PRODUCTS), entity_ids("colour", COLOURS)])
RELATIONS = ["has_colour", "goes_with"]
RELATION_IDS = np.array([relation_id(name) for name in RELATIONS])
COLOURED = [(product, 0, 40 + product % 5) for product in range(40)]
TOGETHER = [(product, 1, (product + 5) % 40) for product in range(40)]
TRIPLES = np.array(COLOURED + TOGETHER)
RANKED = "select entity_id from emb.m_{model_id} order by {order} limit 10"
QUESTIONS: list[tuple[Side, str, int, int, Sequence[int]]] = [
    ("tail", "has_colour", 7, 0, range(40, 45)),
    ("head", "has_colour", 41, 0, range(40)),
    ("tail", "goes_with", 3, 1, range(40)),
    ("head", "goes_with", 3, 1, range(40)),
]


def publish(conn: Connection[TupleRow], trained: GraphVectors) -> int:
    """Publish vectors of the products and colours as alias `graph`; return the version."""
    entities = {
        "entity_id": IDS,
        "entity_type": np.array(["product"] * 40 + ["colour"] * 5),
        "key": np.array(KEYS),
    }
    transport.copy_in(conn, "kg.entity", entities)
    conn.execute(
        "insert into kg.relation (relation_id, name, domain, range, inverse) values "
        "(%s, 'has_colour', 'product', 'colour', 'colour_of'), "
        "(%s, 'goes_with', 'product', 'product', null)",
        RELATION_IDS.tolist(),
    )
    columns = {
        "head_id": IDS[TRIPLES[:, 0]],
        "relation_id": RELATION_IDS[TRIPLES[:, 1]],
        "tail_id": IDS[TRIPLES[:, 2]],
    }
    transport.copy_in(conn, "kg.triple", columns)
    function = score_function(trained.model)
    card = vectors.ModelCard(
        alias="graph", kind="graph", scorer=function.scorer, operator=function.operator,
        parameters={}, data_hash=trained.model, code_version="1",
        known_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    )  # fmt: skip
    n = trained.n_relations
    both = vectors.RelationVectors(RELATION_IDS, trained.relations[:n], trained.relations[n:])
    vectors.publish(conn, card, IDS, trained.entities, both)
    return card.model_id


@functools.cache
def train(model: str) -> GraphVectors:
    """Train a little; TransR's second half moves its matrices."""
    settings = settings_for(model, dim=8, epochs=6, batch_size=16, negatives=16)
    return fit(TRIPLES, 45, 2, settings, model=model)


def expected(trained: GraphVectors, anchor: int, row: int, among: Sequence[int]) -> list[float]:
    """Return torch's score of each candidate, in double precision."""
    n = len(among)
    heads = torch.from_numpy(np.repeat(trained.entities[[anchor]], n, axis=0)).double()
    relations = torch.from_numpy(np.repeat(trained.relations[[row]], n, axis=0)).double()
    tails = torch.from_numpy(trained.entities[list(among)]).double()
    return score_function(trained.model).score(heads, relations, tails).tolist()


def best(scores: list[float], among: Sequence[int], k: int) -> list[tuple[str, float]]:
    """Return (key, score) of the k best candidates, ties by id."""
    order = sorted(zip(scores, among, strict=True), key=lambda pair: (-pair[0], IDS[pair[1]]))
    return [(KEYS[entity], score) for score, entity in order[:k]]


def index_vectors(conn: Connection[TupleRow], version: int, operator: str) -> None:
    """Index what few vectors are published without, and let the planner take it."""
    classes = {"<->": "vector_l2_ops", "<+>": "vector_l1_ops", "<#>": "vector_ip_ops"}
    statement = f"create index on emb.m_{version} using hnsw (v {classes[operator]})"
    conn.execute(cast("LiteralString", statement))
    conn.execute("set local enable_seqscan = off")


def kind_of(entity: int) -> str:
    return "product" if entity < 40 else "colour"


def assert_same(found: list[tuple[str, float]], right: list[tuple[str, float]]) -> None:
    assert [key for key, _ in found] == [key for key, _ in right]
    scores = np.array([[score for _, score in rows] for rows in (found, right)])
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_sql_ranks_and_scores_tails_and_heads_like_torch(
    conn: Connection[TupleRow], model: str
) -> None:
    trained = train(model)
    publish(conn, trained)
    for side, relation, anchor, row, among in QUESTIONS:
        reciprocal = row if side == "tail" else row + 2
        right = best(expected(trained, anchor, reciprocal, among), among, 10)
        found = conn.execute(
            f"select {side}_key, score from kg.predict_{side}('graph', %s, %s, %s, 10, false)",  # noqa: S608
            [kind_of(anchor), KEYS[anchor], relation],
        ).fetchall()
        assert_same(found, right)


@pytest.mark.parametrize("model", MODELS)
def test_the_template_of_python_ranks_like_the_function(
    conn: Connection[TupleRow], model: str
) -> None:
    trained = train(model)
    version = publish(conn, trained)
    served = Served(trained)
    index_vectors(conn, version, score_function(model).operator)
    for side, _, anchor, row, _ in QUESTIONS:
        reciprocal = row if side == "tail" else row + 2
        right = best(expected(trained, anchor, reciprocal, range(45)), range(45), 10)
        order = served.sql(side).format(model_id=version)
        found = conn.execute(
            cast("LiteralString", RANKED.format(model_id=version, order=order)),
            {"entity_id": int(IDS[anchor]), "relation_id": int(RELATION_IDS[row])},
        ).fetchall()
        ids = dict(zip(KEYS, IDS.tolist(), strict=True))
        assert [row[0] for row in found] == [ids[key] for key, _ in right]


@pytest.mark.parametrize("model", MODELS)
def test_scores_of_a_triple_are_torchs(conn: Connection[TupleRow], model: str) -> None:
    trained = train(model)
    publish(conn, trained)
    head, tail = 7, 42
    rows = {"has_colour": (head, 0, tail), "colour_of": (tail, 2, head)}
    for relation, (anchor, row, other) in rows.items():
        found = conn.execute(
            "select kg.score('graph', %s, %s, %s, %s, %s)",
            [kind_of(anchor), KEYS[anchor], relation, kind_of(other), KEYS[other]],
        ).fetchone()
        assert found is not None
        assert found[0] == pytest.approx(expected(trained, anchor, row, [other])[0], rel=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_scores_of_all_answers_are_those_of_the_best(
    conn: Connection[TupleRow], model: str
) -> None:
    trained = train(model)
    version = publish(conn, trained)
    found = dict(
        conn.execute(
            "select answer_id, score from emb.scores(%s, %s, %s, 'in', 'product')",
            [version, int(IDS[41]), int(RELATION_IDS[0])],
        ).fetchall()
    )
    right = expected(trained, 41, 2, range(40))
    np.testing.assert_allclose([found[entity] for entity in IDS[:40]], right, rtol=1e-5, atol=1e-5)
    assert len(found) == 40


# What is near without a relation: by the operator that the model compares with.
SIMILARITIES = {
    "<->": lambda vectors, anchor: -np.sqrt(np.square(vectors - anchor).sum(axis=1)),
    "<+>": lambda vectors, anchor: -np.abs(vectors - anchor).sum(axis=1),
    "<#>": lambda vectors, anchor: vectors @ anchor,
}


@pytest.mark.parametrize("model", MODELS)
def test_similar_compares_vectors_with_the_models_operator(
    conn: Connection[TupleRow], model: str
) -> None:
    trained = train(model)
    publish(conn, trained)
    exact = trained.entities.astype("f8")
    scores = SIMILARITIES[score_function(model).operator](exact, exact[3])
    among = [at for at in range(40) if at != 3]
    found = conn.execute(
        "select similar_key, score from kg.similar('graph', 'product', 'p03', 10)"
    ).fetchall()
    assert_same(found, best([scores[at] for at in among], among, 10))


@pytest.mark.parametrize("model", MODELS)
def test_known_tails_are_left_out_and_the_answer_is_full(
    conn: Connection[TupleRow], model: str
) -> None:
    publish(conn, train(model))
    found = conn.execute(
        "select tail_key from kg.predict_tail('graph', 'colour', 'blue', 'colour_of', 32)"
    ).fetchall()
    assert {row[0] for row in found} == {key for at, key in enumerate(PRODUCTS) if at % 5 != 1}
    again = conn.execute(
        "select head_key from kg.predict_head('graph', 'colour', 'blue', 'has_colour', 32)"
    ).fetchall()
    assert again == found


@pytest.mark.parametrize("model", MODELS)
def test_equal_scores_are_ordered_by_id(conn: Connection[TupleRow], model: str) -> None:
    trained = train(model)
    alike = np.ones_like(trained.entities)
    publish(conn, GraphVectors(model, alike, trained.relations, ()))
    found = conn.execute(
        "select tail_key from kg.predict_tail('graph', 'product', 'p03', 'goes_with', 10, false)"
    ).fetchall()
    assert [row[0] for row in found] == [PRODUCTS[at] for at in np.argsort(IDS[:40])[:10]]


@pytest.mark.parametrize("model", MODELS)
def test_index_ranks_like_the_exact_scan(conn: Connection[TupleRow], model: str) -> None:
    trained = train(model)
    version = publish(conn, trained)
    index_vectors(conn, version, score_function(model).operator)
    among = range(45)
    for direction, row in (("out", 1), ("in", 3)):
        found = conn.execute(
            "select near.entity_id from emb.question(%s, %s, %s, %s) as asked, emb.nearest("
            "%s, asked.query, 2, exact_up_to => 0, projected => asked.projected, "
            "around => asked.around) as near",
            [version, int(IDS[3]), int(RELATION_IDS[1]), direction, version],
        ).fetchall()
        right = best(expected(trained, 3, row, among), among, 2)
        ids = dict(zip(KEYS, IDS.tolist(), strict=True))
        assert [row[0] for row in found] == [ids[key] for key, _ in right]


def test_an_index_is_searched_as_widely_as_its_model_needs(conn: Connection[TupleRow]) -> None:
    conn.execute("set local hnsw.ef_search = 41")
    widths = {"transe": 100, "rotate": 300, "transr": 200}
    for model, width in widths.items():
        with conn.transaction(force_rollback=True):
            version = publish(conn, train(model))
            found = conn.execute("select emb.search_width(%s)", [version]).fetchone()
            assert found == (width,)
            index_vectors(conn, version, score_function(model).operator)
            near = "select count(*) from emb.nearest_indexed(%s, emb.vector_of(%s, %s), 5)"
            assert conn.execute(near, [version, version, int(IDS[3])]).fetchone() == (5,)
    # Of the caller's settings none is changed.
    assert conn.execute("show hnsw.ef_search").fetchone() == ("41",)


def test_answers_of_transr_are_looked_for_where_they_lie_before_projection(
    conn: Connection[TupleRow],
) -> None:
    trained = train("transr")
    version = publish(conn, trained)
    query = "select around from emb.question(%s, %s, %s, 'out')"
    found = conn.execute(query, [version, int(IDS[3]), int(RELATION_IDS[1])]).fetchone()
    assert found is not None
    matrix = trained.relations[1, 8:].reshape(8, 8).astype("f8")
    moved = trained.entities[3] + np.linalg.inv(matrix) @ trained.relations[1, :8]
    np.testing.assert_allclose(found[0], moved, rtol=1e-4, atol=1e-5)


def test_all_are_compared_where_a_projection_flattens(conn: Connection[TupleRow]) -> None:
    trained = train("transr")
    flat = trained.relations.copy()
    flat[1, 8:16] = 0
    version = publish(conn, replace(trained, relations=flat))
    query = "select around from emb.question(%s, %s, %s, 'out')"
    found = conn.execute(query, [version, int(IDS[3]), int(RELATION_IDS[1])]).fetchone()
    assert found == (None,)
    right = best(expected(replace(trained, relations=flat), 3, 1, range(40)), range(40), 10)
    rows = conn.execute(
        "select tail_key, score from kg.predict_tail('graph', 'product', 'p03', 'goes_with', 10, "
        "false)"
    ).fetchall()
    assert_same(rows, right)


def test_a_relation_that_does_not_fit_is_refused_with_a_hint(conn: Connection[TupleRow]) -> None:
    publish(conn, train("transe"))
    calls: dict[LiteralString, str] = {
        "predict_tail('graph', 'colour', 'red', 'has_colour')": "starts at a product, not at a col",
        "predict_head('graph', 'product', 'p01', 'has_colour')": "leads to a colour, not to a prod",
        "score('graph', 'product', 'p01', 'has_colour', 'product', 'p02')": "leads to a colour, n",
    }
    for call, says in calls.items():
        with pytest.raises(psycopg.Error, match=says) as caught, conn.transaction():
            conn.execute(f"select * from kg.{call}")  # noqa: S608
        assert "inverse in kg.relation" in (caught.value.diag.message_hint or "")
