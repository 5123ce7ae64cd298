"""The join itself: which row of each history every label found, and the features of those rows.

Features of a row that many labels found are fetched once; the labels hold their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import types

from kgfeatures.db.composing import name
from kgfeatures.db.temporary import upload
from kgfeatures.db.transport import read_statement
from kgfeatures.db.visit import may_make_temporary_tables
from kgfeatures.features.offline import matching, statements
from kgfeatures.features.offline.labels import UTC
from kgfeatures.features.offline.one_version import HIDDEN, require_one_version, with_version
from kgfeatures.features.offline.plans import choose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd
    from numpy.typing import NDArray
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.features.offline.labels import Labels
    from kgfeatures.features.offline.plans import Plan, Way
    from kgfeatures.features.offline.tables import FeatureTable
    from kgfeatures.types import IntArray

    RowNumbers = NDArray[np.int32]

# Lists of one column hold at most 2**31 numbers together; rows beyond it start a new chunk.
CHUNK_ROWS = 1_000_000


@dataclass(frozen=True)
class Found:
    """What the labels found in one feature table.

    Parameters
    ----------
    rows : (n,) int32 row numbers into `features`; -1 where a label found nothing.
    features : each row that was found, once; rows that nobody found may be among them.
    """

    plan: Plan
    rows: RowNumbers
    features: pa.Table


def as_arrow(labels: pa.Table, found: Iterable[Found], *, dictionary: bool = False) -> pa.Table:
    """Return one row per label, in their order: its columns, then the features.

    Parameters
    ----------
    found : what the labels found, one view after the other; each is forgotten when it is expanded.
    dictionary : lists (vectors) stay dictionaries, each distinct one stored once.
    """
    made = labels
    for one in found:
        numbers = pa.array(one.rows, mask=one.rows < 0)
        for column in one.features.column_names:
            given = one.features.column(column)
            if dictionary and types.is_list(given.type):
                taken = pa.DictionaryArray.from_arrays(numbers, whole(given))
            elif types.is_list(given.type):
                taken = _lists(given, one.rows)
            else:
                taken = whole(given.take(numbers))
            made = made.append_column(column, taken)
    return made


def as_frame(labels: pa.Table, found: Iterable[Found]) -> pd.DataFrame:
    """Return the same as a frame; labels that found the same row share one array."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for one in found:
        numbers = pa.array(one.rows, mask=one.rows < 0)
        for column in one.features.column_names:
            given = one.features.column(column)
            if types.is_list(given.type):
                columns[column] = _shared(given, one.rows)
            else:
                columns[column] = given.take(numbers).to_pandas()
    made = labels.to_pandas().reset_index(drop=True)
    return pd.concat([made, pd.DataFrame(columns)], axis=1) if columns else made


def in_batches(labels: pa.Table, found: Iterable[Found], rows: int) -> Iterator[pa.Table]:
    """Yield the same `rows` rows at a time, so that vectors are never expanded all at once."""
    all_found = list(found)
    for first in range(0, labels.num_rows, rows):
        part = [Found(one.plan, one.rows[first : first + rows], one.features) for one in all_found]
        yield as_arrow(labels.slice(first, rows), part)


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array."""
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)


def _lists(column: pa.ChunkedArray, rows: RowNumbers) -> pa.ChunkedArray:
    """Return each label's list; numbers are copied once, into memory of just their size."""
    lists = whole(column)
    parts = [rows[first : first + CHUNK_ROWS] for first in range(0, len(rows), CHUNK_ROWS)]
    width = _width(lists)
    if width is None:
        taken = [lists.take(pa.array(part, mask=part < 0)) for part in parts]
    else:
        matrix = lists.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
        taken = [_vectors(matrix, part) for part in parts]
    return pa.chunked_array(taken, column.type)


def _width(lists: pa.ListArray) -> int | None:
    """Return the length of all lists of numbers, None where they differ or one is null."""
    if lists.null_count or len(lists) == 0 or not types.is_floating(lists.type.value_type):
        return None
    lengths = np.diff(lists.offsets.to_numpy())
    even = lengths[0] > 0 and (lengths == lengths[0]).all() and lists.flatten().null_count == 0
    return int(lengths[0]) if even else None


def _vectors(matrix: np.ndarray[Any, Any], rows: RowNumbers) -> pa.ListArray:
    found = rows >= 0
    values = matrix[rows[found]].reshape(-1)
    ends = np.concatenate([[0], np.cumsum(found, dtype=np.int32)]).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(ends * np.int32(matrix.shape[1])),
        pa.array(values),
        mask=pa.array(~found),
    )


def _shared(column: pa.ChunkedArray, rows: RowNumbers) -> Any:
    """Return one array per label, the same one for labels that found the same row."""
    distinct = column.to_pandas().to_numpy(dtype=object)
    made = np.full(len(rows), None, dtype=object)
    found = rows >= 0
    made[found] = distinct[rows[found]]
    return made


