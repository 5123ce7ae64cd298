"""Vectors of two versions never become one column of a training set: they cannot be compared.

A source with a column `model_id` says of which version its vectors are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kgfeatures.db import queries
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.features.offline.tables import FeatureTable

VERSION = "model_id"
# What the version is called beside the features: they may be called anything.
HIDDEN = "__model_id"
VECTORS = {"vector", "halfvec", "real[]"}


def with_version(table: FeatureTable) -> FeatureTable:
    """Return a described table with the version of its vectors among its features.

    One that has no such column, or of which no vectors are asked for, stays as it is.
    """
    kinds = {
        table.types[source].rpartition(".")[2].partition("(")[0] for _, source in table.features
    }
    if VERSION not in table.types or not kinds & VECTORS:
        return table
    return replace(table, features=(*table.features, (HIDDEN, VERSION)))


def of_one_version(conn: Connection[TupleRow], view: str, rows: pa.Table) -> pa.Table:
    """Return the rows of a view without the version of their vectors; raises as below."""
    if HIDDEN not in rows.column_names:
        return rows
    require_one_version(conn, view, rows.column(HIDDEN))
    return rows.drop_columns([HIDDEN])


def require_one_version(conn: Connection[TupleRow], view: str, found: pa.ChunkedArray) -> None:
    """Check the versions of the vectors that labels found in a view.

    Raises
    ------
    DataError : they are of several versions that cannot be compared.
    """
    versions = sorted(found.drop_null().unique().to_pylist())
    if len(versions) > 1 and not _comparable(conn, versions):
        raise DataError(
            f"the labels find vectors of versions {', '.join(map(str, versions))} ({VERSION}) in "
            f"feature view {view!r}; they cannot be compared, so they cannot be one column: take "
            "labels that find one version, or delete the rows of all but one"
        )


def _comparable(conn: Connection[TupleRow], versions: list[Any]) -> bool:
    """Return whether all were trained from, and aligned to, one another; see docs/embeddings.md."""
    known = all(isinstance(one, int) for one in versions)
    if not known or not queries.scalar(conn, "features.knows_versions"):
        return False
    return queries.scalar(conn, "features.lines_of_versions", versions=versions) == 1
