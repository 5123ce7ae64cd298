"""Lines of a drafted section, each with a comment that says how sure it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kgfeatures.graph.guessing import SURE
from kgfeatures.graph.sniffing import NATIVE, ending
from kgfeatures.graph.vocabulary import likeness

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kgfeatures.graph.guessing import Profiled
    from kgfeatures.graph.profiling import Column, Times

Value = str | list[str]
SHOWN = 12


@dataclass(frozen=True)
class Line:
    """One key of a section; a path of two keys, "relations", column, for what stands deeper."""

    key: str
    value: Value
    note: str = ""
    under: str = ""


@dataclass
class Entry:
    """One section: its lines, what else is to be known, and whether it is drafted as a comment."""

    kind: str
    lines: list[Line]
    notes: list[str] = field(default_factory=list[str])
    active: bool = True


def word(score: float) -> str:
    """Return "sure (0.95)" or "unsure (0.55)"."""
    return f"{'sure' if score >= SURE else 'unsure'} ({score:.2f})"


def role_line(source: Profiled, role: str) -> list[Line]:
    """Return the line of a guessed column, none where there is no guess."""
    guess = source.roles.get(role)
    if guess is None:
        return []
    column = source.columns[guess.column]
    other = f"; else: {', '.join(guess.others)}" if guess.others else ""
    return [Line(role, column.name, f"{word(guess.score)}: {guess.why}; {column.summary()}{other}")]


def place(source: Profiled) -> list[Line]:
    """Return how the source is found and read."""
    written, section = source.written, source.written.section
    if section.table:
        return [Line("table", section.table, f"{len(source.sheet.rows):,} rows")]
    lines = [Line("file", section.name, f"{len(source.sheet.rows):,} rows")]
    if section.file is not None and ending(section.file) not in NATIVE:
        lines.append(Line("format", section.format, "sure (0.90): by its content"))
    if section.encoding != "utf-8" and section.format != "parquet":
        others = [one for one in ("gb18030", "big5", "cp1252") if one != section.encoding]
        note = f"{word(written.encoding_score)}: it is not UTF-8; else: {', '.join(others)}"
        lines.append(Line("encoding", section.encoding, note))
    if section.delimiter is not None:
        note = f"{word(written.delimiter_score)}: it splits the lines into fields of one number"
        lines.append(Line("delimiter", section.delimiter, note))
    return lines


def time_lines(source: Profiled) -> list[Line]:
    """Return the lines of the time and its format."""
    column = source.role("timestamp")
    if column is None or column.times is None:
        return []
    return [*role_line(source, "timestamp"), *format_line(column.times)]


def format_line(times: Times) -> list[Line]:
    """Return the line of a time's format, none for ISO 8601."""
    if times.form is None:
        return []
    score = min(times.score, 0.95)
    note = f"{word(score)}: {times.share:.1%} of the values read so"
    if times.others:
        others = ", ".join(form or "ISO 8601" for form in times.others)
        note = f"{word(score)}: day and month could be the other way round; else: {others}"
    return [Line("timestamp_format", times.form, note)]


def unused(columns: Iterable[Column]) -> list[str]:
    """Return a note on each column that the draft leaves out."""
    listed = list(columns)
    notes = [f"not used: {c.name} ({c.summary()}{hint(c)})" for c in listed[:SHOWN]]
    more = ", ".join(c.name for c in listed[SHOWN:])
    return [*notes, f"not used: {len(listed) - SHOWN} more: {more}"] if more else notes


def hint(column: Column) -> str:
    """Return what is odd about a column that is not used."""
    sounds = any(likeness(role, column.name) > 0.8 for role in ("price", "amount", "quantity"))
    digits = any(sign.isdigit() for sign in column.examples())
    if sounds and digits and not column.is_number:
        return "; numbers with commas, blanks or units: the loader needs 1234.5"
    return ""
