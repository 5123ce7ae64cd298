"""Ten folders of one small shop, each written in another odd way, and what a draft needs then."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

CUSTOMERS, PRODUCTS, LINES = 12, 9, 90
BRANDS = ["Aarhus", "Bremen", "Calais"]
CITIES = ["Leeds", "York"]
NAMES = ["red mug", "blue plate", "green bowl", "small spoon", "large fork", "tin box"]
NAMES += ["wool hat", "silk scarf", "oak chair"]
REVIEW = "I like this {} a lot, it came quickly and works well"


@dataclass
class Shop:
    """A folder: its files, what the draft should say, the edits it needs, what must be unsure."""

    name: str
    files: dict[str, bytes]
    expected: dict[str, dict[str, str]]
    edits: list[tuple[str, str]] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)


def orders() -> list[dict[str, Any]]:
    """Return order lines by the words of the manifest."""
    rng = np.random.default_rng(0)
    start = dt.datetime(2023, 1, 1, 9, 30, tzinfo=dt.UTC)
    rows = []
    for line in range(LINES):
        product = int(rng.integers(PRODUCTS))
        rows.append(
            {
                "customer": 1000 + int(rng.integers(CUSTOMERS)),
                "product": f"P{product:02d}",
                "time": start + dt.timedelta(hours=37 * line),
                "basket": 5000 + line // 2,
                "quantity": 1 + int(rng.integers(4)),
                "price": 2.5 + product,
            }
        )
    return rows


def renamed(rows: list[dict[str, Any]], names: dict[str, str], form: str = "") -> list[dict]:
    """Return rows under other names, with times in a format."""
    return [
        {
            new: row[old].strftime(form or "%Y-%m-%d %H:%M:%S") if old == "time" else row[old]
            for old, new in names.items()
        }
        for row in rows
    ]


def csv(rows: list[dict[str, Any]], sign: str = ",", encoding: str = "utf-8") -> bytes:
    """Return rows as separated text."""
    lines = [sign.join(rows[0]), *(sign.join(map(str, row.values())) for row in rows)]
    return ("\n".join(lines) + "\n").encode(encoding)


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    """Return rows as one JSON object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def parquet_bytes(rows: list[dict[str, Any]]) -> bytes:
    """Return rows as Parquet."""
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def catalogue(key: str, title: str, brand: str) -> list[dict[str, Any]]:
    """Return products with a title, a brand and a price."""
    return [
        {key: f"P{n:02d}", title: NAMES[n], brand: BRANDS[n % 3], "weight": 1.5 * n + 0.25}
        for n in range(PRODUCTS)
    ]


def people(key: str, city: str) -> list[dict[str, Any]]:
    """Return customers with a city."""
    return [{key: 1000 + n, city: CITIES[n % 2]} for n in range(CUSTOMERS)]


USUAL = {
    "customer": "customer_id",
    "product": "sku",
    "time": "ordered_at",
    "basket": "order_id",
    "quantity": "pieces",
    "price": "unit_price",
}
CHINESE = {
    "customer": "客户编号",
    "product": "商品编号",
    "time": "下单时间",
    "basket": "订单号",
    "quantity": "数量",
    "price": "单价",
}


def meant(names: dict[str, str]) -> dict[str, str]:
    """Return what the section of interactions should say."""
    return {("timestamp" if key == "time" else key): name for key, name in names.items()}


def chinese_gbk() -> Shop:
    goods = [
        {
            "商品编号": f"P{n:02d}",
            "商品名称": f"红色茶杯{n}号",
            "品牌": "青花瓷" if n % 2 else "白玉",
        }
        for n in range(PRODUCTS)
    ]
    return Shop(
        "chinese headers, gbk",
        {
            "订单.csv": csv(renamed(orders(), CHINESE), encoding="gbk"),
            "商品.csv": csv(goods, encoding="gbk"),
        },
        {
            "interactions": {**meant(CHINESE), "encoding": "gbk"},
            "products": {"product": "商品编号", "title": "商品名称", "encoding": "gbk"},
        },
        present=["品牌: has_brand"],
    )


def float_ids() -> Shop:
    rows = [{**row, "customer": float(row["customer"])} for row in orders()]
    names = {**USUAL, "customer": "CustomerID", "product": "StockCode"}
    return Shop(
        "ids as floats, Parquet",
        {
            "orders.parquet": parquet_bytes(renamed(rows, names)),
            "people.csv": csv(people("CustomerID", "City")),
        },
        {"interactions": meant(names), "customers": {"customer": "CustomerID"}},
        present=["City: lives_in"],
    )


def day_first() -> Shop:
    names = {**USUAL, "time": "Order Date"}
    return Shop(
        "day-first dates, semicolons",
        {"sales.csv": csv(renamed(orders(), names, "%d/%m/%Y %H:%M"), ";")},
        {
            "interactions": {
                **meant(names),
                "delimiter": ";",
                "timestamp_format": "%d/%m/%Y %H:%M",
            }
        },
    )


