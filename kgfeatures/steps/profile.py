"""Profile: the behaviour of customers and products, with monthly history, computed in SQL.

sql/functions/feature_*.sql hold the definitions; every row is made from what occurred strictly
before its cut-off, so that a training set never sees the future.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgfeatures.db import queries
from kgfeatures.db.migrations import repeat
from kgfeatures.db.runs import Step, StepResult, run_step
from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.types import Progress

PROFILE = Step(
    name="profile",
    version="1",
    inputs=("raw.interaction", "kg.triple", "kg.entity", "kg.relation"),
    outputs=("feature.customer_profile", "feature.product_profile"),
)
REPEATABLE = (
    "migrations/0003_feature_tables.sql",
    "functions/feature_3_customer_profile.sql",
    "functions/feature_4_product_profile.sql",
)


def profile(
    database: Database, *, progress: Progress | None = None, force: bool = False
) -> StepResult:
    """Compute feature.customer_profile and feature.product_profile.

    Parameters
    ----------
    database : the shop's database; interactions are loaded, triples may be.
    progress : told of each table.
    force : compute again even when nothing changed.

    Raises
    ------
    DataError : there are no interactions.
    BusyError : another process is computing profiles.
    """
    return run_step(database, PROFILE, {}, _compute, progress=progress, force=force)


def _compute(conn: Connection[TupleRow], progress: Progress) -> dict[str, int]:
    if not queries.scalar(conn, "profile.has_interactions"):
        raise DataError(
            "raw.interaction holds no rows, so there is nothing to profile; "
            "run `kgfeatures ingest DIR` first"
        )
    if not queries.scalar(conn, "profile.has_tables"):
        repeat(conn, REPEATABLE)
    progress.start("profiles", 2)
    queries.execute(conn, "profile.clear")
    customers = queries.execute(conn, "profile.customers")
    progress.advance()
    products = queries.execute(conn, "profile.products")
    progress.advance()
    queries.execute(conn, "profile.analyze")
    return {"feature.customer_profile": customers, "feature.product_profile": products}
