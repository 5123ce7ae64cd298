"""What a block of customers does: orders, returns, views, carts, all drawn at once with numpy.

A line is either fresh, drawn by the group's taste and the month, or repeats one of the customer's
earlier orders. Lines per order are log-normal around a size that the customer has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.datasets import campaigns
from kgfeatures.datasets.catalogue import CATEGORIES, PRICE_DAYS, Catalogue, sold_when
from kgfeatures.datasets.customers import GROUPS, Customers
from kgfeatures.datasets.plan import MINUTES, BoolArray, FloatArray, IntArray, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

REPEATED = 0.25
"""Share of lines after a customer's first order that repeat an earlier order on purpose."""
LINES_SPREAD = 0.8
MAX_LINES = 300
PIECES = np.array([1, 2, 3, 4, 6, 8, 12, 24])
PIECES_SHARE = np.array([0.46, 0.2, 0.08, 0.07, 0.08, 0.03, 0.06, 0.02])
HOURS = np.array([1, 0, 0, 0, 0, 1, 2, 3, 5, 7, 8, 8, 9, 8, 7, 7, 7, 7, 8, 10, 12, 11, 8, 4], float)
RETURNED, REDEEMED = 0.021, 0.08
COUPON_PERCENT = np.array([5, 10, 15, 20])
VIEWED, BROWSED, CARTED, ABANDONED = 0.4, 0.15, 0.2, 0.05
"""Logged page events per order line: views and carts of what is bought, and of what is not."""


@dataclass(frozen=True)
class Orders:
    """Orders of a block, sorted by customer and time: customer row in the block, moment, maker."""

    customer: IntArray
    minute: IntArray
    made_by: IntArray
    """The campaign that caused it, -1: none."""
    percent: IntArray
    """Discount of the coupon redeemed with it, 0: none."""
    real: BoolArray
    """False where a campaign would have caused it but the customer was not treated."""


@dataclass(frozen=True)
class Lines:
    """Lines of orders: row of the order, of the product, moment, pieces, price of one."""

    order: IntArray
    product: IntArray
    minute: IntArray
    quantity: IntArray
    price: FloatArray


@dataclass(frozen=True)
class Clicks:
    """Page events: customer row in the block, row of the product, moment."""

    customer: IntArray
    product: IntArray
    minute: IntArray


