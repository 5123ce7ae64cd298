"""Writing: rows to a feature table, results to a table of their own, logs of served features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from kgfeatures.db import composing, temporary
from kgfeatures.db.visit import visit
from kgfeatures.errors import DataError


def append(dsn: str, table: str, view: str, rows: pa.Table) -> int:
    """Append rows to the table behind a feature view, all or none, and return how many.

    Parameters
    ----------
    table : as the view's source names it.
    view : the feature view's name, for messages.
    rows : the table's columns, in any order.

    Raises
    ------
    DataError : the columns are not the table's, or a value does not fit.
    DatabaseError : PostgreSQL refuses them.
    """
    with visit(dsn) as conn:
        known = composing.columns(conn, f"feature view {view!r}", composing.foreign(table))
        missing = sorted(set(known) - set(rows.column_names))
        extra = sorted(set(rows.column_names) - set(known))
        if missing or extra:
            raise DataError(
                f"the rows for feature view {view!r} do not have the columns of its table "
                f"(missing: {missing}, too many: {extra}); give {', '.join(known)}"
            )
        return temporary.append(conn, table, rows, known)


def save(dsn: str, table: str, rows: pa.Table, *, overwrite: bool, seconds: float | None) -> int:
    """Write rows to a table of their own, which readers see whole or not at all.

    Parameters
    ----------
    table : "name" or "schema.name".
    rows : of any columns that have a type in PostgreSQL.
    overwrite : a table that is there is replaced.
    seconds : no statement runs longer; None sets no limit.

    Raises
    ------
    DataError : the table is there already, and must not be overwritten.
    DatabaseError : PostgreSQL refuses it.
    """
    with visit(dsn, seconds) as conn:
        if temporary.exists(conn, table):
            if not overwrite:
                raise DataError(
                    f"table {table!r} is there already; name another one or pass "
                    "allow_overwrite=True"
                )
            temporary.drop(conn, table)
        return temporary.create(conn, table, rows)


def log_features(dsn: str, table: str, logs: pa.Table | Path, schema: pa.Schema) -> int:
    """Append logged features to a table, made with `schema` when it is not there.

    Parameters
    ----------
    logs : rows, or a folder of Parquet files with them.
    """
    rows: Any = ds.dataset(logs).to_table() if isinstance(logs, Path) else logs
    rows = rows.select(schema.names).cast(schema)
    with visit(dsn) as conn:
        if not temporary.exists(conn, table):
            temporary.create(conn, table, rows.slice(0, 0))
        known = composing.columns(conn, table, composing.foreign(table))
        return temporary.append(conn, table, rows, known)
