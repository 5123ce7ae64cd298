"""Which way to join: what each would cost, from sizes and from the planner's own estimates.

    lateral   one look-up in the source's index per label: few labels, any history
    merge     one sort of labels and history on the server: many labels, large history
    client    the history comes here and is searched in numpy: labels far outnumber it

The constants are seconds, measured on two cores over a socket; only their proportions matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kgfeatures.db.composing import estimate
from kgfeatures.features.offline.statements import history, probe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.features.offline.tables import FeatureTable

Way = Literal["lateral", "merge", "client"]

# Of one unit of the planner's cost, of a look-up beside it, of a row that is sent, of a byte of it.
COST_UNIT, LOOK_UP, SEND_ROW, SEND_BYTE = 2e-6, 6e-6, 1.5e-6, 6e-9
# Of a row that is sorted on the server, of one that is searched for here, of one uploaded.
SORT_ROW, SEARCH_ROW, UPLOAD_ROW = 4e-6, 0.8e-6, 1.5e-6
# More than so many bytes of features are fetched only for the rows that labels found.
WIDE_BYTES = 64 << 20


@dataclass(frozen=True)
class Plan:
    """The way chosen for one feature view, and why.

    Parameters
    ----------
    view, labels : what is joined, and to how many rows.
    rows, width : how many rows of history the planner expects, and their bytes.
    seconds : what each possible way would take.
    """

    view: str
    way: Way
    labels: int
    rows: int
    width: int
    seconds: dict[Way, float]

    @property
    def is_wide(self) -> bool:
        """Whether the history is too large to come here whole."""
        return self.rows * self.width > WIDE_BYTES

    def __str__(self) -> str:
        costs = ", ".join(f"{way} {cost:.3g} s" for way, cost in self.seconds.items())
        return (
            f"{self.view}: {self.way}, {self.labels:,} labels, about {self.rows:,} rows of "
            f"{self.width} bytes (expected: {costs})"
        )


def choose(
    conn: Connection[TupleRow],
    table: FeatureTable,
    labels: int,
    example: tuple[Sequence[object], int],
    span: tuple[int, int],
    *,
    ways: Sequence[Way],
) -> Plan:
    """Return the plan for a feature table that takes the least time.

    Parameters
    ----------
    labels : how many there are.
    example : the keys and the time of one of them.
    span : the first and the last time of all.
    ways : those that are possible.

    Raises
    ------
    DatabaseError : the server does not understand the source, or the keys.
    """
    what = f"feature view {table.view!r}"
    expected = estimate(conn, what, history(table, *span, features=True))
    rows, width = int(expected["Plan Rows"]), int(expected["Plan Width"])
    probed = estimate(conn, what, probe(table, *example))
    found = min(labels, rows) * (LOOK_UP + SEND_ROW + width * SEND_BYTE)
    here = rows * (SEND_ROW + width * SEND_BYTE)
    if rows * width > WIDE_BYTES:
        here = rows * (SEND_ROW + 16 * SEND_BYTE) + found
    seconds: dict[Way, float] = {
        "lateral": labels * (UPLOAD_ROW + LOOK_UP + probed["Total Cost"] * COST_UNIT) + found,
        "merge": (labels + rows) * SORT_ROW + labels * UPLOAD_ROW + found,
        "client": here + (labels + rows) * SEARCH_ROW,
    }
    possible: dict[Way, float] = {way: seconds[way] for way in ways}
    best = min(ways, key=seconds.__getitem__)
    return Plan(table.view, best, labels, rows, width, possible)
