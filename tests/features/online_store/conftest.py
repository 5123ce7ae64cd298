"""Our online store on a database of this folder's own, and views made on the spot."""

from __future__ import annotations

import datetime as dt

import pytest

NOW = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def dsn(make_database, template) -> str:
    """Give the DSN of a migrated database in which the tests of one file commit."""
    return make_database(template)


@pytest.fixture(scope="module")
def database(dsn):
    from kgfeatures.db import Database

    with Database(lambda: dsn) as opened:
        yield opened


@pytest.fixture(scope="module")
def config(dsn, tmp_path_factory):
    """Give Feast's configuration: our stores and engine on that database."""
    return make_config(dsn, tmp_path_factory.mktemp("registry") / "registry.db")


def settings(dsn: str) -> dict:
    from kgfeatures.db.environment import environment

    given = environment(dsn)
    return {
        "host": given["KGFEATURES_PG_HOST"],
        "port": int(given["KGFEATURES_PG_PORT"]),
        "database": given["KGFEATURES_PG_DATABASE"],
        "user": given["KGFEATURES_PG_USER"],
        "password": given["KGFEATURES_PG_PASSWORD"],
        "sslmode": given["KGFEATURES_PG_SSLMODE"],
    }


def make_config(dsn: str, registry, offline_dsn: str | None = None, project: str = "shop"):
    from feast import RepoConfig

    return RepoConfig(
        project=project,
        provider="local",
        registry={"registry_type": "file", "path": str(registry)},
        offline_store={
            "type": "kgfeatures.features.offline_store.KGFeaturesOfflineStore",
            "db_schema": "feature",
            **settings(offline_dsn or dsn),
        },
        online_store={
            "type": "kgfeatures.features.online_store.KGFeaturesOnlineStore",
            **settings(dsn),
        },
        batch_engine={"type": "kgfeatures.features.engine.KGFeaturesEngine"},
        entity_key_serialization_version=3,
    )


@pytest.fixture
def store(config):
    """Give the online store."""
    from kgfeatures.features.online_store import KGFeaturesOnlineStore

    made = KGFeaturesOnlineStore()
    yield made
    made.disconnect()


def make_view(name: str, features: dict, keys: dict | None = None, **more):
    """Make a feature view: dtypes (or Fields) by feature, dtypes by join key."""
    from feast import Entity, FeatureView, Field
    from feast.types import String

    from kgfeatures.features.source import KGFeaturesSource

    keys = {"item_id": String} if keys is None else keys
    entities = [
        Entity(name=key, join_keys=[key], value_type=dtype.to_value_type())
        for key, dtype in keys.items()
    ]
    table = more.pop("table", f"feature.{name}")
    source = KGFeaturesSource(
        name=f"{name}_source",
        table=table,
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )
    schema = [Field(name=key, dtype=dtype) for key, dtype in keys.items()]
    schema += [
        dtype if isinstance(dtype, Field) else Field(name=feature, dtype=dtype)
        for feature, dtype in features.items()
    ]
    made = FeatureView(name=name, entities=entities, schema=schema, source=source, **more)
    made.entity_columns = [field for field in schema if field.name in keys]
    made.features = [field for field in schema if field.name not in keys]
    return made


def key(**values):
    """Make an entity key: text, numbers or ready-made Values by join key."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey

    return EntityKey(
        join_keys=list(values), entity_values=[value(given) for given in values.values()]
    )


def value(given):
    from feast.protos.feast.types.Value_pb2 import FloatList, Value

    if isinstance(given, Value):
        return given
    if given is None:
        return Value()
    if isinstance(given, list):
        return Value(float_list_val=FloatList(val=given))
    fields = {bool: "bool_val", str: "string_val", int: "int64_val", float: "double_val"}
    return Value(**{fields[type(given)]: given})


def row(entity, features: dict, event=NOW, created=None):
    return entity, {name: value(given) for name, given in features.items()}, event, created


def apply(store, config, *views, gone=()) -> None:
    store.update(config, list(gone), list(views), [], [], partial=False)
