"""Feast's offline store over PostgreSQL: point-in-time correct, one row per label, by one session.

In feature_store.yaml:

    offline_store:
      type: kgfeatures.features.offline_store.KGFeaturesOfflineStore

with the settings of Feast's own PostgreSQL store beside it, whose place it can take at any time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres import (
    PostgreSQLOfflineStore,
    PostgreSQLOfflineStoreConfig,
)
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import (
    PostgreSQLSource,
)
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.utils import compute_non_entity_date_range

from kgfeatures.db.composing import formatted, listed, name, value
from kgfeatures.errors import ConfigError, DataError
from kgfeatures.features.offline import statements
from kgfeatures.features.offline.writing import append, log_features
from kgfeatures.features.retrieval import HistoryJob, QueryJob, Request
from kgfeatures.features.source import (
    RESULT,
    KGFeaturesLoggingDestination,
    columns_of,
    dsn_of_config,
    written_table,
)
from kgfeatures.features.views import feature_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa
    from feast.data_source import DataSource
    from feast.feature_logging import LoggingConfig, LoggingSource
    from feast.feature_view import FeatureView
    from feast.infra.offline_stores.offline_store import RetrievalJob
    from feast.infra.registry.base_registry import BaseRegistry
    from feast.repo_config import RepoConfig

    from kgfeatures.db.composing import Statement
    from kgfeatures.features.offline.plans import Way


class KGFeaturesOfflineStoreConfig(PostgreSQLOfflineStoreConfig):
    """Settings of the offline store: those of Feast's PostgreSQL store, and how to join.

    Parameters
    ----------
    plan : how histories are joined to labels; auto chooses by what each way would cost.
    explain : write the plan of each join to stderr.
    dictionary_vectors : to_arrow gives lists as dictionaries, each distinct vector stored once.
    """

    type: Literal["kgfeatures.features.offline_store.KGFeaturesOfflineStore"] = (  # pyright: ignore[reportIncompatibleVariableOverride]  Feast's names itself
        "kgfeatures.features.offline_store.KGFeaturesOfflineStore"
    )
    password: str = ""
    sslmode: str | None = "prefer"
    plan: Literal["auto", "lateral", "merge", "client"] = "auto"
    explain: bool = False
    dictionary_vectors: bool = False


class KGFeaturesOfflineStore(PostgreSQLOfflineStore):
    """Reads and writes feature tables in PostgreSQL; Feast calls it.

    What Feast's own store does well is inherited: the statistics of `feast monitor`.
    """

    supports_filter_by_created_timestamp = True

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,  # noqa: FBT001, FBT002  Feast's signature
        filter_by_created_timestamp: bool = False,  # noqa: FBT001, FBT002
        **kwargs: Any,
    ) -> RetrievalJob:
        """Return the job that joins features to labels, one row per label in their order.

        Parameters
        ----------
        entity_df : labels as a frame or as a query; None takes the rows of the feature views
            between the keyword arguments start_date and end_date.
        filter_by_created_timestamp : use only what was created by each label's time.

        Raises
        ------
        DataError : the labels lack a key or a time, or a key has another type than the source's.
        UnknownNameError : a feature or column that does not exist; names the nearest.
        """
        settings = _settings(config)
        span = None
        if entity_df is None:
            span = compute_non_entity_date_range(
                feature_views, start_date=kwargs.get("start_date"), end_date=kwargs.get("end_date")
            )
        tables = feature_tables(
            feature_views,
            feature_refs,
            registry,
            project,
            full_names=full_feature_names,
            known_only=filter_by_created_timestamp,
            since=span[0] if span else None,
        )
        way: Way | None = None if settings.plan == "auto" else settings.plan
        request = Request(
            dsn=dsn_of_config(settings),
            tables=tables,
            entity_df=entity_df,
            span=span,
            way=way,
            explain=settings.explain,
            dictionary=settings.dictionary_vectors,
        )
        request.check()
        return HistoryJob(
            request,
            feature_refs,
            full_feature_names=full_feature_names,
            on_demand=OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry),
        )

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """Return the job that gives the latest row of each key between two dates, both included.

        Parameters
        ----------
        config : of the Feast repository, as it reads feature_store.yaml.
        data_source : a PostgreSQLSource: a table or a query.
        join_key_columns, feature_name_columns : what comes back, besides the times; no join key
            asks for the latest row of all.
        timestamp_field, created_timestamp_column : when a row was true, and when it was written; of
            two rows true at one time the one written later counts.
        start_date, end_date : of timestamp_field; without a zone they are UTC.
        """
        settings, source = _settings(config), _source(data_source)
        newest = formatted("{} desc", name("source", timestamp_field))
        if created_timestamp_column:
            created = name("source", created_timestamp_column)
            newest = formatted("{}, {} desc nulls last", newest, created)
        keys = [name("source", key) for key in join_key_columns]
        columns = _columns(
            join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column
        )
        if not join_key_columns:
            columns = _with_dummy(columns)
        query = statements.template(
            "features_history.latest_rows",
            keys=listed(keys or [value(1)]),
            columns=columns,
            source=source,
            conditions=statements.in_dates(timestamp_field, _aware(start_date), _aware(end_date)),
            order_by=listed([*(keys or [value(1, "int")]), newest]),
        )
        return QueryJob(dsn_of_config(settings), data_source.name, query)

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Return the job that gives all rows between two dates, both included; None for no end.

        Parameters
        ----------
        config : of the Feast repository, as it reads feature_store.yaml.
        data_source : a PostgreSQLSource: a table or a query.
        join_key_columns, feature_name_columns : what comes back, besides the times.
        timestamp_field, created_timestamp_column : when a row was true, and when it was written.
        start_date, end_date : of timestamp_field; without a zone they are UTC.
        """
        settings = _settings(config)
        columns = _columns(
            join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column
        )
        if not join_key_columns and data_source.tags.get(RESULT) is None:
            columns = _with_dummy(columns)
        query = statements.template(
            "features_history.all_rows",
            columns=columns,
            source=_source(data_source),
            conditions=statements.in_dates(timestamp_field, _aware(start_date), _aware(end_date)),
        )
        return QueryJob(dsn_of_config(settings), data_source.name, query)

    @staticmethod
    def offline_write_batch(
        config: RepoConfig,
        feature_view: FeatureView,
        table: pa.Table,
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Append rows to the table that a feature view is read from; all of them or none.

        Parameters
        ----------
        config : of the Feast repository, as it reads feature_store.yaml.
        feature_view : one whose batch source is a table, not a query.
        table : the source table's columns, by the features' names, in its order.
        progress : told of the number of rows when they are in.

        Raises
        ------
        DataError : the view reads a query, or the columns are not the table's, in its order.
        DatabaseError : PostgreSQL refuses the rows: a key twice, a read-only database.
        """
        source = feature_view.batch_source
        if not isinstance(source, PostgreSQLSource):
            raise _wrong_source(source)
        target = written_table(source)
        if not target:
            raise DataError(
                f"feature view {feature_view.name!r} is read from a query, which cannot be written "
                "to; write to the tables that it reads"
            )
        # Feast has renamed the columns to the features' names by now.
        columns = {feature: column for column, feature in source.field_mapping.items()}
        table = table.rename_columns([columns.get(one, one) for one in table.column_names])
        written = append(dsn_of_config(_settings(config)), target, feature_view.name, table)
        if progress:
            progress(written)

    @staticmethod
    def write_logged_features(
        config: RepoConfig,
        data: pa.Table | Path,
        source: LoggingSource,
        logging_config: LoggingConfig,
        registry: BaseRegistry,
    ) -> None:
        """Append logged features to the destination's table, which is made when it is not there.

        Parameters
        ----------
        config : of the Feast repository, as it reads feature_store.yaml.
        data : rows, or a folder of Parquet files.
        source : what was logged: it gives the schema.
        logging_config : its destination is a KGFeaturesLoggingDestination.
        registry : of the project that logs.

        Raises
        ------
        ConfigError : the destination is no KGFeaturesLoggingDestination.
        """
        destination = logging_config.destination
        if not isinstance(destination, KGFeaturesLoggingDestination):
            raise ConfigError(
                f"logged features go to a {type(destination).__name__}, and this store writes to a "
                "KGFeaturesLoggingDestination; name its table in the feature service"
            )
        schema = source.get_schema(registry)
        log_features(dsn_of_config(_settings(config)), destination.table_name, data, schema)

    def get_table_column_names_and_types_from_data_source(
        self, config: RepoConfig, data_source: DataSource
    ) -> Iterable[tuple[str, str]]:
        """Return the columns of a source and their types as PostgreSQL writes them.

        Parameters
        ----------
        config : of the Feast repository, as it reads feature_store.yaml.
        data_source : a PostgreSQLSource: a table or a query.
        """
        if not isinstance(data_source, PostgreSQLSource):
            raise _wrong_source(data_source)
        return columns_of(data_source, config)


def _settings(config: RepoConfig) -> KGFeaturesOfflineStoreConfig:
    settings: Any = config.offline_store
    if not isinstance(settings, KGFeaturesOfflineStoreConfig):
        raise ConfigError(
            f"offline_store is configured by {type(settings).__name__}; its type must be "
            "kgfeatures.features.offline_store.KGFeaturesOfflineStore"
        )
    return settings


def _source(data_source: DataSource) -> Statement:
    if not isinstance(data_source, PostgreSQLSource):
        raise _wrong_source(data_source)
    return statements.foreign(data_source.get_table_query_string())


def _wrong_source(source: object) -> DataError:
    return DataError(
        f"a {type(source).__name__} cannot be read from PostgreSQL; use KGFeaturesSource or "
        "Feast's PostgreSQLSource"
    )


def _columns(
    keys: list[str], features: list[str], timestamp: str, created: str | None
) -> Statement:
    """Return the columns asked for; Feast asks for all of them by naming no feature."""
    if not features:
        return formatted("source.*")
    asked = [*keys, *features, timestamp, *([created] if created else [])]
    return listed(name("source", column) for column in dict.fromkeys(asked))


def _with_dummy(columns: Statement) -> Statement:
    """Return the columns and the key that Feast gives to views without one."""
    dummy = value(DUMMY_ENTITY_VAL, "text")
    return formatted("{}, {} as {}", columns, dummy, name(DUMMY_ENTITY_ID))


def _aware(moment: datetime | None) -> datetime | None:
    """Return a moment with its time zone: UTC where it has none."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
