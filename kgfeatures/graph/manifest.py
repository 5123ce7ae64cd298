"""The manifest dataset.yaml: which files and columns hold a shop's orders, products, customers.

It is checked completely before any data is read: an unknown key, a missing one, a wrong type or a
file that is not there is a ManifestError that names the file, the key and the nearest right one.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kgfeatures.errors import ManifestError, nearest
from kgfeatures.graph import meaning, patterns, yaml_values
from kgfeatures.graph.section import SHAPES, Section
from kgfeatures.graph.yaml_values import Where

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping
    from pathlib import Path

    from kgfeatures.graph.section import Shape

FILE_NAME = "dataset.yaml"
TABULAR = ("csv", "tsv", "parquet", "jsonl")
TRIPLE_FORMATS = (*TABULAR, "nt", "openke")
ENCODINGS = ("utf-8", "gbk", "gb18030", "big5", "utf-16", "shift_jis", "latin-1", "cp1252")
CASES = ("upper", "lower")
MANIFEST_KEYS = ("name", *SHAPES, "exclude_products", "product_case")


@dataclass(frozen=True)
class Manifest:
    """A dataset.yaml as read and checked."""

    name: str
    file: Path
    sections: tuple[Section, ...]
    excluded: tuple[re.Pattern[str], ...] = ()
    product_case: str | None = None

    def of(self, kind: str) -> list[Section]:
        """Return the sections of one kind, in order."""
        return [section for section in self.sections if section.kind == kind]

    def excludes(self, product_id: str) -> bool:
        """Return whether `exclude_products` names this product."""
        return any(pattern.fullmatch(product_id) for pattern in self.excluded)


def read_manifest(folder: Path, *, undated: bool = False) -> Manifest:
    """Return the manifest of a folder with data.

    Parameters
    ----------
    undated : whether interactions that name a split may lack a timestamp; what is loaded may not.

    Raises
    ------
    ManifestError : it is missing, is no YAML, or says something that cannot be.
    """
    file = folder / FILE_NAME
    if not file.is_file():
        raise ManifestError(
            f"{file} does not exist; ingest reads a folder with a {FILE_NAME} that names the "
            "shop's files and columns"
        )
    content = yaml_values.load(file)
    top = Where(file)
    for key in content:
        top.known(key, MANIFEST_KEYS)
    sections = [
        replace(
            read_section(kind, where, entry, undated=undated), pattern=patterns.of(written, entry)
        )
        for kind in SHAPES
        if kind in content
        for where, written in top.under(kind).mappings(content[kind])
        for entry in patterns.expanded(where, written)
    ]
    if not sections:
        raise ManifestError(f"{file} names no data; give at least one of {', '.join(SHAPES)}")
    case = content.get("product_case")
    if case is not None and case not in CASES:
        raise top.under("product_case").error(f"is {case!r}; write upper or lower, or leave it out")
    return Manifest(
        name=top.under("name").name(content.get("name", folder.absolute().name)),
        file=file,
        sections=tuple(sections),
        excluded=top.under("exclude_products").patterns(content.get("exclude_products", [])),
        product_case=case,
    )


def read_section(
    kind: str, where: Where, entry: yaml_values.Mapping, *, undated: bool = False
) -> Section:
    """Return one section of the manifest.

    Parameters
    ----------
    kind : the manifest's key: "interactions", "products", "triples" ….
    where : file and place in it, for messages.
    entry : the section as YAML has it.
    undated : see `read_manifest`.

    Raises
    ------
    ManifestError : a key is unknown, missing or holds what it cannot.
    """
    shape = SHAPES[kind]
    if undated and "split" in entry:
        shape = replace(shape, required=tuple(k for k in shape.required if k != "timestamp"))
    _require_keys(shape, where, entry)
    lists = {*shape.lists, "empty", "delimiter"}
    names = {str(k): where.under(str(k)).name(v) for k, v in entry.items() if k not in lists}
    delimiter = entry.get("delimiter")
    file, form = find_file(where, kind, names)
    section = Section(
        kind=kind,
        where=where,
        name=names.get("file") or names["table"],
        file=file,
        table=names.get("table"),
        format=form,
        encoding=codec(where.under("encoding"), names.get("encoding", "utf-8")),
        delimiter=None if delimiter is None else where.under("delimiter").text(delimiter),
        empty=frozenset(where.under("empty").texts(entry.get("empty", []))),
        positive=names.get("positive"),
        columns={key: names[key] for key in shape.columns if key in names},
        words={key: names[key] for key in (*shape.words, *shape.mixed) if key in names},
        text=where.under("text").names(entry.get("text", [])),
        relations=where.under("relations").pairs(entry.get("relations", {})),
        attributes={key: name for key, name in names.items() if key not in set(shape.keys())},
        outcomes=where.under("outcomes").names(entry.get("outcomes", [])),
    )
    meaning.check(section)
    return section


def _require_keys(shape: Shape, where: Where, entry: yaml_values.Mapping) -> None:
    """Raise ManifestError unless a section has all keys that it needs, and none that is unknown."""
    for key in entry:
        if not shape.named:
            where.known(key, shape.keys())
    for key in shape.required:
        if key not in entry:
            raise where.error(f"lacks the key {key!r}; it has {', '.join(map(str, entry))}")


def find_file(where: Where, kind: str, names: Mapping[str, str]) -> tuple[Path | None, str]:
    """Return a section's file (None for a table) and its format.

    Parameters
    ----------
    where : file and place in it, for messages.
    kind : the manifest's key.
    names : the section's words: file or table, and format.

    Raises
    ------
    ManifestError : there is none, or its format is unknown.
    """
    if ("file" in names) == ("table" in names):
        raise where.error("needs one of file and table (schema.name)")
    if "table" in names:
        if names["table"].count(".") != 1:
            raise where.under("table").error(f"is {names['table']!r}; write schema.name")
        return None, "table"
    allowed = TRIPLE_FORMATS if kind == "triples" else TABULAR
    file = where.file.parent / names["file"]
    if not file.is_file():
        beside = nearest(names["file"], (other.name for other in where.file.parent.iterdir()))
        raise where.under("file").error(f"{names['file']!r} does not exist{beside}")
    ending = file.name.lower().removesuffix(".gz").rpartition(".")[2]
    form = names.get("format", ending)
    if form not in allowed:
        said = f"format is {form!r}" if "format" in names else f"name ends in {ending!r}"
        raise where.error(f"cannot be read: its {said}; write `format:` {', '.join(allowed)}")
    return file, form


def codec(where: Where, name: str) -> str:
    """Return Python's name of an encoding.

    Parameters
    ----------
    where : file and place in it, for messages.
    name : as the manifest has it: "utf-8", "gb18030", "latin1" ….

    Raises
    ------
    ManifestError : there is none of that name.
    """
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise where.error(f"is {name!r}{nearest(name, ENCODINGS)}") from None
