"""Tables of Feast's own Postgres store: one row of protobuf per key and feature.

What stands in them is taken over into wide tables, so that switching the store loses nothing.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from feast.infra.key_encoding_utils import deserialize_entity_key
from feast.protos.feast.types.Value_pb2 import Value

from kgfeatures.db.wide_tables.stock import drop_table, is_stock, rows_by_key
from kgfeatures.features.online_store.writing import write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feast import RepoConfig
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.features.online_store.layouts import Layouts

AT_ONCE = 2000


def take_over(conn: Connection[TupleRow], config: RepoConfig, layouts: Layouts, view: Any) -> int:
    """Move the rows of a view's stock table, where there is one, and drop it; return how many."""
    name = f"{layouts.project}_{layouts.name(view)}"
    if not is_stock(conn, layouts.schema, name):
        return 0
    moved = 0
    batch: list[Any] = []
    version = config.entity_key_serialization_version
    for row in _entities(conn, layouts.schema, name, version):
        batch.append(row)
        if len(batch) == AT_ONCE:
            moved += _write(conn, layouts, view, batch)
            batch = []
    moved += _write(conn, layouts, view, batch)
    drop_table(conn, layouts.schema, name)
    return moved


def _entities(
    conn: Connection[TupleRow], schema: str, name: str, version: int
) -> Iterator[tuple[Any, dict[str, Value], Any, Any]]:
    for key, rows in groupby(rows_by_key(conn, schema, name), key=lambda row: row[0]):
        features: dict[str, Value] = {}
        event = created = None
        for _, feature, value, event_ts, created_ts in rows:
            features[feature] = Value.FromString(bytes(value))
            event, created = event_ts, created_ts
        yield deserialize_entity_key(bytes(key), version), features, event, created


def _write(conn: Connection[TupleRow], layouts: Layouts, view: Any, batch: list[Any]) -> int:
    table = layouts.found(conn, layouts.name(view))
    known = table.columns if table else {}
    rows = [
        (key, {name: value for name, value in features.items() if name in known}, event, created)
        for key, features, event, created in batch
    ]
    return write(conn, layouts, view, rows)
