from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kgfeatures.embedding import MODELS, GraphVectors, score_function, settings_for
from kgfeatures.embedding.evaluation import ranks
from kgfeatures.embedding.serving import Side, query_vector
from kgfeatures.embedding.trainer import fit
from kgfeatures.errors import DataError

TRIPLES = np.array([(i, k, i + k + 1) for k in range(3) for i in range(19 - k)])
SERVED = sorted(name for name in MODELS if not score_function(name).projects)
# pgvector's operators as its manual states them: the smallest is the nearest.
OPERATORS = {
    "<->": lambda v, q: np.sqrt(((v - q) ** 2).sum(axis=1)),
    "<+>": lambda v, q: np.abs(v - q).sum(axis=1),
    "<#>": lambda v, q: -(v @ q),
}


@pytest.mark.parametrize("model", SERVED)
def test_the_operator_ranks_by_the_query_vector_like_the_evaluation(model: str) -> None:
    vectors = fit(TRIPLES, 20, 3, settings_for(model, dim=8, epochs=3), model=model)
    asked = TRIPLES[:5]
    found: list[int] = []
    sides: list[tuple[Side, int, int]] = [("tail", 0, 2), ("head", 2, 0)]
    for side, known, wanted in sides:
        for triple in asked:
            query, operator = query_vector(vectors, triple[known], triple[1], side)
            distance = OPERATORS[operator](vectors.entities, query)
            found.append(int((distance < distance[triple[wanted]]).sum()) + 1)
    assert found == ranks(vectors, asked, known=asked[:0]).rank.tolist()


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
