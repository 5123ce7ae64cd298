"""What each source says of products and customers (raw.description), and what follows from it.

A source keeps how often it says what of whom, so that titles, texts and relations can be made
again when one source changed, without reading the others.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from kgfeatures.graph import fingerprints
from kgfeatures.graph.selection import REJECTED
from kgfeatures.graph.sheet import Sheet
from kgfeatures.graph.things import Things, add_said, kind_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from kgfeatures.graph.selection import Loaded
    from kgfeatures.graph.sources import Source
    from kgfeatures.types import IntArray

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("entity_type", "key", "role", "column_name", "value")),
        ("n", pa.int64()),
    ]
)


def distinct(sheet: Sheet) -> tuple[Sheet, IntArray]:
    """Return the first of equal rows, and how many each stands for."""
    hashes = _kinds_of_rows(sheet)
    order = np.argsort(hashes)
    if not len(order):
        return sheet, np.empty(0, dtype=np.int64)
    starts = np.flatnonzero(np.diff(hashes[order], prepend=~hashes[order[:1]]) != 0)
    first = np.minimum.reduceat(order, starts)
    counts = np.diff(starts, append=len(order))
    by_place = np.argsort(first)
    table = sheet.table.take(pa.array(first[by_place]))
    made = Sheet(table, sheet.rows[first[by_place]], sheet.unit, sheet.broken, sheet.names)
    return made, counts[by_place]


def _kinds_of_rows(sheet: Sheet) -> fingerprints.Hashes:
    """Return a number for each row, the same for equal rows: of texts their codes."""
    numbers = np.zeros(len(sheet.rows), dtype=np.uint64)
    others: list[pa.Array] = []
    together = 1
    for each in sheet.table.columns:
        column = fingerprints.single(each)
        if fingerprints.is_text(column.type):
            column = column.dictionary_encode()
        many = len(column.dictionary) + 1 if pa.types.is_dictionary(column.type) else 0
        if not many or together * many >= 2**63:
            others.append(column)
            continue
        together *= many
        numbers *= np.uint64(many)
        numbers += fingerprints.codes_of(column, many - 1).astype(np.uint64)
    return fingerprints.hash_rows(others, len(numbers), fingerprints.mix(numbers))


def weighted(loaded: Loaded, sheet: Sheet, counts: IntArray) -> IntArray:
    """Return how many rows each loaded row stands for, and count all of them in `loaded`.

    Parameters
    ----------
    sheet, counts : as `distinct` gives them; no row of it may be rejected.
    """
    stands_for = dict(zip(sheet.rows.tolist(), counts.tolist(), strict=True))
    loaded.rows_read = int(counts.sum()) + len(sheet.broken)
    loaded.dropped = {
        reason: sum(stands_for[row] for row in rows.tolist())
        for reason, rows in loaded.fates.items()
        if reason != REJECTED
    }
    numbers: list[int] = loaded.rows.column("source_row").to_pylist()
    weights = np.array([stands_for[row] for row in numbers], dtype=np.int64)
    loaded.standing = int(weights.sum()) - loaded.rows.num_rows
    return weights


def describe(loaded: Loaded, weights: IntArray) -> pa.Table:
    """Return rows of raw.description: how often a source says what of a thing, in each column.

    Where no other file counts together with this one, only the rank is kept, 1 for the least: it
    stays the same when more is sold.

    Parameters
    ----------
    weights : (n,) how many rows each of `loaded.rows` stands for.
    """
    section = loaded.section
    kind = kind_of(section)
    keys = fingerprints.single(loaded.rows.column(f"{kind}_id")).dictionary_encode()
    parts: list[pa.Table] = []
    said = np.zeros(len(keys.dictionary), dtype=bool)
    named = (("text", texts_of(section)), ("relation", list(section.relations)))
    for role, column in ((role, column) for role, columns in named for column in columns):
        values = fingerprints.single(loaded.rows.column(f"{role}:{column}")).dictionary_encode()
        whose, which, n = _counted(keys, values, weights)
        if section.pattern is None:
            n = _ranks(whose, n, values.dictionary.take(pa.array(which)))
        said[whose] = True
        parts.append(
            pa.table(
                {
                    "entity_type": _repeated(kind, len(n)),
                    "key": keys.dictionary.take(pa.array(whose)),
                    "role": _repeated(role, len(n)),
                    "column_name": _repeated(column, len(n)),
                    "value": values.dictionary.take(pa.array(which)),
                    "n": pa.array(n),
                },
                SCHEMA,
            )
        )
    silent = keys.dictionary.filter(pa.array(~said))
    return pa.concat_tables([*parts, named_only(kind, silent.to_pylist())])


def named_only(kind: str, keys: Sequence[str]) -> pa.Table:
    """Return rows of raw.description for things that a source names without a word on them."""
    n = len(keys)
    columns: dict[str, Any] = {
        "entity_type": _repeated(kind, n),
        "key": pa.array(keys, pa.string()),
        "role": _repeated("key", n),
        "column_name": _repeated("", n),
        "value": pa.nulls(n, pa.string()),
        "n": pa.array(np.ones(n, dtype=np.int64)),
    }
    return pa.table(columns, SCHEMA)


def gather(rows: pd.DataFrame, sources: Iterable[Source], kind: str) -> Things:
    """Return what all sources together say of things of one kind.

    Parameters
    ----------
    rows : of raw.description: place (of the section), key, role, column_name, value, n.
    sources : all of the manifest, in its order; files of one pattern count together.
    """
    things = Things()
    listed = [each for each in sources if kind_of(each.section) == kind]
    for place, group in groupby(listed, key=lambda source: source.place):
        section = next(group).section
        here: Any = rows[rows["place"] == place]
        texts, relations = (
            {name: _ranked(here, role, name) for name in names}
            for role, names in (("text", texts_of(section)), ("relation", list(section.relations)))
        )
        add_said(things, section, texts, relations)
    return things


def _counted(
    keys: pa.DictionaryArray, values: pa.DictionaryArray, weights: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Return the pairs of codes that occur, and how often: (m,) each."""
    whose, which = (
        column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        for column in (keys, values)
    )
    there = (whose >= 0) & (which >= 0)
    many = max(1, len(values.dictionary))
    pairs = whose[there] * many + which[there]
    if not len(pairs):
        return pairs, pairs, pairs
    order = np.argsort(pairs, kind="stable")
    starts = np.flatnonzero(np.diff(pairs[order], prepend=-1) != 0)
    found = pairs[order[starts]]
    return found // many, found % many, np.add.reduceat(weights[there][order], starts)


