"""Reviews, questions and notes made into rows of raw.document, with their search tokens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa

from kgfeatures.extraction.normalize import UNSPACED, tokens
from kgfeatures.graph.cleaning import Cleaned, clean, to_key, to_number, to_text
from kgfeatures.graph.interactions import optional
from kgfeatures.graph.selection import Selection
from kgfeatures.graph.times import KIND, clean_times

if TYPE_CHECKING:
    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.section import Section
    from kgfeatures.graph.selection import Loaded
    from kgfeatures.graph.sheet import Sheet

TOKEN_LENGTH = 100
"""Longer ones are no words, and an index entry of PostgreSQL holds 2,700 bytes."""
_CHINESE = re.compile(f"[{UNSPACED}]")


def load_documents(section: Section, sheet: Sheet, manifest: Manifest) -> Loaded:
    """Return one source's cleaned rows: body, customer_id, product_id, occurred_at, rating.

    Parameters
    ----------
    section : a section `documents` of the manifest.
    sheet : the section's file, read.
    manifest : the one that the section stands in.
    """
    rows = Selection(section, sheet)
    if "product" in section.columns:
        rows.add_product(manifest, optional=True)
    if "customer" in section.columns:
        rows.add_key("customer", to_key, optional=True)
    rows.keep_positive()
    stamp = section.columns.get("timestamp")
    if stamp is None:
        rows.add("occurred_at", Cleaned(pa.nulls(len(sheet.rows), KIND)))
    else:
        form = section.words.get("timestamp_format")
        rows.add("occurred_at", clean_times(sheet, stamp, form, section.empty))
    rows.add("rating", optional(section, sheet, "rating", to_number, pa.float32()))
    add_body(rows)
    return rows.finish()


def add_body(rows: Selection) -> None:
    """Take the columns of text, joined by line ends; rows without any text are left out."""
    parts: list[list[str | None]] = []
    for column in rows.section.text:
        cleaned = clean(rows.sheet, column, to_text, pa.string(), rows.section.empty)
        rows.problems += cleaned.problems
        parts.append(cleaned.array.to_pylist())
    bodies = [
        "\n".join(part for part in texts if part) or None for texts in zip(*parts, strict=True)
    ]
    body = pa.array(bodies, pa.string())
    rows.add("body", Cleaned(body))
    rows.drop(body.is_null().to_numpy(zero_copy_only=False), "no text")


def as_rows(loaded: Loaded) -> pa.Table:
    """Return rows of raw.document, without their source and id."""
    rows = loaded.rows
    n = rows.num_rows
    bodies: list[str] = rows.column("body").to_pylist()
    words = loaded.section.words
    said = words.get("language")
    language = [said or ("zh" if is_chinese(body) else None) for body in bodies]
    missing = pa.nulls(n, pa.string())
    columns = {name: rows.column(name) for name in rows.column_names}
    return pa.table(
        {
            "kind": pa.repeat(words["kind"], n).cast(pa.string()),
            "product_id": columns.get("product_id", missing),
            "customer_id": columns.get("customer_id", missing),
            "body": rows.column("body"),
            "tokens": pa.array([searchable(body) for body in bodies], pa.list_(pa.string())),
            "language": pa.array(language, pa.string()),
            "occurred_at": rows.column("occurred_at"),
            "rating": rows.column("rating"),
        }
    )


def searchable(body: str) -> list[str]:
    """Return a text's tokens without those that are too long to be words."""
    return [token for token in tokens(body) if len(token) <= TOKEN_LENGTH]


def is_chinese(body: str) -> bool:
    """Return whether a fifth of a text's characters are Chinese."""
    return 5 * len(_CHINESE.findall(body)) >= len(body)
