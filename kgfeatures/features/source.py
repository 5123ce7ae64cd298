"""A Feast data source over PostgreSQL that knows pgvector's types, and where data sets are kept.

Feast's own PostgreSQLSource knows no vector: a feature table with one could not be read without
a cast. Ours is one of those, so that Feast's stock stores go on working with the rest.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from feast import ValueType
from feast.credentials import ConnectionRef
from feast.feature_logging import LoggingDestination
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import (
    PostgreSQLOptions,
    PostgreSQLSource,
    SavedDatasetPostgreSQLStorage,
)
from feast.protos.feast.core.FeatureService_pb2 import LoggingConfig as LoggingConfigProto
from feast.type_map import pg_type_to_feast_value_type

from kgfeatures.db import composing
from kgfeatures.db.visit import dsn_of, visit
from kgfeatures.features.offline.statements import bracketed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from feast.data_source import DataSource
    from feast.protos.feast.core.DataSource_pb2 import DataSource as DataSourceProto
    from feast.protos.feast.core.SavedDataset_pb2 import SavedDatasetStorage as StorageProto
    from feast.repo_config import RepoConfig

# Marks a source that is no feature table: a saved data set, a log.
RESULT = "kgfeatures_result"
_CLASS = "kgfeatures.features.source.KGFeaturesSource"
_ALL_OF_A_TABLE = re.compile(r"\s*select\s+\*\s+from\s+(\w+(?:\.\w+)?)\s*;?\s*", re.IGNORECASE)
# What Feast's own list lacks; every other type is read as text.
_VALUE_TYPES = {
    "vector": ValueType.FLOAT_LIST,
    "halfvec": ValueType.FLOAT_LIST,
    "character varying[]": ValueType.STRING_LIST,
    "uuid[]": ValueType.UUID_LIST,
    "date[]": ValueType.UNIX_TIMESTAMP_LIST,
    "timestamp with time zone[]": ValueType.UNIX_TIMESTAMP_LIST,
}
_KNOWN_TO_FEAST = {
    "boolean", "bytea", "bigint", "smallint", "integer", "real", "double precision", "text",
    "character", "character varying", "date", "numeric", "uuid", "json", "jsonb",
    "timestamp without time zone", "timestamp with time zone", "time without time zone",
}  # fmt: skip


class KGFeaturesSource(PostgreSQLSource):
    """A table or query in PostgreSQL; columns may be of type vector(n).

    Takes the arguments of Feast's PostgreSQLSource.
    """

    @staticmethod
    def from_proto(data_source: DataSourceProto) -> KGFeaturesSource:
        """Return what `to_proto` made a message of."""
        options = json.loads(data_source.custom_options.configuration)
        tags = dict(data_source.tags)
        return KGFeaturesSource(
            name=options["name"] or data_source.name,
            query=options["query"] or None,
            table=options["table"] or None,
            field_mapping=dict(data_source.field_mapping),
            timestamp_field=data_source.timestamp_field,
            created_timestamp_column=data_source.created_timestamp_column,
            description=data_source.description,
            tags=tags,
            owner=data_source.owner,
            connection_ref=ConnectionRef.from_tags(tags),
        )

    def _to_proto_impl(self) -> DataSourceProto:
        made = super()._to_proto_impl()
        made.data_source_class_type = _CLASS
        return made

    def __eq__(self, other: object) -> bool:
        """Return whether `other` is the same table or query, with the same times and mapping."""
        same_table = isinstance(other, KGFeaturesSource) and self.table == other.table
        return same_table and super().__eq__(other)

    def __hash__(self) -> int:
        return super().__hash__()

    @property
    def table(self) -> str:
        """The table, "" where the source is a query."""
        return table_of(self)

    @property
    def query(self) -> str:
        """The query, "" where the source is a table."""
        options: Any = self._postgres_options
        return options._query  # noqa: SLF001  Feast has no other way

    def get_table_query_string(self) -> str:
        """Return what stands after `from`: the table, or the query in brackets."""
        return self.table or bracketed(self.query)

    def get_table_column_names_and_types(self, config: RepoConfig) -> Iterable[tuple[str, str]]:
        """Return the columns and their types as PostgreSQL writes them."""
        return columns_of(self, config)

    @staticmethod
    def source_datatype_to_feast_value_type() -> Callable[[str], ValueType]:
        """Return the function that gives Feast's type for PostgreSQL's."""
        return value_type


def table_of(owner: Any) -> str:
    """Return the table of one of Feast's PostgreSQL sources or storages, "" for none."""
    options = getattr(owner, "postgres_options", None) or owner._postgres_options  # noqa: SLF001
    return options._table  # noqa: SLF001  Feast has no other way


