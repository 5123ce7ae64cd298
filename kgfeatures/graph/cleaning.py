"""Columns as they come made into keys, numbers, times and texts; what cannot be is a problem.

Everything is decided once per distinct value: a shop's half a million lines hold a few thousand
different customers, products, prices and minutes.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from kgfeatures.graph.sheet import Problem, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgfeatures.graph.sheet import Sheet

T = TypeVar("T")

FIELD_BYTES = 1_000_000
KEY_BYTES = 500
"""An index entry of PostgreSQL holds 2,700 bytes; type and key share one."""
_WHOLE = re.compile(r"([+-]?\d+)\.0*")
_FRACTION = re.compile(r"[+-]?\d*\.\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_EXACT_INTEGERS = 2.0**53


class RefusedError(ValueError):
    """A value cannot be loaded; its text is the reason."""


@dataclass
class Cleaned:
    """A column after cleaning.

    Parameters
    ----------
    array : (n,); null where the source has nothing, or nothing that can be used.
    problems : one for each value that had to be refused.
    """

    array: pa.Array
    problems: list[Problem] = field(default_factory=list[Problem])


def clean(
    sheet: Sheet,
    column: str,
    convert: Callable[[Any], T | None],
    kind: pa.DataType,
    empty: frozenset[str] = frozenset(),
) -> Cleaned:
    """Return a column's values, each distinct one converted once.

    Parameters
    ----------
    convert : a value that is not empty to what is stored; raises RefusedError.
    kind : the Arrow type of what is stored.
    empty : further words that mean "nothing here".
    """
    encoded = sheet.column(column).dictionary_encode()
    distinct: list[Any] = encoded.dictionary.to_pylist()
    answers: list[T | None] = []
    reasons: dict[int, str] = {}
    for place, value in enumerate(distinct):
        try:
            answers.append(None if is_empty(value, empty) else convert(bounded(value)))
        except RefusedError as refused:
            answers.append(None)
            reasons[place] = str(refused)
    values = pa.array(answers, kind).take(encoded.indices)
    return Cleaned(values, problems_of(sheet, column, encoded, reasons))


def problems_of(
    sheet: Sheet, column: str, encoded: pa.DictionaryArray, reasons: dict[int, str]
) -> list[Problem]:
    """Return a Problem for each row whose distinct value has a reason against it."""
    if not reasons:
        return []
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    bad = np.flatnonzero(np.isin(codes, list(reasons)))
    dictionary = encoded.dictionary
    return [
        Problem(
            int(sheet.rows[i]),
            column,
            shown(dictionary[int(codes[i])].as_py()),
            reasons[int(codes[i])],
        )
        for i in bad
    ]


def is_empty(value: object, words: frozenset[str]) -> bool:
    """Return whether a value stands for nothing."""
    if isinstance(value, str):
        text = value.strip()
        return not text or text in words
    return value is None or (isinstance(value, float) and math.isnan(value))


def bounded(value: Any) -> Any:
    """Return the value, a text without blanks around it.

    Raises
    ------
    RefusedError : it is a text of more than 1 MB, or holds a NUL byte, which no database stores.
    """
    if not isinstance(value, str):
        return value
    if len(value) * 4 > FIELD_BYTES and (size := len(value.encode())) > FIELD_BYTES:
        raise RefusedError(f"holds {size:,} bytes; a field may hold 1 MB")
    if "\x00" in value:
        raise RefusedError("holds a NUL byte; remove it")
    return value.strip()


def to_key(value: object) -> str:
    """Return a shop's key as text: 13085.0 gives "13085".

    Raises
    ------
    RefusedError : it is no whole number, too long, or holds a control character.
    """
    if isinstance(value, float):
        if not value.is_integer():
            raise RefusedError(f"is no key: {value!r} is not a whole number")
        if abs(value) >= _EXACT_INTEGERS:
            raise RefusedError("is no key: too large for a float; export the column as text")
        return str(int(value))
    key = str(value)
    whole = _WHOLE.fullmatch(key)
    if whole:
        return whole[1]
    if _FRACTION.fullmatch(key):
        raise RefusedError(f"is no key: {key} is not a whole number")
    if len(key.encode()) > KEY_BYTES:
        raise RefusedError(
            f"is no key: it has {len(key.encode()):,} bytes, allowed are {KEY_BYTES}"
        )
    if _CONTROL.search(key):
        raise RefusedError("is no key: it holds a control character")
    return key


def to_label(value: object) -> str:
    """Return a text that names a thing, such as a brand: whole numbers without ".0".

    Raises
    ------
    RefusedError : it is too long, or holds a control character.
    """
    return (
        str(value)
        if isinstance(value, str) and _FRACTION.fullmatch(value)
        else (repr(value) if isinstance(value, float) and not value.is_integer() else to_key(value))
    )


def to_text(value: object) -> str:
    """Return a value as free text."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def to_line(value: object) -> str:
    """Return a value as text in one line with single spaces: a title."""
    return " ".join(to_text(value).split())


def to_number(value: object) -> float:
    """Return a finite number.

    Raises
    ------
    RefusedError : it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise RefusedError(f"is no number but {type(value).__name__}")
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        hint = "; write 1234.5 without spaces, commas and units" if re.search(r"\d", value) else ""
        raise RefusedError(f"is no number{hint}")
    number = float(value)
    if not math.isfinite(number):
        raise RefusedError("is no finite number")
    return number


def to_price(value: object) -> float:
    """Return a number that is not negative.

    Raises
    ------
    RefusedError : it is negative or no number.
    """
    number = to_number(value)
    if number < 0:
        raise RefusedError("is a negative price; returns have a negative quantity instead")
    return number


def to_flag(value: object) -> bool:
    """Return a boolean, written true/false.

    Raises
    ------
    RefusedError : it is something else.
    """
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word not in {"true", "false"}:
        raise RefusedError("is neither true nor false")
    return word == "true"


def to_split(value: object) -> str:
    """Return "train", "valid" or "test".

    Raises
    ------
    RefusedError : it is something else.
    """
    if value not in {"train", "valid", "test"}:
        raise RefusedError("is no split; allowed are train, valid and test")
    return str(value)
