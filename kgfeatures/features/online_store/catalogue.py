"""After `feast apply`: ops.catalogue mirrors Feast's registry, and each service is a SQL view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgfeatures.db import queries
from kgfeatures.db.wide_tables.services import Service, sync_views
from kgfeatures.features import registry

if TYPE_CHECKING:
    from feast import FeatureStore, RepoConfig
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.features.online_store.layouts import Layouts


def refresh(conn: Connection[TupleRow], config: RepoConfig, layouts: Layouts) -> None:
    """Read the registry and write down what there is.

    Only a SQL registry holds the new definitions already when Feast updates the online store; with
    any other one nothing is done.
    """
    settings: Any = config.registry
    if settings.registry_type != "sql":
        return
    from feast import FeatureStore

    store = FeatureStore(config=config)
    try:
        services = [_service(conn, layouts, store, one) for one in store.list_feature_services()]
        sync_views(
            conn, layouts.schema, layouts.project, [one for one in services if one is not None]
        )
        if queries.scalar(conn, "features_online.has_catalogue"):
            tables = {
                view.name: table.title
                for view in store.list_feature_views()
                if (table := layouts.found(conn, layouts.name(view))) is not None
            }
            registry.write_catalogue(conn, registry.describe(store, tables))
            queries.execute(conn, "features.forget_personal_data")
            queries.execute(conn, "features.list_personal_data")
    finally:
        registry.dispose(store)


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