def ambiguous() -> Shop:
    rows = [
        {**row, "time": dt.datetime(2023, 1 + n % 6, 1 + n % 12, tzinfo=dt.UTC)}
        for n, row in enumerate(orders())
    ]
    return Shop(
        "dates that could be either way round",
        {"sales.csv": csv(renamed(rows, USUAL, "%m/%d/%Y"))},
        {"interactions": {"customer": "customer_id"}},
        unsure=["timestamp_format"],
    )


def german_dates() -> Shop:
    names = {
        "customer": "Kundennummer",
        "product": "Artikelnummer",
        "time": "Datum",
        "basket": "Bestellnummer",
        "quantity": "Menge",
        "price": "Einzelpreis",
    }
    rows = renamed(orders(), names, "%d.%m.%Y")
    for row in rows:
        row["Einzelpreis"] = f"{row['Einzelpreis']:.2f}".replace(".", ",")
    expected = {key: name for key, name in meant(names).items() if key != "price"}
    return Shop(
        "German names, decimal commas, cp1252",
        {"Verkäufe.csv": csv([{**row, "Größe": "groß"} for row in rows], ";", "cp1252")},
        {"interactions": {**expected, "delimiter": ";", "timestamp_format": "%d.%m.%Y"}},
        unsure=["encoding"],
        present=["numbers with commas, blanks or units"],
    )


def unix_json() -> Shop:
    names = {"customer": "userId", "product": "itemId", "time": "ts"}
    rows = renamed(orders(), names, "%s")
    for row, order in zip(rows, orders(), strict=True):
        row["ts"] = int(order["time"].timestamp())
        row["action"] = ["view", "cart", "purchase"][order["quantity"] % 3]
        row["tags"] = ["a", "b"]
    return Shop(
        "jsonl with unix times and events",
        {"clicks.jsonl": jsonl(rows)},
        {"interactions": {**meant(names), "timestamp_format": "unix", "event": "action"}},
        present=["lists, objects or bytes, not read: tags"],
    )


def packed_tabs() -> Shop:
    reviews = [
        {
            "reviewer_id": row["customer"],
            "asin": row["product"],
            "stars": row["quantity"],
            "review_text": REVIEW.format(row["basket"]),
            "written": row["time"].date().isoformat(),
        }
        for row in orders()
    ]
    names = {**USUAL, "product": "asin"}
    return Shop(
        "gzipped tabs, reviews",
        {
            "orders.tsv.gz": gzip.compress(csv(renamed(orders(), names), "\t")),
            "reviews.jsonl.gz": gzip.compress(jsonl(reviews)),
        },
        {
            "interactions": meant(names),
            "documents": {
                "customer": "reviewer_id",
                "product": "asin",
                "rating": "stars",
                "timestamp": "written",
                "kind": "review",
            },
        },
    )


def unnamed() -> Shop:
    names = {"customer": "c1", "product": "c2", "time": "c3"}
    return Shop(
        "names that say nothing, pipes in .txt",
        {"dump.txt": csv(renamed(orders(), names, "%Y/%m/%d %H:%M"), "|")},
        {"interactions": {"timestamp": "c3", "delimiter": "|", "format": "csv"}},
        unsure=["customer", "product", "timestamp", "event"],
    )


def linked_names() -> Shop:
    names = {"customer": "who", "product": "what", "time": "Zeitpunkt"}
    return Shop(
        "keys known from other files",
        {
            "lines.csv": csv(renamed(orders(), names)),
            "artikel.csv": csv(catalogue("sku", "name", "marke")),
            "kunden.csv": csv(people("kunde", "stadt")),
        },
        {
            "interactions": meant(names),
            "products": {"product": "sku", "title": "name"},
            "customers": {"customer": "kunde"},
        },
        unsure=["customer", "product", "timestamp"],
        present=["100% of its values stand in artikel.csv: sku"],
    )


def two_sources() -> Shop:
    views = {"customer": "visitor", "product": "sku", "time": "seen_at"}
    prices = [
        {"sku": f"P{n:02d}", "valid_from": f"2023-0{month}-01", "price": n + month / 4}
        for n in range(PRODUCTS)
        for month in (1, 3, 5)
    ]
    damaged = csv(catalogue("sku", "title", "brand")) + b"P00,red mug,Aarhus,0.25\n"
    return Shop(
        "orders, views, dated prices, a product twice",
        {
            "orders.csv": csv(renamed(orders(), USUAL, "%Y%m%d")),
            "page_views.csv": csv(renamed(orders(), views)),
            "prices.csv": csv(prices),
            "products.csv": damaged,
        },
        {"interactions": meant(USUAL), "attributes": {"product": "sku", "timestamp": "valid_from"}},
        present=["event: view"],
    )


SHOPS = [
    *(chinese_gbk(), float_ids(), day_first(), ambiguous(), german_dates()),
    *(unix_json(), packed_tabs(), unnamed(), linked_names(), two_sources()),
]
