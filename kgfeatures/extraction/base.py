"""What an extractor is: titles in, one frame of statements out.

An extractor never sees the database. It is plugged in by one file and one line in `EXTRACTORS`
(extraction/__init__.py); a language model's extractor fits the same frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import pandas as pd

from kgfeatures.errors import DataError, nearest
from kgfeatures.extraction.normalize import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

METHODS = ("gazetteer", "rule", "model")
TITLE_LENGTH = 1000
"""Characters of a title that are read; what is longer is a text, not a title."""


class Statement(NamedTuple):
    """One row of an extraction: what a title says of its product.

    Parameters
    ----------
    product_id : the head, of type product.
    relation : a name in `RELATIONS`.
    tail_type, tail_key : the tail; the type is the relation's range, the key is the same in every
        language.
    tail_label : the tail's name in the language of the words found.
    confidence : in (0, 1]; how sure the author of the lexicon or the rule is, not calibrated.
    method : "gazetteer" (a listed word), "rule" (a word's place or a number's form) or "model".
    span : the words of the title that say it, as they stand there; never empty.
    """

    product_id: str
    relation: str
    tail_type: str
    tail_key: str
    tail_label: str
    confidence: float
    method: str
    span: str


class Relation(NamedTuple):
    """A relation that extraction may state: from domain to range, which are entity types."""

    name: str
    domain: str
    range: str
    description: str


RELATIONS = {
    name: Relation(name, domain, range_, description)
    for name, domain, range_, description in (
        (
            *("is_a", "product", "object_type"),
            "What kind of object the product is: the head noun of its title.",
        ),
        (
            *("has_colour", "product", "colour"),
            "A colour that the title names; shades are read as their basic colour.",
        ),
        (*("made_of", "product", "material"), "A material that the title names."),
        (
            *("has_pattern", "product", "pattern"),
            "A repeating pattern that the title names: spots, stripes, gingham.",
        ),
        (
            *("has_theme", "product", "theme"),
            "An occasion, motif or style that the title names: christmas, heart, vintage.",
        ),
        (
            *("has_size", "product", "size"),
            "A size word of the title, mini to giant; not a measurement.",
        ),
        (
            *("has_pack_size", "product", "pack_size"),
            "Number of pieces sold together; the key is the number.",
        ),
        (
            *("broader", "object_type", "object_type"),
            "The wider kind that a kind of object belongs to, by the word list.",
        ),
    )
}


class Extractor(Protocol):
    """Reads titles.

    Attributes
    ----------
    name : what it is called in `EXTRACTORS` and in kg.evidence's source.
    version : another one whenever the same title may give another answer.
    relations : what it may state, names in `RELATIONS`.
    """

    name: str
    version: str
    relations: tuple[str, ...]

    def extract(self, titles: pd.DataFrame) -> pd.DataFrame:
        """Return the statements found in `titles` (columns product_id, title) as `to_frame` does.

        What is said of a product must depend on its own title alone, so that a changed title
        changes that product only.
        """
        ...


def read_titles(titles: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield product_id and cleaned title of each row whose title is text."""
    for product_id, title in zip(titles["product_id"], titles["title"], strict=True):
        if isinstance(title, str):
            yield product_id, clean(title[:TITLE_LENGTH])


def to_frame(statements: Iterable[Statement]) -> pd.DataFrame:
    """Return checked statements as a frame: the columns of `Statement`, `tidy`.

    Raises
    ------
    DataError : a statement breaks the contract: unknown relation or method, a tail that is not of
        the relation's range, a confidence outside (0, 1], an empty tail or span.
    """
    rows: list[Statement] = []
    for statement in statements:
        _check(statement)
        rows.append(statement)
    return tidy(pd.DataFrame(rows, columns=pd.Index(Statement._fields)))


def tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of statements sorted, confidence as float32, each span once.

    A product, relation and tail read at several places keeps one row per method and distinct
    span, the one of highest confidence.
    """
    keys = ["product_id", "relation", "tail_key", "method", "span"]
    frame = frame.astype({"confidence": np.float32})
    frame = frame.sort_values([*keys, "confidence"], ascending=[True] * len(keys) + [False])
    return frame.drop_duplicates(keys).reset_index(drop=True)


def _check(statement: Statement) -> None:
    """Raise DataError if kg.triple and kg.evidence could not hold `statement`."""
    name = statement.relation
    if name not in RELATIONS:
        raise DataError(f"no relation {name!r}{nearest(name, RELATIONS)}")
    if statement.tail_type != RELATIONS[name].range:
        raise DataError(
            f"{name} leads to {RELATIONS[name].range!r} but tail {statement.tail_key!r} is of type "
            f"{statement.tail_type!r}; use the relation's range or another relation",
        )
    if not 0 < statement.confidence <= 1:
        raise DataError(f"confidence is {statement.confidence}; give a number in (0, 1]")
    if statement.method not in METHODS:
        raise DataError(f"method is {statement.method!r}; use one of {', '.join(METHODS)}")
    if not statement.tail_key or not statement.span:
        raise DataError(
            f"product {statement.product_id!r} has a statement without a tail or without the words "
            "that say it; give both",
        )
