"""Feast's document search over wide tables: by vector, by words, by both, under filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from feast.filter_models import ComparisonFilter, CompoundFilter
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.value_type import ValueType

from kgfeatures.db.wide_tables.conditions import Comparison, Condition, Together
from kgfeatures.db.wide_tables.indexes import metric
from kgfeatures.db.wide_tables.searching import Search, search
from kgfeatures.errors import DataError, UnknownNameError, nearest
from kgfeatures.features.online_store.definition import DEFAULT_METRIC
from kgfeatures.features.online_store.reading import kinds, moment
from kgfeatures.features.online_store.values import NULL, codec
from kgfeatures.features.online_store.writing import key_codec

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.wide_tables import Column, Table
    from kgfeatures.features.online_store.layouts import Layouts

    Found = tuple[dt.datetime | None, EntityKey | None, dict[str, Value] | None]

LISTS = {
    ValueType.FLOAT_LIST,
    ValueType.DOUBLE_LIST,
    ValueType.INT32_LIST,
    ValueType.INT64_LIST,
}
# Stands before the join keys of a row that Feast puts into a response.
RANK = "search_rank"


class Asked(NamedTuple):
    """What Feast asks.

    Parameters
    ----------
    for_response : Feast is going to put the rows into a response. It takes them in the order of
        their keys and sets the keys beside them in the order given, so that a row's features end
        up beside another row's key (0.67). A first key `search_rank`, 1 for the best row, makes
        both orders one.
    """

    view: Any
    features: tuple[str, ...]
    vector: Sequence[float] | None
    k: int
    metric: str | None
    words: str
    filters: ComparisonFilter | CompoundFilter | None
    for_response: bool


def find(conn: Connection[TupleRow], layouts: Layouts, asked: Asked) -> list[Found]:
    """Return the best k rows: event time, key, features with "distance" and "text_rank".

    Raises
    ------
    DataError : neither vector nor words, no vector column, another width, a filter that cannot be.
    UnknownNameError : a feature that the view does not have.
    """
    table = layouts.table(conn, asked.view)
    if asked.vector is None and not asked.words:
        raise DataError("give a vector (query) or words (query_string) to search for")
    shown = _shown(table, asked)
    column = _vector_column(table, asked) if asked.vector is not None else None
    rows = search(
        conn,
        table,
        Search(
            k=asked.k,
            column=column,
            metric=_metric(asked, column),
            vector=asked.vector,
            texts=_texts(table, asked) if asked.words else (),
            words=asked.words,
            condition=_condition(asked.filters),
            shown=shown,
        ),
    )
    return _documents(table, asked, shown, rows)


def find_old(conn: Connection[TupleRow], layouts: Layouts, asked: Asked) -> list[tuple[Any, ...]]:
    """Return the best k rows as Feast's first search wants them.

    Each is event time, key, the first feature asked for, the vector, the distance.
    """
    vector = _vector_column(layouts.table(conn, asked.view), asked).name
    names = tuple(dict.fromkeys((*asked.features, vector)))
    return [
        (
            moment,
            entity,
            values[names[0]],
            values[vector],
            Value(float_val=values["distance"].double_val),
        )
        for moment, entity, values in find(conn, layouts, asked._replace(features=names))
        if values is not None
    ]


def _shown(table: Table, asked: Asked) -> tuple[Column, ...]:
    known = table.columns
    for name in asked.features:
        if name not in known:
            raise UnknownNameError(f"{table.title} has no {name!r}{nearest(name, known)}")
    return tuple(known[name] for name in asked.features)


def _vector_column(table: Table, asked: Asked) -> Column:
    """Return the column that is searched: the one declared, else the first list asked for."""
    known = table.columns
    types = kinds(asked.view)
    declared = [field.name for field in asked.view.features if field.vector_index]
    lists = [name for name in (*asked.features, *known) if types.get(name) in LISTS]
    for name in (*declared, *lists):
        if name in known:
            return known[name]
    raise DataError(
        f"feature view {asked.view.name!r} has no vectors; declare one of its fields with "
        "dtype=Array(Float32), vector_index=True"
    )


def _metric(asked: Asked, column: Column | None) -> str:
    own = column.metric if column is not None else None
    return metric(asked.metric) if asked.metric else own or metric(DEFAULT_METRIC)


def _texts(table: Table, asked: Asked) -> tuple[Column, ...]:
    """Return the text columns that words are looked for in: those asked for, else all."""
    types = kinds(asked.view)
    keys = {key.name for key in table.keys}
    texts = [
        column
        for column in table.features
        if types.get(column.name) == ValueType.STRING and column.name not in keys
    ]
    wanted = [column for column in texts if column.name in asked.features]
    if not texts:
        raise DataError(
            f"feature view {asked.view.name!r} has no texts to search for {asked.words!r} in"
        )
    return tuple(wanted or texts)


def _condition(filters: Any) -> Condition | None:
    if filters is None:
        return None
    if isinstance(filters, CompoundFilter):
        members = (_condition(one) for one in filters.filters)
        return Together(filters.type, tuple(one for one in members if one is not None))
    return Comparison(filters.type, filters.key, filters.value)


def _documents(
    table: Table, asked: Asked, shown: tuple[Column, ...], rows: Sequence[TupleRow]
) -> list[Found]:
    types = kinds(asked.view)
    keys = [(key.name, key_decoder(key, types)) for key in table.keys]
    decoders = [(column.name, codec(types[column.name]).decode) for column in shown]
    found: list[Found] = []
    for place, row in enumerate(rows, start=1):
        entity = EntityKey()
        if asked.for_response:
            entity.join_keys.append(RANK)
            entity.entity_values.append(Value(int64_val=place))
        for (name, decode), given in zip(keys, row, strict=False):
            entity.join_keys.append(name)
            entity.entity_values.append(decode(given))
        rest = row[len(keys) + 1 :]
        values = {
            name: NULL if given is None else decode(given)
            for (name, decode), given in zip(decoders, rest, strict=False)
        }
        distance, rank = rest[-2:]
        if distance is not None:
            values["distance"] = Value(double_val=distance)
        if asked.words:
            values["text_rank"] = Value(double_val=rank or 0.0)
        found.append((moment(row[len(keys)]), entity, values))
    return found


def key_decoder(key: Column, types: dict[str, Any]) -> Any:
    """Return the decoder of a key: by the view's type, else by the column's."""
    if key.name in types:
        return codec(types[key.name]).decode
    return key_codec(key).decode
