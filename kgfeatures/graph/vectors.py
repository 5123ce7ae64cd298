"""The store of vectors: publish a version, point an alias to it, read vectors back.

A version is a table of its own, emb.m_<model_id>; its number is a hash of what it was made from,
so that the same data, parameters and code give the same version in every build.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.db import queries, transport
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.types import FloatArray, IntArray


@dataclass(frozen=True)
class ModelCard:
    """What a version is and what it was made from; everything but `metrics` names it.

    Parameters
    ----------
    alias : the name that will point to it.
    kind : "graph" or "text".
    scorer, operator : how SQL ranks its vectors, see emb.model.
    parameters : whatever the vectors depend on beside the data; JSON.
    data_hash : of the data, see `content_hash`.
    code_version : of the code that made the vectors.
    known_at : the moment up to which the data was known.
    feature_tables : entity type -> name of the table in schema feature that these vectors fill.
    metrics : how good it is; JSON.
    """

    alias: str
    kind: str
    scorer: str
    operator: str
    parameters: Mapping[str, Any]
    data_hash: str
    code_version: str
    known_at: dt.datetime
    feature_tables: Mapping[str, str] = field(default_factory=dict[str, str])
    metrics: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def stored_parameters(self) -> dict[str, Any]:
        """What emb.model.parameters holds: the parameters and the feature tables."""
        return {**self.parameters, "feature_tables": dict(self.feature_tables)}

    @property
    def model_id(self) -> int:
        """The number of the version: 31 bits of a hash of what it was made from."""
        parts = [self.alias, self.stored_parameters, self.data_hash, self.code_version]
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1


@dataclass(frozen=True)
class RelationVectors:
    """Vectors of relations: `out` leads from head to tail, `into` back; both (n, dim).

    Those of TransR are (n, dim + dim²): its translation, then its matrix row by row.
    """

    relation_ids: IntArray
    out: FloatArray
    into: FloatArray


def content_hash(*parts: IntArray | Sequence[str]) -> str:
    """Return a SHA-256 over arrays and lists of texts, in their order."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.shape}".encode())
            digest.update(np.ascontiguousarray(part, dtype="<i8").data)
        else:
            digest.update(json.dumps(list(part)).encode())
    return digest.hexdigest()


def publish(
    conn: Connection[TupleRow],
    card: ModelCard,
    entity_ids: IntArray,
    matrix: FloatArray,
    relations: RelationVectors | None = None,
) -> dict[str, int]:
    """Store a version with its index and feature tables, and point its alias to it.

    All of it belongs to the caller's transaction: readers see the old version until it commits.
    The replaced version stays readable as emb.m_<its id> and feature.<table>_v<its id>.

    Parameters
    ----------
    entity_ids : (n,) ids that kg.entity holds, each once.
    matrix : (n, dim) their vectors.
    relations : of a graph model.

    Returns
    -------
    rows : number of rows by table; the first is emb.m_<model_id>.

    Raises
    ------
    DataError : a number that is not finite, an id twice or unknown, shapes that do not fit.
    """
    check_vectors(entity_ids, matrix)
    rows = _load(conn, card.model_id, entity_ids, matrix, relations)
    _register(conn, card, matrix.shape[1])
    queries.execute(conn, "indexes.reserve_memory", schema="emb", name=f"m_{card.model_id}")
    queries.execute(conn, "embed.index_tables", model_id=card.model_id)
    for entity_type, name in sorted(card.feature_tables.items()):
        made: int = queries.scalar(
            conn,
            "embed.create_feature_table",
            model_id=card.model_id,
            entity_type=entity_type,
            table_name=name,
        )
        rows[f"feature.{name}"] = made
    activate(conn, card.alias, card.model_id)
    return rows


