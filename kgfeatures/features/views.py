"""What a Feast request asks of each feature view's table, in the words of the join."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from feast.feature_view import DUMMY_ENTITY_ID
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import (
    PostgreSQLSource,
)
from feast.infra.offline_stores.offline_utils import get_feature_view_query_context

from kgfeatures.errors import DataError
from kgfeatures.features.offline.tables import FeatureTable, Key

if TYPE_CHECKING:
    from feast.feature_view import FeatureView
    from feast.infra.registry.base_registry import BaseRegistry

# Feast wants a range of time, which is ours to know; the last one, since it subtracts the ttl.
_ANY = dt.datetime.max.replace(tzinfo=dt.UTC)


def feature_tables(
    feature_views: list[FeatureView],
    feature_refs: list[str],
    registry: BaseRegistry,
    project: str,
    *,
    full_names: bool,
    known_only: bool,
    since: dt.datetime | None = None,
) -> list[FeatureTable]:
    """Return what is asked of each view: its projection's keys, its features by their own names.

    Parameters
    ----------
    full_names : features come back as "view__feature".
    known_only, since : as in FeatureTable.

    Raises
    ------
    DataError : a view is not read from PostgreSQL.
    """
    for view in feature_views:
        if not isinstance(view.batch_source, PostgreSQLSource):
            raise DataError(
                f"feature view {view.name!r} is read from a {type(view.batch_source).__name__}; "
                "this store reads KGFeaturesSource and Feast's PostgreSQLSource"
            )
    by_name = {view.projection.name_to_use(): view for view in feature_views}
    contexts = get_feature_view_query_context(
        feature_refs, feature_views, registry, project, (_ANY, _ANY)
    )
    made: list[FeatureTable] = []
    for context in contexts:
        view = by_name[context.name]
        made.append(
            FeatureTable(
                view=context.name,
                source=context.table_subquery,
                keys=_keys(view),
                features=tuple(
                    (_output(context.name, context.field_mapping.get(one, one), full_names), one)
                    for one in context.features
                ),
                event=context.timestamp_field,
                created=context.created_timestamp_column or None,
                ttl=view.ttl,
                known_only=known_only and bool(context.created_timestamp_column),
                since=since,
            )
        )
    return made


def _output(view: str, feature: str, full_names: bool) -> str:  # noqa: FBT001
    return f"{view}__{feature}" if full_names else feature


def _keys(view: Any) -> tuple[Key, ...]:
    """Return the join keys by which labels call them, and the columns that the source has."""
    columns = {feature: column for column, feature in view.batch_source.field_mapping.items()}
    renamed = view.projection.join_key_map
    return tuple(
        Key(label=renamed.get(one.name, one.name), source=columns.get(one.name, one.name))
        for one in view.entity_columns
        if one.name != DUMMY_ENTITY_ID
    )
