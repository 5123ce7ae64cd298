"""Which version of vectors came from which: read one back, and say what can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.db import queries, transport
from kgfeatures.embedding.base import GraphVectors
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.types import IntArray


@dataclass(frozen=True)
class Version:
    """The card of a version, see emb.model.

    Parameters
    ----------
    comparable_id : the first of the versions that it can be compared with.
    """

    model_id: int
    dim: int
    parameters: Mapping[str, Any]
    data_hash: str
    code_version: str
    known_at: dt.datetime
    predecessor_id: int | None
    comparable_id: int

    @property
    def model(self) -> str | None:
        """The model's name, None for vectors that no graph model made."""
        return self.parameters.get("model")


@dataclass(frozen=True)
class StoredVectors:
    """A version's vectors with the ids of their rows, both ascending."""

    entity_ids: IntArray
    relation_ids: IntArray
    vectors: GraphVectors


def in_use(conn: Connection[TupleRow], alias: str) -> Version | None:
    """Return the version that an alias points to, None when there is no such alias."""
    found = queries.fetch(conn, "embed_versions.card_in_use", alias=alias)
    return Version(**found[0]) if found else None


def card(conn: Connection[TupleRow], model_id: int) -> Version | None:
    """Return a version whose vectors can be read, None when there is none of that number."""
    found = queries.fetch(conn, "embed_versions.card", model_id=model_id)
    return Version(**found[0]) if found else None


def read(conn: Connection[TupleRow], version: Version) -> StoredVectors:
    """Return the vectors of a version; entities that the graph knows no more are left out.

    Raises
    ------
    DataError : it is no version of a graph model.
    """
    if version.model is None:
        raise DataError(f"version {version.model_id} was made by no graph model")
    ids, entities = transport.read_vectors(
        conn, "embed_versions.version_vectors", model_id=version.model_id
    )
    halves = [
        transport.read_vectors(
            conn, "embed_versions.version_relations", model_id=version.model_id, direction=direction
        )
        for direction in ("out", "in")
    ]
    relations = np.concatenate([matrix for _, matrix in halves])
    vectors = GraphVectors(version.model, entities, relations, ())
    return StoredVectors(ids, halves[0][0], vectors)


def link(
    conn: Connection[TupleRow],
    model_id: int,
    predecessor: Version,
    residual: float,
    *,
    comparable: bool,
) -> None:
    """Write down which version another one came from, and whether both can be compared.

    Parameters
    ----------
    residual : see kgfeatures.embedding.alignment.Alignment.
    """
    queries.execute(
        conn,
        "embed_versions.link",
        model_id=model_id,
        predecessor_id=predecessor.model_id,
        residual=residual,
        comparable_id=predecessor.comparable_id if comparable else None,
    )
