"""Colours, materials, patterns, themes, sizes and the kind of object, from word lists.

A listed phrase is what it says (method "gazetteer"). The kind of object needs a rule: in an
English or Chinese title it is the last listed object of the main clause: "heart t-light holder in
gift box" is a t-light holder, "box of 24 candles" candles (method "rule").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kgfeatures.extraction.base import RELATIONS, Statement, read_titles, to_frame
from kgfeatures.extraction.vocabulary import (
    KINDS,
    Entry,
    Found,
    Vocabulary,
    default_vocabulary,
    fingerprint,
    split,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

_RELATION_OF = {
    relation.range: relation.name
    for relation in RELATIONS.values()
    if relation.domain == "product" and relation.range in KINDS
}
_COMMA = re.compile(r"[,;(]")
_CONNECTOR = re.compile(r"\b(?:with|w|in|for|on|by|from)\b", re.IGNORECASE)
_PACKAGING = re.compile(r"\bin\b", re.IGNORECASE)
"""What stands behind it may be the box: "rose candle in jewelled box"."""
_BARE = re.compile(r"[\W\d_]*(?:(?:a|an|the)\b[\W\d_]*)?", re.IGNORECASE)
"""What may stand between a connector and its noun, if the noun is the connector's alone."""
_MOTIF = re.compile(r"\W*(?:designs?|des|pattern|print|shaped?|style)\b", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_CLEAR = 0.7
"""An object below this confidence names the product only as the last noun of its clause."""
_AFTER_CONNECTOR = 0.8
"""Factor on the confidence of a head that stands behind a connector."""


class Gazetteer:
    """Extracts by word lists; English and Chinese ship with the package.

    Parameters
    ----------
    vocabulary : other word lists; None takes those of the package.
    """

    name = "gazetteer"
    relations: tuple[str, ...] = tuple(sorted(_RELATION_OF.values()))

    def __init__(self, vocabulary: Vocabulary | None = None) -> None:
        self.vocabulary = vocabulary
        self.version = f"1-{fingerprint()}" if vocabulary is None else "1"

    def extract(self, titles: pd.DataFrame) -> pd.DataFrame:
        """Return what the listed phrases in `titles` say; see `Extractor.extract`."""
        vocabulary = self.vocabulary or default_vocabulary()
        return to_frame(
            statement
            for product_id, title in read_titles(titles)
            for statement in _statements(product_id, title, vocabulary)
        )


def broader(
    labels: Mapping[str, str], vocabulary: Vocabulary | None = None
) -> list[tuple[str, str, str]]:
    """Return (kind of object, wider kind, the wider kind's label), all steps up from `labels`.

    Parameters
    ----------
    labels : label by key of kinds of objects. A wider kind is named in the language in which the
        first kind that leads to it, by key, is named.
    vocabulary : None takes the word lists of the package.
    """
    vocabulary = vocabulary or default_vocabulary()
    found: list[tuple[str, str, str]] = []
    known = dict(labels)
    waiting = sorted(labels)
    while waiting:
        key = waiting.pop(0)
        wider = vocabulary.broader.get(key)
        if wider is None:
            continue
        chinese = known[key] != key
        if wider not in known:
            known[wider] = vocabulary.labels["object_type", wider] if chinese else wider
            waiting.append(wider)
        found.append((key, wider, known[wider]))
    return found


def _statements(product_id: str, title: str, vocabulary: Vocabulary) -> Iterator[Statement]:
    """Yield what one cleaned title says."""
    found = vocabulary.find(split(title))
    head, trust = _head(title, found)
    for phrase in found:
        span = title[phrase.start : phrase.end]
        boxed = _PACKAGING.search(title, 0, phrase.start) is not None
        # A glass that is the object is not said to be made of glass.
        dumb = {"material"} if phrase is head else {"object_type"}
        dumb |= {"material", "size"} if boxed else set()
        for kind, key, entry in _meanings(phrase):
            if kind in dumb:
                continue
            is_head = kind == "object_type"
            label = vocabulary.labels[kind, key] if phrase.unspaced else key
            yield Statement(
                *(product_id, _RELATION_OF[kind], kind, key, label),
                entry.confidence * (trust if is_head else 1.0),
                *("rule" if is_head else "gazetteer", span),
            )


def _meanings(phrase: Found) -> Iterator[tuple[str, str, Entry]]:
    """Yield (kind, key, entry) of all that a phrase is listed as, then of what that implies."""
    for entry in phrase.entries:
        yield entry.kind, entry.key, entry
    for entry in phrase.entries:
        for kind, key in entry.also:
            yield kind, key, entry


def _head(title: str, found: list[Found]) -> tuple[Found | None, float]:
    """Return the phrase that names the object, and a factor on its confidence.

    The first clause with a clear object decides, then the first that ends in an unclear one, then
    the title's last words ("cook with wine metal sign"); within a clause the last object.
    """
    objects = [phrase for phrase in found if _object_confidence(phrase) > 0]
    clauses = _main_clauses(title, found)
    for begin, stop in clauses:
        clear = [
            phrase
            for phrase in objects
            if begin <= phrase.start < stop and _object_confidence(phrase) >= _CLEAR
        ]
        if clear:
            named = [phrase for phrase in clear if not _MOTIF.match(title, phrase.end)]
            return (named or clear)[-1], 1.0
    for begin, stop in clauses:
        for phrase in reversed(objects):
            if begin <= phrase.start < stop and not _noun_between(title, found, phrase.end, stop):
                return phrase, 1.0
    last = objects[-1] if objects else None
    if last and _object_confidence(last) >= _CLEAR and _ends_title(title, last):
        return last, _AFTER_CONNECTOR
    return None, 0.0


def _main_clauses(title: str, found: list[Found]) -> list[tuple[int, int]]:
    """Return [begin, stop) of each clause between commas, up to its first "with", "in" or "for".

    A connector inside a listed phrase ("iron on patch") connects nothing.
    """
    ends = [match.start() for match in _COMMA.finditer(title)] + [len(title)]
    connectors = [
        match.start()
        for match in _CONNECTOR.finditer(title)
        if not any(phrase.start <= match.start() < phrase.end for phrase in found)
    ]
    begin = 0
    clauses: list[tuple[int, int]] = []
    for end in ends:
        clauses.append((begin, min([place for place in connectors if begin <= place], default=end)))
        clauses[-1] = (begin, min(clauses[-1][1], end))
        begin = end + 1
    return clauses


def _noun_between(title: str, found: list[Found], begin: int, stop: int) -> bool:
    """Return whether title[begin:stop] holds more than colours, sizes and patterns."""
    rest = title[begin:stop]
    for phrase in found:
        kinds = {entry.kind for entry in phrase.entries}
        if begin <= phrase.start < stop and kinds and kinds <= {"colour", "size", "pattern"}:
            rest = rest.replace(title[phrase.start : phrase.end], "")
    return _LETTER.search(rest) is not None


def _ends_title(title: str, phrase: Found) -> bool:
    """Return whether the title ends with `phrase` and its connector has a noun before it."""
    connectors = [match.end() for match in _CONNECTOR.finditer(title, 0, phrase.start)]
    if not connectors or _LETTER.search(title, phrase.end):
        return False
    return _BARE.fullmatch(title, connectors[-1], phrase.start) is None


def _object_confidence(phrase: Found) -> float:
    """Return how surely the phrase names an object, 0 if it does not."""
    return max((e.confidence for e in phrase.entries if e.kind == "object_type"), default=0.0)
