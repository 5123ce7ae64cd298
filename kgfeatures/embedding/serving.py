"""What SQL needs to rank entities: one vector and one of pgvector's operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from kgfeatures.embedding import score_function
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from kgfeatures.embedding.base import GraphVectors
    from kgfeatures.types import FloatArray

Side = Literal["tail", "head"]


def query_vector(
    vectors: GraphVectors, entity: int, relation: int, side: Side = "tail"
) -> tuple[FloatArray, str]:
    """Return the vector that entities are compared with, (dim,), and the operator to do it.

    `order by v <operator> query_vector` ranks the entities, most plausible first.

    Parameters
    ----------
    entity, relation : row numbers of the triple's known entity and its relation.
    side : what is asked for, the "tail" of (entity, relation, ?) or the "head" of
        (?, relation, entity).

    Raises
    ------
    DataError : no such row, another side, or a model that one operator cannot rank by.
    """
    model = score_function(vectors.model)
    if model.projects:
        raise DataError(f"{vectors.model} compares tails in a space of each relation")
    for name, row, count in (
        ("entity", entity, len(vectors.entities)), ("relation", relation, vectors.n_relations)
    ):  # fmt: skip
        if not 0 <= row < count:
            raise DataError(f"{name} is {row}; row numbers must be in [0, {count})")
    if side not in ("tail", "head"):
        raise DataError(f"side is {side!r}; it must be 'tail' or 'head'")
    row = relation if side == "tail" else relation + vectors.n_relations
    anchor, moved_by = vectors.entities[[entity]], vectors.relations[[row]]
    query = model.query(torch.from_numpy(anchor), torch.from_numpy(moved_by))
    return query.numpy()[0], model.operator
