"""An online store for Feast whose tables are what analysts query.

Each feature view has one table in schema `online`, called like the view: a row per key, a typed
column per feature, vectors with HNSW. Named in feature_store.yaml by its dotted path:

    online_store:
      type: kgfeatures.features.online_store.KGFeaturesOnlineStore
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from feast.infra.online_stores.online_store import OnlineStore
from feast.infra.supported_async_methods import SupportedAsyncMethods
from feast.infra.utils.postgres.postgres_config import ConnectionType, PostgreSQLConfig

from kgfeatures.db.wide_tables.sessions import Sessions
from kgfeatures.features.online_store import searching, updating, writing
from kgfeatures.features.online_store.asking import clear_errors, require_rows, unique_keys
from kgfeatures.features.online_store.catalogue import Changed
from kgfeatures.features.online_store.layouts import Layouts
from kgfeatures.features.online_store.reading import Ask, Reader
from kgfeatures.features.online_store.responding import Answer, respond
from kgfeatures.features.source import dsn_of_config

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

    from feast import Entity, FeatureView, RepoConfig
    from feast.filter_models import ComparisonFilter, CompoundFilter
    from feast.infra.registry.base_registry import BaseRegistry
    from feast.online_response import OnlineResponse
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    from kgfeatures.features.online_store.reading import Found

    Given = tuple[EntityKey, dict[str, Value], dt.datetime, dt.datetime | None]
    Row = tuple[dt.datetime | None, dict[str, Value] | None]
    Document = tuple[dt.datetime | None, EntityKey | None, dict[str, Value] | None]

TYPE = "kgfeatures.features.online_store.KGFeaturesOnlineStore"


class KGFeaturesOnlineStoreConfig(PostgreSQLConfig):
    """The settings of the store in feature_store.yaml: those of Feast's own postgres store.

    Parameters
    ----------
    db_schema : where the tables are.
    max_conn : how many connections a process may have at once.
    """

    type: Literal["kgfeatures.features.online_store.KGFeaturesOnlineStore"] = TYPE
    db_schema: str = "online"
    password: str = ""
    sslmode: str | None = "prefer"
    conn_type: ConnectionType = ConnectionType.pool
    max_conn: int = 4
    vector_enabled: bool | None = True
    similarity: str | None = "cosine"


class KGFeaturesOnlineStore(OnlineStore):
    """Feast's online store over one wide table per feature view."""

    # Each version of a view has a table of its own; Feast asks its own stores by name.
    _versioned_read_supported: bool | None = True

    def __init__(self) -> None:
        super().__init__()
        self._sessions: Sessions | None = None
        self._readers: dict[tuple[str, str, bool], Reader] = {}
        self._layouts: dict[tuple[str, str, bool], Layouts] = {}

    @property
    def async_supported(self) -> SupportedAsyncMethods:
        """Reads and writes: in threads, over the same connections."""
        return SupportedAsyncMethods(read=True, write=True)

    def sessions(self, config: RepoConfig) -> Sessions:
        """Return the connections to the database that `config` names."""
        if self._sessions is None:
            settings: Any = config.online_store
            self._sessions = Sessions(dsn_of_config(settings), max(1, settings.max_conn))
        return self._sessions

    def layouts(self, config: RepoConfig) -> Layouts:
        """Return where the tables of the project's views are."""
        settings: Any = config.online_store
        registry: Any = config.registry
        versioned = bool(registry.enable_online_feature_view_versioning)
        place = (config.project, settings.db_schema or settings.user, versioned)
        if place not in self._layouts:
            self._layouts[place] = Layouts(*place[:2], versioned=versioned)
            self._readers[place] = Reader(self._layouts[place])
        return self._layouts[place]

    def update(
        self,
        config: RepoConfig,
        tables_to_delete: Sequence[FeatureView],
        tables_to_keep: Sequence[FeatureView],
        entities_to_delete: Sequence[Entity],  # noqa: ARG002  Feast's signature
        entities_to_keep: Sequence[Entity],
        partial: bool,  # noqa: ARG002, FBT001
    ) -> None:
        """Make, change and drop tables as the feature views say; see `updating.update`."""
        layouts = self.layouts(config)
        with self.sessions(config).transaction() as conn:
            changed = Changed(tables_to_delete, tables_to_keep, entities_to_keep)
            updating.update(conn, config, layouts, changed)
        self._forget(config)

    def teardown(
        self,
        config: RepoConfig,
        tables: Sequence[FeatureView],
        entities: Sequence[Entity],  # noqa: ARG002  Feast's signature
    ) -> None:
        """Drop the tables of these views, in all their versions."""
        with self.sessions(config).transaction() as conn:
            updating.teardown(conn, self.layouts(config), tables)
        self._forget(config)
        self.sessions(config).close()

    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[Given],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Write rows; a newer row is never overwritten by an older one."""
        layouts = self.layouts(config)
        with self.sessions(config).transaction() as conn:
            writing.write(conn, layouts, table, data)
        if progress:
            progress(len(data))

    async def online_write_batch_async(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[Given],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Write rows, as `online_write_batch` does."""
        await asyncio.to_thread(self.online_write_batch, config, table, data, progress)

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[Row]:
        """Return event time and values of each key, (None, None) for one that is not there."""
        if not entity_keys:
            return []
        keys: dict[str, list[Value]] = {}
        for entity in entity_keys:
            for name, value in zip(entity.join_keys, entity.entity_values, strict=True):
                keys.setdefault(name, []).append(value)
        return self._read(config, [Ask(table, requested_features, keys)])[0].rows()

    async def online_read_async(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[Row]:
        """Return what `online_read` returns."""
        return await asyncio.to_thread(
            self.online_read, config, table, entity_keys, requested_features
        )

    def get_online_features(
        self,
        config: RepoConfig,
        features: Any,
        entity_rows: Any,
        registry: BaseRegistry,
        project: str,
        *given: Any,
        **named: Any,
    ) -> OnlineResponse:
        """Return what Feast returns.

        Raises
        ------
        DataError : there are no entity rows, or a key in one is null or of another type.
        UnknownNameError : a view does not have a feature asked for; names the nearest.
        """
        require_rows(entity_rows)
        with clear_errors(registry, project, features, entity_rows):
            return super().get_online_features(
                config, features, entity_rows, registry, project, *given, **named
            )

    async def get_online_features_async(
        self,
        config: RepoConfig,
        features: Any,
        entity_rows: Any,
        registry: BaseRegistry,
        project: str,
        *given: Any,
        **named: Any,
    ) -> OnlineResponse:
        """Return what Feast returns; raises what `get_online_features` raises."""
        require_rows(entity_rows)
        with clear_errors(registry, project, features, entity_rows):
            return await super().get_online_features_async(
                config, features, entity_rows, registry, project, *given, **named
            )

    def _read_features_per_fv(
        self,
        config: RepoConfig,
        grouped_refs: list[Any],
        join_key_values: dict[str, list[Value]],
        entity_name_to_join_key_map: dict[str, str],
        online_features_response: Any,
        full_feature_names: bool,  # noqa: FBT001  Feast's signature
        include_feature_view_version_metadata: bool,  # noqa: FBT001
    ) -> None:
        """Read all views in one round trip, and put their rows into the response."""
        asks: list[Ask] = []
        places: list[tuple[Any, int]] = []
        shared: dict[Any, tuple[Mapping[str, Sequence[Value]], Any, int]] = {}
        for view, features in grouped_refs:
            same = (tuple(view.entities), tuple(sorted(view.projection.join_key_map.items())))
            if same not in shared:
                shared[same] = unique_keys(view, join_key_values, entity_name_to_join_key_map)
            keys, indexes, length = shared[same]
            asks.append(Ask(view, features, keys))
            places.append((indexes, length))
        found = self._read(config, asks)
        for (view, features), one, (indexes, length) in zip(
            grouped_refs, found, places, strict=True
        ):
            respond(
                online_features_response,
                Answer(view, features, one, indexes, length),
                full_names=full_feature_names,
                with_version=include_feature_view_version_metadata,
            )

    async def _read_features_per_fv_async(self, *given: Any, **named: Any) -> None:
        """Read all views in one round trip, in a thread."""
        await asyncio.to_thread(self._read_features_per_fv, *given, **named)

    def retrieve_online_documents_v2(  # noqa: PLR0913, PLR0917  Feast's signature
        self,
        config: RepoConfig,
        table: FeatureView,
        requested_features: list[str],
        embedding: list[float] | None,
        top_k: int,
        distance_metric: str | None = None,
        query_string: str | None = None,
        filters: ComparisonFilter | CompoundFilter | None = None,
        include_feature_view_version_metadata: bool | None = None,  # noqa: FBT001  Feast's signature
    ) -> list[Document]:
        """Return the top k rows by vector, by words, or by both; see `searching.find`."""
        layouts = self.layouts(config)
        asked = searching.Asked(
            table,
            tuple(requested_features or ()),
            embedding,
            top_k,
            distance_metric,
            query_string or "",
            filters,
            for_response=include_feature_view_version_metadata is not None,
        )
        return self._twice(config, lambda conn: searching.find(conn, layouts, asked))

    def retrieve_online_documents(
        self,
        config: RepoConfig,
        table: FeatureView,
        requested_features: list[str],
        embedding: list[float],
        top_k: int,
        distance_metric: str | None = None,
    ) -> list[Any]:
        """Return the k nearest rows as Feast's first search did; see `searching.find_old`."""
        layouts = self.layouts(config)
        asked = searching.Asked(
            table, tuple(requested_features or ()), embedding, top_k, distance_metric, "", None,
            for_response=False,
        )  # fmt: skip
        return self._twice(config, lambda conn: searching.find_old(conn, layouts, asked))

    async def close(self) -> None:
        """Close the connections that nobody uses."""
        if self._sessions is not None:
            self._sessions.close()

    def disconnect(self) -> None:
        """Close the connections that nobody uses."""
        if self._sessions is not None:
            self._sessions.close()

    def _read(self, config: RepoConfig, asks: list[Ask]) -> list[Found]:
        reader = self._reader(config)
        return self._twice(config, lambda conn: reader.read(conn, asks))

    def _twice(self, config: RepoConfig, work: Callable[[Any], Any]) -> Any:
        """Return what `work` gives; what it knows of tables is forgotten before a second try."""
        tries = iter((False, True))

        def once(conn: Any) -> Any:
            if next(tries):
                self._forget(config)
            return work(conn)

        return self.sessions(config).read(once)

    def _reader(self, config: RepoConfig) -> Reader:
        layouts = self.layouts(config)
        return self._readers[(layouts.project, layouts.schema, layouts.versioned)]

    def _forget(self, config: RepoConfig) -> None:
        self._reader(config).forget()
