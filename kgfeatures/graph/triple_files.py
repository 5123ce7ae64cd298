"""Triples from files: columns of a table, N-Triples, and OpenKE's numbered lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from kgfeatures.errors import DataError
from kgfeatures.graph.cleaning import Cleaned, clean, to_label
from kgfeatures.graph.selection import Selection, excluded, product_key
from kgfeatures.graph.sheet import Problem, Sheet, shown
from kgfeatures.graph.text_files import opened_text, readable
from kgfeatures.graph.times import KIND, clean_times

if TYPE_CHECKING:
    from pathlib import Path

    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.section import Section
    from kgfeatures.graph.selection import Loaded
    from kgfeatures.types import IntArray

PARTS = ("head", "relation", "tail")
PARTS_OF_OPEN_KE = ("head", "tail", "relation")
DEFAULT_TYPE = "entity"
DICTIONARIES = ("entity2id.txt", "relation2id.txt")
_TERM = r'<([^<>"{}|^`\\\s]*)>|_:(\S+)'
_LITERAL = r'"((?:[^"\\\n]|\\.)*)"(?:\^\^<[^<>\s]*>|@[A-Za-z0-9-]+)?'
_STATEMENT = re.compile(rf"\s*(?:{_TERM})\s+<([^<>\s]+)>\s+(?:{_TERM}|{_LITERAL})\s*\.\s*(?:#.*)?")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
_ESCAPES = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}


def load_triples(section: Section, sheet: Sheet, manifest: Manifest) -> Loaded:
    """Return one source's cleaned rows: head, relation, tail (labels) and valid_from.

    Parameters
    ----------
    sheet : its columns are those that the manifest names; of nt and openke files head, relation
        and tail.
    """
    rows = Selection(section, sheet)
    for part in PARTS:
        column = section.columns.get(part, part)
        if part == "relation" and "relation_name" in section.words:
            name = pa.repeat(section.words["relation_name"], len(sheet.rows)).cast(pa.string())
            rows.add(part, Cleaned(name))
            continue
        is_product = section.words.get(f"{part}_type") == "product"
        convert = product_key(manifest) if is_product else to_label
        rows.add(part, clean(sheet, column, convert, pa.string(), section.empty), required=column)
        if is_product:
            rows.drop(excluded(manifest, rows.columns[part]), "excluded product")
    rows.keep_positive()
    stamp = section.columns.get("timestamp")
    if stamp is None:
        rows.add("valid_from", Cleaned(pa.nulls(len(sheet.rows), KIND)))
    else:
        form = section.words.get("timestamp_format")
        rows.add("valid_from", clean_times(sheet, stamp, form, section.empty), required=stamp)
    return rows.finish()


def as_rows(loaded: Loaded) -> pd.DataFrame:
    """Return triples for store.replace_triples: types, labels, valid_from, detail."""
    words = loaded.section.words
    frame = pd.DataFrame({part: loaded.rows.column(part).to_pandas() for part in PARTS})
    frame["head_type"] = words.get("head_type", DEFAULT_TYPE)
    frame["tail_type"] = words.get("tail_type", DEFAULT_TYPE)
    frame["valid_from"] = loaded.rows.column("valid_from").to_pandas()
    frame["detail"] = loaded.section.name
    return frame.drop_duplicates(ignore_index=True)


def read_n_triples(section: Section, file: Path) -> Sheet:
    """Return the statements of an N-Triples file.

    Entities keep their IRI without brackets, literals their text, blank nodes "_:name"; a relation
    is called by the last part of its IRI, or by all of it where two would be called the same.

    Raises
    ------
    DataError : it is empty or in another encoding.
    """
    found: list[tuple[str, str, str]] = []
    lines: list[int] = []
    broken: list[Problem] = []
    with readable(section, file), opened_text(section, file) as texts:
        for line, text in enumerate(texts, start=1):
            if not text.strip() or text.lstrip().startswith("#"):
                continue
            match = _STATEMENT.fullmatch(text.rstrip("\r\n"))
            if match is None:
                broken.append(Problem(line, "", shown(text), "is no `<head> <relation> <tail> .`"))
                continue
            head, blank_head, relation, tail, blank_tail, literal = match.groups()
            found.append(
                (
                    f"_:{blank_head}" if head is None else unescape(head),
                    unescape(relation),
                    f"_:{blank_tail}"
                    if blank_tail
                    else unescape(tail if literal is None else literal),
                )
            )
            lines.append(line)
    if not found and not broken:
        raise DataError(f"{section.name} is empty: no statement in it; export it again")
    heads, relations, tails = zip(*found, strict=True) if found else ((), (), ())
    names = short_names(relations)
    table = labels(heads, [names[relation] for relation in relations], tails)
    return Sheet(table, np.array(lines, dtype=np.int64), "line", broken, PARTS)


def unescape(text: str) -> str:
    """Return an N-Triples text with its escapes resolved."""
    if "\\" not in text:
        return text

    def character(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, code)

    return _ESCAPE.sub(character, text)


def short_names(iris: tuple[str, ...]) -> dict[str, str]:
    """Return the last part of each IRI where that is unique, else the IRI."""
    short = {iri: re.split(r"[/#]", iri.rstrip("/#"))[-1] for iri in iris}
    uses = pd.Series(list(short.values()), dtype=object).value_counts()
    return {iri: name if name and uses[name] == 1 else iri for iri, name in short.items()}


def read_open_ke(section: Section, file: Path) -> Sheet:
    """Return the triples of an OpenKE file (count, then head, tail, relation by number).

    The names stand beside it, in entity2id.txt and relation2id.txt.

    Raises
    ------
    DataError : a file is missing or not in this layout, or the count is not that of the lines.
    """
    entities = names_by_number(section, file.with_name(DICTIONARIES[0]))
    relations = names_by_number(section, file.with_name(DICTIONARIES[1]))
    with readable(section, file), opened_text(section, file) as text:
        lines = text.read().split("\n")
    numbers = counted(section.name, lines, 3)
    for column, known in enumerate((entities, entities, relations)):
        beyond = np.flatnonzero((numbers[:, column] < 0) | (numbers[:, column] >= len(known)))
        if len(beyond):
            wrong = f"{PARTS_OF_OPEN_KE[column]} {numbers[beyond[0], column]}"
            raise DataError(
                f"{section.name}, line {beyond[0] + 2}: {wrong} has no name in the *2id.txt beside "
                f"it, which numbers 0 to {len(known) - 1}"
            )
    table = labels(entities[numbers[:, 0]], relations[numbers[:, 2]], entities[numbers[:, 1]])
    return Sheet(table, np.arange(len(numbers), dtype=np.int64) + 2, "line", [], PARTS)


def counted(name: str, lines: list[str], width: int) -> IntArray:
    """Return the numbers of an OpenKE list: (n, width).

    Raises
    ------
    DataError : its first line is not the count of the others, or a line holds something else.
    """
    rows = [line.split() for line in lines[1:] if line.strip()]
    for line, row in enumerate(rows, start=2):
        if len(row) != width or not all(word.lstrip("-").isdigit() for word in row):
            raise DataError(f"{name}, line {line}: {' '.join(row)!r} is not {width} whole numbers")
    if not lines or lines[0].strip() != str(len(rows)):
        first = lines[0].strip() if lines else ""
        raise DataError(
            f"{name}, line 1: {first!r} is not {len(rows)}, the number of lines that follow; the "
            "file is cut off, or not in OpenKE's layout (count, then head, tail, relation)"
        )
    return np.array(rows, dtype=np.int64).reshape(-1, width)


def names_by_number(section: Section, file: Path) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """Return the names of an OpenKE dictionary (name, tab, number) by number: (n,) of str.

    Raises
    ------
    DataError : it is missing, or its numbers are not 0 to n - 1.
    """
    if not file.is_file():
        raise DataError(f"{section.name} needs {file.name} beside it, which is not there")
    with readable(section, file), opened_text(section, file) as text:
        lines = text.read().split("\n")
    pairs = [line.rpartition("\t") for line in lines[1:] if line.strip()]
    names = np.empty(len(pairs), dtype=object)
    numbers = [int(number) if number.strip().isdigit() else -1 for _, _, number in pairs]
    if sorted(numbers) != list(range(len(pairs))):
        raise DataError(
            f"{file.name} does not number its {len(pairs)} names from 0 (name, tab, number)"
        )
    names[numbers] = [name.strip() for name, _, _ in pairs]
    return names


def labels(heads: object, relations: object, tails: object) -> pa.Table:
    """Return the three parts of triples as columns of text."""
    return pa.table(
        {
            part: pa.array(values, pa.string())
            for part, values in zip(PARTS, (heads, relations, tails), strict=True)
        }
    )
