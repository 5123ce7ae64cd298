"""Publish: register the feature tables with Feast, and serve the latest row of every key online.

Feast writes over its own connections; only the catalogue and the list of personal data are
written in a step's transaction. So online tables are no outputs of a step: whether they still
stand is seen from the number of keys in them.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from kgfeatures.db import queries
from kgfeatures.db.runs import run_step
from kgfeatures.db.step import Step, StepResult
from kgfeatures.features import online, registry
from kgfeatures.features.store import Repository, open_store

if TYPE_CHECKING:
    from feast import FeatureStore
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.types import Progress

REGISTER = Step(name="features apply", version="1")


def publish(
    database: Database,
    repository: Repository | None = None,
    *,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Register the definitions, then fill the online tables; see `register` and `materialize`.

    Parameters
    ----------
    repository : whose definitions; None takes the one that is shipped.
    progress : told of each view.
    force : register and compare all again, also when nothing changed.
    """
    place = repository or Repository()
    registered = register(database, place, progress=progress, force=force)
    filled = materialize(database, place, progress=progress, force=force)
    return StepResult(
        step="publish",
        rows=filled.rows,
        seconds=registered.seconds + filled.seconds,
        skipped=registered.skipped and filled.skipped,
    )


def register(
    database: Database,
    repository: Repository | None = None,
    *,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Register the definitions, as `feast apply` does, and mirror them in ops.catalogue.

    Parameters
    ----------
    database : the shop's database.
    repository : the Feast repository; None takes the one that belongs to this package.
    progress : told when it is done.
    force : register again even when no definition changed.

    Raises
    ------
    ConfigError : the Feast repository cannot be used.
    BusyError : another process is registering.
    DatabaseError : PostgreSQL refused.
    """
    place = repository or Repository()

    def work(conn: Connection[TupleRow], told: Progress) -> dict[str, int]:
        told.start("feast apply", 1)
        with open_store(database, place) as store:
            registry.apply(store, place)
            rows = _write_catalogue(conn, store)
        told.advance()
        return rows

    standing = database.rows("features.is_registered", names=list(place.tables))[0]["found"]
    return run_step(
        database, REGISTER, _params(place), work, progress=progress, force=force or not standing
    )


def materialize(
    database: Database,
    repository: Repository | None = None,
    *,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Fill the online tables, as `feast materialize` does, with the latest row of every key.

    Views whose feature table does not exist yet are left out with a note.

    Parameters
    ----------
    database : the shop's database; the definitions are registered.
    repository : the Feast repository; None takes the one that belongs to this package.
    progress : told of each view, with the rows written per second.
    force : fill again even when no feature table changed.

    Returns
    -------
    result : rows by feature view: the keys that it serves.

    Raises
    ------
    ConfigError : the Feast repository cannot be used.
    BusyError : another process is materializing.
    DatabaseError : PostgreSQL refused.
    """
    place = repository or Repository()
    step = Step(
        name="features materialize",
        version="1",
        inputs=tuple(f"feature.{table}" for table in place.tables),
    )

    def work(conn: Connection[TupleRow], told: Progress) -> dict[str, int]:
        with open_store(database, place) as store:
            return _fill(conn, database, store, told)

    current = all(online.is_current(database, table) for table in place.tables)
    return run_step(
        database, step, _params(place), work, progress=progress, force=force or not current
    )


def _params(repository: Repository) -> dict[str, object]:
    return {"repository": repository.sha256, "feast": version("feast")}


def _write_catalogue(conn: Connection[TupleRow], store: FeatureStore) -> dict[str, int]:
    """Mirror the registry where Feast's own store is used; ours did so when it was updated."""
    if not online.is_wide(store):
        tables = {
            view.name: f"online.{online.stock_table(store.project, view.name)}"
            for view in store.list_feature_views()
        }
        registry.write_catalogue(conn, registry.describe(store, tables))
    return {"catalogue": queries.scalar(conn, "features.catalogue_size")}


def _fill(
    conn: Connection[TupleRow], database: Database, store: FeatureStore, progress: Progress
) -> dict[str, int]:
    views = sorted(store.list_feature_views(), key=lambda view: view.name)
    progress.start("feast materialize", len(views))
    rows: dict[str, int] = {}
    for view in views:
        done = online.materialize(store, database, view)
        if done is None:
            made_by = view.tags.get("made_by", "another step")
            progress.note(f"{view.name} waits for feature.{view.name}, which `{made_by}` makes")
        else:
            rows[view.name] = done.keys
            progress.note(
                f"{view.name}: {done.keys} keys online, {done.keys / done.seconds:.0f} keys/s"
            )
            if "customer_id" in view.join_keys:
                table = online.stock_table(store.project, view.name)
                queries.execute(conn, "features.list_online_keys", table_name=table)
        progress.advance()
    queries.execute(conn, "features.forget_personal_data")
    queries.execute(conn, "features.list_personal_data")
    queries.execute(conn, "features.refresh_plain_views")
    return rows
