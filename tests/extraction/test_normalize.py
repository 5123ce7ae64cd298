"""normalize and tokens: what other parts of the package search and compare by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgfeatures.extraction.normalize import normalize, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "WHITE HANGING HEART T-LIGHT HOLDER",
            ["white", "hanging", "heart", "t", "light", "holder"],
        ),
        ("15CM  CHRISTMAS\tBALL", ["15", "cm", "christmas", "ball"]),
        ("CHILD'S MUG, children\u2019s", ["childs", "mug", "childrens"]),
        ("mp3 2.5 l", ["mp3", "2.5", "l"]),
        ("红色圣诞灯", ["红色", "色圣", "圣诞", "诞灯"]),
        ("灯", ["灯"]),
        ("红色 LED灯 １２", ["红色", "led", "灯", "12"]),
        ("हिन्दी शब्द", ["हिन्दी", "शब्द"]),
        ("", []),
        ("*?!", []),
    ],
)
def test_tokens_are_words_numbers_and_chinese_pairs(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_normalize_ignores_width_case_spacing_and_invisible_characters() -> None:
    assert normalize(" Ｃａｆé\u200b\u00a0 STRASSE\n") == normalize("cafe\u0301 straße")


@given(st.text())
def test_normalize_is_idempotent(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once


@given(st.text())
def test_tokens_do_not_depend_on_case_or_outer_space(text: str) -> None:
    assert tokens(f"  {text} ") == tokens(text)
    assert all(tokens(text))
