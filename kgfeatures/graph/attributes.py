"""Dated attributes: columns of prices, stock, ratings made into rows of raw.attribute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kgfeatures.graph.cleaning import (
    Cleaned,
    clean,
    to_flag,
    to_key,
    to_number,
    to_text,
)
from kgfeatures.graph.selection import MAX_REJECTED, Selection
from kgfeatures.graph.sheet import Problem
from kgfeatures.graph.times import KIND, clean_times

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.section import Section
    from kgfeatures.graph.selection import Loaded
    from kgfeatures.graph.sheet import Sheet

KINDS: dict[str, tuple[Callable[[object], Any], pa.DataType]] = {
    "value_flag": (to_flag, pa.bool_()),
    "value_number": (to_number, pa.float64()),
    "value_text": (to_text, pa.string()),
}


def load_attributes(section: Section, sheet: Sheet, manifest: Manifest) -> Loaded:
    """Return one source's cleaned rows: key, valid_from (null = always) and its typed columns.

    A column is of flags when its values are true and false, else of numbers when at most one in a
    hundred is none, else of texts.
    """
    rows = Selection(section, sheet)
    if "product" in section.columns:
        rows.add_product(manifest)
    else:
        rows.add_key("customer", to_key)
    rows.keep_positive()
    stamp = section.columns.get("timestamp")
    if stamp is None:
        rows.add("valid_from", Cleaned(pa.nulls(len(sheet.rows), KIND)))
    else:
        form = section.words.get("timestamp_format")
        rows.add("valid_from", clean_times(sheet, stamp, form, section.empty), required=stamp)
    for name, column in section.attributes.items():
        target, cleaned = typed(section, sheet, column)
        rows.add(f"{target}:{name}", cleaned)
    refuse_contradictions(rows)
    return rows.finish()


def typed(section: Section, sheet: Sheet, column: str) -> tuple[str, Cleaned]:
    """Return the column of raw.attribute that fits the values, and the values."""
    tried = {
        target: clean(sheet, column, convert, kind, section.empty)
        for target, (convert, kind) in KINDS.items()
    }
    filled = len(sheet.rows) - tried["value_text"].array.null_count
    for target, limit in (("value_flag", 0.0), ("value_number", MAX_REJECTED * filled)):
        if filled and len(tried[target].problems) <= limit:
            return target, tried[target]
    return "value_text", tried["value_text"]


def refuse_contradictions(rows: Selection) -> None:
    """Reject a row that says of a key and time something else than an earlier row; drop repeats."""
    frame = pd.DataFrame({name: column.to_pandas() for name, column in rows.columns.items()})
    key = [str(frame.columns[0]), "valid_from"]
    frame = frame[rows.alive & frame[key[0]].notna().to_numpy()]
    numbers = rows.sheet.rows[frame.index.to_numpy()]
    repeats: Any = frame.duplicated().to_numpy()
    pairs: Any = frame[key]
    known = pairs.duplicated().to_numpy()
    reason = "another row has other values for the same key and time"
    column = rows.section.columns.get("timestamp", "")
    for row in numbers[known & ~repeats].tolist():
        rows.problems.append(Problem(row, column, "", reason))
    rows.drop(np.isin(rows.sheet.rows, numbers[repeats]), "repeated row")


def as_rows(loaded: Loaded) -> pa.Table:
    """Return rows of raw.attribute: entity_type, key, name, valid_from and the three values."""
    kind = "product" if "product" in loaded.section.columns else "customer"
    parts: list[pa.Table] = []
    n = loaded.rows.num_rows
    for column in loaded.rows.column_names:
        target, _, name = column.partition(":")
        if not name:
            continue
        values = {
            other: loaded.rows.column(column) if other == target else pa.nulls(n, null)
            for other, (_, null) in KINDS.items()
        }
        parts.append(
            pa.table(
                {
                    "entity_type": pa.repeat(kind, n).cast(pa.string()),
                    "key": loaded.rows.column(f"{kind}_id"),
                    "name": pa.repeat(name, n).cast(pa.string()),
                    "valid_from": loaded.rows.column("valid_from"),
                    **values,
                }
            )
        )
    return pa.concat_tables(parts)
