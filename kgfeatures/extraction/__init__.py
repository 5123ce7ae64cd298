"""Triples from text: pure functions from titles to frames of statements. See docs/extraction.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kgfeatures.errors import UnknownNameError, nearest
from kgfeatures.extraction.attributes import PackSize
from kgfeatures.extraction.base import RELATIONS, Extractor, Relation, Statement, tidy, to_frame
from kgfeatures.extraction.gazetteer import Gazetteer, broader

if TYPE_CHECKING:
    from collections.abc import Sequence

EXTRACTORS: dict[str, type[Extractor]] = {
    "gazetteer": Gazetteer,
    "pack_size": PackSize,
}
"""Every extractor by name; a new one is a file in this folder and a line here."""

DEFAULT_EXTRACTORS = ("gazetteer", "pack_size")


def make_extractors(names: Sequence[str]) -> list[Extractor]:
    """Return the extractors called `names`.

    Raises
    ------
    UnknownNameError : a name is not in `EXTRACTORS`.
    """
    for name in names:
        if name not in EXTRACTORS:
            raise UnknownNameError(f"no extractor {name!r}{nearest(name, EXTRACTORS)}")
    return [EXTRACTORS[name]() for name in names]


def extract(
    titles: pd.DataFrame,
    extractors: Sequence[str] = DEFAULT_EXTRACTORS,
) -> pd.DataFrame:
    """Return what `extractors` read in `titles`: one row per product, relation, tail and span.

    Parameters
    ----------
    titles : columns product_id and title; titles that are not text are passed over.
    extractors : names in `EXTRACTORS`.

    Returns
    -------
    statements : the columns of `Statement`, sorted.

    Raises
    ------
    UnknownNameError : an extractor's name is not known.
    """
    frames = [extractor.extract(titles) for extractor in make_extractors(extractors)]
    return tidy(pd.concat([to_frame(()), *frames]))


__all__ = [
    "DEFAULT_EXTRACTORS",
    "EXTRACTORS",
    "RELATIONS",
    "Extractor",
    "Gazetteer",
    "PackSize",
    "Relation",
    "Statement",
    "broader",
    "extract",
    "make_extractors",
    "tidy",
    "to_frame",
]
