"""The point-in-time join as a sentence says it, row by row in plain Python; it knows no SQL.

A label sees a row of a history when the keys are equal (and none is missing), the row's event is
not after the label's time, not older than the ttl, and, where only what was known counts, the row
was created by then. Of those the one with the latest event is right; among equal events, the last
created one (never created is first); rows equal in both are all right, but one row gives it all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

FIRST = dt.datetime.min.replace(tzinfo=dt.UTC)


def right_rows(
    label_keys: Sequence[Any],
    at: dt.datetime,
    history: Sequence[Mapping[str, Any]],
    keys: Sequence[str],
    *,
    ttl: dt.timedelta | None = None,
    known_only: bool = False,
) -> list[Mapping[str, Any]]:
    """Return the rows any one of which is right for a label; none when nothing was known.

    A row of the history has the columns `keys`, "event", "created" (may be None) and others.
    """
    seen = []
    for row in history:
        same = all(
            mine is not None and mine == row[key]
            for mine, key in zip(label_keys, keys, strict=True)
        )
        if not same or row["event"] > at:
            continue
        if ttl and row["event"] < at - ttl:
            continue
        if known_only and (row["created"] is None or row["created"] > at):
            continue
        seen.append(row)
    if not seen:
        return []
    best = max((row["event"], row["created"] or FIRST) for row in seen)
    return [row for row in seen if (row["event"], row["created"] or FIRST) == best]
