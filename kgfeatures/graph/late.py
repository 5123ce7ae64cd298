"""`late: 14d`: how late rows of a table may still come, change or go; older ones are left alone."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgfeatures.graph.section import Section

_SPAN = re.compile(r"(\d{1,5}) *([dh])")


def span_of(section: Section) -> dt.timedelta | None:
    """Return how late a section's rows may be, None where all of them are compared each time."""
    match = _SPAN.fullmatch(section.words.get("late", ""))
    if match is None:
        return None
    n = int(match[1])
    return dt.timedelta(days=n) if match[2] == "d" else dt.timedelta(hours=n)


def check(section: Section) -> None:
    """Check the key `late` of a section of interactions.

    Raises
    ------
    ManifestError : it is no span of time, or the section reads a file.
    """
    if "late" not in section.words:
        return
    where = section.where.under("late")
    if span_of(section) is None:
        raise where.error(f"is {section.words['late']!r}; write days or hours, such as 14d or 36h")
    if section.table is None:
        raise where.error("is for tables only: a file that changed is read whole; leave it out")
