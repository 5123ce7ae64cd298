"""Code to insert: how Python, SQL and Feast get at a thing of the catalogue."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kgfeatures.db.composing import foreign, name, template, text_of, value

if TYPE_CHECKING:
    from kgfeatures.db.catalogue.entries import Entry
    from kgfeatures.db.composing import Statement

SHOWN = 100
_SIMPLE = re.compile(r"[a-z_][a-z0-9_]*")


def snippets(entry: Entry, service: str | None = None) -> dict[str, str]:
    """Return "python", "sql" and "magic" code that reads an entry.

    Parameters
    ----------
    service : a feature service that holds the entry: Python then makes a training set.
    """
    sql = without_comments(text_of(statement(entry)))
    if service is None:
        python = (
            "import kgfeatures\n\n"
            "shop = kgfeatures.connect()\n"
            f'frame = shop.sql("""\n{sql}\n""")\nframe.head()'
        )
    else:
        keys = ", ".join(f"{entity}_id" for entity in entry.entities) or "the join keys"
        python = (
            "from kgfeatures.features import training_set\n\n"
            f"# labels: a frame with {keys} and event_timestamp\n"
            f'table = training_set(labels, "{service}")\ntable.head()'
        )
    return {"python": python, "sql": f"{sql};", "magic": f"%%kgsql\n{sql}"}


def statement(entry: Entry, k: int = SHOWN) -> Statement:
    """Return the statement that shows `k` rows of an entry."""
    if entry.kind == "relation":
        return template("catalogue.relation", relation=value(entry.name), k=value(k))
    if entry.kind == "entity_type":
        return template("catalogue.entity_type", entity_type=value(entry.name), k=value(k))
    schema, table = entry.schema or "online", entry.table or entry.name
    return template("catalogue.table", table=readable(schema, table), k=value(k))


def without_comments(sql: str) -> str:
    """Return a statement without its lines of comment."""
    return "\n".join(line for line in sql.splitlines() if not line.startswith("--"))


def readable(schema: str, table: str) -> Statement:
    """Return a table's name as people write it: quoted only where it has to be."""
    if _SIMPLE.fullmatch(schema) and _SIMPLE.fullmatch(table):
        # Behind a dot even a reserved word is a name.
        return foreign(f"{schema}.{table}")
    return name(schema, table)