def check_vectors(entity_ids: IntArray, matrix: FloatArray) -> None:
    """Raise DataError unless there is one finite vector for each of several distinct ids.

    Parameters
    ----------
    entity_ids : (n,), distinct.
    matrix : (n, dim), finite.
    """
    if matrix.ndim != 2 or len(matrix) != len(entity_ids) or matrix.size == 0:
        raise DataError(
            f"vectors have shape {matrix.shape} for {len(entity_ids)} entities; "
            "pass (n, dim), one row per entity, at least one"
        )
    wrong = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(wrong):
        raise DataError(
            f"{len(wrong)} of {len(matrix)} vectors hold NaN or infinity, first that of entity "
            f"{entity_ids[wrong[0]]} (row {wrong[0]}); nothing was published"
        )
    ids, counts = np.unique(entity_ids, return_counts=True)
    if len(ids) < len(entity_ids):
        raise DataError(f"entity {ids[counts > 1][0]} has two vectors; give each entity one")


def activate(conn: Connection[TupleRow], alias: str, model_id: int) -> None:
    """Point an alias to one of its versions; its feature tables are swapped with it.

    Parameters
    ----------
    alias : "graph", "text_<encoder>" ….
    model_id : of a version that stands in emb.model.

    Raises
    ------
    DatabaseError : the version is none of this alias; the message lists those that are.
    """
    queries.execute(conn, "embed.activate", alias=alias, model_id=model_id)


def read(conn: Connection[TupleRow], alias: str, entity_type: str) -> tuple[list[str], FloatArray]:
    """Return the keys of all entities of a type and their vectors in the version in use.

    Parameters
    ----------
    alias : names the version in use.
    entity_type : "product", "customer" or another type that has vectors.

    Returns
    -------
    keys, vectors : sorted by key; (n, dim) float32.

    Raises
    ------
    DatabaseError : no such alias; the message names the nearest.
    """
    keys, vectors = transport.read_vectors(
        conn, "embed.vectors", alias=alias, entity_type=entity_type
    )
    return [str(key) for key in keys], vectors


def _load(
    conn: Connection[TupleRow],
    model_id: int,
    entity_ids: IntArray,
    matrix: FloatArray,
    relations: RelationVectors | None,
) -> dict[str, int]:
    """Make the tables of a version and fill them; return how many rows each got."""
    table, dim = f"emb.m_{model_id}", matrix.shape[1]
    columns = {"entity_id": entity_ids, "v": matrix}
    queries.execute(conn, "embed.create_tables", model_id=model_id, dim=dim)
    if relations is None:
        return {table: transport.copy_in(conn, table, columns)}
    both = np.concatenate([relations.out, relations.into])
    if not np.isfinite(both).all():
        raise DataError("vectors of relations hold NaN or infinity; nothing was published")
    n = len(relations.relation_ids)
    related: dict[str, Any] = {
        "relation_id": np.tile(relations.relation_ids, 2),
        "direction": np.repeat(np.array(["out", "in"], dtype=object), n),
        "v": both[:, :dim],
    }
    if both.shape[1] > dim:
        from kgfeatures.embedding.serving import shifts, with_squares

        projected = with_squares(matrix, both)
        shift, stretch = shifts(both, dim)
        columns |= {"projected": projected}
        related |= {"matrix": both[:, dim:], "slot": np.arange(1, 2 * n + 1, dtype=np.int32)}
        related |= {"shift": shift, "stretch": stretch}
        queries.execute(conn, "serving.add_projections", model_id=model_id, dim=projected.shape[1])
    return {
        table: transport.copy_in(conn, table, columns),
        f"{table}_relation": transport.copy_in(conn, f"{table}_relation", related),
    }


def _register(conn: Connection[TupleRow], card: ModelCard, dim: int) -> None:
    types = queries.fetch(conn, "embed.count_types", model_id=card.model_id)
    unknown = sum(row["entities"] for row in types if row["entity_type"] is None)
    if unknown:
        raise DataError(
            f"{unknown} entities with vectors are not in kg.entity; "
            "run ingest and extract again, then embed"
        )
    counts = {row["entity_type"]: row["entities"] for row in types}
    queries.execute(
        conn,
        "embed.register",
        model_id=card.model_id,
        alias=card.alias,
        kind=card.kind,
        scorer=card.scorer,
        operator=card.operator,
        dim=dim,
        entity_types=sorted(counts),
        parameters=json.dumps(card.stored_parameters),
        metrics=json.dumps({**card.metrics, "entities": counts}),
        data_hash=card.data_hash,
        code_version=card.code_version,
        known_at=card.known_at,
    )
