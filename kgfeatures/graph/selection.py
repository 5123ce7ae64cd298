"""Which rows of a source are loaded, which are left out on purpose, which are rejected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kgfeatures.errors import DataError
from kgfeatures.graph.cleaning import Cleaned, clean, to_key, to_number
from kgfeatures.graph.sheet import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.section import Section
    from kgfeatures.graph.sheet import Sheet
    from kgfeatures.types import IntArray

MAX_REJECTED = 0.01
LEAST_KEPT = 0.5
CUT_FROM = 1000
"""Sources that shrink by fewer rows than this are never taken for cut off."""
REJECTED = "rejected"


@dataclass
class Loaded:
    """What became of one source.

    Parameters
    ----------
    section : its entry in the manifest.
    rows_read : with those left out and rejected.
    rows : cleaned rows, with their number as `source_row`.
    rejected : at least one problem for each row that could not be loaded.
    dropped : how many rows were left out on purpose, by reason; each row counts once.
    unit : "line" or "row": what the numbers count.
    fates : numbers of the rows that were left out or rejected, by reason or `REJECTED`; not of
        those that could not even be split into columns.
    standing : how many rows are loaded already and not among `rows`.
    """

    section: Section
    rows_read: int
    rows: pa.Table
    rejected: list[Problem]
    dropped: dict[str, int]
    unit: str
    fates: dict[str, IntArray] = field(default_factory=dict[str, "IntArray"])
    standing: int = 0

    def rows_loaded(self) -> int:
        """Return the number of rows loaded, those that were loaded before included."""
        return self.rows.num_rows + self.standing

    def rows_rejected(self) -> int:
        """Return the number of rows with a problem."""
        return len({problem.row for problem in self.rejected})


@dataclass
class Selection:
    """The rows of one sheet while their columns are cleaned."""

    section: Section
    sheet: Sheet
    columns: dict[str, pa.Array] = field(default_factory=dict[str, pa.Array])
    problems: list[Problem] = field(default_factory=list[Problem])
    fates: dict[str, IntArray] = field(default_factory=dict[str, "IntArray"])

    def __post_init__(self) -> None:
        """Begin with every row."""
        self.alive: NDArray[np.bool_] = np.ones(len(self.sheet.rows), dtype=bool)

    def drop(self, mask: NDArray[np.bool_], reason: str) -> None:
        """Leave out the rows for which `mask` (n,) is true; those already left out keep theirs."""
        leaving = mask & self.alive
        if leaving.any():
            earlier = self.fates.get(reason, self.sheet.rows[:0])
            self.fates[reason] = np.union1d(earlier, self.sheet.rows[leaving])
            self.alive &= ~mask

    def add(self, name: str, cleaned: Cleaned, required: str | None = None) -> pa.Array:
        """Take a cleaned column; return it.

        Parameters
        ----------
        required : the source's column; a row in which it is empty is rejected.
        """
        self.columns[name] = cleaned.array
        self.problems += cleaned.problems
        if required is not None:
            known = {problem.row for problem in cleaned.problems}
            empty = np.flatnonzero(nulls(cleaned.array) & self.alive)
            self.problems += [
                Problem(row, required, "", "is empty")
                for row in self.sheet.rows[empty].tolist()
                if row not in known
            ]
        return cleaned.array

    def add_key(
        self, name: str, convert: Callable[[object], str], *, optional: bool = False
    ) -> pa.Array:
        """Take the column of keys that the manifest calls `name`; rows without one are left out.

        Parameters
        ----------
        convert : makes a value the shop's key; raises RefusedError.
        optional : keep rows without a key.
        """
        column = self.section.columns[name]
        cleaned = clean(self.sheet, column, convert, pa.string(), self.section.empty)
        values = self.add(f"{name}_id", cleaned)
        if not optional:
            refused = np.isin(self.sheet.rows, [problem.row for problem in cleaned.problems])
            self.drop(nulls(values) & ~refused, f"no {name}")
        return values

    def add_product(self, manifest: Manifest, *, optional: bool = False) -> pa.Array:
        """Take the column of product keys, without the products that the manifest excludes."""
        values = self.add_key("product", product_key(manifest), optional=optional)
        self.drop(excluded(manifest, values), "excluded product")
        return values

    def keep_positive(self) -> None:
        """Leave out rows whose column `positive` is not above zero."""
        column = self.section.positive
        if column is None:
            return
        cleaned = clean(self.sheet, column, to_number, pa.float64(), self.section.empty)
        self.problems += cleaned.problems
        above = cleaned.array.to_numpy(zero_copy_only=False) > 0
        refused = np.isin(self.sheet.rows, [problem.row for problem in cleaned.problems])
        self.drop(~above & ~refused, f"{column} not above zero")

    def finish(self) -> Loaded:
        """Return the rows that are neither left out nor have a problem."""
        problems, fates = self.problems, dict(self.fates)
        if problems:
            at = np.array([problem.row for problem in problems])
            counts = np.isin(at, self.sheet.rows[self.alive])
            problems = [problem for problem, one in zip(problems, counts, strict=True) if one]
            self.alive &= ~np.isin(self.sheet.rows, at)
            if problems:
                fates[REJECTED] = np.unique(at[counts])
        table = pa.table({"source_row": pa.array(self.sheet.rows), **self.columns})
        rejected = {(each.row, each.column): each for each in [*self.sheet.broken, *problems]}
        return Loaded(
            section=self.section,
            rows_read=len(self.sheet.rows) + len(self.sheet.broken),
            rows=table.filter(pa.array(self.alive)),
            rejected=[rejected[place] for place in sorted(rejected)],
            dropped={reason: len(rows) for reason, rows in self.fates.items()},
            unit=self.sheet.unit,
            fates=fates,
        )


def product_key(manifest: Manifest) -> Callable[[object], str]:
    """Return what makes a value a product's key, in the case that the manifest asks for."""
    if manifest.product_case == "upper":
        return lambda value: to_key(value).upper()
    if manifest.product_case == "lower":
        return lambda value: to_key(value).lower()
    return to_key


