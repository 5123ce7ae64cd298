"""The SQL of a point-in-time join, composed of templates in sql/templates/features_history.sql."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.db.composing import foreign, formatted, listed, name, template, value
from kgfeatures.db.temporary import sql_type

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from typing import LiteralString

    import pyarrow as pa

    from kgfeatures.db.composing import Statement
    from kgfeatures.features.offline.tables import FeatureTable, Key

AND: LiteralString = " and "
# Columns of ours beside a source's own: a feature may be called anything.
ROW, WANTED, EVENT, CREATED = "label_row", "__wanted_row", "__event_at", "__created_at"
AT = "label_at"


def key_column(key: Key) -> str:
    """Return the column of a temporary table that holds a join key."""
    return f"key_{key.label}"


def fetched_key(key: Key) -> str:
    """Return the column that a source's key is fetched as."""
    return f"__key_{key.label}"


def source_of(table: FeatureTable) -> Statement:
    """Return what stands after `from`."""
    return foreign(table.source)


def moment(microseconds: int) -> Statement:
    """Return a literal timestamptz."""
    return value(f"{np.datetime64(microseconds, 'us')}+00", "timestamptz")


def _source(column: str) -> Statement:
    return name("source", column)


def _cast(part: Statement, kind: str) -> Statement:
    return formatted("{}::{}", part, foreign(kind)) if kind else part


def _created(table: FeatureTable) -> Statement:
    """Return when a row was created; rows without that were there from the beginning."""
    if table.created is None:
        return formatted("null::timestamptz")
    made = formatted("coalesce({}::timestamptz, '-infinity')", _source(table.created))
    return _cast(_source(table.created), "timestamptz") if table.known_only else made


def in_range(table: FeatureTable, first: int, last: int) -> list[Statement]:
    """Return the conditions on rows that labels between two moments can see."""
    conditions = [formatted("{} <= {}", _source(table.event), moment(last))]
    if table.microseconds is not None:
        earliest = first - table.microseconds
        if earliest > np.datetime64("0001-01-02", "us").astype(np.int64):
            conditions.append(formatted("{} >= {}", _source(table.event), moment(earliest)))
    return conditions + _since(table)


def _since(table: FeatureTable) -> list[Statement]:
    if table.since is None:
        return []
    return [formatted("{} >= {}", _source(table.event), value(table.since))]


def history(table: FeatureTable, first: int, last: int, *, features: bool) -> Statement:
    """Return the query for a source's keys and times, with its features or without."""
    columns = [
        formatted("{} as {}", _cast(_source(key.source), key.source_cast), name(fetched_key(key)))
        for key in table.keys
    ]
    columns.append(formatted("{}::timestamptz as {}", _source(table.event), name(EVENT)))
    if table.created is not None:
        columns.append(formatted("{} as {}", _created(table), name(CREATED)))
    return template(
        "features_history.history",
        columns=listed(columns + (_features(table) if features else [])),
        source=source_of(table),
        conditions=listed(in_range(table, first, last), AND),
    )


def _features(table: FeatureTable) -> list[Statement]:
    return [formatted("{} as {}", _source(source), name(out)) for out, source in table.features]


def latest(table: FeatureTable, labels: Statement) -> Statement:
    """Return the query that looks up each label's latest row in the source's index."""
    return template(
        "features_history.latest", labels=labels, lookup=_lookup(table, _of_label(table))
    )


def probe(table: FeatureTable, keys: Sequence[object], at: int) -> Statement:
    """Return the look-up of one label, to ask the planner what it costs."""
    same = [
        formatted("{} = {}", _source(key.source), _cast(value(given), key.label_cast or key.sql))
        for key, given in zip(table.keys, keys, strict=True)
    ]
    return _lookup(table, same + in_range(table, at, at))


def _lookup(table: FeatureTable, conditions: list[Statement]) -> Statement:
    return template(
        "features_history.lookup",
        event=_cast(_source(table.event), "timestamptz"),
        created=_created(table),
        source=source_of(table),
        conditions=listed(conditions, AND),
        order_by=_newest_first(table),
    )


def _newest_first(table: FeatureTable) -> Statement:
    first = formatted("{} desc", _source(table.event))
    if table.created is None:
        return first
    return formatted("{}, {} desc nulls last", first, _source(table.created))


def _of_label(table: FeatureTable) -> list[Statement]:
    """Return the conditions on a row of the source for the uploaded label beside it."""
    keys = [_label_key(key, key_column(key)) for key in table.keys]
    return _visible(table, keys, name("label", AT))


def _visible(table: FeatureTable, keys: Sequence[Statement], at: Statement) -> list[Statement]:
    """Return the conditions under which a label with these keys sees a row at a moment."""
    conditions = [
        formatted("{} = {}", _source(key.source), given)
        for key, given in zip(table.keys, keys, strict=True)
    ]
    conditions.append(formatted("{} <= {}", _source(table.event), at))
    if table.microseconds is not None:
        conditions.append(formatted("{} >= {} - {}", _source(table.event), at, _ttl(table)))
    if table.known_only and table.created is not None:
        conditions.append(formatted("{} <= {}", _source(table.created), at))
    return conditions + _since(table)


def _label_key(key: Key, column: str) -> Statement:
    return _cast(name("label", column), key.label_cast)


