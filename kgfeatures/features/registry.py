"""Feast's registry: put the definitions in, and read them out for those who have no Feast."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from kgfeatures.db import queries
from kgfeatures.features.store import parse_definitions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from feast import FeatureStore, FeatureView
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.features.store import Repository

ZH = "description_zh"


class Described(NamedTuple):
    """One row of ops.catalogue."""

    kind: str
    name: str
    description: str
    details: dict[str, Any]


def apply(store: FeatureStore, repository: Repository) -> None:
    """Register what the repository's files define, as `feast apply` does there.

    What is registered and no longer defined is removed, with its online table.
    """
    from feast.repo_operations import apply_total_with_repo_instance

    contents = parse_definitions(repository.folder)
    with contextlib.redirect_stdout(io.StringIO()):
        apply_total_with_repo_instance(
            store, store.project, store.registry, contents, skip_source_validation=True
        )


def describe(store: FeatureStore, online: Mapping[str, str]) -> list[Described]:
    """Return what is registered: entities, feature views and feature services, sorted by name.

    Parameters
    ----------
    online : "schema.table" by view, of the views that have an online table.
    """
    entities = [
        Described(
            "entity",
            entity.name,
            entity.description,
            {"join_key": entity.join_key, ZH: entity.tags.get(ZH, "")},
        )
        for entity in store.list_entities()
        if entity.name != "__dummy"
    ]
    services = [
        Described(
            "feature_service",
            service.name,
            service.description,
            {
                ZH: service.tags.get(ZH, ""),
                "features": [
                    f"{projection.name_to_use()}:{field.name}"
                    for projection in service.feature_view_projections
                    for field in projection.features
                ],
            },
        )
        for service in store.list_feature_services()
    ]
    views = [
        _described_view(view, online.get(view.name, "")) for view in store.list_feature_views()
    ]
    return sorted([*entities, *services, *views])


def write_catalogue(conn: Connection[TupleRow], rows: Iterable[Described]) -> int:
    """Replace what ops.catalogue says about Feast's registry, and return the number of rows."""
    queries.execute(conn, "features.clear_catalogue")
    written = 0
    for row in rows:
        queries.execute(
            conn,
            "features.add_to_catalogue",
            kind=row.kind,
            name=row.name,
            description=row.description,
            details=json.dumps(row.details, ensure_ascii=False, sort_keys=True),
        )
        written += 1
    return written


def dispose(store: FeatureStore) -> None:
    """Close the connections that a store's registry keeps open."""
    registry: Any = store.registry
    for name in ("write_engine", "read_engine"):
        engine = getattr(registry, name, None)
        if engine is not None:
            engine.dispose()


def _described_view(view: FeatureView, online: str) -> Described:
    details = {
        "entities": list(view.entities),
        "join_keys": list(view.join_keys),
        "source_table": f"feature.{view.name}",
        "online_table": online,
        "made_by": view.tags.get("made_by", ""),
        ZH: view.tags.get(ZH, ""),
        "columns": [
            {"name": field.name, "type": str(field.dtype), "description": field.description}
            for field in view.features
        ],
    }
    return Described("feature_view", view.name, view.description, details)
