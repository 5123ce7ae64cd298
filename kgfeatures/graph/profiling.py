"""What the columns of a source hold: numbers, times, keys, texts, each measured on its values.

Shares are of the values that are not empty. Of a column with more different values than CHECKED,
evenly spread ones are tried.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from kgfeatures.extraction.normalize import UNSPACED
from kgfeatures.graph.cleaning import RefusedError, is_empty, to_key, to_number
from kgfeatures.graph.times import GUESSES, parse_times

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from kgfeatures.graph.sheet import Sheet

CHECKED = 20_000
TRIED = 300
MAX_KEYS = 500_000
NEARLY_ALL = 0.99
FORMS = (
    None,
    *(guess for guess in GUESSES if not guess.startswith("unix") and guess != "%Y%m%d%H%M%S"),
    *("%d/%m/%y", "%m/%d/%y", "%d/%m/%y %H:%M", "%m/%d/%y %H:%M", "%d.%m.%y", "%d.%m.%y %H:%M"),
    *("%m-%d-%Y", "%m-%d-%Y %H:%M", "%d-%m-%Y %H:%M:%S", "%m-%d-%Y %H:%M:%S"),
    *("%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p", "%d-%b-%Y", "%d %B %Y", "%B %d, %Y"),
    *("%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H时%M分", "%Y.%m.%d", "%Y.%m.%d %H:%M"),
)
DIGITS = {8: None, 10: "unix", 13: "unix_ms", 14: "%Y%m%d%H%M%S"}
"""Formats of times without separators, by their number of digits."""
YEARS = (1980, 2100)
_UNSPACED = re.compile(f"[{UNSPACED}]")


@dataclass(frozen=True)
class Times:
    """How a column reads as times.

    Parameters
    ----------
    form : as `timestamp_format` says it; None is ISO 8601 or a column of times.
    share : of the values that can be read so.
    score : how sure the format is, in [0, 1].
    others : formats that read as many values.
    """

    form: str | None
    share: float
    score: float = 1.0
    others: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Column:
    """What one column holds.

    Parameters
    ----------
    rows, filled, distinct : rows, rows with a value, different values.
    number, key : shares of values that are numbers, that can be keys.
    low, high, whole, negative : of the numbers; the last two are shares.
    length, words, unspaced : mean characters, mean words, share of Chinese or Japanese characters.
    flags : whether all values are true or false.
    """

    name: str
    rows: int
    filled: int
    distinct: int
    values: tuple[Any, ...] = field(repr=False)
    number: float = 0.0
    key: float = 0.0
    low: float = 0.0
    high: float = 0.0
    whole: float = 0.0
    negative: float = 0.0
    length: float = 0.0
    words: float = 0.0
    unspaced: float = 0.0
    flags: bool = False
    times: Times | None = None

    @property
    def unique(self) -> bool:
        """Whether every row has a value and no value stands twice."""
        return self.filled > 0 and self.distinct == self.filled == self.rows

    @property
    def is_text(self) -> bool:
        """Whether people read its values: several words, or a line of Chinese."""
        if self.number > 0.5 or self.times is not None:
            return False
        return self.words >= 2.5 or (self.unspaced > 0.2 and self.length >= 6) or self.length > 60

    @property
    def is_number(self) -> bool:
        """Whether nearly all values are numbers."""
        return self.number >= NEARLY_ALL

    @property
    def is_fraction(self) -> bool:
        """Whether it holds numbers that are not whole."""
        return self.is_number and self.whole < 0.98

    @cached_property
    def keys(self) -> frozenset[str]:
        """The values as a shop's keys; none where there are too many to compare."""
        if self.distinct > MAX_KEYS:
            return frozenset()
        return frozenset(key for value in self.values if (key := key_of(value)) is not None)

    def examples(self, n: int = 2) -> str:
        """Return the first different values in one line."""
        return ", ".join(shown(value) for value in self.values[:n])

    def kind(self) -> str:
        """Return in words what it holds."""
        if not self.filled:
            return "nothing"
        if self.flags:
            return "true or false"
        if self.times is not None:
            return "times"
        if self.is_number:
            return f"numbers {self.low:g} to {self.high:g}"
        return f"texts of {self.length:.0f} characters"

    def summary(self) -> str:
        """Return in a few words what it holds, how much of it, and examples."""
        empty = f", {1 - self.filled / self.rows:.0%} empty" if self.filled < self.rows else ""
        return f"{self.distinct:,} different {self.kind()}{empty}, e.g. {self.examples()}"


def profile(sheet: Sheet) -> list[Column]:
    """Return what each column of a sheet holds."""
    return [profile_column(name, sheet.column(name)) for name in sheet.table.column_names]