class Taste:
    """Draws products as a group likes them in a month."""

    def __init__(self, catalogue: Catalogue) -> None:
        category = catalogue.category
        names = list(CATEGORIES)
        self._all = sold_when(catalogue, np.ones(len(category), dtype=bool))
        self._liked = [
            sold_when(catalogue, np.isin(category, [names.index(like) for like in group.likes]))
            if group.likes
            else self._all
            for group in GROUPS
        ]
        self._focus = np.array([group.focus for group in GROUPS])

    def draw(self, rng: np.random.Generator, group: IntArray, month: IntArray) -> IntArray:
        """Return one product for each pair of group and month."""
        focused = rng.random(len(group)) < self._focus[group]
        u = rng.random(len(group))
        table = np.where(focused, group, len(GROUPS)) * 12 + month
        product = np.empty(len(group), dtype=np.int64)
        order = np.argsort(table, kind="stable")
        starts = np.searchsorted(table[order], np.arange((len(GROUPS) + 1) * 12 + 1))
        for cell in np.flatnonzero(np.diff(starts)):
            here = order[starts[cell] : starts[cell + 1]]
            rows, sums = (*self._liked, self._all)[cell // 12]
            place = np.searchsorted(sums[cell % 12], u[here], side="right")
            product[here] = rows[np.minimum(place, len(rows) - 1)]
        return product


def draw_orders(
    rng: np.random.Generator,
    plan: Plan,
    customers: Customers,
    block: slice,
    drawn: Sequence[campaigns.Draw],
) -> Orders:
    """Return the orders of a block of customers, those that a campaign would cause too."""
    joined = customers.joined[block]
    count = 1 + rng.poisson(customers.further[block])
    customer = np.repeat(np.arange(len(joined)), count)
    until = np.concatenate([[0.0], np.cumsum(plan.order_share)])
    before = until[joined[customer]]
    u = before + rng.random(len(customer)) * (until[-1] - before)
    day = np.clip(np.searchsorted(until, u, side="right") - 1, joined[customer], plan.days - 1)
    columns: list[tuple[IntArray, IntArray, IntArray, BoolArray]] = [
        (customer, day, np.full(len(customer), -1), np.ones(len(customer), bool))
    ]
    for number, (campaign, what) in enumerate(zip(campaigns.CAMPAIGNS, drawn, strict=True)):
        first, stop = campaigns.window(plan, campaign)
        who = np.flatnonzero(what.eligible & what.moved)
        when = rng.integers(first, stop, len(who))
        columns.append((who, when, np.full(len(who), number), what.treated[who]))
    customer = np.concatenate([column[0] for column in columns])
    day = np.concatenate([column[1] for column in columns])
    made_by = np.concatenate([column[2] for column in columns])
    real = np.concatenate([column[3] for column in columns])
    minute = day * MINUTES + _minute_of_day(rng, len(day))
    percent = np.where(rng.random(len(day)) < REDEEMED, rng.choice(COUPON_PERCENT, len(day)), 0)
    order = np.lexsort((minute, customer))
    return Orders(customer[order], minute[order], made_by[order], percent[order], real[order])


def _minute_of_day(rng: np.random.Generator, n: int) -> IntArray:
    return rng.choice(24, n, p=HOURS / HOURS.sum()) * 60 + rng.integers(0, 60, n)


def draw_lines(
    rng: np.random.Generator,
    plan: Plan,
    catalogue: Catalogue,
    taste: Taste,
    group: IntArray,
    size: FloatArray,
    orders: Orders,
) -> Lines:
    """Return the lines of a block's orders; a product stands once in an order.

    Parameters
    ----------
    group, size : (customers of the block,) their group and factor on lines.
    """
    median = plan.basket_lines * np.exp(-(LINES_SPREAD**2) / 2) * size[orders.customer]
    wanted = median * rng.lognormal(0, LINES_SPREAD, len(orders.customer))
    most = min(MAX_LINES, len(catalogue.truth) // 2)
    count = np.clip(np.floor(wanted + 0.5), 1, most).astype(np.int64)
    order = np.repeat(np.arange(len(count)), count)
    customer = orders.customer[order]
    month = plan.month[orders.minute[order] // MINUTES]
    product = taste.draw(rng, group[customer], month)
    product = product[_sources(rng, orders, order, count)]
    kept = _first_of_each(order * len(catalogue.truth) + product)
    order, product, customer = order[kept], product[kept], customer[kept]
    minute = orders.minute[order]
    pieces = rng.choice(PIECES, len(order), p=PIECES_SHARE)
    factor = np.array([g.pieces for g in GROUPS])[group[customer]]
    price = catalogue.price[product, minute // MINUTES // PRICE_DAYS]
    price = np.maximum(price * (1 - orders.percent[order] / 100), 0.1).round(2)
    return Lines(order, product, minute, (pieces * factor).astype(np.int64), price)


def _sources(
    rng: np.random.Generator, orders: Orders, order: IntArray, count: IntArray
) -> IntArray:
    """Return for each line the line whose product it takes: itself, or one of an earlier order."""
    first_line = np.concatenate([[0], np.cumsum(count)])[:-1]
    starts = np.flatnonzero(np.diff(orders.customer, prepend=-1))
    per_order = np.repeat(starts, np.diff(np.append(starts, len(count))))
    begin, end = first_line[per_order[order]], first_line[order]
    repeats = (end > begin) & (rng.random(len(order)) < REPEATED)
    pick = begin + (rng.random(len(order)) * (end - begin)).astype(np.int64)
    source = np.where(repeats, pick, np.arange(len(order)))
    # A line may repeat a line that repeats a third one; each round halves the way to its origin.
    while True:
        further = source[source]
        if np.array_equal(further, source):
            return source
        source = further


def _first_of_each(key: IntArray) -> IntArray:
    """Return the places at which a key stands for the first time, ascending."""
    return np.sort(np.unique(key, return_index=True)[1])


def draw_returns(rng: np.random.Generator, plan: Plan, lines: Lines) -> Lines:
    """Return what is sent back within three weeks, with negative quantities."""
    back = np.flatnonzero(rng.random(len(lines.order)) < RETURNED)
    minute = lines.minute[back] + rng.integers(1, 21, len(back)) * MINUTES
    minute += rng.integers(0, 600, len(back))
    in_time = minute < plan.days * MINUTES
    back, minute = back[in_time], minute[in_time]
    return Lines(
        *(lines.order[back], lines.product[back], minute),
        *(-lines.quantity[back], lines.price[back]),
    )


def draw_clicks(
    rng: np.random.Generator,
    plan: Plan,
    taste: Taste,
    group: IntArray,
    orders: Orders,
    lines: Lines,
) -> tuple[Clicks, Clicks]:
    """Return views and carts: of what was bought shortly after, and of what was not."""
    n = len(lines.order)
    customer = orders.customer[lines.order]
    month = plan.month[lines.minute // MINUTES]
    looked = np.flatnonzero(rng.random(n) < BROWSED)
    other = taste.draw(rng, group[customer[looked]], month[looked])
    when = lines.minute[looked] - rng.integers(0, 7 * MINUTES, len(looked))
    browsed = Clicks(customer[looked], other, when)
    left = rng.random(len(looked)) < ABANDONED / BROWSED
    abandoned = Clicks(customer[looked][left], other[left], when[left] + 3)
    views = _before(rng, customer, lines, VIEWED, 240)
    carts = _before(rng, customer, lines, CARTED, 60)
    return _joined(views, browsed), _joined(carts, abandoned)


def _before(
    rng: np.random.Generator, customer: IntArray, lines: Lines, share: float, minutes: int
) -> Clicks:
    """Return page events on a share of the lines, up to so many minutes before the order."""
    rows = np.flatnonzero(rng.random(len(lines.order)) < share)
    when = lines.minute[rows] - rng.integers(1, minutes, len(rows))
    return Clicks(customer[rows], lines.product[rows], when)


def _joined(first: Clicks, second: Clicks) -> Clicks:
    customer = np.concatenate([first.customer, second.customer])
    product = np.concatenate([first.product, second.product])
    minute = np.maximum(np.concatenate([first.minute, second.minute]), 0)
    order = np.lexsort((product, minute, customer))
    return Clicks(customer[order], product[order], minute[order])
