"""The customers of a generated shop: planted groups with known preferences, activity, places.

A group puts a known share of its lines into its preferred categories, the rest into everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from kgfeatures.datasets.catalogue import CATEGORIES
from kgfeatures.datasets.plan import MINUTES, at

if TYPE_CHECKING:
    from kgfeatures.datasets.catalogue import Catalogue
    from kgfeatures.datasets.plan import FloatArray, IntArray, Plan


class Group(NamedTuple):
    """Customers who like the same: `focus` is the share of lines from `likes` alone."""

    name: str
    zh: str
    share: float
    likes: tuple[str, ...]
    focus: float
    pieces: float
    """Factor on quantities."""


GROUPS = (
    Group("gardeners", "园艺爱好者", 0.14, ("garden", "lighting"), 0.55, 1.0),
    Group("parents", "有娃家庭", 0.20, ("toys", "party"), 0.55, 1.0),
    Group("tea_lovers", "爱茶人", 0.14, ("tea_coffee", "kitchen"), 0.55, 1.0),
    Group("journalers", "手帐党", 0.16, ("stationery",), 0.50, 1.0),
    Group("dressers", "穿搭控", 0.18, ("jewellery", "fashion", "bags"), 0.60, 1.0),
    Group("homemakers", "布置家的人", 0.12, ("textile", "decoration"), 0.55, 1.0),
    Group("shopkeepers", "小店店主", 0.06, (), 0.0, 4.0),
)
CITIES = (
    *(("上海", "Shanghai"), ("北京", "Beijing"), ("广州", "Guangzhou"), ("深圳", "Shenzhen")),
    *(("成都", "Chengdu"), ("杭州", "Hangzhou"), ("武汉", "Wuhan"), ("西安", "Xi'an")),
    *(("重庆", "Chongqing"), ("南京", "Nanjing"), ("苏州", "Suzhou"), ("天津", "Tianjin")),
    *(("长沙", "Changsha"), ("青岛", "Qingdao"), ("厦门", "Xiamen"), ("昆明", "Kunming")),
    *(("大连", "Dalian"), ("宁波", "Ningbo"), ("合肥", "Hefei"), ("郑州", "Zhengzhou")),
)
CHANNELS = ("app", "web", "mini_program", "store")
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55+")
AGREES, CHANGES_MIND, AGE_UNKNOWN = 0.7, 0.15, 0.2
"""Shares of customers: newsletter wanted at first, changed later; age never said."""
YEAR = 374.0
"""Days of Online Retail, which the two numbers below come near."""
FURTHER_ORDERS = 3.15
SPREAD = 1.4
"""Further orders of a customer in YEAR days are Poisson, their mean log-normal."""


@dataclass(frozen=True)
class Customers:
    """All customers, in the order of their rows.

    Attributes
    ----------
    ids : (n,) their keys.
    group : (n,) row of GROUPS.
    joined : (n,) day from which on they can buy.
    further : (n,) expected orders beyond the first.
    size : (n,) factor on the lines of their orders.
    chinese : (n,) whether they write Chinese.
    city, channel : (n,) rows of CITIES, CHANNELS.
    """

    ids: np.ndarray
    group: IntArray
    joined: IntArray
    further: FloatArray
    size: FloatArray
    chinese: np.ndarray
    city: IntArray
    channel: IntArray


def make_customers(plan: Plan) -> Customers:
    """Return the customers of a shop; half of them were there before it starts."""
    rng, n = plan.rng(2), plan.customers
    numbers = rng.permutation(n) + 100_001
    joined = np.where(rng.random(n) < 0.5, 0, rng.integers(0, max(plan.days * 4 // 5, 1), n))
    rate = FURTHER_ORDERS * rng.lognormal(-(SPREAD**2) / 2, SPREAD, n)
    # Who joins later has less time; the factor keeps the mean.
    left = (1 - joined / plan.days) / 0.8
    chinese = {"zh": 1.0, "en": 0.0, "both": 0.7}[plan.language]
    city = 1.0 / np.arange(1, len(CITIES) + 1)
    return Customers(
        ids=np.array([f"C{number}" for number in numbers], dtype=object),
        group=rng.choice(len(GROUPS), n, p=[group.share for group in GROUPS]),
        joined=joined,
        further=rate * left * plan.days / YEAR,
        size=rng.lognormal(-0.08, 0.4, n),
        chinese=rng.random(n) < chinese,
        city=rng.choice(len(CITIES), n, p=city / city.sum()),
        channel=rng.choice(len(CHANNELS), n, p=[0.4, 0.2, 0.3, 0.1]),
    )


def public(plan: Plan, customers: Customers) -> pd.DataFrame:
    """Return what the shop knows of its customers."""
    place = 1 if plan.language == "en" else 0
    cities = np.array([city[place] for city in CITIES], dtype=object)
    return pd.DataFrame(
        {
            "customer_id": customers.ids,
            "city": cities[customers.city],
            "channel": np.array(CHANNELS, dtype=object)[customers.channel],
            "language": np.where(customers.chinese, "zh", "en"),
        }
    )


def consents(plan: Plan, customers: Customers) -> pd.DataFrame:
    """Return since when each customer wants the newsletter or not, with the age band it gave."""
    rng, n = plan.rng(5), len(customers.ids)
    wants = rng.random(n) < AGREES
    bands = np.array(AGE_BANDS, dtype=object)[rng.choice(len(AGE_BANDS), n)]
    bands[rng.random(n) < AGE_UNKNOWN] = None
    left = plan.days - 1 - customers.joined
    changed = np.flatnonzero((rng.random(n) < CHANGES_MIND) & (left > 0))
    later = customers.joined[changed] + rng.integers(1, left[changed] + 1)
    return pd.DataFrame(
        {
            "customer_id": np.concatenate([customers.ids, customers.ids[changed]]),
            "since": at(np.concatenate([customers.joined, later]) * MINUTES),
            "newsletter": np.concatenate([wants, ~wants[changed]]),
            "age_band": np.concatenate([bands, bands[changed]]),
        }
    )


def secret(customers: Customers) -> pd.DataFrame:
    """Return what was planted: each customer's group and activity."""
    names = np.array([group.name for group in GROUPS], dtype=object)
    return pd.DataFrame(
        {
            "customer_id": customers.ids,
            "customer_group": names[customers.group],
            "joined_day": customers.joined,
            "expected_orders": (1 + customers.further).round(4),
        }
    )


def preferences(plan: Plan, catalogue: Catalogue) -> pd.DataFrame:
    """Return the planted share of each group's freshly drawn lines by category.

    focus * (share within the liked categories) + (1 - focus) * (share in everything), by month,
    averaged over the days on which orders fall. Repeats of earlier lines leave it as it is.
    """
    by_month = np.bincount(plan.month, plan.order_share, minlength=12)
    mass = np.zeros((12, len(CATEGORIES)))
    np.add.at(mass.T, catalogue.category, catalogue.weight[:, None] * catalogue.season)
    rows: list[tuple[str, str, str, bool, float]] = []
    for group in GROUPS:
        liked = np.array([name in group.likes for name in CATEGORIES])
        overall = by_month @ (mass / mass.sum(axis=1, keepdims=True))
        inside = np.where(liked, mass, 0)
        total = np.maximum(inside.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        share = group.focus * (by_month @ (inside / total)) + (1 - group.focus) * overall
        rows += [
            (group.name, group.zh, name, bool(likes), round(float(part), 6))
            for name, likes, part in zip(CATEGORIES, liked, share, strict=True)
        ]
    names = pd.Index(["customer_group", "label_zh", "category", "liked", "share_of_lines"])
    return pd.DataFrame(rows, columns=names)
