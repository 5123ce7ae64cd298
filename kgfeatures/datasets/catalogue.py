"""The products of a generated shop: what each is, how liked, what it costs and when.

Popularity falls with the rank r as (r + 0.03 N) ** -1.25, Zipf-Mandelbrot; the two numbers give
the skew of Online Retail. Some articles are offered twice, by two suppliers, under
other words and numbers.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgfeatures.datasets.plan import START

if TYPE_CHECKING:
    from kgfeatures.datasets.plan import BoolArray, FloatArray, IntArray, Plan

WORDS = Path(__file__).parent / "words"
CATEGORIES = {
    "kitchen": "厨房餐具",
    "tea_coffee": "茶与咖啡",
    "textile": "家居纺织",
    "decoration": "家居饰品",
    "lighting": "香氛与灯",
    "garden": "园艺",
    "stationery": "文具",
    "toys": "儿童玩具",
    "jewellery": "配饰",
    "fashion": "穿搭",
    "bags": "箱包",
    "party": "派对",
}
BRANDS = (
    *(("沐远", "Muyuan"), ("禾岑", "Hecen"), ("柏屿", "Boyu"), ("初晞", "Chuxi")),
    *(("云岫", "Yunxiu"), ("知夏", "Zhixia"), ("朴居", "Puju"), ("南歌", "Nange")),
    *(("拾光", "Shiguang"), ("半夏", "Banxia"), ("观澜", "Guanlan"), ("青岚", "Qinglan")),
    *(("木槿里", "Mujinli"), ("归野", "Guiye"), ("听屿", "Tingyu"), ("晚舟", "Wanzhou")),
    *(("素问", "Suwen"), ("临渊", "Linyuan"), ("行知", "Xingzhi"), ("墨隐", "Moyin")),
    *(("安和", "Anhe"), ("朝颜", "Zhaoyan"), ("若谷", "Ruogu"), ("远岫", "Yuanxiu")),
    *(("Norrvik", "Norrvik"), ("Calloway", "Calloway"), ("Hartlow", "Hartlow")),
    *(("Pemberly", "Pemberly"), ("Osterby", "Osterby"), ("Tarnwick", "Tarnwick")),
)
"""Invented names, in Chinese and Latin letters."""
SUPPLIERS = (("东海供货", "Eastsea Supply"), ("北辰贸易", "Polaris Trading"))
SHARES = {"colour": 0.75, "material": 0.65, "pattern": 0.2, "theme": 0.4, "size": 0.2, "pack": 0.15}
PACKS = (2, 3, 4, 6, 8, 10, 12)
DUPLICATED = 0.04
"""Share of products that are a second offer of another one."""
PRICE_DAYS = 30
FLAT_HEAD, STEEPNESS = 0.03, 1.25
SEASONS = {
    "christmas": {10: 6.0, 11: 8.0},
    "easter": {2: 4.0, 3: 5.0},
    "halloween": {8: 3.0, 9: 8.0},
    "valentine": {0: 3.0, 1: 7.0},
    "new year": {11: 4.0, 0: 6.0, 1: 4.0},
    "garden": {3: 2.0, 4: 2.5, 5: 2.2, 6: 1.6},
    "wool": {9: 1.8, 10: 2.4, 11: 2.2, 0: 1.8},
}
"""Factor on the popularity in a month (0 is January) of a theme, category or material; festivals
sell at 0.3 of their popularity in all other months."""
FESTIVALS = ("christmas", "easter", "halloween", "valentine", "new year")


@dataclass(frozen=True)
class Catalogue:
    """All products, in the order of their rows.

    Attributes
    ----------
    truth : one row per product: product_id, object_type, colour … (keys of the lexicon, "" where
        the product has none), pack_size, category, brand (row of BRANDS), supplier (0 or 1),
        quality in [-1, 1], popularity_rank, same_as (row of the product that it offers again, -1).
    weight : (n,) popularity, sums to 1.
    season : (n, 12) factor on the popularity by month.
    price : (n, periods of 30 days) in the shop's currency.
    stock : (n, periods) pieces; 0 means sold out.
    """

    truth: pd.DataFrame
    weight: FloatArray
    season: FloatArray
    price: FloatArray
    stock: IntArray

    @property
    def category(self) -> IntArray:
        """Return the number of each product's category."""
        return self.truth.category.map({c: i for i, c in enumerate(CATEGORIES)}).to_numpy(np.int64)


@cache
def kinds() -> list[dict[str, str]]:
    """Return the kinds of products: key, en, zh, category, price, materials."""
    return _rows("kinds.tsv")


@cache
def qualities() -> dict[tuple[str, str], dict[str, str]]:
    """Return words for what a product can be, by kind of quality and key."""
    return {(row["kind"], row["key"]): row for row in _rows("qualities.tsv")}


def _rows(file: str) -> list[dict[str, str]]:
    with (WORDS / file).open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text, delimiter="\t"))


