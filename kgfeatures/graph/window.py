"""Late rows of a table: the newest of its rows compared with what is loaded of the same time.

What raw.source and raw.rejected tell of such a source is what its rows since newest - late were,
whether all of it was read or not; so the tables do not show when it was read.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from kgfeatures.graph.differences import LOADED, Fates, among, compare_lines, differences, line_ids
from kgfeatures.graph.selection import REJECTED
from kgfeatures.graph.sheet import Problem, shown
from kgfeatures.graph.times import clean_times

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.graph.differences import Delta
    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.sheet import Sheet
    from kgfeatures.graph.sources import Source
    from kgfeatures.types import IntArray


@dataclass
class Window:
    """Rows of a table since some time, compared with those loaded of that time.

    Parameters
    ----------
    sheet : all of them.
    times : (n,) of its rows, NaT where there is none.
    newest : the time of the newest that is loaded now, None where none is.
    """

    delta: Delta
    sheet: Sheet
    times: NDArray[np.datetime64]
    newest: dt.datetime | None

    def reaches(self, moment: dt.datetime) -> bool:
        """Return whether a row of that time or later is loaded."""
        return self.newest is not None and self.newest >= moment

    def report(self, span: dt.timedelta, earlier: int | None) -> Delta:
        """Return the difference, with what became of the rows since newest - span.

        Parameters
        ----------
        earlier : how many rows were loaded before; None where all are in the window.
        """
        delta = self.delta
        n_loaded = len(delta.fates.of(LOADED))
        if earlier is not None:
            n_loaded = earlier - len(delta.gone) + len(delta.ids)
        counted = np.ones(len(self.times), dtype=bool)
        if self.newest is not None:
            counted = self.times >= to_numpy(self.newest - span)
        numbers = np.cumsum(counted)
        fates = {
            fate: rows[counted[np.searchsorted(self.sheet.rows, rows)]]
            for fate, rows in delta.loaded.fates.items()
        }
        rejected = [
            replace(problem, row=int(numbers[place]))
            for problem in delta.loaded.rejected
            if counted[place := int(np.searchsorted(self.sheet.rows, problem.row))]
        ]
        dropped = {
            reason: len(rows) for reason, rows in fates.items() if reason != REJECTED and len(rows)
        }
        refused = len({problem.row for problem in rejected})
        loaded = replace(
            delta.loaded,
            rows_read=n_loaded + refused + sum(dropped.values()),
            rejected=rejected,
            dropped=dropped,
            fates=fates,
            standing=n_loaded - delta.rows.num_rows,
        )
        return replace(delta, loaded=loaded)


def compare(
    source: Source, sheet: Sheet, manifest: Manifest, before: IntArray, limit: dt.datetime
) -> Window:
    """Return rows of a table beside those that are loaded of the same time.

    A new row later than `limit` is rejected: it would be the newest one from then on, and all
    features would be computed as of its time.

    Parameters
    ----------
    before : ids of the loaded rows of that time, sorted.
    """
    section = source.section
    stamp = section.columns["timestamp"]
    form = section.words.get("timestamp_format")
    read: Any = clean_times(sheet, stamp, form, section.empty).array.cast(pa.timestamp("us"))
    times = read.to_numpy(zero_copy_only=False).astype("datetime64[us]")
    ids = line_ids(source, sheet)
    new, _ = differences(ids, before)
    ahead = new & (times > to_numpy(limit))
    delta = compare_lines(source, sheet.kept(~ahead), manifest, Fates({LOADED: before}))
    here = times[among(ids, delta.fates.of(LOADED))]
    newest = None if not len(here) else here.max().item().replace(tzinfo=dt.UTC)
    if ahead.any():
        _reject(delta, sheet, ahead, stamp, limit)
    return Window(delta, sheet, times, newest)


def to_numpy(moment: dt.datetime) -> np.datetime64:
    """Return a time as NumPy counts it: in UTC, without a zone."""
    return np.datetime64(moment.astimezone(dt.UTC).replace(tzinfo=None), "us")


def _reject(
    delta: Delta, sheet: Sheet, ahead: NDArray[np.bool_], stamp: str, limit: dt.datetime
) -> None:
    """Add the rows of the future to those that are rejected."""
    places = np.flatnonzero(ahead)
    values: list[Any] = sheet.column(stamp).take(pa.array(places)).to_pylist()
    reason = f"lies in the future: it is after {limit:%Y-%m-%d %H:%M} UTC, a day from now"
    numbers = sheet.rows[places]
    loaded = delta.loaded
    loaded.rejected = sorted(
        [
            *loaded.rejected,
            *(
                Problem(row, stamp, shown(value), reason)
                for row, value in zip(numbers.tolist(), values, strict=True)
            ),
        ],
        key=lambda problem: (problem.row, problem.column),
    )
    earlier = loaded.fates.get(REJECTED, numbers[:0])
    loaded.fates = {**loaded.fates, REJECTED: np.union1d(earlier, numbers)}