class History:
    """The joins of one transaction; uploads labels where a plan needs them on the server.

    Parameters
    ----------
    conn : in a transaction.
    labels : what is joined to.
    way : forces a plan; None chooses.
    """

    def __init__(self, conn: Connection[TupleRow], labels: Labels, way: Way | None = None) -> None:
        self._conn = conn
        self._labels = labels
        self._way: Way | None = way
        self._uploaded: dict[tuple[str, ...], str] = {}
        self._writes = may_make_temporary_tables(conn)
        self._span = int(labels.times.min()), int(labels.times.max())

    def find(self, table: FeatureTable) -> Found:
        """Return what the labels find in one table.

        Raises
        ------
        DataError : a label's key has a type that the source's key has not, or the vectors found
            are of several versions.
        DatabaseError : PostgreSQL refused.
        """
        asked = with_version(table)
        found = self._find(asked)
        if asked is table:
            return found
        used = np.unique(found.rows[found.rows >= 0])
        require_one_version(self._conn, table.view, found.features.column(HIDDEN).take(used))
        return replace(found, features=found.features.select(table.outputs))

    def _find(self, table: FeatureTable) -> Found:
        keys = self._labels.keys(table)
        plan = self.plan(table, keys)
        if plan.way == "client":
            return self._search(plan, table, keys)
        usable = np.ones(len(self._labels), dtype=bool)
        for key in keys:
            usable &= key.is_valid().to_numpy(zero_copy_only=False)
        labels = name("pg_temp", self._upload(table, keys, usable))
        if plan.way == "lateral":
            query = statements.latest(table, labels)
        else:
            query = statements.merged(table, labels, *self._span)
        rows = read_statement(self._conn, f"feature view {table.view!r}", query)
        label = rows.column("label_row").to_numpy()
        return self._fetch(
            plan, table, keys, label, _times(rows, "event_at"), _times(rows, "created_at")
        )

    def plan(self, table: FeatureTable, keys: Sequence[pa.Array]) -> Plan:
        """Return how a table will be joined."""
        ways: list[Way] = ["lateral", "merge", "client"] if self._writes else ["client"]
        if self._way is not None and self._way in ways:
            ways = [self._way]
        middle = len(self._labels) // 2
        example = [key[middle].as_py() for key in keys], int(self._labels.times[middle])
        return choose(self._conn, table, len(self._labels), example, self._span, ways=ways)

    def _upload(self, table: FeatureTable, keys: Sequence[pa.Array], usable: Any) -> str:
        """Return the temporary table of labels with these keys, sorted as an index on them is."""
        columns = {
            statements.key_column(key): given for key, given in zip(table.keys, keys, strict=True)
        }
        known = tuple(f"{column} {given.type}" for column, given in columns.items())
        if known not in self._uploaded:
            rows = pa.table(
                {
                    statements.ROW: pa.array(np.arange(len(self._labels), dtype=np.int32)),
                    statements.AT: self._labels.moments,
                    **columns,
                }
            )
            rows = rows.filter(pa.array(usable))
            order = [(column, "ascending") for column in [*columns, statements.AT]]
            called = f"kgfeatures_label_{len(self._uploaded)}"
            upload(self._conn, called, rows.sort_by(order))
            self._uploaded[known] = called
        return self._uploaded[known]

    def _search(self, plan: Plan, table: FeatureTable, keys: Sequence[pa.Array]) -> Found:
        """Find the rows here, in numpy."""
        inline = not (plan.is_wide and self._writes)
        query = statements.history(table, *self._span, features=inline)
        rows = read_statement(self._conn, f"feature view {table.view!r}", query)
        columns = [whole(rows.column(statements.fetched_key(key))) for key in table.keys]
        ours, theirs = matching.codes([len(self._labels), rows.num_rows], [keys, columns])
        event = _times(rows, statements.EVENT)
        created = _times(rows, statements.CREATED) if table.created is not None else None
        found = matching.as_of(
            ours,
            self._labels.times,
            theirs,
            event,
            created,
            ttl=table.microseconds,
            known_only=table.known_only,
        )
        if inline:
            return Found(plan, found.astype(np.int32), rows.select(table.outputs))
        label = np.flatnonzero(found >= 0)
        chosen = found[label]
        known = created[chosen] if created is not None else np.zeros_like(chosen)
        return self._fetch(plan, table, keys, label, event[chosen], known)

    def _fetch(
        self,
        plan: Plan,
        table: FeatureTable,
        keys: Sequence[pa.Array],
        label: IntArray,
        event: IntArray,
        created: IntArray,
    ) -> Found:
        """Fetch the features of the rows that labels found, each row once."""
        [codes] = matching.codes([len(self._labels)], [keys])
        version, firsts = matching.distinct(created, event, codes[label])
        rows = pa.table(
            {
                statements.WANTED: pa.array(np.arange(len(firsts), dtype=np.int32)),
                statements.EVENT: pa.array(event[firsts]).view(UTC),
                statements.CREATED: pa.array(created[firsts]).view(UTC),
                **{
                    statements.key_column(key): given.take(pa.array(label[firsts]))
                    for key, given in zip(table.keys, keys, strict=True)
                },
            }
        )
        called = f"kgfeatures_wanted_{table.view}"[:63]
        upload(self._conn, called, rows)
        query = statements.wanted(table, name("pg_temp", called))
        features = read_statement(self._conn, f"feature view {table.view!r}", query)
        # The rows come in any order, and more than once where they are equal in key and times.
        place = np.full(len(firsts), matching.NOTHING, dtype=np.int64)
        place[features.column(statements.WANTED).to_numpy()] = np.arange(features.num_rows)
        found = np.full(len(self._labels), matching.NOTHING, dtype=np.int32)
        found[label] = place[version]
        return Found(plan, found, features.select(table.outputs))


def _times(rows: pa.Table, column: str) -> IntArray:
    """Return times in microseconds, EARLIEST for null."""
    given = whole(rows.column(column)).view(pa.int64())
    return given.fill_null(matching.EARLIEST).to_numpy(zero_copy_only=False)
