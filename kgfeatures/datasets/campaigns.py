"""Campaigns of a generated shop, with both outcomes of every customer: treated and not.

A treated customer places one more order in the campaign's window with a probability that depends on
the group. That order is drawn for everybody and kept only for the treated, so that the truth is
known customer by customer: y1 - y0, and its mean, the average treatment effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from kgfeatures.datasets.customers import GROUPS, Customers
from kgfeatures.datasets.plan import MINUTES, BoolArray, FloatArray, IntArray, Plan, at

WINDOW_DAYS = 14


class Campaign(NamedTuple):
    """A mailing at a share of the shop's days; `lift` is the probability of one more order."""

    name: str
    zh: str
    design: str
    place: float
    lift: tuple[float, ...]
    """By group, in the order of GROUPS."""


CAMPAIGNS = (
    Campaign(
        *("K1", "会员日满减券", "randomised, half of all customers", 0.25),
        (0.06, 0.12, 0.20, 0.10, 0.04, 0.16, 0.30),
    ),
    Campaign(
        *("K2", "老客回访短信", "not random: active customers are treated more often", 0.5),
        (0.10, 0.10, 0.10, 0.10, 0.10, 0.10, 0.25),
    ),
    Campaign(*("K3", "首页横幅", "randomised, three in ten; without any effect", 0.75), (0.0,) * 7),
)


@dataclass(frozen=True)
class Draw:
    """What one campaign does to a block of customers.

    Attributes
    ----------
    eligible : (n,) who was a customer when it began.
    propensity, treated : (n,) the probability of treatment, and the draw.
    moved : (n,) whether treatment makes this customer order once more.
    """

    eligible: BoolArray
    propensity: FloatArray
    treated: BoolArray
    moved: BoolArray


def window(plan: Plan, campaign: Campaign) -> tuple[int, int]:
    """Return the first day of a campaign and the day after its last."""
    first = int(plan.days * campaign.place)
    return first, min(first + WINDOW_DAYS, first + plan.days // 5)


def draw(
    rng: np.random.Generator, plan: Plan, customers: Customers, block: slice, campaign: Campaign
) -> Draw:
    """Return who of a block of customers is treated, and whom treatment moves."""
    group, joined = customers.group[block], customers.joined[block]
    further = customers.further[block]
    n = len(group)
    propensity = np.full(n, {"K1": 0.5, "K3": 0.3}.get(campaign.name, 0.0))
    if campaign.name == "K2":
        activity = np.log1p(further * 365 / plan.days)
        propensity = 1 / (1 + np.exp(1.6 - activity))
        propensity = np.clip(propensity, 0.05, 0.95)
    return Draw(
        eligible=joined <= window(plan, campaign)[0],
        propensity=propensity.round(4),
        treated=rng.random(n) < propensity.round(4),
        moved=rng.random(n) < np.array(campaign.lift)[group],
    )


def outcomes(
    plan: Plan,
    customers: Customers,
    block: slice,
    drawn: list[Draw],
    order: tuple[IntArray, IntArray, IntArray, FloatArray],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the public results of all campaigns and the secret ones, for a block of customers.

    Parameters
    ----------
    order : of all orders of the block, drawn ones too: row of the customer within the block, day,
        campaign that made it (-1: none), money.
    """
    customer, day, made_by, money = order
    n = len(customers.group[block])
    known: list[pd.DataFrame] = []
    secret: list[pd.DataFrame] = []
    for number, (campaign, what) in enumerate(zip(CAMPAIGNS, drawn, strict=True)):
        first, stop = window(plan, campaign)
        inside = (day >= first) & (day < stop)
        base, extra = inside & (made_by < 0), inside & (made_by == number)
        spend_0 = np.bincount(customer[base], money[base], minlength=n).round(2)
        spend_1 = (spend_0 + np.bincount(customer[extra], money[extra], minlength=n)).round(2)
        bought_0 = np.bincount(customer[base], minlength=n) > 0
        bought_1 = bought_0 | (np.bincount(customer[extra], minlength=n) > 0)
        there = what.eligible
        keys = {"campaign_id": campaign.name, "customer_id": customers.ids[block][there]}
        known.append(
            pd.DataFrame(
                keys
                | {
                    "assigned_at": at(np.full(there.sum(), first * MINUTES)),
                    "treatment": what.treated[there].astype(np.int8),
                    "propensity": what.propensity[there],
                    "bought": np.where(what.treated, bought_1, bought_0)[there].astype(np.int8),
                    "spend": np.where(what.treated, spend_1, spend_0)[there],
                }
            )
        )
        secret.append(
            pd.DataFrame(
                keys
                | {
                    "bought_0": bought_0[there].astype(np.int8),
                    "bought_1": bought_1[there].astype(np.int8),
                    "spend_0": spend_0[there],
                    "spend_1": spend_1[there],
                }
            )
        )
    return pd.concat(known, ignore_index=True), pd.concat(secret, ignore_index=True)


def described(plan: Plan) -> pd.DataFrame:
    """Return one row per campaign: what the shop knows of it."""
    rows = [(c.name, c.zh, c.design, *at(np.array(window(plan, c)) * MINUTES)) for c in CAMPAIGNS]
    names = pd.Index(["campaign_id", "name", "design", "starts_at", "ends_at"])
    return pd.DataFrame(rows, columns=names)


def lifts() -> pd.DataFrame:
    """Return the planted probability of one more order, by campaign and group."""
    rows = [
        (c.name, group.name, lift)
        for c in CAMPAIGNS
        for group, lift in zip(GROUPS, c.lift, strict=True)
    ]
    names = pd.Index(["campaign_id", "customer_group", "extra_order_probability"])
    return pd.DataFrame(rows, columns=names)
