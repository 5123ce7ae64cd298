"""Profile: the behaviour of customers and products, with monthly history.

sql/functions/feature_*.sql hold the definitions; every row is made from what occurred strictly
before its cut-off, so that a training set never sees the future. Only rows that changed are
computed again; favourites, which compare with everybody, by arrays (kgfeatures.segments.taste).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from kgfeatures.db import queries, transport
from kgfeatures.db.migrations import repeat
from kgfeatures.db.runs import run_step
from kgfeatures.db.step import Step, StepResult
from kgfeatures.errors import DataError
from kgfeatures.steps.profile_favourites import (
    Catalogue,
    Favourites,
    differing,
    read_catalogue,
    read_favourites,
)
from kgfeatures.steps.profile_scope import everything, find_scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.steps.profile_scope import Scope
    from kgfeatures.types import Progress

PROFILE = Step(
    name="profile",
    version="2",
    inputs=("raw.interaction", "kg.triple", "kg.entity", "kg.relation"),
    outputs=("feature.customer_profile", "feature.product_profile", "ops.profiled_fact"),
)
REPEATABLE = (
    "migrations/0003_feature_tables.sql",
    "functions/feature_3_customer_behaviour.sql",
    "functions/feature_3_customer_profile.sql",
    "functions/feature_4_product_profile.sql",
)
# Computed at once: few enough to stay in memory, enough for a plan to pay off.
LINES_AT_ONCE = 200_000
# What grows with every day, in both tables.
DAYS = ("tenure_days", "days_since_last_order")


def profile(
    database: Database, *, progress: Progress | None = None, force: bool = False
) -> StepResult:
    """Compute feature.customer_profile and feature.product_profile, or what of them changed.

    Parameters
    ----------
    database : the shop's database; interactions are loaded, triples may be.
    progress : told of each customer and product.
    force : compute everything again, also when nothing changed.

    Raises
    ------
    DataError : there are no interactions.
    BusyError : another process is computing profiles.
    """
    work = partial(_compute, force=force)
    return run_step(database, PROFILE, {}, work, progress=progress, force=force)


def _compute(conn: Connection[TupleRow], progress: Progress, *, force: bool) -> dict[str, int]:
    if not queries.scalar(conn, "profile.has_interactions"):
        raise DataError(
            "raw.interaction holds no rows, so there is nothing to profile; "
            "run `kgfeatures ingest DIR` first"
        )
    queries.execute(conn, "profile.scan_once")
    lost = not queries.scalar(conn, "profile.has_tables")
    if lost:
        repeat(conn, REPEATABLE)
    cutoffs = [row["cutoff"] for row in queries.fetch(conn, "profile.cutoffs")]
    scope = everything(cutoffs) if force or lost else find_scope(conn, PROFILE, cutoffs)
    for kind in ("customer", "product"):
        _Table(conn, progress, scope, kind).update()
    queries.execute(conn, "profile.forget_moments", cutoffs=cutoffs)
    queries.execute(conn, "profile_scope.forget_facts")
    queries.execute(conn, "profile_scope.remember_facts")
    queries.execute(conn, "profile.analyze" if scope.whole else "profile.analyze_keys")
    [counts] = queries.fetch(conn, "profile.counts")
    return {f"feature.{kind}_profile": counts[f"{kind}s"] for kind in ("customer", "product")}


@dataclass(frozen=True)
class _Table:
    """One of the two tables, brought up to date."""

    conn: Connection[TupleRow]
    progress: Progress
    scope: Scope
    kind: str

    @property
    def name(self) -> str:
        return f"feature.{self.kind}_profile"

    def update(self) -> None:
        """Compute the rows in scope, carry what only grew older, compare all favourites."""
        rows = queries.fetch(self.conn, f"profile.{self.kind}s")
        self.progress.start(f"profiles of {self.kind}s", len(rows))
        old = self._at_old_end()
        stale = self.scope.since(self.kind, list(self.scope.stale[self.kind]))
        self._execute("forget", keys=list(stale), since=list(stale.values()))
        if self.scope.others is not None:
            self._execute("forget_later", since=self.scope.others)
        likes = self.kind == "customer"
        catalogue = read_catalogue(self.conn, self.scope.cutoffs) if likes else None
        for keys in _stretches(rows, f"{self.kind}_id"):
            self._stretch(keys, old, catalogue)
            self.progress.advance(len(keys))

    def _stretch(self, keys: list[str], old: pa.Table | None, catalogue: Catalogue | None) -> None:
        made = [*self._computed(keys), *self._carried(keys, old)]
        if catalogue is not None:
            liked = read_favourites(self.conn, catalogue, keys, self._first_taste)
            self._correct(liked)
            made = [liked.fill(rows) for rows in made]
        for rows in made:
            transport.copy_in(self.conn, self.name, rows)

    @property
    def _first_taste(self) -> int:
        """The number of the first cut-off at which favourites may differ."""
        return sum(cutoff <= self.scope.taste_since for cutoff in self.scope.cutoffs)

    def _computed(self, keys: list[str]) -> Iterator[pa.Table]:
        for cutoffs, stale in self.scope.portions(self.scope.since(self.kind, keys)):
            yield transport.read_arrow(
                self.conn,
                f"profile.{self.kind}_behaviour",
                cutoffs=cutoffs,
                keys=list(stale),
                since=list(stale.values()),
            )

    def _at_old_end(self) -> pa.Table | None:
        """Return the rows at the old end of the data that still hold but for their age."""
        if self.scope.carried is None:
            return None
        query = f"profile.{self.kind}_rows"
        rows = transport.read_arrow(self.conn, query, cutoff=self.scope.carried)
        stale = _among(rows.column(f"{self.kind}_id"), list(self.scope.stale[self.kind]))
        return rows.filter(pc.call_function("invert", [stale]))

    def _carried(self, keys: list[str], old: pa.Table | None) -> Iterator[pa.Table]:
        """Yield the old end's rows as they are at each cut-off after it."""
        carried = self.scope.carried
        if old is None or carried is None:
            return
        some = old.filter(_among(old.column(f"{self.kind}_id"), keys))
        for cutoff in (cutoff for cutoff in self.scope.cutoffs if cutoff > carried):
            rows = some
            for name in DAYS:
                days = pa.scalar((cutoff - carried).days, pa.int32())
                older = pc.call_function("add", [rows.column(name), days])
                rows = rows.set_column(rows.column_names.index(name), name, older)
            for name in ("event_timestamp", "created_timestamp"):
                place, field = rows.column_names.index(name), rows.schema.field(name)
                now = pa.array([cutoff] * len(rows), field.type)
                rows = rows.set_column(place, field, now)
            yield rows

    def _correct(self, liked: Favourites) -> None:
        """Write the favourites of rows that stand but for them."""
        first, last = liked.customers[0].as_py(), liked.customers[-1].as_py()
        cutoffs = liked.catalogue.cutoffs[liked.since :]
        rows = transport.read_arrow(
            self.conn,
            "profile_favourites.favourites",
            cutoffs=cutoffs,
            first_id=first,
            last_id=last,
        )
        wrong = rows.take(differing(rows, liked.fill(rows)))
        if len(wrong) == 0:
            return
        some = {
            "keys": wrong.column("customer_id").to_pylist(),
            "moments": wrong.column("event_timestamp").to_pylist(),
        }
        right = liked.fill(
            transport.read_arrow(self.conn, "profile_favourites.some_customer_rows", **some)
        )
        queries.execute(self.conn, "profile_favourites.drop_customer_rows", **some)
        transport.copy_in(self.conn, self.name, right)

    def _execute(self, verb: str, **params: object) -> int:
        return queries.execute(self.conn, f"profile.{verb}_{self.kind}s", **params)


def _stretches(rows: list[dict[str, object]], key: str) -> Iterator[list[str]]:
    """Yield keys that follow each other and have about LINES_AT_ONCE lines together."""
    keys: list[str] = []
    lines = 0
    for row in rows:
        keys.append(str(row[key]))
        lines += int(str(row["n_lines"]))
        if lines >= LINES_AT_ONCE:
            yield keys
            keys, lines = [], 0
    if keys:
        yield keys


def _among(keys: pa.ChunkedArray, listed: list[str]) -> pa.ChunkedArray:
    """Return whether each key is listed."""
    options = pc.SetLookupOptions(pa.array(listed, pa.string()))
    return pc.call_function("is_in", [keys], options)
