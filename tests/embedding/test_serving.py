from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kgfeatures.embedding import MODELS, GraphVectors, settings_for
from kgfeatures.embedding.evaluation import ranks
from kgfeatures.embedding.serving import Served, Side, query_vector
from kgfeatures.embedding.trainer import fit
from kgfeatures.errors import DataError

TRIPLES = np.array([(i, k, i + k + 1) for k in range(3) for i in range(19 - k)])
# pgvector's operators as its manual states them: the smallest is the nearest.
OPERATORS = {
    "<->": lambda v, q: np.sqrt(((v - q) ** 2).sum(axis=1)),
    "<+>": lambda v, q: np.abs(v - q).sum(axis=1),
    "<#>": lambda v, q: -(v @ q),
}


@pytest.mark.parametrize("model", MODELS)
def test_the_operator_ranks_by_the_query_vector_like_the_evaluation(model: str) -> None:
    vectors = fit(TRIPLES, 20, 3, settings_for(model, dim=8, epochs=3), model=model)
    served = Served(vectors)
    asked = TRIPLES[:5]
    found: list[int] = []
    sides: list[tuple[Side, int, int]] = [("tail", 0, 2), ("head", 2, 0)]
    for side, known, wanted in sides:
        for triple in asked:
            query, operator = query_vector(vectors, triple[known], triple[1], side)
            distance = OPERATORS[operator](served.stored, query)
            found.append(int((distance < distance[triple[wanted]]).sum()) + 1)
    assert found == ranks(vectors, asked, known=asked[:0]).rank.tolist()


def test_templates_name_the_operator_and_the_arithmetic() -> None:
    def sql(model: str, side: Side = "tail") -> str:
        made = GraphVectors(model, np.zeros((4, 2), dtype="f4"), np.zeros((2, 2), dtype="f4"), ())
        return Served(made).sql(side)

    assert sql("transe").startswith("v <-> (select anchor.v + relation.v from emb.m_{model_id}")
    assert sql("transe_l1").startswith("v <+> (select anchor.v + relation.v")
    assert sql("distmult").startswith("v <#> (select anchor.v * relation.v")
    assert sql("complex").startswith("v <#> (select emb.query_vector('complex', anchor.v")
    assert sql("rotate").startswith("v <-> (select emb.query_vector('rotate_l2', anchor.v")
    assert sql("transr").startswith("projected <#> (select (emb.question({model_id}, ")
    assert sql("transe").endswith("relation.direction = 'out')")
    assert sql("transe", "head").endswith("relation.direction = 'in')")
    with pytest.raises(DataError, match="side is 'both'"):
        sql("transe", "both")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"entity": 4}, r"entity is 4; row numbers must be in \[0, 4\)"),
        ({"relation": 1}, r"relation is 1; row numbers must be in \[0, 1\)"),
        ({"side": "both"}, "side is 'both'; it must be 'tail' or 'head'"),
    ],
)
def test_what_is_not_there_is_named(changes: dict[str, Any], says: str) -> None:
    vectors = GraphVectors("transe", np.zeros((4, 2), dtype="f4"), np.zeros((2, 2), dtype="f4"), ())
    given: dict[str, Any] = {"entity": 0, "relation": 0}
    with pytest.raises(DataError, match=says):
        query_vector(vectors, **{**given, **changes})