def make_catalogue(plan: Plan) -> Catalogue:
    """Return the products of a shop; none is the same as another but for planted second offers."""
    rng = plan.rng(1)
    second = round(plan.products * DUPLICATED)
    truth = _articles(rng, plan.products - second)
    original = rng.choice(len(truth), second, replace=False)
    again = truth.iloc[original].assign(same_as=original, supplier=1 - truth.supplier[original])
    truth = pd.concat([truth, again], ignore_index=True)
    rank = rng.permutation(plan.products)
    numbers = rng.permutation(plan.products) + 10_001
    truth.insert(0, "product_id", np.array([f"P{number}" for number in numbers], dtype=object))
    truth["popularity_rank"] = rank + 1
    weight = (rank + 1 + FLAT_HEAD * plan.products) ** -STEEPNESS
    price, stock = _prices(rng, plan, truth)
    return Catalogue(truth, weight / weight.sum(), _season(truth), price, stock)


def _articles(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return n different articles."""
    found = pd.DataFrame()
    known = ["object_type", *SHARES, "brand"]
    while len(found) < n:
        found = pd.concat([found, _draw(rng, n)], ignore_index=True)
        found = found.drop_duplicates(known, ignore_index=True)
    found = found.iloc[:n].rename(columns={"pack": "pack_size"}).copy()
    found["supplier"] = rng.integers(0, 2, n)
    found["quality"] = np.clip(rng.normal(0.25, 0.4, n), -1, 1).round(3)
    found["same_as"] = -1
    return found


def _draw(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return n articles; the first ones go through all kinds, so that no category is empty."""
    listed = kinds()
    by_category = sorted(range(len(listed)), key=lambda i: (_turn(listed, i), i))
    which = np.concatenate([by_category, rng.integers(0, len(listed), n)])[:n]
    columns: dict[str, object] = {"object_type": [listed[i]["key"] for i in which]}
    for name in ("colour", "pattern", "theme", "size"):
        keys = np.array([key for kind, key in qualities() if kind == name], dtype=object)
        columns[name] = np.where(rng.random(n) < SHARES[name], rng.choice(keys, n), "")
    has_material, place = rng.random(n) < SHARES["material"], rng.random(n)
    columns["material"] = [
        _one(listed[i]["materials"], u) if has else ""
        for i, has, u in zip(which, has_material, place, strict=True)
    ]
    columns["pack"] = np.where(rng.random(n) < SHARES["pack"], rng.choice(PACKS, n), 1)
    columns["category"] = [listed[i]["category"] for i in which]
    columns["brand"] = rng.integers(0, len(BRANDS), n)
    return pd.DataFrame(columns)


def _turn(listed: list[dict[str, str]], i: int) -> int:
    """Return how many kinds of the same category stand before kind i."""
    return sum(listed[j]["category"] == listed[i]["category"] for j in range(i))


def _one(choices: str, u: float) -> str:
    """Return one of comma-separated choices, "" of none."""
    parts = choices.split(",")
    return parts[int(u * len(parts))]


def _season(truth: pd.DataFrame) -> FloatArray:
    season = np.ones((len(truth), 12))
    for name, months in SEASONS.items():
        hit = (truth[["theme", "category", "material"]].to_numpy() == name).any(axis=1)
        if name in FESTIVALS:
            season[hit] *= 0.3
        for month, factor in months.items():
            season[hit, month] = factor
    return season


def _prices(
    rng: np.random.Generator, plan: Plan, truth: pd.DataFrame
) -> tuple[FloatArray, IntArray]:
    """Return prices and stock by product and period; a price changes in one period of five."""
    n, periods = len(truth), -(-plan.days // PRICE_DAYS)
    listed = {kind["key"]: float(kind["price"]) for kind in kinds()}
    base = truth.object_type.map(listed).to_numpy(np.float64) * rng.lognormal(0, 0.25, n)
    base *= truth.pack_size.to_numpy() ** 0.7
    same = truth.same_as.to_numpy()
    second = same >= 0
    base[second] = base[same[second]] * rng.uniform(0.9, 1.1, second.sum())
    moves = np.where(rng.random((n, periods)) < 0.2, rng.normal(0, 0.08, (n, periods)), 0)
    moves[:, 0] = 0
    price = np.maximum(np.round(base[:, None] * np.exp(np.cumsum(moves, axis=1)), 1), 0.5)
    stock = rng.negative_binomial(2, 0.02, (n, periods))
    stock[rng.random((n, periods)) < 0.02] = 0
    return price, stock


def dated(catalogue: Catalogue) -> pd.DataFrame:
    """Return a row per product and period in which its price or stock is written anew."""
    n, periods = catalogue.price.shape
    frame = pd.DataFrame(
        {
            "product_id": np.repeat(catalogue.truth.product_id.to_numpy(), periods),
            "day": np.tile(np.arange(periods) * PRICE_DAYS, n),
            "price": catalogue.price.ravel(),
            "stock": catalogue.stock.ravel(),
        }
    )
    frame["in_stock"] = frame.stock > 0
    frame["day"] = START + frame.day.to_numpy().astype("timedelta64[D]")
    return frame


def sold_when(catalogue: Catalogue, among: BoolArray) -> tuple[IntArray, FloatArray]:
    """Return the products among which one is drawn, and (12, n) running sums of their weights.

    A sum that ends in 1 turns a uniform number into a product.
    """
    rows = np.flatnonzero(among)
    weight = (catalogue.weight[rows, None] * catalogue.season[rows]).T
    sums = np.cumsum(weight, axis=1)
    return rows, sums / sums[:, -1:]
