"""Lines of orders, returns, views and the like made into rows of raw.interaction."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kgfeatures.graph.cleaning import (
    Cleaned,
    RefusedError,
    clean,
    to_key,
    to_label,
    to_number,
    to_price,
    to_split,
)
from kgfeatures.graph.selection import Selection
from kgfeatures.graph.times import clean_times

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Numbers = NDArray[np.floating[Any]]

    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.section import Section
    from kgfeatures.graph.selection import Loaded
    from kgfeatures.graph.sheet import Sheet

PURCHASE, RETURN = "purchase", "return"
COMMON_EVENTS = (PURCHASE, RETURN, "view", "click", "cart", "wish", "rating")
EVENT_LENGTH = 60
DECIMALS = 6
# No history of a shop is made of it: only an evaluation takes lines without a time.
UNDATED = pa.scalar(0, pa.timestamp("us", "UTC"))


def load_interactions(section: Section, sheet: Sheet, manifest: Manifest) -> Loaded:
    """Return the cleaned lines of one source of interactions.

    A purchase of a negative quantity or amount is a return; both its numbers become negative.

    Raises
    ------
    ManifestError : `event` looks like a column's name that is not quite right.
    """
    lines = Selection(section, sheet)
    lines.add_key("customer", to_key)
    lines.add_product(manifest)
    lines.keep_positive()
    stamp = section.columns.get("timestamp")
    lines.add("occurred_at", _times(section, sheet, stamp), required=stamp)
    lines.add("basket_id", optional(section, sheet, "basket", to_label, pa.string()))
    lines.add("split", optional(section, sheet, "split", to_split, pa.string()))
    add_event(lines)
    add_amounts(lines)
    return lines.finish()


def _times(section: Section, sheet: Sheet, column: str | None) -> Cleaned:
    """Return when each line happened: all at `UNDATED` where no column says it."""
    if column is None:
        return Cleaned(pa.repeat(UNDATED, len(sheet.rows)))
    return clean_times(sheet, column, section.words.get("timestamp_format"), section.empty)


def optional(
    section: Section, sheet: Sheet, key: str, convert: Callable[[object], Any], kind: pa.DataType
) -> Cleaned:
    """Return the column that the manifest calls `key`, nulls when it names none."""
    column = section.columns.get(key)
    if column is None:
        return Cleaned(pa.nulls(len(sheet.rows), kind))
    return clean(sheet, column, convert, kind, section.empty)


def add_event(lines: Selection) -> None:
    """Take the event of each line: a column's value, or the manifest's word for all of them.

    Raises
    ------
    ManifestError : the word is no column but nearly one.
    """
    section, sheet = lines.section, lines.sheet
    word = section.words.get("event", PURCHASE)
    if word in sheet.table.column_names:
        cleaned = clean(sheet, word, to_event, pa.string(), section.empty)
        lines.add("event", cleaned, required=word)
        return
    close = difflib.get_close_matches(word.lower(), [name.lower() for name in sheet.names], n=1)
    if close and word not in COMMON_EVENTS:
        raise section.where.under("event").error(
            f"is {word!r}, which is no column of {section.name}, but {close[0]!r} nearly is; write "
            f"the column's name, or a word such as {', '.join(COMMON_EVENTS[:4])}"
        )
    lines.add("event", Cleaned(pa.repeat(to_event(word), len(sheet.rows)).cast(pa.string())))


def to_event(value: object) -> str:
    """Return an event's word.

    Raises
    ------
    RefusedError : it is too long for a relation's name.
    """
    word = to_label(value)
    if len(word) > EVENT_LENGTH:
        raise RefusedError(f"is no event: longer than {EVENT_LENGTH} characters")
    return word


def add_amounts(lines: Selection) -> None:
    """Take quantity and amount (price times quantity), and mark purchases below zero as returns."""
    section, sheet = lines.section, lines.sheet
    quantity = lines.add("quantity", optional(section, sheet, "quantity", to_number, pa.float64()))
    if "price" in section.columns:
        # Out of `columns` again: raw.interaction holds the line's amount only.
        price = lines.add("price", optional(section, sheet, "price", to_price, pa.float64()))
        del lines.columns["price"]
        pieces = floats(quantity) if "quantity" in section.columns else 1.0
        amount = floats(price) * pieces
    else:
        amount = floats(
            lines.add("amount", optional(section, sheet, "amount", to_number, pa.float64()))
        )
    number = floats(quantity)
    event = lines.columns["event"]
    below = (np.nan_to_num(number) < 0) | (np.nan_to_num(amount) < 0)
    bought = pc.call_function("equal", [event.fill_null(""), pa.scalar(PURCHASE)])
    back = below & bought.to_numpy(zero_copy_only=False)
    lines.columns["event"] = pc.call_function("if_else", [pa.array(back), pa.scalar(RETURN), event])
    lines.columns["quantity"] = as_column(np.where(back, -np.abs(number), number))
    signed = np.where(back, -np.abs(amount), amount)
    lines.columns["amount"] = as_column(np.round(signed, DECIMALS) + 0.0)


def floats(values: pa.Array) -> Numbers:
    """Return a column of numbers, NaN for null: (n,)."""
    return values.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)


def as_column(values: Numbers) -> pa.Array:
    """Return numbers as a column, null for NaN."""
    return pa.array(values, pa.float64(), from_pandas=True)
