"""How many pieces a product holds, from the form of its title: "set of 6", "S/6", "12 pencils".

Rules, no word list of things: a number counts pieces behind set, pack, box and the like, before
"piece" or 件装, or as the first word; not where a unit follows it ("15cm", "3 tier").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kgfeatures.extraction.base import Statement, read_titles, to_frame

if TYPE_CHECKING:
    import pandas as pd

_WORDS = {
    word: number
    for number, word in enumerate(
        (
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ),
        start=2,
    )
}
_CHINESE = {sign: number for number, sign in enumerate("一二三四五六七八九十", start=1)} | {"两": 2}
_SET = "(?:套装|装|套|组)"
_COUNTERS = "件个只支片条双包枚块张粒瓶盒卷"
_NUMBER = rf"(?P<number>\d{{1,4}}|{'|'.join(_WORDS)})"
_UNIT = (
    r"(?:cm|mm|m|km|in|inch|inches|ft|g|kg|ml|l|lb|oz|w|v|x|d|st|nd|rd|th|tier|wick|strand|stranded"
    r"|hook|drawers?|door|year|yr|segment|section|piece|pcs?|day|hour|tone|page|way)"
)
_NO_UNIT = rf"(?![\d.]|\s*(?:[\"'/%+-]|{_UNIT}\b))"
_CONTAINER = r"\b(?:sets?|s|packs?|box|boxes|bag|tub|tin|jar|basket|lot)"
_RULES = (
    # set of 6, S/6, pack/12, tub 24
    (rf"{_CONTAINER}(?:\s*/\s*|\s+of\s+|\s+){_NUMBER}\b{_NO_UNIT}", 0.95),
    # eight piece
    (rf"\b{_NUMBER}\s*-?\s*(?:pieces?|pcs?|pack)\b", 0.95),
    (
        rf"(?P<number>\d{{1,4}}|[{''.join(_CHINESE)}])\s*(?P<counter>[{_COUNTERS}])\s*{_SET}",
        0.95,
    ),
    # 一套6个
    (
        rf"(?:套|共|含|内)\s*(?P<number>\d{{1,4}}|[{''.join(_CHINESE)}])\s*(?P<counter>[{_COUNTERS}])",
        0.9,
    ),
    # 12 pencils
    (rf"^{_NUMBER}\b{_NO_UNIT}\s+(?=[^\W\d_])", 0.8),
)
_PATTERNS = tuple((re.compile(rule, re.IGNORECASE), confidence) for rule, confidence in _RULES)
_LARGEST = 1000


class PackSize:
    """Extracts has_pack_size by the form of the title; 2 to 1000 pieces; the first fitting rule."""

    name = "pack_size"
    relations: tuple[str, ...] = ("has_pack_size",)
    version = "1"

    def extract(self, titles: pd.DataFrame) -> pd.DataFrame:
        """Return the pack sizes that `titles` name; see `Extractor.extract`."""
        return to_frame(
            statement
            for product_id, title in read_titles(titles)
            for statement in _pack_size(product_id, title)
        )


def _pack_size(product_id: str, title: str) -> list[Statement]:
    """Return the statement that the first fitting rule makes, or none."""
    for pattern, confidence in _PATTERNS:
        match = pattern.search(title)
        if match is None:
            continue
        text = match["number"].lower()
        number = _WORDS.get(text) or _CHINESE.get(text) or int(text)
        if number not in range(2, _LARGEST + 1):
            continue
        counter = match.groupdict().get("counter")
        label = f"{number}{counter}装" if counter else f"set of {number}"
        return [
            Statement(
                *(product_id, "has_pack_size", "pack_size", str(number), label),
                *(confidence, "rule", match.group().strip()),
            ),
        ]
    return []
