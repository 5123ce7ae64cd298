"""Titles and descriptions of generated products, in Chinese and English, with many wordings.

Every word that says what a product is comes from the word lists; what stands around it says
nothing about colour, material or theme, so that the planted truth is all that a title says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.datasets.catalogue import BRANDS, kinds, qualities

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from kgfeatures.datasets.plan import FloatArray, Plan

BOTH_SHARES = (0.6, 0.85)
"""Of a shop in both languages: titles in Chinese up to the first, English up to the second, the
rest in both."""
LOOKS = {
    "zh": (
        "新款",
        "手工",
        "创意",
        "轻奢",
        "文艺",
        "居家",
        "高颜值",
        "原创",
        "实用",
        "百搭",
        "人气",
        "精选",
    ),
    "en": ("new", "classic", "handmade", "cosy", "elegant", "everyday", "original", "popular"),
}
ZH_TITLES = (
    "{brand}{look}{size}{colour}{pattern}{theme}{material}{kind}{pack}",
    "{brand} {colour}{material}{kind} {pattern}{theme} {size}{pack}",
    "{theme}{pattern}{kind} {brand}{look} {colour} {material} {size} {pack}",
    "【{brand}】{look}{material}{kind} {colour} {pattern} {theme} {size} {pack}",
    "{look}{kind} {colour}{pattern} {theme} {material} {size} {pack} {brand}",
    "{size}{colour}{kind} {material} {theme}{pattern} {brand}{pack}",
)
EN_TITLES = (
    "{brand} {look} {size} {colour} {pattern} {theme} {material} {kind} {pack}",
    "{pack} {size} {colour} {theme} {pattern} {material} {kind} {brand}",
    "{look} {theme} {pattern} {kind}, {colour} {material} {size} {pack} {brand}",
    "{brand} {material} {kind} - {colour} {pattern} {theme} {size} {pack}",
    "{size} {theme} {colour} {pattern} {material} {kind} {brand} {pack}",
)
ZH_PACKS = ("{}件套", "{}个装", "{}只装", "一套{}个")
EN_PACKS = ("set of {}", "pack of {}")
ZH_FIRST = (
    "{brand}这款{colour}{kind}，{made}。",
    "一件看得见用心的{colour}{kind}，{made}。",
    "{made}的{kind}，{colour}很耐看。",
    "为日常生活设计的{kind}，{colour}，{made}。",
    "{brand}出品，{colour}{kind}，{made}。",
)
ZH_MADE = ("{}制成", "选用{}", "以{}为主要材质", "采用优质{}", "{}手感细腻")
ZH_USES = (
    "自用送人都合适。",
    "放在家里哪个角落都好看。",
    "搬新家的朋友收到会很高兴。",
    "周末在家用它，心情也慢下来。",
    "小户型也放得下。",
    "每天都用得上。",
    "适合租房，也适合新居。",
    "店里回购很多的一款。",
)
ZH_CARE = (
    "请避免暴晒。",
    "用湿巾轻轻擦拭即可。",
    "手工测量，尺寸略有误差。",
    "下单后两天内发货。",
    "支持七天无理由退换。",
    "因显示器不同，实物颜色以收到为准。",
    "包装严实，不怕磕碰。",
)
EN_FIRST = (
    "A {look} {colour} {kind} by {brand}, {made}.",
    "This {colour} {kind} is {made}.",
    "{brand} brings you a {colour} {kind}, {made}.",
    "Our {look} {kind}: {colour}, {made}.",
    "Meet the {colour} {kind} that goes with everything, {made}.",
)
EN_MADE = ("made of {}", "carefully finished in {}", "crafted from {}", "with the feel of {}")
EN_USES = (
    "A gift that is always right.",
    "Small enough for any flat.",
    "Made for every day.",
    "Looks good wherever you put it.",
    "One of our most reordered pieces.",
    "Lovely for a new home.",
    "Pairs well with the rest of the series.",
)
EN_CARE = (
    "Wipe clean with a damp cloth.",
    "Keep out of direct sunlight.",
    "Measured by hand, sizes may differ slightly.",
    "Ships within two days.",
    "Colours may look different on your screen.",
    "Safely packed.",
)


def write_titles(plan: Plan, truth: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
    """Return titles, descriptions and the titles' languages (zh, en, both), a row per product.

    Parameters
    ----------
    plan : in which languages, and from which seed.
    truth : what each product is, a row each.
    """
    rng = plan.rng(3)
    u = rng.random((len(truth), 24))
    languages = _languages(plan, u[:, 0])
    titles: list[str] = []
    descriptions: list[str] = []
    rows = truth.to_dict("records")
    for row, language, chance in zip(rows, languages, u, strict=True):
        spoken = ("zh", "en") if language == "both" else (language,)
        said = [_words(row, name, chance) for name in spoken]
        forms = {"zh": ZH_TITLES, "en": EN_TITLES}
        written = [
            _tidy(_pick(forms[name], chance[1]).format_map(words))
            for name, words in zip(spoken, said, strict=True)
        ]
        if chance[2] < 0.3:
            written[-1] = written[-1].upper() if spoken[-1] == "en" else written[-1]
        titles.append(" ".join(written))
        descriptions.append(
            " ".join(_describe(name, w, chance) for name, w in zip(spoken, said, strict=True))
        )
    return titles, descriptions, languages


def _languages(plan: Plan, u: FloatArray) -> list[str]:
    if plan.language != "both":
        return [plan.language] * len(u)
    return np.array(["zh", "en", "both"])[np.searchsorted(BOTH_SHARES, u, side="right")].tolist()


def _pick(choices: Sequence[str], u: float) -> str:
    return choices[int(u * len(choices))]


def kind_word(key: str, language: str, u: float) -> str:
    """Return one of the words for a kind of product."""
    return _pick(KIND_WORDS[key][language], u)


def quality_word(kind: str, key: str, language: str, u: float) -> str:
    """Return one of the words for a colour, material …, "" for none."""
    return _pick(qualities()[kind, key][language].split("|"), u) if key else ""


KIND_WORDS = {kind["key"]: {n: kind[n].split("|") for n in ("zh", "en")} for kind in kinds()}


def _words(row: dict[str, object], language: str, u: FloatArray) -> dict[str, str]:
    """Return the words for what a product is, by slot."""
    names = ("colour", "material", "pattern", "theme", "size")
    words = {
        name: quality_word(name, str(row[name]), language, u[3 + i]) for i, name in enumerate(names)
    }
    words["kind"] = kind_word(str(row["object_type"]), language, u[9])
    brand = BRANDS[int(str(row["brand"]))][0 if language == "zh" else 1]
    words["brand_always"] = brand
    words["brand"] = brand if u[10] < 0.5 else ""
    words["look"] = _pick(LOOKS[language], u[12]) if u[11] < 0.5 else ""
    pieces = int(str(row["pack_size"]))
    form = _pick(ZH_PACKS if language == "zh" else EN_PACKS, u[13])
    words["pack"] = form.format(pieces) if pieces > 1 else ""
    return words


def _tidy(title: str) -> str:
    return " ".join(title.replace("【】", "").replace(" ,", ",").split()).strip(" -,")


def _describe(language: str, words: dict[str, str], u: FloatArray) -> str:
    """Return two or three sentences about a product."""
    chinese = language == "zh"
    material = words["material"] or ("好料" if chinese else "good stuff")
    made = _pick(ZH_MADE if chinese else EN_MADE, u[14]).format(material)
    slots = words | {"made": made, "brand": words["brand_always"]}
    if not words["colour"]:
        slots["colour"] = "百搭" if chinese else "versatile"
    slots["look"] = _pick(LOOKS[language], u[15])
    first = _pick(ZH_FIRST if chinese else EN_FIRST, u[16]).format_map(slots)
    use = _pick(ZH_USES if chinese else EN_USES, u[17])
    care = _pick(ZH_CARE if chinese else EN_CARE, u[18]) if u[19] < 0.7 else ""
    joined = ("" if chinese else " ").join(part for part in (first, use, care) if part)
    return " ".join(joined.split())
