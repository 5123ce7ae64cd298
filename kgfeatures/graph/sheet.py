"""A source's rows as they were read: columns as the file has them, each row with its number."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kgfeatures.errors import DataError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from kgfeatures.types import IntArray


SHOWN = 120


@dataclass(frozen=True)
class Problem:
    """One value that cannot be loaded: the row's number in its source, and why."""

    row: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True)
class Sheet:
    """Rows of one source.

    Parameters
    ----------
    table : the columns that were asked for, by their name in the source.
    rows : (n,) number of each row in its source: the line of a text file (the header is line 1),
        the row of a Parquet file or table, counted from 1.
    unit : "line" or "row": what `rows` counts.
    broken : rows that could not even be split into columns.
    names : every column of the source, also those that were not asked for.
    """

    table: pa.Table
    rows: IntArray
    unit: str
    broken: list[Problem] = field(default_factory=list[Problem])
    names: tuple[str, ...] = ()

    def kept(self, mask: NDArray[np.bool_]) -> Sheet:
        """Return the rows for which `mask` (n,) is true."""
        if bool(mask.all()):
            return self
        kept = self.table.filter(pa.array(mask))
        return replace(self, table=kept, rows=self.rows[mask])

    def plain(self) -> Sheet:
        """Return the sheet with texts instead of dictionaries."""
        table = self.table
        for place, column in enumerate(table.columns):
            if pa.types.is_dictionary(column.type):
                values = column.cast(pa.string())
                table = table.set_column(place, table.column_names[place], values)
        return self if table is self.table else replace(self, table=table)

    def column(self, name: str) -> pa.Array:
        """Return one column in a single chunk."""
        column = self.table.column(name).combine_chunks()
        # An empty or large column stays chunked in some pyarrow versions.
        return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column


def require_columns(source: str, needed: Iterable[str], present: list[str]) -> None:
    """Check that a source has the columns that the manifest names, each once.

    Raises
    ------
    DataError : a column is missing or ambiguous; the message lists what there is.
    """
    for name in needed:
        if present.count(name) > 1:
            raise DataError(
                f"{source} has {present.count(name)} columns named {name!r}; rename one"
            )
        if name not in present:
            listed = ", ".join(map(repr, present[:30])) + (" …" if len(present) > 30 else "")
            hint = nearest(name, present).partition(" Known: ")[0].rstrip(".")
            raise DataError(f"{source} has no column {name!r}{hint}. Its columns are: {listed}")


def numbered(n: int, first: int = 1) -> IntArray:
    """Return first, first + 1 … for n rows."""
    return np.arange(first, first + n, dtype=np.int64)


def shown(value: object) -> str:
    """Return a value as a message quotes it: short, without a NUL byte."""
    text = str(value)
    cut = text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text):,} characters)"
    return cut.replace("\x00", "\\x00")
