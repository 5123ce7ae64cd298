from __future__ import annotations

import math

import numpy as np

from kgfeatures.llm import text_encoder
from kgfeatures.llm.chargram import CharGramEncoder

ENCODER = text_encoder("builtin:chargram")


def mix(x: int) -> int:
    """splitmix64 in Python's unbounded integers."""
    mask = 2**64 - 1
    x = (x + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def plain_vector(text: str) -> np.ndarray:
    """The module's formula one n-gram at a time."""
    counts: dict[int, int] = {}
    for word in text.lower().split():
        padded = f" {word} "
        for length in (2, 3, 4):
            for start in range(len(padded) - length + 1):
                gram = length
                for character in padded[start : start + length]:
                    gram = mix(gram ^ ord(character))
                counts[gram] = counts.get(gram, 0) + 1
        for character in word:
            if "\u3040" <= character <= "\u9fff":
                gram = mix(ord(character) ^ 1)
                counts[gram] = counts.get(gram, 0) + 1
    vector = np.zeros(384)
    for gram, count in counts.items():
        vector[(gram >> 1) % 384] += (1 - 2 * (gram & 1)) * (1 + math.log(count))
    return vector


def test_vectors_are_the_formula_of_the_docstring() -> None:
    texts = ["Red tea-cup", "a", "banana bandana", "红色茶杯 red", "x  y"]
    found = CharGramEncoder().encode_batch(texts)
    np.testing.assert_allclose(found, [plain_vector(text) for text in texts], atol=1e-5)


def test_case_width_and_spaces_do_not_matter() -> None:
    one, two = ENCODER.encode(["Red  Cup", " ＲＥＤ cup\n"])
    assert one.tolist() == two.tolist()


def test_a_vector_does_not_depend_on_company_or_order() -> None:
    rng = np.random.default_rng(0)
    words = ["red", "tea-cup", "of", "42", "umbrellas", "红色茶杯", "crème"]
    texts = ["", *(" ".join(rng.choice(words, n % 9 + 1)) for n in range(1, 700))]
    together = ENCODER.encode(texts)
    shuffled = rng.permutation(len(texts))
    again = ENCODER.encode([texts[at] for at in shuffled])
    np.testing.assert_array_equal(again, together[shuffled])
    for at in (1, 5, 300, 699):
        np.testing.assert_array_equal(ENCODER.encode([texts[at]])[0], together[at])


def test_text_without_characters_gives_zeros() -> None:
    assert not ENCODER.encode(["", "  \t"]).any()


def test_similar_names_are_nearer_in_english_and_chinese() -> None:
    texts = ["red teapot", "red teapots", "blue umbrella", "红色茶杯", "红色茶壶", "蓝色雨伞"]
    similarity = np.triu(ENCODER.encode(texts) @ ENCODER.encode(texts).T)
    assert similarity[0, 1] > 2 * similarity[0, 2]
    assert similarity[3, 4] > 2 * similarity[3, 5]


def test_lone_surrogates_are_encoded() -> None:
    assert np.isfinite(ENCODER.encode(["caf\ud800"])).all()
