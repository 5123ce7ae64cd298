"""The files of a generated shop: Parquet by blocks, CSV, dataset.yaml, README.txt."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Self

import pyarrow as pa
from pyarrow import parquet

from kgfeatures.datasets.catalogue import SUPPLIERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from kgfeatures.datasets.plan import Plan

TEXT, INT, FLOAT, TIME = pa.string(), pa.int32(), pa.float64(), pa.timestamp("us")
SCHEMAS = {
    name: pa.schema(list(columns.items()))
    for name, columns in {
        "orders": {
            "customer_id": TEXT,
            "product_id": TEXT,
            "ordered_at": TIME,
            "order_id": TEXT,
            "quantity": INT,
            "unit_price": FLOAT,
        },
        "views": {"customer_id": TEXT, "product_id": TEXT, "viewed_at": TIME},
        "carts": {"customer_id": TEXT, "product_id": TEXT, "added_at": TIME},
        "coupons": {
            "coupon_id": TEXT,
            "customer_id": TEXT,
            "percent": INT,
            "issued_at": TIME,
            "redeemed_at": TIME,
            "redeemed_order_id": TEXT,
        },
        "campaign_results": {
            "campaign_id": TEXT,
            "customer_id": TEXT,
            "assigned_at": TIME,
            "treatment": pa.int8(),
            "propensity": FLOAT,
            "bought": pa.int8(),
            "spend": FLOAT,
        },
        "truth/campaign_outcomes": {
            "campaign_id": TEXT,
            "customer_id": TEXT,
            "bought_0": pa.int8(),
            "bought_1": pa.int8(),
            "spend_0": FLOAT,
            "spend_1": FLOAT,
        },
        **{
            f"reviews_{language}": {
                "product_id": TEXT,
                "customer_id": TEXT,
                "written_at": TIME,
                "stars": INT,
                "text": TEXT,
            }
            for language in ("zh", "en")
        },
    }.items()
}

MANIFEST = """\
# GENERATED: an invented shop, no real customer, product or review. What it holds: README.txt.
name: {name}

interactions:
  - {{file: orders.parquet, customer: customer_id, product: product_id, timestamp: ordered_at,
     basket: order_id, quantity: quantity, price: unit_price, event: purchase}}
  - {{file: views.parquet, customer: customer_id, product: product_id, timestamp: viewed_at,
     event: view}}
  - {{file: carts.parquet, customer: customer_id, product: product_id, timestamp: added_at,
     event: cart}}

products:
  file: products.csv
  product: product_id
  title: title
  text: [title, description]
  relations: {{brand: has_brand, category: in_category, supplier: supplied_by}}

customers:
  {{file: customers.csv, customer: customer_id, relations: {{city: lives_in, channel: came_by}}}}

attributes:
  - {{file: prices.parquet, product: product_id, timestamp: day, price: price, stock: stock,
     in_stock: in_stock}}
  - {{file: consents.parquet, customer: customer_id, timestamp: since, newsletter: newsletter,
     age_band: age_band}}

campaigns:
  {{file: campaigns.csv, campaign: campaign_id, title: name, text: [design], start: starts_at,
   end: ends_at}}

contacts:
  {{file: campaign_results.parquet, campaign: campaign_id, customer: customer_id,
   timestamp: assigned_at, treatment: treatment, propensity: propensity,
   outcomes: [bought, spend]}}

coupons:
  {{file: coupons.parquet, coupon: coupon_id, customer: customer_id, issued: issued_at,
   redeemed: redeemed_at, basket: redeemed_order_id, discount: percent}}
{documents}"""

DOCUMENTS = """\
  - {{file: reviews_{0}.parquet, kind: review, product: product_id, customer: customer_id,
     text: [text], timestamp: written_at, rating: stars, language: {0}}}
"""

README = """\
A GENERATED SHOP: {name}

Everything here is invented by kgfeatures.datasets.generate: no customer, product, brand, review or
sale is real. The same arguments give the same bytes.

    {customers:,} customers, {products:,} products, {days} days from {start}, language {language},
    {orders:,} order lines (with returns), {views:,} views, {carts:,} carts, {reviews:,} reviews

