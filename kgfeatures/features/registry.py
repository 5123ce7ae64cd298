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

    from feast import FeatureStore
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.features.store import Repository

ZH = "description_zh"
# What Feast gives to views without entities; feast is not imported for it.
DUMMY, DUMMY_KEY = "__dummy", "__dummy_id"


class Described(NamedTuple):
    """One row of ops.catalogue."""

    kind: str
    name: str
    description: str
    details: dict[str, Any]


def apply(store: FeatureStore, repository: Repository) -> None:
    """Register what the repository's files define, as `feast apply` does there.

    What is registered and no longer defined is removed, with its online table.

    Parameters
    ----------
    store : of the repository's folder.
    repository : what its files define.
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
    views = [*store.list_feature_views(), *store.list_stream_feature_views()]
    return sorted(
        [
            *describe_some(store.project, views, store.list_entities(), online),
            *(_described_service(store.project, one) for one in store.list_feature_services()),
        ]
    )


def describe_some(
    project: str, views: Iterable[Any], entities: Iterable[Any], online: Mapping[str, str]
) -> list[Described]:
    """Return some entities and feature views of a project; see `describe`.

    Parameters
    ----------
    project : Feast's name for the repository.
    views, entities : of Feast's classes.
    online : the online table of each view, "schema.table" by the view's name.
    """
    return [
        *(_described_entity(project, one) for one in entities if one.name != DUMMY),
        *(_described_view(project, one, online.get(one.name, "")) for one in views),
    ]


def write_catalogue(conn: Connection[TupleRow], rows: Iterable[Described]) -> int:
    """Replace what ops.catalogue says about Feast's registry, and return the number of rows.

    Parameters
    ----------
    rows : of all projects: what is not among them is removed.
    """
    queries.execute(conn, "features.clear_catalogue")
    written = 0
    for row in rows:
        queries.execute(conn, "features.add_to_catalogue", **_parameters(row))
        written += 1
    return written


def dispose(store: FeatureStore) -> None:
    """Close the connections that a store's registry keeps open."""
    registry: Any = store.registry
    for name in ("write_engine", "read_engine"):
        engine = getattr(registry, name, None)
        if engine is not None:
            engine.dispose()


def add_to_catalogue(
    conn: Connection[TupleRow], project: str, rows: Iterable[Described], gone: Iterable[str]
) -> None:
    """Write rows of a project into ops.catalogue, and remove its views that are gone.

    What another project has registered under the same name stays as it is.

    Parameters
    ----------
    project : the one that `rows` and `gone` are of.
    rows : new ones, or those to replace.
    gone : names of feature views.
    """
    names = list(gone)
    queries.execute(conn, "features.remove_from_catalogue", project=project, names=names)
    for row in rows:
        queries.execute(conn, "features.put_into_catalogue", **_parameters(row))


def _parameters(row: Described) -> dict[str, str]:
    details = json.dumps(row.details, ensure_ascii=False, sort_keys=True)
    return {"kind": row.kind, "name": row.name, "description": row.description, "details": details}


def _about(project: str, thing: Any) -> dict[str, Any]:
    """Return what entities, views and services have in common."""
    tags = dict(thing.tags or {})
    return {"project": project, "owner": thing.owner or "", "tags": tags, ZH: tags.get(ZH, "")}


def _described_entity(project: str, entity: Any) -> Described:
    details = {"join_key": entity.join_key, "value_type": entity.value_type.name}
    return Described("entity", entity.name, entity.description, details | _about(project, entity))


def _described_service(project: str, service: Any) -> Described:
    details = {
        "features": [
            f"{projection.name_to_use()}:{field.name}"
            for projection in service.feature_view_projections
            for field in projection.features
        ],
        "feature_views": [one.name for one in service.feature_view_projections],
    }
    return Described(
        "feature_service", service.name, service.description, details | _about(project, service)
    )


def _described_view(project: str, view: Any, online: str) -> Described:
    source = view.batch_source
    made_by = view.tags.get("made_by", "")
    # What kgfeatures makes stands in a table called like the view, whatever its source reads.
    table = getattr(source, "table", "") if source is not None else ""
    table = f"feature.{view.name}" if made_by else table
    details = {
        "entities": [one for one in view.entities if one != DUMMY],
        "join_keys": [field.name for field in view.entity_columns if field.name != DUMMY_KEY],
        "keys": [_described_field(field) for field in view.entity_columns],
        "source_table": table,
        "timestamp_field": getattr(source, "timestamp_field", ""),
        "created_timestamp_column": getattr(source, "created_timestamp_column", ""),
        "ttl_seconds": view.ttl.total_seconds() if view.ttl else None,
        "online": view.online,
        "online_table": online,
        "made_by": made_by,
        "columns": [_described_field(field) for field in view.features],
    }
    return Described("feature_view", view.name, view.description, details | _about(project, view))


def _described_field(field: Any) -> dict[str, Any]:
    return {
        "name": field.name,
        "type": str(field.dtype),
        "description": field.description,
        "tags": dict(field.tags or {}),
        "metric": (field.vector_search_metric or "") if field.vector_index else "",
    }
