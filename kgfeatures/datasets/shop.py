"""A generated shop: `generate` draws it in blocks of customers and writes it, truth beside it.

Every part has its own random numbers, spawned from the seed, so that the same arguments give the
same bytes, and memory holds the catalogue, the customers and one block.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from kgfeatures.datasets import campaigns, catalogue, customers, events, reviews, titles
from kgfeatures.datasets.files import Files, label, supplier_names
from kgfeatures.datasets.plan import MINUTES, IntArray, Plan, at
from kgfeatures.errors import DataError

BLOCK_LINES = 150_000
"""Order lines that a block of customers is expected to have."""


class World:
    """What all blocks share."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.catalogue = catalogue.make_catalogue(plan)
        self.customers = customers.make_customers(plan)
        self.taste = events.Taste(self.catalogue)
        self.product_ids = pa.array(self.catalogue.truth.product_id)

    def blocks(self) -> list[slice]:
        """Return the customers in blocks of about equal work."""
        expected = self.plan.basket_lines * (1 + float(self.customers.further.mean()))
        size = max(int(BLOCK_LINES / expected), 1)
        return [
            slice(first, min(first + size, self.plan.customers))
            for first in range(0, self.plan.customers, size)
        ]


def generate(
    customers: int,
    products: int,
    days: int,
    seed: int = 0,
    language: str = "both",
    *,
    folder: Path | str | None = None,
    basket_lines: float = 21.0,
) -> Path:
    """Write an invented shop with planted truth and return its folder, ready for `ingest`.

    Parameters
    ----------
    customers : 1 or more; each of them orders at least once.
    products : 20 or more; one in 25 is the second offer of another.
    days : 28 to 3660, from 2024-01-01 on.
    seed : the same arguments give the same bytes.
    language : of titles, descriptions and reviews: zh, en or both.
    folder : is made; by default one in the working directory, named after the arguments.
    basket_lines : mean number of lines drawn for an order, 1 to 200 (a product drawn twice is one
        line); 21 is Online Retail's.

    Returns
    -------
    folder : dataset.yaml, README.txt (what lies where), the shop's files, and truth/.

    Raises
    ------
    DataError : an argument is out of its range, or the folder exists and is not empty.
    """
    plan = Plan(customers, products, days, seed, language, basket_lines)
    place = Path(folder) if folder is not None else Path(plan.name)
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise DataError(f"{place} exists and is not empty; remove it or give another folder")
    # Under another name until it is complete: a half-written shop is not taken for one.
    part = place.with_name(f"{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "truth").mkdir(parents=True)
    write_shop(plan, part)
    if place.exists():
        place.rmdir()
    part.rename(place)
    return place


def write_shop(plan: Plan, folder: Path) -> None:
    """Write every file of a shop into a folder that has a folder `truth`.

    Parameters
    ----------
    plan : how big the shop is, over which days, from which seed.
    folder : where to.
    """
    world = World(plan)
    with Files(folder) as files:
        write_catalogue(world, files)
        write_customers(world, files)
        effects = [
            write_block(world, files, number, block) for number, block in enumerate(world.blocks())
        ]
        files.csv("truth/campaign_effects", true_effects(pd.concat(effects)))
        label(plan, files.rows, folder)


def write_catalogue(world: World, files: Files) -> None:
    """Write products, prices, and the truth about them."""
    plan, truth = world.plan, world.catalogue.truth
    names, descriptions, languages = titles.write_titles(plan, truth)
    place = 1 if plan.language == "en" else 0
    brands = np.array([pair[place] for pair in catalogue.BRANDS], dtype=object)
    category = truth.category if place else truth.category.map(catalogue.CATEGORIES)
    public = pd.DataFrame(
        {
            "product_id": truth.product_id,
            "title": names,
            "description": descriptions,
            "brand": brands[truth.brand],
            "category": category,
            "supplier": np.array(supplier_names(plan.language), dtype=object)[truth.supplier],
        }
    )
    files.csv("products", public)
    files.parquet("prices", catalogue.dated(world.catalogue))
    ids = truth.product_id.to_numpy()
    same = truth.same_as.to_numpy()
    pairs = pd.DataFrame({"product_id": ids[same[same >= 0]], "duplicate_id": ids[same >= 0]})
    files.csv("truth/duplicates", pairs)
    secret = truth.drop(columns=["same_as", "supplier"]).assign(
        brand=brands[truth.brand], title_language=languages
    )
    files.csv("truth/products", secret)


def write_customers(world: World, files: Files) -> None:
    """Write customers, what they agreed to, campaigns, and the truth about them."""
    plan = world.plan
    files.csv("customers", customers.public(plan, world.customers))
    files.parquet("consents", customers.consents(plan, world.customers))
    files.csv("truth/customers", customers.secret(world.customers))
    files.csv("truth/group_preferences", customers.preferences(plan, world.catalogue))
    files.csv("campaigns", campaigns.described(plan))
    files.csv("truth/campaign_lifts", campaigns.lifts())


def write_block(world: World, files: Files, number: int, block: slice) -> pd.DataFrame:
    """Write what a block of customers does; return the true effects."""
    plan, who = world.plan, world.customers
    rng = plan.rng(4, number)
    drawn = [campaigns.draw(rng, plan, who, block, campaign) for campaign in campaigns.CAMPAIGNS]
    orders = events.draw_orders(rng, plan, who, block, drawn)
    group, size = who.group[block], who.size[block]
    lines = events.draw_lines(rng, plan, world.catalogue, world.taste, group, size, orders)
    paid = lines.quantity * lines.price
    money = np.zeros(len(orders.customer))
    np.add.at(money, lines.order, paid)
    made = (orders.customer, orders.minute // MINUTES, orders.made_by, money.round(2))
    known, secret = campaigns.outcomes(plan, who, block, drawn, made)
    files.append("campaign_results", {str(name): column for name, column in known.items()})
    files.append("truth/campaign_outcomes", {str(name): column for name, column in secret.items()})
    real = orders.real[lines.order]
    lines = events.Lines(
        *(lines.order[real], lines.product[real], lines.minute[real]),
        *(lines.quantity[real], lines.price[real]),
    )
    ids = who.ids[block]
    names = _order_ids(number, len(orders.customer))
    _write_orders(world, files, ids, names, orders, lines, events.draw_returns(rng, plan, lines))
    views, carts = events.draw_clicks(rng, plan, world.taste, group, orders, lines)
    _write_clicks(world, files, ids, "views", "viewed_at", views)
    _write_clicks(world, files, ids, "carts", "added_at", carts)
    _write_coupons(rng, plan, files, ids, names, orders)
    _write_reviews(rng, world, files, block, orders, lines)
    return _effects(known, secret)


def _order_ids(block: int, n: int) -> pa.Array:
    return pa.array([f"O{block + 1:04d}{i:07d}" for i in range(n)])


def _write_orders(
    world: World,
    files: Files,
    ids: np.ndarray,
    names: pa.Array,
    orders: events.Orders,
    bought: events.Lines,
    back: events.Lines,
) -> None:
    """Write bought lines, then returned ones, whose order is the one that they came with."""
    order = np.concatenate([bought.order, back.order])
    files.append(
        "orders",
        {
            "customer_id": pa.array(ids).take(pa.array(orders.customer[order])),
            "product_id": world.product_ids.take(
                pa.array(np.concatenate([bought.product, back.product]))
            ),
            "ordered_at": at(np.concatenate([bought.minute, back.minute])),
            "order_id": names.take(pa.array(order)),
            "quantity": np.concatenate([bought.quantity, back.quantity]).astype(np.int32),
            "unit_price": np.concatenate([bought.price, back.price]),
        },
    )


def _write_clicks(
    world: World, files: Files, ids: np.ndarray, name: str, moment: str, clicks: events.Clicks
) -> None:
    files.append(
        name,
        {
            "customer_id": pa.array(ids).take(pa.array(clicks.customer)),
            "product_id": world.product_ids.take(pa.array(clicks.product)),
            moment: at(clicks.minute),
        },
    )


def _write_coupons(
    rng: np.random.Generator,
    plan: Plan,
    files: Files,
    ids: np.ndarray,
    names: pa.Array,
    orders: events.Orders,
) -> None:
    """Write redeemed coupons, and twice as many that nobody used."""
    used = np.flatnonzero((orders.percent > 0) & orders.real)
    idle = 2 * len(used)
    customer = np.concatenate([orders.customer[used], rng.integers(0, len(ids), idle)])
    percent = np.concatenate([orders.percent[used], rng.choice(events.COUPON_PERCENT, idle)])
    early = orders.minute[used] - rng.integers(60, 20 * MINUTES, len(used))
    issued = np.concatenate([np.maximum(early, 0), rng.integers(0, plan.days * MINUTES, idle)])
    redeemed = pa.concat_arrays([names.take(pa.array(used)), pa.nulls(idle, pa.string())])
    moment = np.concatenate([orders.minute[used], np.zeros(idle, dtype=np.int64)])
    never = np.arange(len(customer)) >= len(used)
    shuffled: IntArray = np.lexsort((percent, issued, customer))
    first = names[0].as_py()[1:5] if len(names) else ""
    files.append(
        "coupons",
        {
            "coupon_id": [f"V{first}{i:06d}" for i in range(len(customer))],
            "customer_id": ids[customer[shuffled]],
            "percent": percent[shuffled].astype(np.int32),
            "issued_at": at(issued[shuffled]),
            "redeemed_at": pa.array(at(moment[shuffled]), mask=never[shuffled]),
            "redeemed_order_id": redeemed.take(pa.array(shuffled)),
        },
    )


def _write_reviews(
    rng: np.random.Generator,
    world: World,
    files: Files,
    block: slice,
    orders: events.Orders,
    lines: events.Lines,
) -> None:
    rows, minute = reviews.choose(rng, world.plan, lines)
    about = world.catalogue.truth.iloc[lines.product[rows]]
    stars = reviews.rate(rng, about.quality.to_numpy())
    customer = orders.customer[lines.order[rows]]
    chinese = world.customers.chinese[block][customer]
    text = np.array(reviews.write(rng, about, stars, chinese), dtype=object)
    for language, chosen in (("zh", chinese), ("en", ~chinese)):
        if chosen.any():
            files.append(
                f"reviews_{language}",
                {
                    "product_id": about.product_id.to_numpy()[chosen],
                    "customer_id": world.customers.ids[block][customer[chosen]],
                    "written_at": at(minute[chosen]),
                    "stars": stars[chosen].astype(np.int32),
                    "text": text[chosen],
                },
            )


def _effects(known: pd.DataFrame, secret: pd.DataFrame) -> pd.DataFrame:
    """Return what treatment changes for each customer, a row per campaign and customer."""
    return pd.DataFrame(
        {
            "campaign_id": known.campaign_id,
            "treated": known.treatment == 1,
            "bought": secret.bought_1.astype(np.int64) - secret.bought_0,
            "spend": secret.spend_1 - secret.spend_0,
        }
    )


def true_effects(effects: pd.DataFrame) -> pd.DataFrame:
    """Return the true average effects by campaign: of all (ate) and of the treated (att)."""
    frames: list[pd.DataFrame] = []
    for campaign in campaigns.CAMPAIGNS:
        here = effects.loc[effects.campaign_id == campaign.name]
        treated = here.loc[here.treated]
        frames.append(
            pd.DataFrame(
                {
                    "campaign_id": [campaign.name],
                    "customers": [len(here)],
                    "bought_ate": [here.bought.mean()],
                    "spend_ate": [here.spend.mean()],
                    "bought_att": [treated.bought.mean()],
                    "spend_att": [treated.spend.mean()],
                }
            ).round(6)
        )
    return pd.concat(frames, ignore_index=True)
