"""Which rows of the profiles have to be computed, and which still stand (docs/adr/0006).

A row looks back from its cut-off. It stands when no line of its customer or product before the
cut-off came, went or was corrected, and the graph says the same of it. At a new end of the data it
is the row at the old end, days older, unless a line came or left one of the windows meanwhile.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgfeatures.db import queries
from kgfeatures.db.runs import hashes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.step import Step

BEGINNING = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
MOMENT = dt.timedelta(microseconds=1)
KINDS = ("customer", "product")


@dataclass(frozen=True)
class Scope:
    """What is to be computed.

    Parameters
    ----------
    cutoffs : all of them, in order.
    stale : kind -> key -> rows at cut-offs after this moment are to be computed.
    others : the same for all other keys; None where their rows stand.
    carried : the old end of the data, whose rows are carried to the cut-offs after it.
    taste_since : favourites, which compare with everybody, may differ at cut-offs after it.
    """

    cutoffs: list[dt.datetime]
    stale: Mapping[str, Mapping[str, dt.datetime]]
    others: dt.datetime | None
    carried: dt.datetime | None
    taste_since: dt.datetime

    @property
    def whole(self) -> bool:
        """Whether nothing stands."""
        return self.others == BEGINNING

    def since(self, kind: str, keys: Sequence[str]) -> dict[str, dt.datetime]:
        """Return those of the keys whose rows are to be computed, and after which moment."""
        stale, others = self.stale[kind], self.others
        found = ((key, stale.get(key, others)) for key in keys)
        return {key: moment for key, moment in found if moment is not None}

    def portions(
        self, since: Mapping[str, dt.datetime]
    ) -> Iterator[tuple[list[dt.datetime], dict[str, dt.datetime]]]:
        """Yield cut-offs and keys to compute together: those that need only the new ones apart."""
        end = self.carried or dt.datetime.max.replace(tzinfo=dt.UTC)
        recent = {key: moment for key, moment in since.items() if moment >= end}
        older = {key: moment for key, moment in since.items() if moment < end}
        if older:
            yield self.cutoffs, older
        if recent:
            yield [cutoff for cutoff in self.cutoffs if cutoff > end], recent


def everything(cutoffs: list[dt.datetime]) -> Scope:
    """Return the scope of a computation from scratch."""
    return Scope(cutoffs, {kind: {} for kind in KINDS}, BEGINNING, None, BEGINNING)


def find_scope(conn: Connection[TupleRow], step: Step, cutoffs: list[dt.datetime]) -> Scope:
    """Return what changed since the step's last finished run; everything when that is unknown."""
    before = _known_before(conn, step)
    if before is None:
        return everything(cutoffs)
    old = [row["cutoff"] for row in queries.fetch(conn, "profile_scope.moments")]
    stale, taste_since = _changes(conn, before)
    new = sorted(set(cutoffs) - set(old))
    if not new:
        return Scope(cutoffs, stale, None, None, taste_since)
    end = old[-1]
    taste_since = min(taste_since, new[0] - MOMENT)
    if new[0] < end:
        # The data ends earlier now: there is no row to carry to that end.
        others = new[0] - MOMENT
        earlier = {
            kind: {key: min(since, others) for key, since in keys.items()}
            for kind, keys in stale.items()
        }
        return Scope(cutoffs, earlier, others, None, taste_since)
    for kind, keys in stale.items():
        touched = queries.fetch(
            conn, "profile_scope.touched", entity_type=kind, old_end=end, new_end=new[-1]
        )
        keys.update({row["key"]: end for row in touched if row["key"] not in keys})
        keys.update({key: end for key, since in keys.items() if since > end})
    return Scope(cutoffs, stale, None, end, taste_since)


def _known_before(conn: Connection[TupleRow], step: Step) -> str | None:
    """Return the content of raw.interaction from which the tables, as they are, were computed."""
    runs = queries.fetch(
        conn, "runs.last_finished", step=step.name, code_version=step.version, params="{}"
    )
    if not runs or any(runs[0]["outputs"].get(name) is None for name in step.outputs):
        return None
    outputs = {name: runs[0]["outputs"][name] for name in step.outputs}
    if hashes(conn, step.outputs) != outputs:
        return None
    before, now = runs[0]["inputs"]["raw.interaction"], hashes(conn, ["raw.interaction"])
    after = now["raw.interaction"]
    known = queries.scalar(conn, "profile_scope.unbroken", before=before, after=after)
    return before if known else None


def _changes(
    conn: Connection[TupleRow], before: str
) -> tuple[dict[str, dict[str, dt.datetime]], dt.datetime]:
    """Return whose rows changed after when, and the first moment that anybody's taste may feel."""
    changed = queries.fetch(conn, "profile_scope.changed_keys", before=before)
    facts = queries.fetch(conn, "profile_scope.changed_facts")
    stale: dict[str, dict[str, dt.datetime]] = {kind: {} for kind in KINDS}
    first = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
    for row in (*changed, *facts):
        keys = stale[row["kind"]]
        # A fact without a time changes all rows: those after the first interaction.
        since = row["since"]
        keys[row["key"]] = min(since, keys.get(row["key"], since))
        first = min(first, since)
    return stale, first
