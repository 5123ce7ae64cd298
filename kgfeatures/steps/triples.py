"""Triples: what the graph says of each product and customer, as features with both of their times.

A row of feature.product_triples or feature.customer_triples holds from event_timestamp on (when it
was true) for whoever looks from created_timestamp on (when it was known). So a point-in-time join
finds what was true at a label's moment as it was known then: late news and retractions included.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kgfeatures.db import queries
from kgfeatures.db.runs import run_step
from kgfeatures.db.step import Step, StepResult

if TYPE_CHECKING:
    import datetime as dt

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.types import Progress

TRIPLES = Step(
    name="triples",
    version="1",
    inputs=("kg.triple", "kg.entity", "kg.relation"),
    outputs=("feature.product_triples", "feature.customer_triples"),
)


def triples(
    database: Database, *, progress: Progress | None = None, force: bool = False
) -> StepResult:
    """Bring feature.product_triples and feature.customer_triples up to date.

    What begins after the end of the data (ops.data_cutoff) is left out until then. New
    interactions alone change nothing, unless the end of the data passes such a moment.

    Parameters
    ----------
    database : the shop's database; triples may be loaded.
    progress : told of each kind.
    force : compute again, also when nothing changed.

    Raises
    ------
    BusyError : another process is doing it.
    """
    until: dt.datetime = database.rows("triples.last_change")[0]["changes_at"]
    params = {"until": until.isoformat()}
    work = partial(_update, until=until)
    return run_step(database, TRIPLES, params, work, progress=progress, force=force)


def _update(
    conn: Connection[TupleRow], progress: Progress, *, until: dt.datetime
) -> dict[str, int]:
    progress.start("triples of products and customers", 2)
    for kind in ("product", "customer"):
        queries.execute(conn, f"triples.update_{kind}s", until=until)
        progress.advance()
    queries.execute(conn, "triples.analyze")
    [counts] = queries.fetch(conn, "triples.counts")
    return {f"feature.{kind}_triples": counts[f"{kind}s"] for kind in ("product", "customer")}
