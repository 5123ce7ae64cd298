"""SQL views over feature services: the tables of one key side by side, for analysts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from kgfeatures.db import queries
from kgfeatures.db.composing import template
from kgfeatures.db.wide_tables.definition import grant
from kgfeatures.db.wide_tables.tables import short_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.wide_tables.tables import Table


class Service(NamedTuple):
    """A feature service whose tables have the same keys.

    Parameters
    ----------
    parts : name, table and features of each feature view in it.
    """

    name: str
    description: str
    parts: tuple[tuple[str, Table, tuple[str, ...]], ...]


def drop_views(conn: Connection[TupleRow], schema: str, project: str) -> None:
    """Drop the views over the feature services of a project."""
    mark = _mark(project, "")
    for row in queries.fetch(conn, "features_online.service_views", schema=schema, mark=mark):
        _drop(conn, schema, row["name"])


def sync_views(
    conn: Connection[TupleRow], schema: str, project: str, services: Sequence[Service]
) -> list[str]:
    """Make the views over these services, drop those of others, and return the names made."""
    rows = queries.fetch(
        conn, "features_online.service_views", schema=schema, mark=_mark(project, "")
    )
    there = {row["name"]: row["columns"] for row in rows}
    made: list[str] = []
    for service in services:
        name = short_name(service.name)
        shown = _shown(service)
        if name in there and there[name] != list(shown):
            _drop(conn, schema, name)
        elif name not in there and queries.fetch(
            conn, "features_online.relations", schema=schema, names=[name]
        ):
            continue
        _create(conn, sql.Identifier(schema, name), service, shown, _mark(project, service.name))
        made.append(name)
    for name in there.keys() - set(made):
        _drop(conn, schema, name)
    return made


def _mark(project: str, service: str) -> str:
    """Return the line that says whose a view is; without a service, how such lines begin."""
    begin = f"Feast: project {project}, feature service "
    return f"{begin}{service}." if service else begin


def _drop(conn: Connection[TupleRow], schema: str, name: str) -> None:
    conn.execute(sql.SQL("drop view if exists {}").format(sql.Identifier(schema, name)))


def _shown(service: Service) -> dict[str, sql.Composable]:
    """Return the view's columns: keys, then features, called view__feature where two are alike."""
    first = service.parts[0][1]
    rows = [f"t{number}" for number in range(len(service.parts))]
    shown: dict[str, sql.Composable] = {}
    for key in first.keys:
        every = sql.SQL(", ").join(sql.Identifier(row, key.column) for row in rows)
        shown[key.column] = sql.SQL("coalesce({})").format(every)
    names = Counter(feature for _, _, features in service.parts for feature in features)
    for row, (view, table, features) in zip(rows, service.parts, strict=True):
        columns = table.columns
        for feature in features:
            if feature in columns and columns[feature] not in table.keys:
                plain = names[feature] == 1 and feature not in shown
                name = feature if plain else f"{view}__{feature}"
                shown[short_name(name)] = sql.Identifier(row, columns[feature].column)
    return shown


def _create(
    conn: Connection[TupleRow],
    view: sql.Identifier,
    service: Service,
    shown: dict[str, sql.Composable],
    mark: str,
) -> None:
    columns = sql.SQL(", ").join(
        sql.SQL("{} as {}").format(value, sql.Identifier(name)) for name, value in shown.items()
    )
    first = service.parts[0][1]
    tables: sql.Composable = sql.SQL("{} as t0").format(first.identifier)
    for number, (_, table, _) in enumerate(service.parts[1:], start=1):
        row = f"t{number}"
        pairs = sql.SQL(" and ").join(
            sql.SQL("{} = {}").format(_so_far(key.column, number), sql.Identifier(row, key.column))
            for key in first.keys
        )
        tables = sql.SQL("{} full join {} as {} on {}").format(
            tables, table.identifier, sql.Identifier(row), pairs
        )
    made = template("wide_tables.replace_view", view=view, columns=columns, source=tables)
    conn.execute(sql.Composed([made]))
    text = "\n".join(part for part in (service.description, mark) if part)
    conn.execute(sql.SQL("comment on view {} is {}").format(view, sql.Literal(text)))
    grant(conn, view)


def _so_far(key: str, number: int) -> sql.Composable:
    """Return the key of the tables joined so far."""
    every = [sql.Identifier(f"t{earlier}", key) for earlier in range(number)]
    return every[0] if number == 1 else sql.SQL("coalesce({})").format(sql.SQL(", ").join(every))