def excluded(manifest: Manifest, keys: pa.Array) -> NDArray[np.bool_]:
    """Return for each key whether the manifest excludes that product: (n,)."""
    encoded = keys.dictionary_encode()
    codes = [i for i, key in enumerate(encoded.dictionary.to_pylist()) if manifest.excludes(key)]
    return np.isin(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), codes)


def nulls(values: pa.Array) -> NDArray[np.bool_]:
    """Return where an array is null: (n,)."""
    return values.is_null().to_numpy(zero_copy_only=False)


def require_whole(loaded: Loaded, rows_before: int) -> None:
    """Check that a source was not cut off: missing rows are taken for deleted ones.

    Parameters
    ----------
    rows_before : the rows that were loaded from it last time.

    Raises
    ------
    DataError : more than half of them, and more than `CUT_FROM`, are no more.
    """
    now = loaded.rows_loaded()
    if now >= LEAST_KEPT * rows_before or rows_before - now <= CUT_FROM:
        return
    raise DataError(
        f"{loaded.section.name} has {now:,} rows to load where it had {rows_before:,} last time; a "
        "file cut off half-way looks like that, so nothing was loaded. Bring the whole of it, or "
        "if so many rows are really gone: kgfeatures ingest DIR --force"
    )


def require_rows(loaded: Loaded) -> None:
    """Check that anything of a source is left to load.

    Raises
    ------
    DataError : nothing is; the message says where its rows went.
    """
    if loaded.rows_loaded():
        return
    if not loaded.rows_read:
        raise DataError(
            f"{loaded.section.name} is empty: no rows below its header; export it again"
        )
    went = [f"{n:,} {reason}" for reason, n in loaded.dropped.items()]
    went += [f"{loaded.rows_rejected():,} rejected"] if loaded.rejected else []
    raise DataError(
        f"{loaded.section.name}: none of its {loaded.rows_read:,} rows is left to load "
        f"({', '.join(went)}); check which columns {loaded.section.where.path} names"
    )


def require_few_rejected(loaded: Loaded, limit: float = MAX_REJECTED) -> None:
    """Check that a source's rejected rows are an exception and not its rule.

    Parameters
    ----------
    limit : the share of rows read that may be rejected, in [0, 1].

    Raises
    ------
    DataError : more were; the message shows the first.
    """
    count = loaded.rows_rejected()
    if count <= limit * loaded.rows_read:
        return
    first = loaded.rejected[0]
    column = f", column {first.column!r}" if first.column else ""
    raise DataError(
        f"{loaded.section.name}, {loaded.unit} {first.row}{column}: {first.value!r} "
        f"{first.reason}. {count:,} of {loaded.rows_read:,} rows are rejected, allowed are "
        f"{limit:.2%}; nothing was loaded. Mend the file or the manifest, or allow more with "
        "--max-rejected"
    )