def profile_column(name: str, column: pa.Array) -> Column:
    """Return what a column holds."""
    counted: Any = column.value_counts()
    counts = counted.field("counts").to_numpy()
    distinct: list[Any] = counted.field("values").to_pylist()
    held = np.array([not is_empty(value, frozenset()) for value in distinct], dtype=bool)
    values = [value for value, one in zip(distinct, held, strict=True) if one]
    filled = int(counts[held].sum()) if len(held) else 0
    if not values:
        return Column(name, len(column), 0, 0, ())
    step = -(-len(values) // CHECKED)
    tried, weights = values[::step], counts[held][::step].astype(float)
    numbers = np.array([number_of(value) for value in tried])
    good = ~np.isnan(numbers)
    known = numbers[good]
    texts = [str(value).strip() for value in tried]
    return Column(
        name,
        len(column),
        filled,
        len(values),
        tuple(values),
        number=share(good, weights),
        key=share(np.array([key_of(value) is not None for value in tried]), weights),
        low=float(known.min()) if len(known) else 0.0,
        high=float(known.max()) if len(known) else 0.0,
        whole=share(known == np.round(known), weights[good]),
        negative=share(known < 0, weights[good]),
        length=mean([len(text) for text in texts]),
        words=mean([len(text.split()) for text in texts]),
        unspaced=mean([len(_UNSPACED.findall(text)) / max(len(text), 1) for text in texts]),
        flags={text.lower() for text in texts} == {"true", "false"},
        times=times_of(column, tried, weights),
    )


def share(mask: np.ndarray[Any, Any], weights: np.ndarray[Any, Any]) -> float:
    """Return the weighted share of what is true; 0 of nothing."""
    total = float(weights.sum())
    return float(weights[mask].sum()) / total if total else 0.0


def mean(values: Iterable[float]) -> float:
    """Return the mean; 0 of nothing."""
    return float(np.mean(list(values) or [0.0]))


def number_of(value: object) -> float:
    """Return a value as a number, NaN where it is none."""
    try:
        return to_number(value.strip() if isinstance(value, str) else value)
    except RefusedError:
        return float("nan")


def key_of(value: object) -> str | None:
    """Return a value as a shop's key, None where it cannot be one."""
    try:
        return to_key(value.strip() if isinstance(value, str) else value)
    except RefusedError:
        return None


def times_of(column: pa.Array, values: list[Any], weights: np.ndarray[Any, Any]) -> Times | None:
    """Return how a column reads as times, None where it does not."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return Times(None, 1.0)
    texts = [as_digits(value) for value in values]
    forms = forms_of(texts)
    spread = texts[:: -(-len(texts) // TRIED)]
    likely = [form for form in forms if readable(spread, form).mean() > 0.9]
    shares = {form: share(readable(texts, form), weights) for form in likely}
    best = max(shares.values(), default=0.0)
    if best < 0.98:
        return None
    rivals = [form for form, part in shares.items() if part > best - 0.001]
    return in_order(column, rivals, best)


def as_digits(value: object) -> str:
    """Return a value as a text; 20101231.0 as 20101231."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return text.removesuffix(".0") if text.replace(".", "", 1).isdigit() else text


def forms_of(texts: list[str]) -> tuple[str | None, ...]:
    """Return the formats that are worth a trial."""
    digits = [len(text) for text in texts if text.isdigit()]
    if len(digits) > 0.5 * len(texts):
        usual = max(set(digits), key=digits.count)
        return (DIGITS[usual],) if usual in DIGITS else ()
    if mean([any(sign in text for sign in "-/.年 ") for text in texts[:TRIED]]) < 0.9:
        return ()
    if mean([not math.isnan(number_of(text)) for text in texts[:TRIED]]) > 0.1:
        return ()
    return FORMS


def readable(texts: list[str], form: str | None) -> np.ndarray[Any, Any]:
    """Return for each text whether it is a time of our days: (n,)."""
    return plausible(parse_times(texts, form))


def plausible(times: pd.Series) -> np.ndarray[Any, Any]:
    """Return for each time whether it is one of our days: (n,)."""
    return times.dt.year.between(*YEARS).to_numpy()


def in_order(column: pa.Array, rivals: list[str | None], best: float) -> Times:
    """Return the format in which a column's rows follow each other most often.

    Day and month cannot be told apart where no day is above 12; the order of rows is a hint.
    """
    if len(rivals) == 1:
        return Times(rivals[0], best)
    rows = [value for value in column.slice(0, 5 * TRIED).to_pylist() if value is not None]
    orders = {
        form: mean(parse_times(rows, form).dropna().diff().dropna().dt.total_seconds() >= 0)
        for form in rivals
    }
    ranked = sorted(rivals, key=lambda form: -orders[form])
    lead = orders[ranked[0]] - orders[ranked[1]]
    score = 0.75 if lead > 0.02 else 0.5
    return Times(ranked[0], best, score, tuple(ranked[1:]))


def one_line(text: str) -> str:
    """Return a text in one line, without what YAML does not allow in a comment."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def shown(value: object) -> str:
    """Return a value as a comment shows it: one short line."""
    text = one_line(str(value))
    return text if len(text) <= 24 else f"{text[:24]}…"
