"""Names that a person understands, from what sets a segment apart: "frequent, high spend"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.segments.behaviour import FEATURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# A segment is called after features whose mean lies this many standard deviations off.
NOTEWORTHY = 0.35
WORDS = 2


def names(features: Sequence[str], means: NDArray[np.float64]) -> list[tuple[str, str]]:
    """Return an English and a Chinese name of each segment, no two alike.

    Parameters
    ----------
    features : (d,) names in `FEATURES`.
    means : (k, d) of the standardised features within each segment.

    Returns
    -------
    names : one pair per segment: its two most distinguishing features; more, or a number, where
        two segments would have the same name.
    """
    words = [_ranked_words(features, row) for row in means]
    lengths = [WORDS] * len(words)
    made = _made(words, lengths)
    while clashing := [i for i, one in enumerate(made) if made.count(one) > 1]:
        longer = [i for i in clashing if lengths[i] < len(words[i])]
        if not longer:
            return _numbered(made)
        for i in longer:
            lengths[i] += 1
        made = _made(words, lengths)
    return made


def _ranked_words(features: Sequence[str], means: NDArray[np.float64]) -> list[tuple[str, str]]:
    """Return (English, Chinese) words, the most distinguishing first, one per family."""
    used: set[str] = set()
    words: list[tuple[str, str]] = []
    weights = np.array([FEATURES[name].weight for name in features])
    for place in np.argsort(-np.abs(means) * weights, kind="stable"):
        feature = FEATURES[features[int(place)]]
        if abs(means[place]) < NOTEWORTHY or feature.family in used:
            continue
        used.add(feature.family)
        high = means[place] > 0
        words.append(
            (feature.high if high else feature.low, feature.high_zh if high else feature.low_zh)
        )
    return words


def _made(words: list[list[tuple[str, str]]], lengths: list[int]) -> list[tuple[str, str]]:
    made: list[tuple[str, str]] = []
    for row, length in zip(words, lengths, strict=True):
        chosen = row[:length] or [("average", "普通")]
        made.append((", ".join(en for en, _ in chosen), "、".join(zh for _, zh in chosen)))
    return made


def _numbered(made: list[tuple[str, str]]) -> list[tuple[str, str]]:
    seen: dict[tuple[str, str], int] = {}
    numbered: list[tuple[str, str]] = []
    for english, chinese in made:
        count = seen[english, chinese] = seen.get((english, chinese), 0) + 1
        suffix = f" {count}" if made.count((english, chinese)) > 1 else ""
        numbered.append((english + suffix, chinese + suffix))
    return numbered
