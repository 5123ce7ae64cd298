"""A small shop whose files change at random, in every way a night can change them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Row = dict[str, Any]
SECTIONS = {
    "lines": "{file: lines.csv, customer: who, product: sku, timestamp: at, basket: invoice,"
    " quantity: n, price: price}",
    "days": "{file: 'days/*.csv', customer: who, product: sku, timestamp: at, event: what}",
    "goods": "{file: lines.csv, product: sku, text: [name], positive: price}",
    "catalogue": "{file: catalogue.csv, product: sku, title: name, text: [note],"
    " relations: {brand: has_brand, made in: made_in}}",
    "people": "{file: people.tsv, customer: id, relations: {town: lives_in}, text: [note]}",
    "buyers": "{file: 'days/*.csv', customer: who, relations: {town: seen_in}}",
    "prices": "{file: prices.csv, product: sku, timestamp: day, price: p, sale: s}",
    "reviews": "{file: reviews.jsonl, kind: review, product: sku, customer: user,"
    " text: [head, words], timestamp: at, rating: stars}",
    "facts": "{file: kg.csv, head: product, head_type: product, relation: r, tail: brand,"
    " tail_type: brand}",
    "likes": "{file: likes.csv, head: who, head_type: customer, relation_name: likes, tail: what,"
    " tail_type: brand}",
    "campaigns": "{file: campaigns.csv, campaign: id, title: name, start: begins, end: ends,"
    " product: sku}",
    "contacts": "{file: sent.csv, campaign: id, customer: who, treatment: t, timestamp: at}",
    "coupons": "{file: vouchers.csv, coupon: code, customer: who, issued: got, redeemed: used}",
    "offers": "{file: offers.csv, coupon: code, product: sku, campaign: id}",
}
KINDS = {
    "interactions": ("lines", "days"),
    "products": ("goods", "catalogue"),
    "customers": ("people", "buyers"),
    "attributes": ("prices",),
    "documents": ("reviews",),
    "campaigns": ("campaigns",),
    "contacts": ("contacts",),
    "coupons": ("coupons", "offers"),
    "triples": ("facts", "likes"),
}


@dataclass
class ChangingShop:
    """Files in a folder; `change` makes one change at random.

    Parameters
    ----------
    dice : decides.
    """

    folder: Path
    dice: random.Random
    files: dict[str, list[Row]] = field(default_factory=dict[str, "list[Row]"])
    active: list[str] = field(default_factory=lambda: list(SECTIONS))
    excluded: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        """Begin with a few rows in each file."""
        for name, make in self.makers().items():
            self.files[name] = [make(self) for _ in range(self.dice.randint(4, 12))]
        for day in range(2):
            self.files[f"days/{day}.csv"] = [day_line(self) for _ in range(5)]
        for name in ("catalogue.csv", "people.tsv"):
            self.once(name)

    @staticmethod
    def makers() -> dict[str, Callable[[ChangingShop], Row]]:
        """Return what makes a row of each file."""
        return MAKERS

    def pick(self, kind: str, n: int = 8) -> str:
        """Return a key that others may have, too."""
        return f"{kind}{self.dice.randrange(n)}"

    def time(self) -> str:
        """Return a time."""
        return f"2024-01-{self.dice.randint(1, 28):02d} {self.dice.randint(0, 23):02d}:00"

    def once(self, name: str) -> None:
        """Keep the first row of each key."""
        key = next(iter(self.files[name][0]))
        kept = {row[key].upper(): row for row in reversed(self.files[name])}
        self.files[name] = [kept[each] for each in sorted(kept)]

    def change(self) -> str:
        """Change something and return what."""
        change = self.dice.choice([*ROWS * 4, *SHAPES])
        change(self)
        return change.__name__

    def write(self) -> Path:
        """Write all files and the manifest anew."""
        for old in (self.folder / "days").glob("*.csv"):
            old.unlink()
        (self.folder / "days").mkdir(exist_ok=True)
        for name, rows in self.files.items():
            (self.folder / name).write_text(as_text(name, rows), encoding="utf-8")
        lines = ["name: changing", "product_case: upper", f"exclude_products: {self.excluded}"]
        for kind, names in KINDS.items():
            here = [SECTIONS[name] for name in self.active if name in names]
            lines += [f"{kind}:", *(f"  - {each}" for each in here)] if here else []
        (self.folder / "dataset.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self.folder


def as_text(name: str, rows: list[Row]) -> str:
    """Return a file's text."""
    if name.endswith("jsonl"):
        return "".join(json.dumps(row) + "\n" for row in rows)
    sign = "\t" if name.endswith("tsv") else ","
    lines = [sign.join(rows[0]), *(sign.join(map(str, row.values())) for row in rows)]
    return "\n".join(lines) + "\n"


def order_line(shop: ChangingShop) -> Row:
    dice = shop.dice
    return {
        "who": dice.choice(["", shop.pick("c"), shop.pick("c")]),
        "sku": dice.choice([shop.pick("p"), shop.pick("P")]),
        "at": dice.choice([shop.time()] * 9 + ["soon"]),
        "invoice": shop.pick("i"),
        "n": dice.choice([1, 2, -1]),
        "price": dice.choice([0, 1.5, 2]),
        "name": dice.choice(["Red bowl", "BOWL RED", "Blue cup", ""]),
    }


def day_line(shop: ChangingShop) -> Row:
    return {
        "who": shop.pick("d"),
        "sku": shop.pick("p"),
        "at": shop.time(),
        "what": shop.dice.choice(["purchase", "view", "cart"]),
        "town": shop.dice.choice(["York", "Leeds", ""]),
    }


