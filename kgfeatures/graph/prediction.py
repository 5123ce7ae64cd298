"""Questions to vectors from Python: likely tails and heads, scores of triples, similar entities.

All of it is SQL (kg.predict_tail and its neighbours in docs/sql.md), asked for many keys at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.errors import DataError
from kgfeatures.graph import vectors

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from kgfeatures.db import Database
    from kgfeatures.embedding.serving import Side
    from kgfeatures.types import FloatArray

    Keys = str | Sequence[str]


@dataclass(frozen=True)
class Alias:
    """The vectors in use under a name, to be asked.

    Parameters
    ----------
    database : see `kgfeatures.connect`.
    name : "graph", "text_minilm" …; `kgfeatures embed versions` lists them.

    Every method raises DatabaseError for an alias, a type, a key or a relation that does not
    exist, an entity without a vector, and k below 1; the message says what there is.
    """

    database: Database
    name: str = "graph"

    def predict_tail(
        self,
        entity_type: str,
        keys: Keys,
        relation: str,
        *,
        k: int = 10,
        exclude_known: bool = True,
        filters: Mapping[str, Any] | None = None,
        known_at: dt.datetime | None = None,
    ) -> pd.DataFrame:
        """Return the k most plausible tails of (entity, relation, ?) for each key, best first.

        Parameters
        ----------
        keys : the shop's own keys of entities of this type, one or many.
        relation : its name, or its inverse's.
        exclude_known : leave out the tails that are known at `known_at`.
        filters : let through only these tails, as in SQL: {"has_colour": "red"}.
        known_at : of what is known, and of the filters; None is now.

        Returns
        -------
        tails : key, tail_type, tail_key, tail_label, score; ordered by key as given. score:
            higher is more plausible, comparable within one key only.
        """
        return self._predict(
            "tail", entity_type, keys, relation, k, exclude_known, filters, known_at
        )

    def predict_head(
        self,
        entity_type: str,
        keys: Keys,
        relation: str,
        *,
        k: int = 10,
        exclude_known: bool = True,
        filters: Mapping[str, Any] | None = None,
        known_at: dt.datetime | None = None,
    ) -> pd.DataFrame:
        """Return the k most plausible heads of (?, relation, entity) for each key, best first.

        Parameters and order as of `predict_tail`; columns key, head_type, head_key, head_label,
        score.
        """
        return self._predict(
            "head", entity_type, keys, relation, k, exclude_known, filters, known_at
        )

    def score(
        self, head_type: str, head_keys: Keys, relation: str, tail_type: str, tail_keys: Keys
    ) -> NDArray[np.float64]:
        """Return the plausibility of triples, (n,): what `predict_tail` gives these tails.

        Parameters
        ----------
        head_keys, tail_keys : of n triples; a single key stands for n equal ones.

        Raises
        ------
        DataError : two lists of different length.
        """
        heads, tails = _listed(head_keys), _listed(tail_keys)
        if len(heads) != len(tails) and 1 not in (len(heads), len(tails)):
            raise DataError(
                f"{len(heads)} heads and {len(tails)} tails make no triples; "
                "pass as many of both, or one of either"
            )
        n = max(len(heads), len(tails)) if heads and tails else 0
        found = self.database.frame(
            "serving.score",
            alias=self.name,
            head_type=head_type,
            head_keys=heads * n if len(heads) == 1 else heads,
            relation=relation,
            tail_type=tail_type,
            tail_keys=tails * n if len(tails) == 1 else tails,
        )
        return found["score"].to_numpy(dtype=np.float64)

    def similar(
        self,
        entity_type: str,
        keys: Keys,
        *,
        k: int = 10,
        filters: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Return the k entities of the same type nearest to each key's, nearest first.

        Parameters
        ----------
        entity_type : "product", "customer" or another type that has vectors.
        keys : the shop's own; one or several.
        k : neighbours of each key, at least 1; fewer come where fewer pass the filters.
        filters : as kg.similar takes them: {"has_colour": "red"}, {"price": {"max": 5}} ….

        Returns
        -------
        neighbours : key, similar_key, similar_label, score; ordered by key as given.
        """
        return self.database.frame(
            "serving.similar",
            alias=self.name,
            entity_type=entity_type,
            keys=_listed(keys),
            k=k,
            filters=json.dumps(dict(filters or {})),
        )

    def read(self, entity_type: str) -> tuple[list[str], FloatArray]:
        """Return the keys of all entities of a type, sorted, and their vectors, (n, dim)."""
        with self.database.transaction() as conn:
            return vectors.read(conn, self.name, entity_type)

    def _predict(
        self,
        side: Side,
        entity_type: str,
        keys: Keys,
        relation: str,
        k: int,
        exclude_known: bool,  # noqa: FBT001
        filters: Mapping[str, Any] | None,
        known_at: dt.datetime | None,
    ) -> pd.DataFrame:
        found = self.database.frame(
            "serving.predict",
            alias=self.name,
            entity_type=entity_type,
            keys=_listed(keys),
            relation=relation,
            backwards=side == "head",
            k=k,
            exclude_known=exclude_known,
            filters=json.dumps(dict(filters or {})),
            known_at=known_at,
        )
        return found.rename(columns=lambda name: name.replace("answer_", f"{side}_"))


def _listed(keys: Keys) -> list[str]:
    return [keys] if isinstance(keys, str) else list(keys)
