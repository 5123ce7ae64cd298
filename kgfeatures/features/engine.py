"""A batch engine for Feast that materializes inside PostgreSQL.

Where the feature table and the online table are in one database, the newest rows go from one to
the other by insert-select; where they are in two, by COPY from one to the other. What is no plain
table or query of PostgreSQL (transformations, files) is left to Feast's local engine.

    batch_engine:
      type: kgfeatures.features.engine.KGFeaturesEngine
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from feast.feature_view import DUMMY_ENTITY_ID
from feast.infra.common.materialization_job import MaterializationJobStatus
from feast.infra.compute_engines.local.compute import LocalComputeEngine
from feast.infra.compute_engines.local.job import LocalMaterializationJob
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import (
    PostgreSQLSource,
)
from feast.repo_config import FeastConfigBaseModel

from kgfeatures.db import composing
from kgfeatures.db.wide_tables.filling import Filled, History, fill, lock, search_in
from kgfeatures.db.wide_tables.pulling import pull
from kgfeatures.errors import KGFeaturesError
from kgfeatures.features.offline.tables import require_columns
from kgfeatures.features.online_store import KGFeaturesOnlineStore
from kgfeatures.features.online_store.layouts import searchable
from kgfeatures.features.source import dsn_of_config

if TYPE_CHECKING:
    from feast import FeatureView
    from feast.infra.common.materialization_job import MaterializationTask
    from feast.infra.registry.base_registry import BaseRegistry

SAME = ("host", "port", "database")


class KGFeaturesEngineConfig(FeastConfigBaseModel):
    """The settings of `KGFeaturesEngine` in feature_store.yaml: none."""

    type: Literal["kgfeatures.features.engine.KGFeaturesEngine"] = (
        "kgfeatures.features.engine.KGFeaturesEngine"
    )


class KGFeaturesEngine(LocalComputeEngine):
    """Feast's batch engine over PostgreSQL."""

    def __init__(self, *, type: str = "", backend: str | None = None, **stores: Any) -> None:  # noqa: A002, ARG002  Feast's names
        super().__init__(backend=backend, **stores)

    def _materialize_one(
        self, registry: BaseRegistry, task: MaterializationTask, **options: Any
    ) -> LocalMaterializationJob:
        """Fill the online table of a view; what cannot be pushed down goes Feast's own way."""
        view: Any = task.feature_view
        if not self.takes(view):
            return super()._materialize_one(registry, task, **options)
        try:
            filled = self.fill(
                view,
                None if task.disable_event_timestamp else task.start_time,
                task.end_time,
            )
        except KGFeaturesError as error:
            return _job(task, MaterializationJobStatus.ERROR, error)
        if task.tqdm_builder is not None:
            with task.tqdm_builder(filled.rows) as bar:
                bar.update(filled.rows)
        return _job(task, MaterializationJobStatus.SUCCEEDED, None)

    def takes(self, view: Any) -> bool:
        """Return whether a view's rows can go from table to table as they are."""
        made = any(
            getattr(view, name, None)
            for name in ("feature_transformation", "aggregations", "filter")
        )
        plain = not made and getattr(view, "online", True) and not getattr(view, "offline", False)
        source = getattr(view, "batch_source", None)
        offline: Any = self.repo_config.offline_store
        return (
            plain
            and isinstance(self.online_store, KGFeaturesOnlineStore)
            and isinstance(source, PostgreSQLSource)
            and all(hasattr(offline, name) for name in SAME)
        )

    def fill(self, view: FeatureView, since: Any, until: Any, *, mirror: bool = False) -> Filled:
        """Write the newest row of each key into a view's online table.

        Parameters
        ----------
        since, until : the rows' event time lies between, both included; None for all.
        mirror : keys that the source does not have are removed.

        Raises
        ------
        DataError : no online table, vectors of another width.
        UnknownNameError : a column that the source does not have.
        DatabaseError : PostgreSQL refused.
        """
        store: Any = self.online_store
        offline: Any = self.repo_config.offline_store
        online: Any = self.repo_config.online_store
        layouts = store.layouts(self.repo_config)
        history = _history(view, since, until)
        with store.sessions(self.repo_config).transaction() as conn:
            layouts.forget(view)
            # As it is once nobody changes it any more: `feast apply` may be at it.
            lock(conn, layouts.table(conn, view))
            layouts.forget(view)
            table = searchable(layouts.table(conn, view), view)
            layouts.forget(view)
            if any(getattr(offline, name) != getattr(online, name) for name in SAME):
                history = pull(conn, dsn_of_config(offline), table, history, lambda _: None)
            else:
                # Sources may name tables without their schema.
                search_in(conn, offline.db_schema, "public")
                source = composing.columns(conn, f"feature view {view.name!r}", history.relation)
                require_columns(view.name, history.names, source)
            return fill(conn, table, history, mirror=mirror)


def _history(view: FeatureView, since: Any, until: Any) -> History:
    source: Any = view.batch_source
    mapped = {to: name for name, to in (source.field_mapping or {}).items()}
    fields = [field.name for field in (*view.entity_columns, *view.features)]
    columns = {name: mapped.get(name, name) for name in fields if name != DUMMY_ENTITY_ID}
    created = source.created_timestamp_column or None
    return History(
        relation=composing.foreign(source.get_table_query_string()),
        columns=columns,
        event=mapped.get(source.timestamp_field, source.timestamp_field),
        created=mapped.get(created, created) if created else None,
        since=since,
        until=until,
    )


def _job(
    task: MaterializationTask, status: MaterializationJobStatus, error: BaseException | None
) -> LocalMaterializationJob:
    name = f"{task.feature_view.name}-{task.start_time}-{task.end_time}"
    return LocalMaterializationJob(job_id=name, status=status, error=error)
