"""One section of dataset.yaml: which keys its kind takes, and what it then says of the columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from kgfeatures.graph.yaml_values import Where

PLACE_KEYS = ("file", "table", "format", "encoding", "delimiter", "empty", "positive")


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
