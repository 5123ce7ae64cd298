"""After `feast apply`: ops.catalogue mirrors Feast's registry, and each service is a SQL view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kgfeatures.db import queries
from kgfeatures.db.wide_tables.services import Service, sync_views
from kgfeatures.features import registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feast import FeatureStore, RepoConfig
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.features.online_store.layouts import Layouts


class Changed(NamedTuple):
    """What `feast apply` changes: views that are gone, views and entities that stay."""

    gone: Sequence[Any]
    kept: Sequence[Any]
    entities: Sequence[Any]


def refresh(
    conn: Connection[TupleRow], config: RepoConfig, layouts: Layouts, changed: Changed
) -> None:
    """Write down what there is.

    A SQL registry holds the new definitions already when Feast updates the online store, and is
    read. Any other one is written afterwards: views and entities are taken from what Feast gives,
    and feature services are not known.
    """
    settings: Any = config.registry
    if settings.registry_type == "sql":
        _read_registry(conn, config, layouts)
    elif queries.scalar(conn, "features_online.has_catalogue"):
        views = [view for view in changed.kept if hasattr(view, "batch_source")]
        rows = registry.describe_some(
            config.project, views, changed.entities, _tables(conn, layouts, views)
        )
        gone = [view.name for view in changed.gone]
        registry.add_to_catalogue(conn, config.project, rows, gone)
        _list_personal_data(conn)


def _read_registry(conn: Connection[TupleRow], config: RepoConfig, layouts: Layouts) -> None:
    from feast import FeatureStore

    store = FeatureStore(config=config)
    try:
        services = [_service(conn, layouts, store, one) for one in store.list_feature_services()]
        sync_views(
            conn, layouts.schema, layouts.project, [one for one in services if one is not None]
        )
        if queries.scalar(conn, "features_online.has_catalogue"):
            views = [*store.list_feature_views(), *store.list_stream_feature_views()]
            tables = _tables(conn, layouts, views)
            registry.write_catalogue(conn, registry.describe(store, tables))
            _list_personal_data(conn)
    finally:
        registry.dispose(store)


def _tables(conn: Connection[TupleRow], layouts: Layouts, views: Sequence[Any]) -> dict[str, str]:
    """Return the online table of each view that has one."""
    found = {view.name: layouts.found(conn, layouts.name(view)) for view in views}
    return {name: table.title for name, table in found.items() if table is not None}


def _list_personal_data(conn: Connection[TupleRow]) -> None:
    queries.execute(conn, "features.forget_personal_data")
    queries.execute(conn, "features.list_personal_data")


def _service(
    conn: Connection[TupleRow], layouts: Layouts, store: FeatureStore, service: Any
) -> Service | None:
    """Return a service whose views stand online under the same keys; None for any other."""
    views = {view.name: view for view in store.list_feature_views()}
    parts: list[Any] = []
    for projection in service.feature_view_projections:
        view = views.get(projection.name)
        table = layouts.found(conn, layouts.name(view)) if view is not None else None
        if table is None or projection.join_key_map:
            return None
        names = tuple(field.name for field in projection.features)
        parts.append((projection.name_to_use(), table, names))
    keys = {tuple((key.column, key.type) for key in table.keys) for _, table, _ in parts}
    if len(keys) != 1:
        return None
    return Service(service.name, service.description or "", tuple(parts))