def _ttl(table: FeatureTable) -> Statement:
    return formatted("{} * interval '1 microsecond'", value(table.microseconds))


def merged(table: FeatureTable, labels: Statement, first: int, last: int) -> Statement:
    """Return the query that sorts labels and rows together."""
    event = formatted("{}::timestamptz", _source(table.event))
    created = _created(table)
    known = in_range(table, first, last)
    known += [formatted("{} is not null", _source(key.source)) for key in table.keys]
    available = event
    if table.known_only and table.created is not None:
        available = formatted("greatest({}, {})", event, created)
        known.append(formatted("{} <= {}", created, moment(last)))
    keys = [key_column(key) for key in table.keys]
    found = formatted("label_row is not null and latest is not null")
    if table.microseconds is not None:
        found = formatted("{} and latest[1] >= at_moment - {}", found, _ttl(table))
    source_keys = [
        formatted("{} as {}", _source(key.source), name(column))
        for key, column in zip(table.keys, keys, strict=True)
    ]
    label_keys = [
        formatted("{} as {}", _label_key(key, column), name(column))
        for key, column in zip(table.keys, keys, strict=True)
    ]
    return template(
        "features_history.merged",
        source_columns=listed(
            [
                *source_keys,
                formatted("null::int as label_row, {} as at_moment", available),
                formatted("array[{}, {}] as versions", event, created),
            ]
        ),
        source=source_of(table),
        conditions=listed(known, AND),
        label_columns=listed(
            [*label_keys, formatted("label.label_row, label.label_at, null::timestamptz[]")]
        ),
        labels=labels,
        label_conditions=listed(
            [formatted("{} is not null", name("label", column)) for column in keys]
            or [formatted("true")],
            AND,
        ),
        partition=listed([name(column) for column in keys] or [formatted("true")]),
        found=found,
    )


def wanted(table: FeatureTable, versions: Statement) -> Statement:
    """Return the query for the features of some rows, given by key and times."""
    conditions = [
        formatted(
            "{} = {}", _source(key.source), _cast(name("wanted", key_column(key)), key.label_cast)
        )
        for key in table.keys
    ]
    conditions.append(formatted("{} = {}", _source(table.event), name("wanted", EVENT)))
    if table.created is not None:
        conditions.append(formatted("{} = {}", _created(table), name("wanted", CREATED)))
    return template(
        "features_history.wanted",
        columns=listed(_features(table)),
        wanted=versions,
        source=source_of(table),
        conditions=listed(conditions, AND),
    )


def whole(
    labels: Statement, columns: Sequence[str], time: str, tables: Sequence[FeatureTable]
) -> Statement:
    """Return one statement with all of it, which runs by itself.

    Parameters
    ----------
    labels : a query whose columns are `columns` and label_row.
    columns : the labels' columns, in the order in which they come back.
    time : the one of them that holds the labels' moments.
    """
    joins: list[Statement] = []
    outputs = [name("label", column) for column in columns]
    for place, table in enumerate(tables):
        view = name(f"view_{place}")
        joins.append(formatted("left join lateral ({}) as {} on true", _joined(table, time), view))
        outputs += [name(f"view_{place}", output) for output in table.outputs]
    return template(
        "features_history.whole",
        label_rows=labels,
        columns=listed(outputs),
        joins=listed(joins, "\n"),
    )


def _joined(table: FeatureTable, time: str) -> Statement:
    # Written out, a column of nulls has no type of its own.
    keys = [_cast(name("label", key.label), "" if key.is_text else key.sql) for key in table.keys]
    at = formatted("{}::timestamptz", name("label", time))
    return template(
        "features_history.features_of_label",
        columns=listed(_features(table)) if table.features else formatted("1"),
        source=source_of(table),
        conditions=listed(_visible(table, keys, at), AND),
        order_by=_newest_first(table),
    )


def queried_labels(query: Statement) -> Statement:
    """Return the labels that a query gives, numbered in its order."""
    return template("features_history.queried_labels", query=query)


def bracketed(query: str) -> str:
    """Return a query as it can stand after `from`; a comment at its end does no harm."""
    return f"(\n{query.strip().rstrip(';')}\n)"


def listed_labels(rows: pa.Table) -> Statement:
    """Return the labels written out as values."""
    names = rows.column_names
    given = zip(*(column.to_pylist() for column in rows.columns), strict=True)
    columns = [
        formatted("{}::{} as {}", name(one.name), foreign(sql_type(one.type)), name(one.name))
        for one in rows.schema
    ]
    lines = [
        formatted("({}, {})", value(place), listed(value(one) for one in row))
        for place, row in enumerate(given)
    ]
    return template(
        "features_history.listed_labels",
        columns=listed([*columns, name(ROW)]),
        rows=listed(lines, ",\n"),
        names=listed([name(ROW), *map(name, names)]),
    )


def in_dates(column: str, first: dt.datetime | None, last: dt.datetime | None) -> Statement:
    """Return the condition that a time lies in a range, both ends included."""
    conditions: list[Statement] = []
    if first is not None:
        conditions.append(formatted("{} >= {}", _source(column), value(first)))
    if last is not None:
        conditions.append(formatted("{} <= {}", _source(column), value(last)))
    return listed(conditions or [formatted("true")], AND)