def product(shop: ChangingShop) -> Row:
    return {
        "sku": shop.pick("p", 12),
        "name": shop.dice.choice(["Pot", "Pan", "Bowl", ""]),
        "note": shop.dice.choice(["", "heavy"]),
        "brand": shop.dice.choice(["Acme", "Best", ""]),
        "made in": shop.dice.choice(["York", "Rome"]),
    }


def person(shop: ChangingShop) -> Row:
    town = shop.dice.choice(["York", "Leeds", "北京", ""])
    return {"id": shop.pick("c", 12), "town": town, "note": shop.dice.choice(["", "pays late"])}


def price(shop: ChangingShop) -> Row:
    # Every day of a product once: prices contradict each other else.
    day = f"2024-02-{len(shop.files.get('prices.csv', [])) % 28 + 1:02d}"
    number = shop.dice.choice([1, 2.5, ""])
    return {"sku": shop.pick("q", 3), "day": day, "p": number, "s": shop.dice.choice(["true", ""])}


def review(shop: ChangingShop) -> Row:
    return {
        "sku": shop.pick("r", 4),
        "user": shop.pick("u", 4),
        "head": shop.dice.choice(["Nice", "红色的碗", None]),
        "words": shop.dice.choice(["bowl", None]),
        "at": shop.time(),
        "stars": shop.dice.choice([1, 5, None]),
    }


def fact(shop: ChangingShop) -> Row:
    relation = shop.dice.choice(["made_by", "view", "like"])
    return {"product": shop.pick("k", 5), "r": relation, "brand": shop.pick("Acme", 3)}


def like(shop: ChangingShop) -> Row:
    return {"who": shop.pick("l", 4), "what": shop.pick("Acme", 3)}


def campaign(shop: ChangingShop) -> Row:
    number = shop.dice.randrange(3)
    begins = f"2024-01-0{number + 1}"
    return {
        "id": f"K{number}",
        "name": shop.dice.choice(["Spring", "Sale"]),
        "begins": begins,
        "ends": "2024-03-01",
        "sku": shop.dice.choice([shop.pick("o", 4), ""]),
    }


def contact(shop: ChangingShop) -> Row:
    treatment = shop.dice.choice([0, 1])
    return {"id": shop.pick("K", 4), "who": shop.pick("w", 5), "t": treatment, "at": shop.time()}


def voucher(shop: ChangingShop) -> Row:
    used = shop.dice.choice(["", shop.time()])
    return {"code": shop.pick("V", 3), "who": shop.pick("w", 5), "got": shop.time(), "used": used}


def offer(shop: ChangingShop) -> Row:
    return {"code": shop.pick("V", 4), "sku": shop.pick("o", 6), "id": shop.pick("K", 4)}


MAKERS: dict[str, Callable[[ChangingShop], Row]] = {
    "lines.csv": order_line,
    "catalogue.csv": product,
    "people.tsv": person,
    "prices.csv": price,
    "reviews.jsonl": review,
    "kg.csv": fact,
    "likes.csv": like,
    "campaigns.csv": campaign,
    "sent.csv": contact,
    "vouchers.csv": voucher,
    "offers.csv": offer,
}


def any_file(shop: ChangingShop) -> str:
    return shop.dice.choice(sorted(shop.files))


def made(shop: ChangingShop, name: str) -> Row:
    return MAKERS.get(name, day_line)(shop)


def settle(shop: ChangingShop, name: str) -> None:
    if name in {"catalogue.csv", "people.tsv"}:
        shop.once(name)


def add_rows(shop: ChangingShop) -> None:
    name = any_file(shop)
    shop.files[name] += [made(shop, name) for _ in range(shop.dice.randint(1, 3))]
    settle(shop, name)


def correct_a_row(shop: ChangingShop) -> None:
    name = any_file(shop)
    place = shop.dice.randrange(len(shop.files[name]))
    new = made(shop, name)
    if name == "prices.csv":
        new["day"] = shop.files[name][place]["day"]
    shop.files[name][place] = new
    settle(shop, name)


def remove_rows(shop: ChangingShop) -> None:
    name = any_file(shop)
    if name != "prices.csv":
        kept = max(3, len(shop.files[name]) - shop.dice.randint(1, 4))
        shop.files[name] = shop.dice.sample(shop.files[name], min(kept, len(shop.files[name])))


def repeat_a_line(shop: ChangingShop) -> None:
    name = shop.dice.choice(["lines.csv", *(name for name in shop.files if "days" in name)])
    shop.files[name].insert(0, dict(shop.dice.choice(shop.files[name])))


def shuffle(shop: ChangingShop) -> None:
    shop.dice.shuffle(shop.files[any_file(shop)])


def add_a_day(shop: ChangingShop) -> None:
    number = len([name for name in shop.files if "days" in name])
    shop.files[f"days/{number}.csv"] = [day_line(shop) for _ in range(shop.dice.randint(1, 4))]


def switch_a_section(shop: ChangingShop) -> None:
    name = shop.dice.choice(list(SECTIONS))
    if name not in shop.active:
        shop.active.insert(shop.dice.randrange(len(shop.active) + 1), name)
    elif len(shop.active) > 6:
        shop.active.remove(name)


def reorder_sections(shop: ChangingShop) -> None:
    shop.dice.shuffle(shop.active)


def exclude_a_product(shop: ChangingShop) -> None:
    shop.excluded = [] if shop.excluded else ["P1", "K2", "Q0"]


ROWS = [add_rows, correct_a_row, remove_rows, repeat_a_line, shuffle]
SHAPES = [add_a_day, switch_a_section, reorder_sections, exclude_a_product]