def _ranks(whose: IntArray, n: IntArray, values: pa.Array) -> IntArray:
    """Return 1, 2 … for the values of each key from the last to the first, as `things.rank` sorts.

    Parameters
    ----------
    whose : (m,) key of each value, ascending.
    n : (m,) on how many rows it stands.
    """
    ranks = np.ones(len(whose), dtype=np.int64)
    starts = np.flatnonzero(np.diff(whose, prepend=-1) != 0)
    lengths = np.diff(starts, append=len(whose))
    several = np.flatnonzero(lengths > 1)
    for start, length in zip(starts[several].tolist(), lengths[several].tolist(), strict=True):
        places = range(start, start + length)
        first = sorted(places, key=lambda place: (-n[place], values[place].as_py()))
        ranks[first] = np.arange(length, 0, -1)
    return ranks


def _ranked(rows: pd.DataFrame, role: str, column: str) -> dict[str, list[str]]:
    """Return the values of each key, most frequent first, ties by alphabet."""
    here: Any = rows[(rows["role"] == role) & (rows["column_name"] == column)]
    counted = sorted(zip(here["key"], -here["n"], here["value"], strict=True))
    ranked: dict[str, list[str]] = {}
    for key, _, value in counted:
        ranked.setdefault(key, []).append(value)
    return ranked


def _repeated(word: str, n: int) -> pa.Array:
    return pa.repeat(word, n).cast(pa.string())
