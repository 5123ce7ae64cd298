"""Text as the rest of the package compares it: one spelling, one case, one kind of token.

Postgres' own parser keeps a Chinese phrase as a single lexeme, so tokens are made here and stored:
words for scripts that put spaces between words, overlapping character pairs for Chinese and
Japanese, which do not.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

_INVISIBLE: dict[int, str | None] = {
    0x00: " ",
    **dict.fromkeys([0xAD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF]),
}
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "`": "'", "\u00b4": "'"})
UNSPACED = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Characters of Han and kana, written without spaces, as the inside of a regex class."""


def clean(text: str) -> str:
    """Return `text` in NFKC with single spaces and without invisible characters; case is kept.

    Apostrophes become "'"; control characters and line ends count as spaces.
    """
    # Before NFKC, which turns U+00B4 into a space and an accent.
    composed = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES))
    return " ".join(composed.translate(_INVISIBLE).split())


def normalize(text: str) -> str:
    """Return `clean(text)` without case: the form in which two titles are compared.

    Idempotent. The fold is Unicode's (ß = ss), a few characters need NFKC once more after it.
    """
    return unicodedata.normalize("NFKC", clean(text).casefold())


def tokens(text: str) -> list[str]:
    """Return the search tokens of `text`, in order, repeats kept.

    Spaced scripts give case-folded words, apostrophes dropped ("child's" = "childs"); a number is
    a token of its own ("15cm" = "15 cm"), unless it ends a word ("mp3"). A run of Chinese gives its
    character pairs ("圣诞树" = 圣诞, 诞树); a single character gives itself.

    >>> tokens("15CM Christmas  Glass-Ball")
    ['15', 'cm', 'christmas', 'glass', 'ball']
    >>> tokens("红色圣诞树 2L")
    ['红色', '色圣', '圣诞', '诞树', '2', 'l']
    """
    found: list[str] = []
    for match in token_pattern().finditer(normalize(text)):
        token = match.group()
        if match.lastgroup == "unspaced" and len(token) > 1:
            found.extend(token[i : i + 2] for i in range(len(token) - 1))
        else:
            found.append(token.replace("'", ""))
    return found


@cache
def token_pattern() -> re.Pattern[str]:
    r"""Return the pattern of one token: a group `unspaced`, `number` or `word` matches.

    `re` leaves combining marks out of \w, which would tear Hindi words apart; they are added.
    """
    marks = "".join(f"{chr(a)}-{chr(b)}" for a, b in _mark_ranges())
    letter = rf"[^\W\d_{UNSPACED}]"
    inner = rf"(?:[^\W_{UNSPACED}]|[{marks}])"
    return re.compile(
        rf"(?P<unspaced>[{UNSPACED}]+)"
        r"|(?P<number>\d+(?:\.\d+)?)"
        rf"|(?P<word>{letter}{inner}*(?:'{inner}+)*)",
    )


def _mark_ranges() -> list[tuple[int, int]]:
    """Return the ranges of code points that are combining marks, in the basic plane."""
    ranges: list[tuple[int, int]] = []
    for code in range(0x300, min(0x10000, sys.maxunicode)):
        if not unicodedata.category(chr(code)).startswith("M"):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return ranges
