"""What is new and what is gone in a source, by the ids of its rows.

Where each row is cleaned by itself, the rows are compared before they are cleaned, and only new
ones are: a file that was written again with one row more costs little more than reading it. Where
rows depend on each other (a column's type, a title's frequency) what they give is compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kgfeatures.graph import fingerprints, loading
from kgfeatures.graph.selection import REJECTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.selection import Loaded
    from kgfeatures.graph.sheet import Sheet
    from kgfeatures.graph.sources import Source
    from kgfeatures.types import IntArray

LOADED = "loaded"
_NONE = np.empty(0, dtype=np.int64)


@dataclass
class Fates:
    """The ids of all rows of a source, sorted, by what became of them: loaded, rejected, why not.

    Parameters
    ----------
    ids : by fate.
    """

    ids: dict[str, IntArray] = field(default_factory=dict[str, "IntArray"])

    def every(self) -> IntArray:
        """Return the ids of all rows, sorted."""
        return np.sort(np.concatenate([_NONE, *self.ids.values()]))

    def of(self, fate: str) -> IntArray:
        """Return the ids of one fate, sorted."""
        return self.ids.get(fate, _NONE)


@dataclass
class Delta:
    """What a source says now beside what it said when it was read last.

    Parameters
    ----------
    loaded : what became of the source as a whole.
    rows : what is to be stored of it and is new.
    ids : (n,) of those rows.
    gone : ids of the loaded rows that are no more.
    fates : of all rows now.
    """

    loaded: Loaded
    rows: pa.Table
    ids: IntArray
    gone: IntArray
    fates: Fates


def compare_lines(source: Source, sheet: Sheet, manifest: Manifest, before: Fates) -> Delta:
    """Return the difference of a source whose rows are cleaned each by itself.

    Parameters
    ----------
    sheet : all rows as they were read; texts may be dictionaries.
    before : what became of its rows last time; empty = none were.
    """
    ids = line_ids(source, sheet)
    known = before.every()
    new, absent = differences(ids, known)
    # A problem names the row's line, which may be another one now.
    cleaned = new | among(ids, before.of(REJECTED))
    some = sheet.kept(cleaned).plain()
    some_ids = ids[cleaned]
    loaded = loading.clean(source.section, some, manifest)
    fates = _standing(before, absent)
    made = _fates_of(loaded, some.rows, some_ids)
    for fate, these in made.ids.items():
        fates.ids[fate] = np.sort(np.concatenate([fates.of(fate), these]))
    kept = np.searchsorted(some.rows, loaded.rows.column("source_row").to_numpy())
    gone = absent[among(absent, before.of(LOADED))]
    total = replace(
        loaded,
        rows_read=len(ids) + len(sheet.broken),
        dropped=_left_out(fates),
        standing=len(fates.of(LOADED)) - loaded.rows.num_rows,
    )
    return Delta(total, loaded.rows, some_ids[kept], gone, fates)


def compare_rows(
    source: Source, loaded: Loaded, rows: pa.Table, before: Fates, fate: str = LOADED
) -> Delta:
    """Return the difference of a source by the rows that are stored of it.

    Parameters
    ----------
    loaded : all of the source, cleaned.
    rows : what is stored of it.
    before : under `fate` the ids of what is stored now.
    """
    ids = fingerprints.row_ids(rows, source.salt)
    new, gone = differences(ids, before.of(fate))
    fresh = rows if bool(new.all()) else rows.filter(pa.array(new))
    return Delta(loaded, fresh, ids[new], gone, Fates({fate: np.sort(ids)}))


def line_ids(source: Source, sheet: Sheet) -> IntArray:
    """Return the id of each row of a sheet by what it says, before it is cleaned: (n,).

    What a column's type is counts too: "1" and 1 may be cleaned otherwise.
    """
    kinds = [str(plain_type(column.type)) for column in sheet.table.columns]
    names = sheet.table.column_names
    salt = f"{source.salt}:{sorted(zip(names, kinds, strict=True))}"
    return fingerprints.row_ids(sheet.table.select(sorted(names)), salt)


def differences(now: IntArray, before: IntArray) -> tuple[NDArray[np.bool_], IntArray]:
    """Return which ids are new, and those that are gone.

    Parameters
    ----------
    now : (n,) all different.
    before : (m,) all different, sorted.

    Returns
    -------
    new, gone : (n,) and the ids of `before` that `now` lacks, sorted.
    """
    if not len(before):
        return np.ones(len(now), dtype=bool), before
    both = np.sort(np.concatenate([now, before]))
    again = both[1:] == both[:-1]
    alone = np.ones(len(both), dtype=bool)
    alone[1:] &= ~again
    alone[:-1] &= ~again
    one_sided = both[alone]
    return among(now, one_sided), before[among(before, one_sided)]


def among(ids: IntArray, few: IntArray) -> NDArray[np.bool_]:
    """Return which ids stand among a few: (n,); quick where these are few indeed."""
    if not len(few):
        return np.zeros(len(ids), dtype=bool)
    if len(few) * 8 > len(ids):
        return _in_sorted(ids, np.sort(few))
    # The lowest bits rule out nearly all of them.
    low = np.int64((1 << (len(few).bit_length() + 6)) - 1)
    seen = np.zeros(int(low) + 1, dtype=bool)
    seen[few & low] = True
    found = seen[ids & low]
    places = np.flatnonzero(found)
    found[places] = _in_sorted(ids[places], np.sort(few))
    return found


def _in_sorted(ids: IntArray, known: IntArray) -> NDArray[np.bool_]:
    places = np.searchsorted(known, ids)
    places[places == len(known)] = 0
    return known[places] == ids


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return a column's type without its encoding."""
    return pa.string() if pa.types.is_dictionary(kind) else kind


def _standing(before: Fates, absent: IntArray) -> Fates:
    """Return the fates of the rows that are still there; rejected ones are looked at again."""
    return Fates(
        {
            fate: ids[~among(ids, absent)] if len(absent) else ids
            for fate, ids in before.ids.items()
            if fate != REJECTED
        }
    )


def _fates_of(loaded: Loaded, rows: IntArray, ids: IntArray) -> Fates:
    """Return the fates of cleaned rows; `rows` (n,) are their numbers, ascending."""
    places = {LOADED: loaded.rows.column("source_row").to_numpy(), **loaded.fates}
    found = {fate: ids[np.searchsorted(rows, numbers)] for fate, numbers in places.items()}
    return Fates({fate: np.sort(these) for fate, these in found.items()})


def _left_out(fates: Fates) -> dict[str, int]:
    counted = {fate: len(ids) for fate, ids in fates.ids.items() if fate not in {LOADED, REJECTED}}
    return {reason: n for reason, n in counted.items() if n}
