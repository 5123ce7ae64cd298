"""Products, customers, campaigns: titles, texts and triples from the columns that describe them.

A file of its own holds each of them once. In the file of interactions a product stands on every
line on which it was sold; there the most frequent text wins, ties by alphabet, and the others are
kept as other titles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from kgfeatures.errors import DataError
from kgfeatures.graph.cleaning import clean, to_key, to_label, to_line
from kgfeatures.graph.selection import Selection

if TYPE_CHECKING:
    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.section import Section
    from kgfeatures.graph.selection import Loaded
    from kgfeatures.graph.sheet import Sheet

TRIPLE_COLUMNS = ("head_type", "head", "relation", "tail_type", "tail", "detail")


@dataclass
class Things:
    """Products, customers or campaigns by key.

    Parameters
    ----------
    title, body : the column `title`, or all texts in one line; all texts, a line each.
    others : titles that lost, most frequent first.
    triples : columns head_type, head, relation, tail_type, tail, detail (the source's column).
    """

    title: dict[str, str] = field(default_factory=dict[str, str])
    body: dict[str, str] = field(default_factory=dict[str, str])
    others: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    keys: set[str] = field(default_factory=set[str])
    triples: list[pd.DataFrame] = field(default_factory=list[pd.DataFrame])


def load_things(section: Section, sheet: Sheet, manifest: Manifest) -> Loaded:
    """Return the cleaned rows of a source of products or customers.

    Raises
    ------
    DataError : a key stands twice, though the file is not that of the interactions.
    """
    rows = Selection(section, sheet)
    kind = section.kind.removesuffix("s")
    is_product = kind == "product"
    keys = rows.add_product(manifest) if is_product else rows.add_key("customer", to_key)
    rows.keep_positive()
    if section.name not in {lines.name for lines in manifest.of("interactions")}:
        require_once(rows, keys, kind)
    add_columns(rows)
    return rows.finish()


def add_columns(rows: Selection) -> None:
    """Take the columns of text and those that are relations."""
    section, sheet = rows.section, rows.sheet
    for column in texts_of(section):
        rows.add(f"text:{column}", clean(sheet, column, to_line, pa.string(), section.empty))
    for column in section.relations:
        cleaned = clean(sheet, column, to_label, pa.string(), section.empty)
        rows.add(f"relation:{column}", cleaned)


def texts_of(section: Section) -> list[str]:
    """Return the columns of text, the title's first."""
    title = [section.columns["title"]] if "title" in section.columns else []
    return list(dict.fromkeys([*title, *section.text]))


def require_once(rows: Selection, keys: pa.Array, kind: str) -> None:
    """Check that no key stands on two rows.

    Raises
    ------
    DataError : one does; the message names both rows.
    """
    here = keys.filter(pa.array(rows.alive)).to_pandas()
    numbers = rows.sheet.rows[rows.alive]
    twice = np.flatnonzero((here.duplicated() & here.notna()).to_numpy())
    if len(twice):
        key, second = here.iloc[twice[0]], numbers[twice[0]]
        first = numbers[np.flatnonzero((here == key).to_numpy())[0]]
        raise DataError(
            f"{rows.section.name}: {kind} {key!r} stands on {rows.sheet.unit}s {first} and "
            f"{second} ({len(twice):,} rows repeat a key); each may stand once, remove the others"
        )


def collect(things: Things, loaded: Loaded) -> None:
    """Add what one source says to what earlier ones said; the earlier title stays."""
    section = loaded.section
    rows = loaded.rows
    keys = rows.column(f"{kind_of(section)}_id").to_pandas()
    things.keys.update(keys.unique())
    texts, relations = (
        {name: rank(keys, rows.column(f"{role}:{name}").to_pandas()) for name in names}
        for role, names in (("text", texts_of(section)), ("relation", list(section.relations)))
    )
    add_said(things, section, texts, relations)


def kind_of(section: Section) -> str:
    """Return the type of the things that a section describes, such as "product"."""
    return section.kind.removesuffix("s")


def add_said(
    things: Things,
    section: Section,
    texts: dict[str, dict[str, list[str]]],
    relations: dict[str, dict[str, list[str]]],
) -> None:
    """Add what a section says to what earlier ones said; the earlier title stays.

    Parameters
    ----------
    texts, relations : by column and key, the values as `rank` gives them.
    """
    titles = list(texts)[:1] if "title" in section.columns else list(texts)
    for key in dict.fromkeys(key for ranked in texts.values() for key in ranked):
        best = {name: ranked[key][0] for name, ranked in texts.items() if key in ranked}
        title = ", ".join(best[name] for name in titles if name in best)
        lost = texts[titles[0]].get(key, [])[1:] if len(titles) == 1 else []
        add_texts(things, key, title, lost, list(best.values()))
    for column, ranked in relations.items():
        things.triples.append(
            pd.DataFrame(
                {
                    "head_type": kind_of(section),
                    "head": pd.Series(list(ranked), dtype=object),
                    "relation": section.relations[column],
                    "tail_type": entity_type(column),
                    "tail": pd.Series([values[0] for values in ranked.values()], dtype=object),
                    "detail": f"{section.written}:{column}",
                }
            )
        )


def add_texts(things: Things, key: str, title: str, lost: list[str], texts: list[str]) -> None:
    """Note what a thing is called and said to be; the first source's title stays."""
    earlier = [things.body[key]] if key in things.body else []
    things.body[key] = "\n".join(dict.fromkeys([*earlier, *texts]))
    if title:
        chosen = things.title.setdefault(key, title)
        others = things.others.setdefault(key, [])
        others += [name for name in (title, *lost) if name != chosen and name not in others]


def rank(keys: pd.Series, values: pd.Series) -> dict[str, list[str]]:
    """Return the values of each key, most frequent first, ties by alphabet.

    Parameters
    ----------
    keys, values : (n,) rows; those without a value do not count.
    """
    frame = pd.DataFrame({"key": keys, "value": values, "n": 1})
    frame = frame.groupby(["key", "value"], sort=False, as_index=False).sum()
    counted = sorted(zip(frame["key"], -frame["n"], frame["value"], strict=True))
    ranked: dict[str, list[str]] = {}
    for key, _, value in counted:
        ranked.setdefault(key, []).append(value)
    return ranked


def entity_type(column: str) -> str:
    """Return the type of the entities that a column names: "Made In" gives "made_in"."""
    return "_".join(column.strip().lower().split())
