"""Features without labels: the rows that feature tables hold between two dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgfeatures.db.composing import foreign, formatted, listed, name, template
from kgfeatures.features.offline.labels import TIME
from kgfeatures.features.offline.statements import AND, in_dates, source_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from kgfeatures.db.composing import Statement
    from kgfeatures.features.offline.tables import FeatureTable

Span = tuple["dt.datetime", "dt.datetime"]
CREATED = "created_timestamp"


def rows_of_one(table: FeatureTable, span: Span) -> Statement:
    """Return the query for the rows of one table between two dates, oldest first.

    Its columns: event_timestamp, created_timestamp where there is one, keys, features.
    """
    event = name("source", table.event)
    columns = [formatted("{} as {}", event, name(TIME))]
    conditions = [in_dates(table.event, *span)]
    order = [event]
    if table.created is not None:
        created = name("source", table.created)
        columns.append(formatted("{} as {}", created, name(CREATED)))
        order.append(created)
        if table.known_only:
            conditions.append(formatted("{} <= {}", created, event))
    keys = [formatted("{} as {}", name("source", k.source), name(k.label)) for k in table.keys]
    taken = {TIME, CREATED, *(key.label for key in table.keys)}
    features = [
        formatted("{} as {}", name("source", source), name(output))
        for output, source in table.features
        if output not in taken
    ]
    return template(
        "features_history.ordered_rows",
        columns=listed([*columns, *keys, *features]),
        source=source_of(table),
        conditions=listed(conditions, AND),
        order_by=listed([*order, *(name("source", key.source) for key in table.keys)]),
    )


def label_columns(tables: Sequence[FeatureTable]) -> list[str]:
    """Return the columns of the labels that several tables give: time and keys."""
    return [TIME, *dict.fromkeys(key.label for table in tables for key in table.keys)]


def labels_of_several(tables: Sequence[FeatureTable], span: Span) -> Statement:
    """Return the query for the keys and times at which any of the tables has a row."""
    columns = label_columns(tables)
    types = {key.label: key.sql for table in reversed(tables) for key in table.keys}
    parts = [_keys_and_times(table, columns[1:], types, span) for table in tables]
    together = listed((formatted("({})", part) for part in parts), " union ")
    return template(
        "features_history.in_order", query=together, order_by=listed(map(name, columns))
    )


def _keys_and_times(
    table: FeatureTable, keys: Sequence[str], types: dict[str, str], span: Span
) -> Statement:
    own = {key.label: name("source", key.source) for key in table.keys}
    columns = [formatted("{}::timestamptz as {}", name("source", table.event), name(TIME))]
    columns += [
        formatted("{}::{} as {}", own.get(key, formatted("null")), foreign(types[key]), name(key))
        for key in keys
    ]
    return template(
        "features_history.keys_and_times",
        columns=listed(columns),
        source=source_of(table),
        conditions=in_dates(table.event, *span),
    )
