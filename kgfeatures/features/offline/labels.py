"""Labels: the rows that features are joined to, as Arrow, with their times in microseconds."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
from pyarrow import types

from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from kgfeatures.features.offline.tables import FeatureTable, Key
    from kgfeatures.types import IntArray

TIME = "event_timestamp"
UTC = pa.timestamp("us", "UTC")


class Labels:
    """The rows of an entity_df.

    Parameters
    ----------
    rows : as they come back: all columns, in this order.
    time : the name of the column with the labels' moments.
    moments : that column in UTC; `times` are the same in microseconds.
    """

    def __init__(self, rows: pa.Table, time: str, moments: pa.Array) -> None:
        self.rows = rows
        self.time = time
        self.moments = moments
        self.times: IntArray = moments.view(pa.int64()).to_numpy()

    def __len__(self) -> int:
        return self.rows.num_rows

    def keys(self, table: FeatureTable) -> list[pa.Array]:
        """Return the join keys of a feature table, each as its source holds it.

        Raises
        ------
        DataError : a key column is missing, or of a type that the source's key is not.
        """
        require_keys(self.rows.column_names, [table])
        return [
            canonical(_whole(self.rows.column(key.label)), key, table.view) for key in table.keys
        ]


def from_frame(entity_df: pd.DataFrame) -> Labels:
    """Return the labels of a frame; its index is left out.

    Raises
    ------
    DataError : no frame, no rows, no times, a time that is missing or unclear, a column that has
        no type.
    """
    if not hasattr(entity_df, "columns"):
        raise DataError(
            f"entity_df is a {type(entity_df).__name__}; give a pandas DataFrame, or a query as "
            "text"
        )
    time = time_column([str(name) for name in entity_df.columns], _kinds(entity_df))
    if len(set(entity_df.columns)) < len(entity_df.columns):
        raise DataError("entity_df has two columns of one name; rename one")
    if entity_df.empty:
        raise DataError("entity_df has no rows; give one row per label")
    moments = _moments(cast("pd.Series", entity_df[time]), time)
    return Labels(_arrow(entity_df, time, moments), time, moments)


def from_arrow(rows: pa.Table) -> Labels:
    """Return the labels of a query's rows; raises what `from_frame` raises."""
    kinds = {field.name: types.is_timestamp(field.type) for field in rows.schema}
    time = time_column(rows.column_names, kinds)
    if rows.num_rows == 0:
        raise DataError("the query for entity_df gives no rows; it must give one row per label")
    column = _whole(rows.column(time))
    if not types.is_timestamp(column.type):
        raise DataError(
            f"the query for entity_df gives {column.type} as {time!r}, and times are needed; "
            f"cast it: {time}::timestamptz"
        )
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(f"{time!r} is null in row {row} (from 0) of the query; leave such rows out")
    return Labels(rows, time, _in_utc(column))


def time_column(names: Sequence[str], is_time: dict[str, bool]) -> str:
    """Return the column of the labels' moments: event_timestamp, else the only one with times.

    Raises
    ------
    DataError : there is none, or several.
    """
    if TIME in names:
        return TIME
    found = [name for name in names if is_time.get(name)]
    if len(found) == 1:
        return found[0]
    why = f"several columns with times ({', '.join(found)})" if found else "no column with times"
    raise DataError(
        f"entity_df has {why} and none called {TIME!r}; its columns: {', '.join(names)}; "
        f"call the moment of each label {TIME!r}"
    )


def require_keys(names: Sequence[str], tables: Sequence[FeatureTable]) -> None:
    """Check that the labels have every join key.

    Raises
    ------
    DataError : one is missing; the message names the feature view.
    """
    for table in tables:
        for key in table.keys:
            if key.label not in names:
                raise DataError(
                    f"entity_df has no column {key.label!r}, which feature view {table.view!r} is "
                    f"joined by; its columns: {', '.join(names)}"
                )


def require_free_names(labels: Sequence[str], tables: Sequence[FeatureTable]) -> None:
    """Check that no column of the labels is called like a feature that will stand beside it.

    Raises
    ------
    DataError : one is.
    """
    for table in tables:
        for output in table.outputs:
            if output in labels:
                raise DataError(
                    f"entity_df has a column {output!r}, which is also a feature of "
                    f"{table.view!r}; rename it or pass full_feature_names=True"
                )


def canonical(column: pa.Array, key: Key, view: str) -> pa.Array:
    """Return a label's key column in the type that the source's key is compared in.

    Raises
    ------
    DataError : its type cannot be the source's; with the first value and what to do.
    """
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if types.is_null(column.type):
        return pa.nulls(len(column), key.arrow)
    made = _converted(column, key)
    if made is None:
        shown = next((value for value in column.to_pylist() if value is not None), None)
        to = {"integer": "'int64'", "bigint": "'int64'", "smallint": "'int64'"}.get(key.sql, "str")
        raise DataError(
            f"join key {key.label!r} is {key.sql} in the source of feature view {view!r}, but "
            f"entity_df holds {column.type} ({shown!r}); convert it: "
            f"entity_df.astype({{{key.label!r}: {to}}})"
        )
    return made