Loaded by `kgfeatures ingest` (dataset.yaml says how): orders, views, carts, products, customers,
prices (a row per product every 30 days: price, stock), consents (since when a customer wants the
newsletter or not; the age band it gave), reviews, and:
    campaigns.csv              three campaigns: name, design, window
    campaign_results.parquet   a row per campaign and customer: treatment, propensity, what was
                               bought and spent within the window (coupons off, returns not)
    coupons.parquet            issued coupons; redeemed_at and redeemed_order_id are empty where
                               nobody used one

The planted truth, for judging methods, never for training them:
    truth/customers.csv             each customer's group, and activity
    truth/group_preferences.csv     share of a group's lines by category
    truth/products.csv              what each title says (keys of the lexicon), quality, popularity
    truth/duplicates.csv            pairs: the same article from two suppliers
    truth/campaign_effects.csv      true average effects, overall and on the treated
    truth/campaign_lifts.csv        planted probability of one more order, by group
    truth/campaign_outcomes.parquet both outcomes of every customer, untreated (0) and treated (1)
"""


class Files(AbstractContextManager["Files"]):
    """Writes the tables of a shop into a folder, block by block, and counts their rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[str, int] = {}
        self._open: dict[str, parquet.ParquetWriter] = {}

    def __enter__(self) -> Self:
        """Return the files, open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every file."""
        for writer in self._open.values():
            writer.close()

    def append(self, name: str, columns: Mapping[str, object]) -> None:
        """Write a block of rows of a table in SCHEMAS as one row group.

        Parameters
        ----------
        name : of a table in SCHEMAS.
        columns : n values each, by the names in the schema.
        """
        table = pa.table(dict(columns), schema=SCHEMAS[name])
        if name not in self._open:
            self._open[name] = parquet.ParquetWriter(
                self.folder / f"{name}.parquet", SCHEMAS[name], compression="zstd"
            )
        self._open[name].write_table(table)
        self.rows[name] = self.rows.get(name, 0) + table.num_rows

    def csv(self, name: str, frame: pd.DataFrame) -> None:
        """Write a whole small table.

        Parameters
        ----------
        name : the file's below the folder, without its ending.
        frame : small: it is written at once.
        """
        frame.to_csv(self.folder / f"{name}.csv", index=False, lineterminator="\n")

    def parquet(self, name: str, frame: pd.DataFrame) -> None:
        """Write a whole table with numbers.

        Parameters
        ----------
        name : the file's below the folder, without its ending.
        frame : small: it is written at once.
        """
        table = pa.Table.from_pandas(frame, preserve_index=False)
        parquet.write_table(table.replace_schema_metadata(), self.folder / f"{name}.parquet")


def label(plan: Plan, rows: Mapping[str, int], folder: Path) -> None:
    """Write dataset.yaml and README.txt, which both say that the shop is generated."""
    written = [language for language in ("zh", "en") if rows.get(f"reviews_{language}")]
    documents = "".join(DOCUMENTS.format(language) for language in written)
    documents = f"\ndocuments:\n{documents}" if written else ""
    manifest = MANIFEST.format(name=plan.name, documents=documents)
    (folder / "dataset.yaml").write_text(manifest, encoding="utf-8")
    readme = README.format(
        name=plan.name,
        customers=plan.customers,
        products=plan.products,
        days=plan.days,
        start="2024-01-01",
        language={"zh": "Chinese", "en": "English", "both": "Chinese and English"}[plan.language],
        orders=rows["orders"],
        views=rows["views"],
        carts=rows["carts"],
        reviews=sum(rows.get(f"reviews_{language}", 0) for language in written),
    )
    (folder / "README.txt").write_text(readme, encoding="utf-8")


def supplier_names(language: str) -> list[str]:
    """Return the names of the two suppliers."""
    return [pair[1 if language == "en" else 0] for pair in SUPPLIERS]
