"""Graphs to predict links in, as the field's benchmarks write them down.

OpenKE's layout (train2id.txt …: a count, then head, tail, relation by number) or text (train.txt …:
head, relation, tail between tabs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from kgfeatures.types import IntArray

SPLITS = ("train", "valid", "test")
PARTS = ("head", "relation", "tail")
DICTIONARIES = {"entity": "entity2id.txt", "relation": "relation2id.txt"}
SHOWN = 60


def read_splits(folder: Path) -> tuple[dict[str, IntArray], tuple[int, int]]:
    """Return the triples of a folder, and how many entities and relations there are.

    Empty lines are skipped, and valid or test may be missing: then it has no triples.

    Returns
    -------
    splits : by `SPLITS`; (n, 3) row numbers of head, relation, tail. Text is numbered in the order
        in which names come; numbers stay as they are, but gaps are closed where no dictionary
        (entity2id.txt, relation2id.txt) says how many there are.

    Raises
    ------
    DataError : neither layout is there, train has no triples, or a line is no triple.
    """
    for ending, read in (("2id.txt", _numbers), (".txt", _names)):
        if (folder / f"train{ending}").is_file():
            files = {split: folder / f"{split}{ending}" for split in SPLITS}
            splits, sizes = read({split: file for split, file in files.items() if file.is_file()})
            if len(splits["train"]) == 0:
                raise DataError(f"{files['train']} holds no triples; there is nothing to learn")
            return {split: splits.get(split, splits["train"][:0]) for split in SPLITS}, sizes
    raise DataError(f"{folder} holds neither train2id.txt nor train.txt; name another folder")


def _lines(file: Path) -> list[tuple[int, str]]:
    """Return the number and the text of each line that is not empty."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise DataError(
            f"{file} is not in UTF-8: byte {exc.start} cannot be read; save it as UTF-8"
        ) from None
    # Not splitlines: names may hold what Unicode calls a line separator.
    return [(n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]


def _numbers(files: dict[str, Path]) -> tuple[dict[str, IntArray], tuple[int, int]]:
    splits = {split: _counted(file)[:, (0, 2, 1)] for split, file in files.items()}
    limits = {kind: _size(files["train"].with_name(name)) for kind, name in DICTIONARIES.items()}
    for split, rows in splits.items():
        for column, part in enumerate(PARTS):
            last = (limits["relation" if part == "relation" else "entity"] or 2**63) - 1
            wrong = np.flatnonzero((rows[:, column] < 0) | (rows[:, column] > last))
            if len(wrong):
                raise DataError(
                    f"{files[split]}: the {part} of triple {wrong[0] + 1} is "
                    f"{rows[wrong[0], column]}; numbers must be from 0 to {last}"
                )
    ends = {split: rows[:, (0, 2)] for split, rows in splits.items()}
    relations = {split: rows[:, 1:2] for split, rows in splits.items()}
    closed, n_entities = _closed(ends, limits["entity"])
    named, n_relations = _closed(relations, limits["relation"])
    joined = {
        split: np.column_stack([closed[split][:, 0], named[split], closed[split][:, 1]])
        for split in splits
    }
    return joined, (n_entities, n_relations)


def _counted(file: Path) -> IntArray:
    """Return the numbers below the count that an OpenKE list begins with: (n, 3)."""
    found = _lines(file)
    lines = [line for _, line in found[1:]]
    if found and found[0][1].strip() != str(len(lines)):
        raise DataError(
            f"{file}, line {found[0][0]}: {_short(found[0][1])} is not {len(lines)}, the number of "
            "lines that follow; the file is cut off, or not in OpenKE's layout (count, then head, "
            "tail, relation)"
        )
    if not lines:
        return np.empty((0, 3), dtype=np.int64)
    try:
        rows = np.loadtxt(lines, dtype=np.int64, comments=None, ndmin=2)
    except ValueError:
        rows = None
    if rows is None or rows.shape[1] != 3:
        number, line = next(pair for pair in found[1:] if not _is_triple(pair[1]))
        raise DataError(f"{file}, line {number}: {_short(line)} is not 3 whole numbers")
    return rows


def _is_triple(line: str) -> bool:
    words = line.split()
    return len(words) == 3 and all(
        word.lstrip("-").isdecimal() and len(word) < len(str(2**63)) for word in words
    )


def _size(file: Path) -> int | None:
    """Return how many names a dictionary has; None without one."""
    return max(0, len(_lines(file)) - 1) if file.is_file() else None


def _closed(numbers: dict[str, IntArray], limit: int | None) -> tuple[dict[str, IntArray], int]:
    """Return numbers without gaps, and how many different ones; both as they are with a limit."""
    if limit is not None:
        return numbers, limit
    known = np.unique(np.concatenate([rows.ravel() for rows in numbers.values()]))
    return {split: np.searchsorted(known, rows) for split, rows in numbers.items()}, len(known)


def _names(files: dict[str, Path]) -> tuple[dict[str, IntArray], tuple[int, int]]:
    rows = {split: _named(file) for split, file in files.items()}
    cells = [row for part in rows.values() for row in part]
    heads, relations, tails = zip(*cells, strict=True) if cells else ((), (), ())
    ends = np.array([heads, tails], dtype=object).T.ravel()
    entities, names = pd.factorize(ends)
    kinds, different = pd.factorize(np.array(relations, dtype=object))
    triples = np.column_stack([entities[0::2], kinds, entities[1::2]]).astype(np.int64)
    borders = np.cumsum([len(part) for part in rows.values()])[:-1]
    splits = dict(zip(rows, np.split(triples, borders), strict=True))
    return splits, (len(names), len(different))


def _named(file: Path) -> list[list[str]]:
    rows: list[list[str]] = []
    for number, line in _lines(file):
        cells = line.split("\t")
        if len(cells) != len(PARTS) or not all(cell.strip() for cell in cells):
            raise DataError(
                f"{file}, line {number}: {_short(line)} is not head, relation and tail with a tab "
                "between each two"
            )
        rows.append(cells)
    return rows


def _short(line: str) -> str:
    return repr(line if len(line) <= SHOWN else line[:SHOWN] + "…")
