"""Columns of times made into UTC timestamps, and a guess at the format of those that cannot be."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kgfeatures.graph.cleaning import Cleaned, is_empty, problems_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kgfeatures.graph.sheet import Sheet

KIND = pa.timestamp("us", "UTC")
GUESSES = (
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d-%m-%Y",
    "%d-%m-%Y %H:%M",
    "%d %b %Y",
    "%b %d, %Y",
    "%Y年%m月%d日",
    "%Y年%m月%d日 %H:%M",
    "%Y%m%d%H%M%S",
    "unix",
    "unix_ms",
)
SAMPLE = 500


def clean_times(sheet: Sheet, column: str, form: str | None, empty: frozenset[str]) -> Cleaned:
    """Return a column of times as timestamp[us, UTC]; without a zone they are UTC.

    Parameters
    ----------
    form : as strptime writes it ("%d/%m/%Y %H:%M"), "unix" or "unix_ms" (since 1970, UTC);
        None reads ISO 8601.
    """
    source = sheet.column(column)
    if pa.types.is_timestamp(source.type) or pa.types.is_date(source.type):
        return Cleaned(_in_utc(source))
    encoded = source.dictionary_encode()
    distinct: list[Any] = encoded.dictionary.to_pylist()
    given: list[Any] = [None if is_empty(value, empty) else value for value in distinct]
    times = parse_times(given, form)
    bad = np.flatnonzero(
        times.isna().to_numpy() & np.array([v is not None for v in given], dtype=bool)
    )
    reasons: dict[int, str] = {}
    if len(bad):
        reason = f"is not a time {expected(form, (v for v in given if v is not None))}"
        reasons = {int(place): reason for place in bad}
    answers = pa.array(times, pa.timestamp("ns", "UTC"), from_pandas=True).cast(KIND, safe=False)
    return Cleaned(answers.take(encoded.indices), problems_of(sheet, column, encoded, reasons))


def _in_utc(source: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return dates, or timestamps with a zone or without one, as timestamp[us, UTC]."""
    if pa.types.is_timestamp(source.type) and source.type.tz:
        return source.cast(KIND, safe=False)
    return source.cast(pa.timestamp("us"), safe=False).cast(KIND)


def parse_times(values: list[Any], form: str | None) -> pd.Series:
    """Return values as UTC times; NaT where one cannot be read."""
    if form in {"unix", "unix_ms"}:
        numbers: Any = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce")
        unit = "s" if form == "unix" else "ms"
        read: Any = pd.to_datetime(numbers.astype(float), unit=unit, utc=True, errors="coerce")
        return read
    texts = pd.Series([None if v is None else as_text(v) for v in values], dtype=object)
    return pd.to_datetime(texts, format=form or "ISO8601", utc=True, errors="coerce")


def as_text(value: object) -> str:
    """Return a value as a time's text; a column of dates such as 20101231 may hold numbers."""
    return (
        str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    )


def expected(form: str | None, values: Iterable[Any]) -> str:
    """Return how a time should be written, and which formats would fit these values."""
    sample = list(islice(values, SAMPLE))
    fitting = [
        guess
        for guess in GUESSES
        if guess != form and float(parse_times(sample, guess).notna().mean()) > 0.9
    ]
    choice = " or ".join(repr(guess) for guess in fitting)
    hint = f"; write `timestamp_format:` {choice} in the manifest" if fitting else ""
    if form is None:
        hint = hint or "; say how it is written with `timestamp_format: '%d/%m/%Y %H:%M'`"
        return f"in ISO 8601 (2010-12-31 23:59){hint}"
    return f"written as `timestamp_format` says, {form}{hint}"
