"""From a feature view to its wide table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from feast.feature_view import DUMMY_ENTITY_ID
from feast.infra.online_stores.helpers import compute_versioned_name
from feast.value_type import ValueType

from kgfeatures.db.wide_tables import Column, Table
from kgfeatures.db.wide_tables.indexes import WIDEST, metric
from kgfeatures.db.wide_tables.tables import mark, short_name
from kgfeatures.features.online_store.values import codec

if TYPE_CHECKING:
    from feast import Field

# A field's tag that chooses the column's type: {"vector_type": "halfvec"}.
VECTOR_TYPE = "vector_type"
# A field's tag that has its texts indexed, or not: {"text_search": "true"}.
TEXT_SEARCH = "text_search"
DEFAULT_METRIC = "L2"
TIMES = ("event_timestamp", "created_timestamp")


def view_name(view: Any, *, versioned: bool) -> str:
    """Return what a view's table is called for Feast: its name, with _v<n> for a later version."""
    return compute_versioned_name(view, versioned)


def candidates(project: str, name: str) -> list[str]:
    """Return the names that a view's table may have: the second where the first was taken."""
    return [short_name(name), short_name(f"{project}_{name}")]


def wanted_table(view: Any, project: str, schema: str, *, versioned: bool) -> Table:
    """Return the table that a feature view should have.

    Raises
    ------
    DataError : a feature of a type that has no column type, or an unknown distance metric.
    """
    name = view_name(view, versioned=versioned)
    keys = key_columns(view)
    known = {key.name for key in keys}
    fields = [field for field in view.features if field.name not in known]
    searched = any(field.vector_index for field in fields)
    features = tuple(feature_column(field, searched=searched) for field in fields)
    event, created = time_names([column.name for column in (*keys, *features)])
    return Table(
        schema,
        short_name(name),
        mark(project, name),
        keys=keys,
        features=features,
        event=event,
        created=created,
        comment=getattr(view, "description", "") or "",
    )


def time_names(names: list[str]) -> tuple[str, str]:
    """Return what the time columns are called beside columns of these names."""
    taken = set(TIMES) & set(names)
    return ("feast_event_timestamp", "feast_created_timestamp") if taken else TIMES


def key_columns(view: Any) -> tuple[Column, ...]:
    """Return the join keys of a view, sorted by name; of a view without entities, Feast's dummy."""
    columns = [
        Column(field.name, codec(field.dtype.to_value_type()).type, field.description)
        for field in getattr(view, "entity_columns", ())
    ]
    if not columns:
        return (Column(DUMMY_ENTITY_ID, "text", "Feast's key of a view without entities."),)
    return tuple(sorted(columns, key=lambda column: column.name))


def feature_column(field: Field, *, searched: bool) -> Column:
    """Return the column of a feature.

    Parameters
    ----------
    searched : its view has vectors to search by; then its texts are searched too.
    """
    kind = field.dtype.to_value_type()
    found = codec(kind).type
    tags = field.tags or {}
    if kind == ValueType.FLOAT_LIST and (field.vector_index or VECTOR_TYPE in tags):
        name = tags.get(VECTOR_TYPE, "vector")
        name = name if name in WIDEST else "vector"
        width = field.vector_length
        wide = f"{name}({width})" if width else name
        measured = metric(field.vector_search_metric or DEFAULT_METRIC)
        return Column(field.name, wide, field.description, measured if field.vector_index else None)
    asked = tags.get(TEXT_SEARCH, str(searched)).lower() == "true"
    return Column(field.name, found, field.description, words=asked and kind == ValueType.STRING)
