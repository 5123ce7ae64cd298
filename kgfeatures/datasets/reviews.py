"""Reviews of generated purchases: ratings that follow the product's quality, words that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.datasets.plan import MINUTES, BoolArray, FloatArray, IntArray, Plan
from kgfeatures.datasets.titles import kind_word, quality_word

if TYPE_CHECKING:
    import pandas as pd

    from kgfeatures.datasets.events import Lines

REVIEWED = 0.04
"""Share of the bought lines that get a review."""
OPENERS = {
    "zh": (
        (
            "失望。",
            "踩雷了。",
            "不太值这个价。",
            "收到就想退。",
            "和图片差太多。",
            "唉，不会再买。",
        ),
        ("一般般吧。", "中规中矩。", "凑合能用。", "没有想象中好。", "还行，不惊艳。"),
        (
            *(
                "太喜欢了！",
                "超出预期。",
                "回购第二次了。",
                "朋友推荐来的，没失望。",
                "一眼就爱上。",
            ),
            *("物有所值。", "开箱很惊喜！", "闭眼入。", "客服耐心，东西也好。"),
        ),
    ),
    "en": (
        ("Disappointed.", "Not worth the price.", "Sending it back.", "Nothing like the photo."),
        ("It's okay.", "Average.", "Does the job.", "Expected a bit more.", "Fine for now."),
        (
            *(
                "Love it!",
                "Better than expected.",
                "Bought it again.",
                "What a find.",
                "Very happy.",
            ),
            *("Great value.", "A lovely surprise.", "My friends all ask about it."),
        ),
    ),
}
MIDDLES = {
    "zh": (
        (
            *("{colour}{kind}色差很大", "{kind}做工粗糙，边上有毛刺", "{material}感觉很廉价"),
            *("用了三天就坏了", "{kind}有股味道，散不掉", "尺寸比描述的小一圈"),
        ),
        (
            *(
                "{kind}大小合适，就是{material}薄了点",
                "{colour}比图上暗一些",
                "{kind}能用，细节一般",
            ),
            *("发货慢，东西还可以", "{material}普通，价格也普通"),
        ),
        (
            *("{colour}{kind}比图片还好看", "{material}很有质感", "{kind}做工细致，没有瑕疵"),
            *("孩子抢着用这个{kind}", "摆在客厅，来的人都问链接", "{kind}尺寸刚刚好"),
            *("送给妈妈，她很开心", "用了一个月，{kind}还像新的", "{colour}很正，{material}也舒服"),
        ),
    ),
    "en": (
        (
            *("The {colour} {kind} looks nothing like the picture", "The {material} feels cheap"),
            *("It broke after three days", "The {kind} smells odd", "Smaller than described"),
        ),
        (
            *(
                "The {kind} is the right size but the {material} is thin",
                "Slow delivery, decent {kind}",
            ),
            *("The {colour} is darker than shown", "The {kind} works, details are so-so"),
        ),
        (
            *("The {colour} {kind} is even nicer in real life", "The {material} feels wonderful"),
            *("My kids fight over this {kind}", "The {kind} is beautifully made", "Perfect size"),
            *("After a month the {kind} still looks new", "Mum was delighted with the {kind}"),
        ),
    ),
}
CLOSERS = {
    "zh": (
        ("，慎拍。", "，客服也不回。", "，已申请退货。", "。", "，给一星都多。"),
        ("，看价格吧。", "。", "，等活动再买。", "，给三星。"),
        ("，推荐！", "，还会再来。", "。", "，五星好评。", "，已经安利给同事。", "，快递也快。"),
    ),
    "en": (
        (". Avoid.", ". Customer service never answered.", ".", ". Returned it."),
        (".", ". Wait for a sale.", ". Three stars."),
        (". Recommended!", ". Will order again.", ".", ". Five stars.", ". Fast delivery too."),
    ),
}


def choose(rng: np.random.Generator, plan: Plan, lines: Lines) -> tuple[IntArray, IntArray]:
    """Return which lines get a review, and when: three days to five weeks later."""
    rows = np.flatnonzero(rng.random(len(lines.order)) < REVIEWED)
    minute = lines.minute[rows] + rng.integers(3 * MINUTES, 35 * MINUTES, len(rows))
    in_time = minute < plan.days * MINUTES
    return rows[in_time], minute[in_time]


def rate(rng: np.random.Generator, quality: FloatArray) -> IntArray:
    """Return stars, 1 to 5: 3.8 for a product of quality 0, 1.1 more for the best, and noise."""
    stars = 3.8 + 1.1 * quality + rng.normal(0, 0.9, len(quality))
    return np.clip(np.floor(stars + 0.5), 1, 5).astype(np.int64)


def write(
    rng: np.random.Generator, about: pd.DataFrame, stars: IntArray, chinese: BoolArray
) -> list[str]:
    """Return the words of one review for each row of `about` (the truth of its product)."""
    u = rng.random((len(stars), 6))
    languages = np.where(chinese, "zh", "en").tolist()
    moods = np.searchsorted([3, 4], stars, side="right").tolist()
    columns = (about.object_type, about.colour, about.material, languages, moods, u)
    return [_review(*row) for row in zip(*columns, strict=True)]


def _review(kind: str, colour: str, material: str, language: str, mood: int, u: FloatArray) -> str:
    """Return an opener, a remark on the product and a closer of one mood: 0 bad, 1 fair, 2 good."""
    parts = [
        choices[language][mood][int(x * len(choices[language][mood]))]
        for choices, x in ((OPENERS, u[0]), (MIDDLES, u[1]), (CLOSERS, u[2]))
    ]
    words = {
        "kind": kind_word(kind, language, u[3]),
        "colour": quality_word("colour", colour, language, u[4]),
        "material": quality_word("material", material, language, u[5]),
    }
    chinese = language == "zh"
    if not material:
        words["material"] = "材质" if chinese else "material"
    if not colour and not parts[1].startswith(("{colour}{kind}", "The {colour} {kind}")):
        words["colour"] = "颜色" if chinese else "colour"
    middle = " ".join(parts[1].format_map(words).split())
    return parts[0] + ("" if chinese else " ") + middle + parts[2]
