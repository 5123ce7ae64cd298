"""The point-in-time join in numpy: which row of a history was the latest at each label's time.

Rows are sorted by key and time once; each label is then a binary search. Where a row counts only
from its creation on, a row is available from max(event, created), and the best row so far is a
running maximum over the rows in the order of their availability.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgfeatures.types import IntArray

NOTHING = -1
EARLIEST = np.iinfo(np.int64).min


def codes(counts: Sequence[int], sides: Sequence[Sequence[pa.Array]]) -> list[IntArray]:
    """Return keys as numbers that are equal where all columns are; -1 where one is null.

    Parameters
    ----------
    counts : how many rows each side has.
    sides : per side its key columns, equally many on every side and of equal types; with no
        columns at all, all rows have one key.

    Returns
    -------
    numbers : per side (n,) int64.
    """
    together = np.zeros(sum(counts), dtype=np.int64)
    null = np.zeros(sum(counts), dtype=bool)
    for columns in zip(*sides, strict=True):
        found, count = _numbered(columns)
        null |= found < 0
        together = together * count + found
        # Two columns of 3e9 different keys each would not fit into 64 bits.
        together = np.unique(together, return_inverse=True)[1] if len(sides[0]) > 1 else together
    together[null] = NOTHING
    return np.split(together, np.cumsum(counts)[:-1])


def _numbered(columns: Sequence[pa.Array]) -> tuple[IntArray, int]:
    """Return the values of all columns as numbers from 0, -1 for null, and how many there are."""
    encoded = pa.chunked_array(list(columns)).combine_chunks()
    encoded = encoded.dictionary_encode()
    indices = encoded.indices.fill_null(NOTHING).to_numpy(zero_copy_only=False)
    return indices.astype(np.int64), len(encoded.dictionary) + 1


def as_of(
    label_codes: IntArray,
    at: IntArray,
    row_codes: IntArray,
    event: IntArray,
    created: IntArray | None = None,
    *,
    ttl: int | None = None,
    known_only: bool = False,
) -> IntArray:
    """Return the row that was the latest one of each label's key at the label's time.

    Parameters
    ----------
    label_codes, at : (n,) keys (-1 matches nothing) and times in microseconds.
    row_codes, event, created : (m,) the same of the history; created EARLIEST for null.
    ttl : a row counts while event >= at - ttl; None for ever.
    known_only : a row counts from its creation on, and never where created is null.

    Returns
    -------
    rows : (n,) row numbers into the history; -1 where there is none. Of rows with equal event
        the last created wins, of those equal in both the last one.
    """
    usable = row_codes >= 0
    if created is None:
        created = np.zeros_like(event)
        known_only = False
    elif known_only:
        usable &= created != EARLIEST
    kept = np.flatnonzero(usable)
    order = kept[np.lexsort((created[kept], event[kept], row_codes[kept]))]
    keys, available, rows = row_codes[order], event[order], order
    if known_only:
        available = np.maximum(available, created[order])
        by = np.lexsort((available, keys))
        # Positions of a later key are all larger, so the maximum never crosses keys.
        rows = order[np.maximum.accumulate(by)] if len(by) else order
        keys, available = keys[by], available[by]
    if len(rows) == 0:
        return np.full(len(at), NOTHING, dtype=np.int64)
    moments = np.unique(available)
    width = len(moments) + 1
    places = keys * width + np.searchsorted(moments, available) + 1
    asked = label_codes * width + np.searchsorted(moments, at, side="right")
    last = np.searchsorted(places, asked, side="right") - 1
    found = (last >= 0) & (label_codes >= 0) & (keys[last] == label_codes)
    chosen = np.where(found, rows[last], NOTHING)
    if ttl is not None:
        chosen[found & (event[chosen] < at - ttl)] = NOTHING
    return chosen


def distinct(*columns: IntArray) -> tuple[IntArray, IntArray]:
    """Return the number of each row's combination of values, and where each first stands.

    Returns
    -------
    numbers : (n,) from 0; firsts : (distinct,) row numbers.
    """
    if len(columns[0]) == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    order = np.lexsort(columns)
    new = np.zeros(len(order), dtype=bool)
    new[0] = True
    for column in columns:
        new[1:] |= np.diff(column[order]) != 0
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.cumsum(new) - 1
    return numbers, order[new]