def written_table(source: Any) -> str:
    """Return the table that rows for a source go to, "" for none.

    A query for all of a table counts as that table.
    """
    whole = _ALL_OF_A_TABLE.fullmatch(source._postgres_options._query or "")  # noqa: SLF001  as above
    return table_of(source) or (whole[1].lower() if whole else "")


def value_type(kind: str) -> ValueType:
    """Return Feast's type for a type as PostgreSQL writes it; text for what neither knows.

    >>> value_type("vector").name, value_type("inet").name
    ('FLOAT_LIST', 'STRING')
    """
    # With its schema where that is not searched; times have brackets of their own.
    known = kind.rpartition(".")[2]
    plain = known if known.startswith("time") else known.partition("(")[0]
    if plain in _VALUE_TYPES:
        return _VALUE_TYPES[plain]
    element = plain.removesuffix("[]")
    if element in _KNOWN_TO_FEAST:
        return pg_type_to_feast_value_type(plain)
    return ValueType.STRING if element == plain else ValueType.STRING_LIST


def columns_of(source: PostgreSQLSource, config: RepoConfig) -> list[tuple[str, str]]:
    """Return the columns of a source and their types as PostgreSQL writes them.

    Parameters
    ----------
    source : a table or a query.
    config : of the Feast repository: its offline store's connection is used.

    Raises
    ------
    DatabaseError : there is no such table, or the database cannot be reached.
    """
    with visit(dsn_of_config(config.offline_store)) as conn:
        relation = composing.foreign(source.get_table_query_string())
        return list(composing.columns(conn, f"data source {source.name!r}", relation).items())


def dsn_of_config(config: Any) -> str:
    """Return the connection string for a PostgreSQLConfig, Feast's settings of such a store."""
    return dsn_of(
        {
            "host": config.host,
            "port": config.port,
            "dbname": config.database,
            "user": config.user,
            "password": config.password,
            "sslmode": config.sslmode,
            "sslkey": config.sslkey_path,
            "sslcert": config.sslcert_path,
            "sslrootcert": config.sslrootcert_path,
            "keepalives_idle": config.keepalives_idle,
        },
        schema=config.db_schema,
    )


class KGFeaturesSavedDatasetStorage(SavedDatasetPostgreSQLStorage):
    """A table that a saved data set is kept in.

    Parameters
    ----------
    table_ref : "schema.table", or "table" in the store's own schema.
    """

    _proto_attr_name = "custom_storage"

    @staticmethod
    def from_proto(storage_proto: StorageProto) -> KGFeaturesSavedDatasetStorage:
        """Return what `to_proto` made a message of."""
        options: Any = PostgreSQLOptions.from_proto(storage_proto.custom_storage)
        return KGFeaturesSavedDatasetStorage(table_ref=options._table)  # noqa: SLF001

    def to_data_source(self) -> DataSource:
        """Return the source that reads the table."""
        return KGFeaturesSource(
            table=table_of(self),
            timestamp_field="event_timestamp",
            tags={RESULT: "data set"},
        )


class KGFeaturesLoggingDestination(LoggingDestination):
    """A table that the features which a feature service gave out are logged to.

    Parameters
    ----------
    table_name : "schema.table", or "table" in the store's own schema; made when first needed.
    """

    _proto_kind = "kgfeatures"

    def __init__(self, *, table_name: str) -> None:
        self.table_name = table_name

    @classmethod
    def from_proto(cls, config_proto: LoggingConfigProto) -> KGFeaturesLoggingDestination:
        """Return what `to_proto` made a message of."""
        return cls(table_name=config_proto.custom_destination.config["table_name"])

    def to_proto(self) -> LoggingConfigProto:
        """Return Feast's message."""
        return LoggingConfigProto(
            custom_destination=LoggingConfigProto.CustomDestination(
                kind=self._proto_kind, config={"table_name": self.table_name}
            )
        )

    def to_data_source(self) -> DataSource:
        """Return the source that reads the table."""
        return KGFeaturesSource(
            table=self.table_name, timestamp_field="__log_timestamp", tags={RESULT: "log"}
        )
