"""The manifest dataset.yaml: which files and columns hold a shop's orders, products, customers.

It is checked completely before any data is read: an unknown key, a missing one, a wrong type or a
file that is not there is a ManifestError that names the file, the key and the nearest right one.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kgfeatures.errors import ManifestError, nearest
from kgfeatures.graph import meaning, patterns, yaml_values
from kgfeatures.graph.yaml_values import Where

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FILE_NAME = "dataset.yaml"
TABULAR = ("csv", "tsv", "parquet", "jsonl")
TRIPLE_FORMATS = (*TABULAR, "nt", "openke")
ENCODINGS = ("utf-8", "gbk", "gb18030", "big5", "utf-16", "shift_jis", "latin-1", "cp1252")
PLACE_KEYS = ("file", "table", "format", "encoding", "delimiter", "empty", "positive")
CASES = ("upper", "lower")


@dataclass(frozen=True)
class Shape:
    """Which keys a kind of section takes, beside those of its place."""

    columns: tuple[str, ...]
    required: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """Keys whose value is meant as it stands: a relation's name, a type."""
    mixed: tuple[str, ...] = ()
    """Keys whose value is a column if the file has one of that name, else a word."""
    lists: tuple[str, ...] = ()
    named: bool = False
    """Whether further keys are names of attributes."""

    def keys(self) -> tuple[str, ...]:
        """Return every key that has a meaning of its own."""
        return (*self.columns, *self.words, *self.mixed, *self.lists, *PLACE_KEYS)


SHAPES: Mapping[str, Shape] = {
    "interactions": Shape(
        columns=(
            "customer",
            "product",
            "timestamp",
            "basket",
            "quantity",
            "price",
            "amount",
            "split",
        ),
        required=("customer", "product", "timestamp"),
        words=("timestamp_format", "late"),
        mixed=("event",),
    ),
    "products": Shape(
        columns=("product", "title"), required=("product",), lists=("text", "relations")
    ),
    "customers": Shape(columns=("customer",), required=("customer",), lists=("text", "relations")),
    "attributes": Shape(
        columns=("customer", "product", "timestamp"), words=("timestamp_format",), named=True
    ),
    "documents": Shape(
        columns=("customer", "product", "timestamp", "rating"),
        required=("kind", "text"),
        words=("kind", "language", "timestamp_format"),
        lists=("text",),
    ),
    "campaigns": Shape(
        columns=("campaign", "title", "start", "end", "last_day", "product"),
        required=("campaign",),
        words=("timestamp_format",),
        lists=("text", "relations"),
    ),
    "contacts": Shape(
        columns=(
            *("campaign", "customer", "timestamp", "treatment", "variant", "propensity"),
            *("cost", "exposed"),
        ),
        required=("customer",),
        words=("campaign_name", "timestamp_format"),
        mixed=("channel",),
        lists=("outcomes",),
    ),
    "coupons": Shape(
        columns=(
            *("coupon", "customer", "product", "campaign", "issued", "redeemed", "basket"),
            "discount",
        ),
        required=("coupon",),
        words=("timestamp_format",),
    ),
    "triples": Shape(
        columns=("head", "relation", "tail", "timestamp"),
        words=("head_type", "relation_name", "tail_type", "timestamp_format"),
    ),
}
MANIFEST_KEYS = ("name", *SHAPES, "exclude_products", "product_case")


@dataclass(frozen=True)
class Section:
    """One entry of the manifest: where rows stand and what their columns mean."""

    kind: str
    where: Where
    name: str
    """The file, relative to the manifest, or schema.table."""
    file: Path | None
    table: str | None
    format: str
    encoding: str = "utf-8"
    delimiter: str | None = None
    empty: frozenset[str] = frozenset()
    """Words that mean "nothing here", beside the empty text."""
    positive: str | None = None
    """A column; rows in which it is not above zero are left out."""
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    text: tuple[str, ...] = ()
    relations: Mapping[str, str] = field(default_factory=dict[str, str])
    """Column to the name of the relation from the row's entity to the column's value."""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    """Name of an attribute to its column."""
    outcomes: tuple[str, ...] = ()
    """Columns with what the source itself measured of each contact."""
    pattern: str | None = None
    """What the manifest writes, where that is a pattern and the file one of those that fit."""

    @property
    def written(self) -> str:
        """What the manifest writes: the pattern or the file, or schema.table."""
        return self.pattern or self.name

    def needed(self) -> list[str]:
        """Return the columns that the file must have, each once, in the manifest's order."""
        positive = [] if self.positive is None else [self.positive]
        named = [*self.columns.values(), *self.text, *self.relations, *self.attributes.values()]
        return list(dict.fromkeys([*named, *self.outcomes, *positive]))

    def wanted(self, present: Iterable[str]) -> list[str]:
        """Return the needed columns and, where the file has them, those that words may name."""
        mixed = {self.words[key] for key in SHAPES[self.kind].mixed if key in self.words}
        return list(dict.fromkeys([*self.needed(), *(name for name in present if name in mixed)]))


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


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a folder with data.

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
        replace(read_section(kind, where, entry), pattern=patterns.of(written, entry))
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


def read_section(kind: str, where: Where, entry: yaml_values.Mapping) -> Section:
    """Return one section of the manifest.

    Raises
    ------
    ManifestError : a key is unknown, missing or holds what it cannot.
    """
    shape = SHAPES[kind]
    for key in entry:
        if not shape.named:
            where.known(key, shape.keys())
    for key in shape.required:
        if key not in entry:
            raise where.error(f"lacks the key {key!r}; it has {', '.join(map(str, entry))}")
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


def find_file(where: Where, kind: str, names: Mapping[str, str]) -> tuple[Path | None, str]:
    """Return a section's file (None for a table) and its format.

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

    Raises
    ------
    ManifestError : there is none of that name.
    """
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise where.error(f"is {name!r}{nearest(name, ENCODINGS)}") from None
