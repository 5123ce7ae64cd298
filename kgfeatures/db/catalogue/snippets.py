"""Code to insert: how Python, SQL and Feast get at a thing of the catalogue."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kgfeatures.db.composing import foreign, listed, name, template, text_of, value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kgfeatures.db.catalogue.entries import Entry
    from kgfeatures.db.composing import Statement

SHOWN = 100
TIME = "event_timestamp"
_SIMPLE = re.compile(r"[a-z_][a-z0-9_]*")


def snippets(entry: Entry) -> dict[str, str]:
    """Return "python", "sql" and "magic" code that reads an entry and runs as it stands.

    Python makes a training set of a feature view, for keys and times that the view has.
    """
    sql = without_comments(text_of(statement(entry)))
    return {
        "python": _training(entry) if entry.kind == "feature_view" else _reading(sql),
        "sql": f"{sql};",
        "magic": f"%%kgsql\n{sql}",
    }


def _reading(sql: str) -> str:
    return (
        "import kgfeatures\n\n"
        "shop = kgfeatures.connect()\n"
        f'frame = shop.sql("""\n{sql}\n""")\nframe.head()'
    )


def _training(view: Entry) -> str:
    labels = without_comments(text_of(_rows(view, (*view.keys, TIME), SHOWN)))
    return (
        "import kgfeatures\n"
        "from kgfeatures.features import training_set\n\n"
        "shop = kgfeatures.connect()\n"
        "# Put your labels here: keys, the time of each, and what is to be learnt.\n"
        f'labels = shop.sql("""\n{labels}\n""")\n'
        f'table = training_set(labels, "{view.name}", database=shop)\ntable.head()'
    )


def statement(entry: Entry, k: int = SHOWN) -> Statement:
    """Return the statement that shows `k` rows of an entry: of the columns that may be read.

    Parameters
    ----------
    entry : of the catalogue.
    k : rows at most.
    """
    if entry.kind == "relation":
        return template("catalogue.relation", relation=value(entry.name), k=value(k))
    if entry.kind == "entity_type":
        return template("catalogue.entity_type", entity_type=value(entry.name), k=value(k))
    return _rows(entry, entry.readable, k)


def _rows(entry: Entry, columns: Iterable[str], k: int) -> Statement:
    """Return the statement that reads these columns of an entry; none named: all of them."""
    schema, table = entry.schema or "online", entry.table or entry.name
    named = [readable(table, column) for column in columns]
    return template(
        "catalogue.table",
        columns=listed(named) if named else foreign("*"),
        table=readable(schema, table),
        k=value(k),
    )


def without_comments(sql: str) -> str:
    """Return a statement without its lines of comment."""
    return "\n".join(line for line in sql.splitlines() if not line.startswith("--"))


def readable(*parts: str) -> Statement:
    """Return a table's or column's name as people write it: quoted only where it has to be."""
    if all(_SIMPLE.fullmatch(part) for part in parts):
        # Behind a dot even a reserved word is a name.
        return foreign(".".join(parts))
    return name(*parts)
