"""The word lists as a lookup: which phrases a title holds, longest first.

lexicon/<kind>.tsv has one row per canonical key and confidence. The key is its own English word;
`en` and `zh` list further spellings, separated by "|". Words are compared without case, width and
plural; a Chinese phrase is found anywhere in a run, one character only between other finds.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from kgfeatures.errors import DataError
from kgfeatures.extraction.normalize import clean, normalize, token_pattern

DEFAULT_CONFIDENCE = 0.9
FOLDER = Path(__file__).parent / "lexicon"
KINDS = ("colour", "material", "pattern", "theme", "object_type", "size")


class Entry(NamedTuple):
    """A meaning: kind and canonical key, its names, and the (kind, key) pairs it implies."""

    kind: str
    key: str
    zh_label: str
    confidence: float
    also: tuple[tuple[str, str], ...]


class Word(NamedTuple):
    """A piece of the cleaned title, [start, end), in the form in which words are compared."""

    stem: str
    start: int
    end: int
    unspaced: bool
    number: bool


class Found(NamedTuple):
    """A phrase of the lexicon in a title: characters [start, end) and all that it may mean."""

    start: int
    end: int
    entries: tuple[Entry, ...]
    unspaced: bool


@dataclass
class Vocabulary:
    """Phrases by their stems; entries of a phrase in several kinds are kept side by side."""

    spaced: dict[tuple[str, ...], list[Entry]] = field(default_factory=dict)
    unspaced: dict[str, list[Entry]] = field(default_factory=dict)
    broader: dict[str, str] = field(default_factory=dict)
    labels: dict[tuple[str, str], str] = field(default_factory=dict)
    longest: int = 1
    longest_unspaced: int = 1

    def add(self, phrase: str, entry: Entry | None) -> None:
        """File `phrase` under `entry`; None makes it a phrase that means nothing here.

        Raises
        ------
        DataError : the phrase already stands for another key of the same kind, or has no words.
        """
        words = split(clean(phrase))
        if not words:
            raise DataError(f"lexicon phrase {phrase!r} holds no word; remove it")
        if words[0].unspaced and len(words) == 1:
            entries = self.unspaced.setdefault(words[0].stem, [])
            self.longest_unspaced = max(self.longest_unspaced, len(words[0].stem))
        else:
            entries = self.spaced.setdefault(tuple(word.stem for word in words), [])
            self.longest = max(self.longest, len(words))
        if entry is None:
            return
        for other in entries:
            if other.kind == entry.kind and other.key != entry.key:
                raise DataError(
                    f"lexicon phrase {phrase!r} stands for {other.key!r} and {entry.key!r} "
                    f"in {entry.kind}.tsv; leave it in one of them",
                )
        if all(other.kind != entry.kind for other in entries):
            entries.append(entry)

    def find(self, words: list[Word]) -> list[Found]:
        """Return the phrases in a title's words, left to right, none overlapping."""
        found: list[Found] = []
        position = 0
        while position < len(words):
            if words[position].unspaced:
                found.extend(self._in_run(words[position]))
                position += 1
                continue
            size = self._match_at(words, position)
            if size:
                match = words[position : position + size]
                entries = self.spaced[tuple(word.stem for word in match)]
                found.append(Found(match[0].start, match[-1].end, tuple(entries), unspaced=False))
            position += max(size, 1)
        return found

    def _match_at(self, words: list[Word], position: int) -> int:
        """Return the number of words of the longest phrase that starts at `position`, 0 if none."""
        for size in range(min(self.longest, len(words) - position), 0, -1):
            if tuple(word.stem for word in words[position : position + size]) in self.spaced:
                return size
        return 0

    def _in_run(self, run: Word) -> list[Found]:
        """Return the phrases in a run of Chinese: forward, longest first.

        A single character is believed only if what stands beside it, on both sides, is another
        find or the run's end: 灯 is a lamp in 圣诞灯, not in 灯塔.
        """
        text, start = run.stem, 0
        found: list[Found] = []
        group: list[Found] = []
        while start < len(text):
            sizes = range(min(self.longest_unspaced, len(text) - start), 0, -1)
            size = next((n for n in sizes if text[start : start + n] in self.unspaced), 0)
            if size:
                entries = tuple(self.unspaced[text[start : start + size]])
                place = run.start + start
                group.append(Found(place, place + size, entries, unspaced=True))
            else:
                found += _believed(group, run, ends_run=False)
                group = []
            start += max(size, 1)
        return found + _believed(group, run, ends_run=True)


def _believed(group: list[Found], run: Word, *, ends_run: bool) -> list[Found]:
    """Return finds that stand side by side, without single characters beside something unknown."""
    begin, end = 0, len(group)
    if group and group[0].start > run.start:
        while begin < end and group[begin].end - group[begin].start == 1:
            begin += 1
    if not ends_run:
        while end > begin and group[end - 1].end - group[end - 1].start == 1:
            end -= 1
    return group[begin:end]


def split(text: str) -> list[Word]:
    """Return the words of a title that `clean` gave, with their places in it."""
    words: list[Word] = []
    for match in token_pattern().finditer(text):
        unspaced = match.lastgroup == "unspaced"
        # normalize keeps the length of a Chinese run, so places in it are places in the title.
        word = match.group() if unspaced else stem(normalize(match.group()).replace("'", ""))
        words.append(Word(word, *match.span(), unspaced, match.lastgroup == "number"))
    return words


_SINGULAR = (("sses", 2), ("shes", 2), ("ches", 2), ("xes", 2), ("zzes", 2))
_NO_PLURAL = ("ss", "us", "is")
_SHORTEST_PLURAL = 4


def stem(word: str) -> str:
    """Return `word` without a regular English plural ending; only compared, never shown."""
    if len(word) < _SHORTEST_PLURAL or not word.endswith("s") or word.endswith(_NO_PLURAL):
        return word
    if word.endswith("ies") and len(word) > _SHORTEST_PLURAL:
        return word[:-3] + "y"
    for ending, drop in _SINGULAR:
        if word.endswith(ending):
            return word[:-drop]
    return word[:-1]


@cache
def default_vocabulary() -> Vocabulary:
    """Return the word lists that ship with the package, read once."""
    vocabulary = Vocabulary()
    for kind in KINDS:
        for row in _rows(FOLDER / f"{kind}.tsv"):
            _add_row(vocabulary, kind, row)
    for row in _rows(FOLDER / "ignore.tsv"):
        vocabulary.add(row["phrase"], None)
    return vocabulary


@cache
def fingerprint() -> str:
    """Return a short hash of the word lists that ship with the package."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.glob("*.tsv")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _add_row(vocabulary: Vocabulary, kind: str, row: dict[str, str]) -> None:
    """File one line of a word list; the first line of a key also files the key itself."""
    key = row["key"]
    pairs = [pair.split(":", 1) for pair in row["also"].split("|") if pair]
    entry = Entry(
        kind,
        key,
        row["zh_label"] or key,
        float(row["confidence"] or DEFAULT_CONFIDENCE),
        tuple((also_kind, also_key) for also_kind, also_key in pairs),
    )
    phrases = [*row["en"].split("|"), *row["zh"].split("|")]
    if (kind, key) not in vocabulary.labels:
        vocabulary.labels[kind, key] = entry.zh_label
        phrases += [key, row["zh_label"]]
    for phrase in filter(None, phrases):
        vocabulary.add(phrase, entry)
    if row["broader"]:
        vocabulary.broader[key] = row["broader"]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
