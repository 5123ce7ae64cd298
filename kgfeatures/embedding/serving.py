"""What SQL needs to rank entities: one vector and one of pgvector's operators, for every model.

TransR compares tails in a space of each relation, which no operator does. But
−‖q − M t‖² = −‖q‖² + 2 (q·M t − ‖M t‖² / 2), and q·M t = Mᵀq·t: with the squares ‖M t‖² of each
relation stored behind t, the ranking is an inner product with [Mᵀq; −1/2 at the relation's slot].
An index of those finds too little; but M (h + M⁻¹r − t) = q − M t, so that an index of the t
themselves gives candidates around h + M⁻¹r, which are then compared as above.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from kgfeatures.embedding import score_function
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from kgfeatures.embedding.base import GraphVectors
    from kgfeatures.types import FloatArray

Side = Literal["tail", "head"]

DIRECTIONS: dict[str, str] = {"tail": "out", "head": "in"}
# Each model's arithmetic over the vectors `anchor.v` and `relation.v`.
PRODUCT = "emb.query_vector('{scorer}', anchor.v, relation.v)"
ARITHMETIC = {
    "transe_l2": "anchor.v + relation.v",
    "transe_l1": "anchor.v + relation.v",
    "distmult": "anchor.v * relation.v",
    "complex": PRODUCT,
    "rotate_l2": PRODUCT,
    "transr": "(emb.question({model_id}, anchor.entity_id, relation.relation_id, "
    "relation.direction)).query",
}
EXPRESSION = (
    "{column} {operator} (select {arithmetic} "
    "from emb.m_{model_id} as anchor cross join emb.m_{model_id}_relation as relation "
    "where anchor.entity_id = %(entity_id)s and relation.relation_id = %(relation_id)s "
    "and relation.direction = '{direction}')"
)


@dataclass(frozen=True)
class Served:
    """A model's vectors as SQL ranks by them: `order by <stored> <operator> <query>`."""

    vectors: GraphVectors

    @property
    def column(self) -> str:
        """The column of emb.m_<id> that holds `stored`."""
        return "projected" if score_function(self.vectors.model).projects else "v"

    @property
    def operator(self) -> str:
        """The operator of pgvector that compares `column` with a query."""
        model = score_function(self.vectors.model)
        return "<#>" if model.projects else model.operator

    @property
    def stored(self) -> FloatArray:
        """What is compared with a query: the entities' vectors, for TransR with squares behind."""
        if self.column == "v":
            return self.vectors.entities
        return with_squares(self.vectors.entities, self.vectors.relations)

    def query_vector(
        self, entity: int, relation: int, side: Side = "tail"
    ) -> tuple[FloatArray, str]:
        """Return the vector that `stored` is compared with, and the operator to do it.

        Parameters
        ----------
        entity, relation : row numbers of the triple's known entity and its relation.
        side : what is asked for, the "tail" of (entity, relation, ?) or the "head" of
            (?, relation, entity).

        Raises
        ------
        DataError : no such row, or another side.
        """
        import torch

        self._check(entity, relation, side)
        row = relation if side == "tail" else relation + self.vectors.n_relations
        anchor, moved_by = self.vectors.entities[[entity]], self.vectors.relations[[row]]
        model = score_function(self.vectors.model)
        query = model.query(torch.from_numpy(anchor), torch.from_numpy(moved_by)).numpy()[0]
        if not model.projects:
            return query, self.operator
        dim = anchor.shape[1]
        slots = np.zeros(len(self.vectors.relations), dtype=np.float32)
        slots[row] = -0.5
        turned = query @ moved_by[0, dim:].reshape(dim, dim)
        return np.concatenate([turned, slots]), self.operator

    def sql(self, side: Side = "tail") -> str:
        """Return what `order by` ranks the rows of emb.m_<model_id> by, as a template of SQL.

        `{model_id}` stands for the version's number, `%(entity_id)s` and `%(relation_id)s` for the
        values to be passed with the statement. The smallest is the most plausible; an index is
        used.

        >>> from kgfeatures.embedding.base import GraphVectors
        >>> Served(GraphVectors("transe", np.zeros((1, 2)), np.zeros((2, 2)), ())).sql()[:35]
        'v <-> (select anchor.v + relation.v'

        Raises
        ------
        DataError : another side.
        """
        self._check(0, 0, side)
        scorer = score_function(self.vectors.model).scorer
        return EXPRESSION.format(
            column=self.column,
            operator=self.operator,
            arithmetic=ARITHMETIC[scorer].format(scorer=scorer, model_id="{model_id}"),
            direction=DIRECTIONS[side],
            model_id="{model_id}",
        )

    def _check(self, entity: int, relation: int, side: str) -> None:
        for name, row, count in (
            ("entity", entity, len(self.vectors.entities)),
            ("relation", relation, self.vectors.n_relations),
        ):
            if not 0 <= row < count:
                raise DataError(f"{name} is {row}; row numbers must be in [0, {count})")
        if side not in DIRECTIONS:
            raise DataError(f"side is {side!r}; it must be 'tail' or 'head'")


def query_vector(
    vectors: GraphVectors, entity: int, relation: int, side: Side = "tail"
) -> tuple[FloatArray, str]:
    """Return the vector that entities are compared with and the operator: `Served.query_vector`.

    `order by <stored> <operator> query_vector` ranks the entities, most plausible first; what is
    stored are the entities' vectors, for TransR `Served(vectors).stored`.
    """
    return Served(vectors).query_vector(entity, relation, side)


def with_squares(entities: FloatArray, relations: FloatArray) -> FloatArray:
    """Return [e; ‖M_1 e‖² …], (n, dim + m) float32.

    Parameters
    ----------
    entities : (n, dim).
    relations : (m, dim + dim²) translations with matrices M row by row, see `TransR`.
    """
    n, dim = entities.shape
    made = np.empty((n, dim + len(relations)), dtype=np.float32)
    made[:, :dim] = entities
    for place, relation in enumerate(relations):
        projected = entities @ relation[dim:].reshape(dim, dim).T
        made[:, dim + place] = np.square(projected).sum(axis=1)
    return made


def shifts(relations: FloatArray, dim: int) -> tuple[FloatArray, FloatArray]:
    """Return M⁻¹r of each relation, (m, dim), and the condition of its matrix, (m,).

    A matrix that cannot be inverted is of condition 1e30; its shift is the one of least squares.
    """
    made = np.empty((len(relations), dim), dtype=np.float32)
    stretch = np.empty(len(relations), dtype=np.float32)
    for place, relation in enumerate(relations.astype(np.float64)):
        matrix = relation[dim:].reshape(dim, dim)
        made[place], _, _, singular = np.linalg.lstsq(matrix, relation[:dim], rcond=None)
        # In float32's range, which infinity is not.
        stretch[place] = singular[0] / max(singular[-1], singular[0] * 1e-30, 1e-30)
    return made, stretch