def _converted(column: pa.Array, key: Key) -> pa.Array | None:
    """Return the column in the key's type, None where that would change its meaning."""
    given = column.type
    if key.sql == "uuid":
        return _uuids(column)
    if not _fits(given, key):
        return None
    try:
        return column.cast(key.arrow)
    except pa.ArrowException:
        return None


def _fits(given: pa.DataType, key: Key) -> bool:
    """Return whether values of an Arrow type can be keys of the source's type."""
    if key.is_text:
        return types.is_string(given) or types.is_large_string(given) or types.is_string_view(given)
    if types.is_integer(key.arrow):
        # A column of whole numbers with gaps arrives as floats.
        return types.is_integer(given) or types.is_floating(given)
    if types.is_date(key.arrow):
        return types.is_date(given) or types.is_timestamp(given)
    return types.is_boolean(given) or not types.is_boolean(key.arrow)


def _uuids(column: pa.Array) -> pa.Array | None:
    """Return uuids as PostgreSQL writes them, None where one is no uuid."""
    try:
        return pa.array(
            [None if one is None else str(uuid.UUID(str(one))) for one in column.to_pylist()],
            pa.string(),
        )
    except ValueError:
        return None


def _kinds(entity_df: pd.DataFrame) -> dict[str, bool]:
    from pandas.api.types import is_datetime64_any_dtype

    return {
        str(name): bool(is_datetime64_any_dtype(kind)) for name, kind in entity_df.dtypes.items()
    }


def _moments(column: pd.Series, name: str) -> pa.Array:
    """Return times in UTC, microseconds; what has no time zone is UTC.

    Raises
    ------
    DataError : a time is missing, is none, or has no time zone beside some that have one.
    """
    import pandas as pd

    missing = np.flatnonzero(column.isna().to_numpy())
    if len(missing):
        row = column.index[missing[0]]
        raise DataError(
            f"entity_df[{name!r}] is missing in row {row!r} ({len(missing)} in all); every label "
            "needs its moment: drop or fill such rows"
        )
    if not pd.api.types.is_datetime64_any_dtype(column):
        _require_moments(column, name)
    # Anything looser reads 01/02 as it likes.
    form = "ISO8601" if isinstance(column.iloc[0], str) else None
    try:
        utc = pd.to_datetime(column, utc=True, format=form)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(
            f"entity_df[{name!r}] holds {column.iloc[0]!r}, which is no time ({error}); convert "
            f"it: pd.to_datetime(entity_df[{name!r}], utc=True)"
        ) from None
    times = utc.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    return pa.array(times.view(np.int64)).view(UTC)


def _require_moments(column: pd.Series, name: str) -> None:
    """Check that objects are texts, or times of which all or none have a time zone.

    Raises
    ------
    DataError : they are not.
    """
    values = column.to_list()
    advice = f"convert them: pd.to_datetime(entity_df[{name!r}], utc=True)"
    if all(isinstance(value, str) for value in values):
        return
    if not all(isinstance(value, dt.datetime) for value in values):
        odd = next(value for value in values if not isinstance(value, dt.datetime))
        raise DataError(
            f"entity_df[{name!r}] holds {odd!r} ({type(odd).__name__}), and moments are needed; "
            f"{advice}"
        )
    zones = sorted({str(value.tzinfo or "no time zone") for value in values})
    if len(zones) > 1 and "no time zone" in zones:
        raise DataError(
            f"entity_df[{name!r}] mixes times with and without a time zone "
            f"({', '.join(zones[:4])}); {advice} takes those without for UTC"
        )


def _arrow(entity_df: pd.DataFrame, time: str, moments: pa.Array) -> pa.Table:
    """Return the frame's columns; one without a common type is an error.

    Raises
    ------
    DataError : a column of mixed values; names it.
    """
    frame = entity_df.rename(columns=str)
    if frame[time].dtype == object:
        frame = frame.assign(**{time: moments.to_pandas()})
    try:
        return pa.Table.from_pandas(frame, preserve_index=False).combine_chunks()
    except (pa.ArrowException, UnicodeEncodeError) as error:
        raise DataError(
            f"entity_df cannot be used: {' '.join(str(part) for part in error.args)}; give each "
            "column one type"
        ) from None


def _in_utc(column: pa.Array) -> pa.Array:
    """Return a timestamp column as microseconds in UTC; finer times are cut off."""
    if column.type.unit == "ns":
        return pa.array(column.view(pa.int64()).to_numpy() // 1000).view(UTC)
    return column.cast(pa.timestamp("us", column.type.tz)).view(UTC)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)
