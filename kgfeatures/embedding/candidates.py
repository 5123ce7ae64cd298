"""Who may answer a relation: entities seen in its place, or of the types that belong there.

Rows 0 … R − 1 are the relations asked for their tails, rows R … 2R − 1 for their heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from kgfeatures.embedding.base import with_inverses
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.types import IntArray

ANY = -1


@dataclass(frozen=True)
class Candidates:
    """Sets of entities, and which of them may answer each relation.

    Parameters
    ----------
    sets : (m, n_entities) who belongs to each set.
    rows : (2 * n_relations,) the set that may answer a relation's tails, then heads.

    The true answer of a question is always ranked, whether its set holds it or not.
    """

    sets: NDArray[np.bool_]
    rows: IntArray

    @classmethod
    def seen(cls, triples: IntArray, sizes: tuple[int, int]) -> Self:
        """Return who answered each relation in `triples`, (n, 3): its tails, and its heads.

        Parameters
        ----------
        sizes : numbers of entities and of relations.
        """
        n_entities, n_relations = sizes
        sets = np.zeros((2 * n_relations, n_entities), dtype=bool)
        both = with_inverses(triples.astype(np.int64, copy=False), n_relations)
        sets[both[:, 1], both[:, 2]] = True
        return cls(sets, np.arange(2 * n_relations))

    @classmethod
    def typed(cls, entity_types: IntArray, domains: IntArray, ranges: IntArray) -> Self:
        """Return the entities of a relation's range for its tails, of its domain for its heads.

        Parameters
        ----------
        entity_types : (n_entities,) the number of each entity's type, from 0.
        domains, ranges : (n_relations,) numbers of types; -1 for any.

        Raises
        ------
        DataError : a domain or a range that no entity has, or lists of different length.
        """
        if len(domains) != len(ranges):
            raise DataError(f"{len(domains)} domains and {len(ranges)} ranges; pass one each")
        wanted = np.concatenate([ranges, domains])
        unknown = sorted(set(wanted.tolist()) - set(entity_types.tolist()) - {ANY})
        if unknown:
            raise DataError(f"no entity is of type {unknown[0]}; types are numbers, -1 is any")
        types, rows = np.unique(wanted, return_inverse=True)
        sets = (types[:, None] == ANY) | (types[:, None] == entity_types)
        return cls(sets, rows)

    def of(self, relations: IntArray) -> NDArray[np.bool_]:
        """Return who may answer each of n relation rows, (n, n_entities)."""
        return self.sets[self.rows[relations]]

    def check(self, sizes: tuple[int, int]) -> None:
        """Raise DataError unless they are of so many entities and relations."""
        n_entities, n_relations = sizes
        if self.sets.shape[1] != n_entities or len(self.rows) != 2 * n_relations:
            raise DataError(
                f"candidates are of {self.sets.shape[1]} entities and {len(self.rows) / 2:g} "
                f"relations, the vectors of {n_entities} and {n_relations}"
            )
