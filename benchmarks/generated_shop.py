"""How near a generated shop lies to Online Retail, and what a large one costs to generate.

Both shops are counted by the same lines of code. The last line is one JSON object.

    python benchmarks/generated_shop.py --customers 100000
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from kgfeatures.datasets import generate, online_retail

NAMES = {
    "Invoice": "order_id",
    "StockCode": "product_id",
    "Customer ID": "customer_id",
    "Quantity": "quantity",
    "Price": "unit_price",
    "InvoiceDate": "ordered_at",
}


def main() -> None:
    """Print the table and the costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    customers = parser.parse_args().customers
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        large = generate(
            customers, 20_000, 365, 7, "both", folder=Path(folder) / "large", basket_lines=7.0
        )
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        files = ("orders", "views", "carts")
        events = sum(len(pd.read_parquet(large / f"{f}.parquet", columns=[])) for f in files)
        size = sum(file.stat().st_size for file in large.rglob("*.*")) / 2**20
        # As many customers, products and days as Online Retail has.
        near = generate(4_312, 4_017, 374, 7, "both", folder=Path(folder) / "near")
        made = measure(pd.read_parquet(near / "orders.parquet"))
    real = measure(pd.read_parquet(online_retail() / "online_retail.parquet").rename(columns=NAMES))
    sys.stdout.write(
        "| purchases of known customers | Online Retail | generated |\n|---|---|---|\n"
    )
    for name, value in real.items():
        sys.stdout.write(f"| {name} | {value:.2f} | {made[name]:.2f} |\n")
    costs = {"events": events, "seconds": round(seconds, 1), "peak_mb": round(peak)}
    sys.stdout.write(
        json.dumps({**costs, "disk_mb": round(size), "real": real, "made": made}) + "\n"
    )


def measure(rows: pd.DataFrame) -> dict[str, float]:
    """Return skew, basket sizes and repeats of the purchases among order lines."""
    bought = (rows.quantity > 0) & (rows.unit_price > 0) & rows.customer_id.notna()
    rows = rows.loc[bought]
    rows = rows.assign(ordered_at=pd.to_datetime(rows.ordered_at))
    orders = rows.groupby("order_id").agg(
        lines=("product_id", "size"), customer=("customer_id", "first"), at=("ordered_at", "min")
    )
    per_customer = orders.groupby("customer").size()
    per_product = np.sort(rows.product_id.value_counts().to_numpy())[::-1]
    once = rows.drop_duplicates(["customer_id", "product_id", "order_id"])
    gaps = orders.sort_values(by=["at"]).groupby("customer")["at"].diff().dt.days
    spend = (rows.quantity * rows.unit_price).groupby(rows.customer_id).sum()
    by_month = rows.ordered_at.dt.month.value_counts(normalize=True)
    found = {
        "orders per customer, mean": per_customer.mean(),
        "orders per customer, median": per_customer.median(),
        "orders per customer, 90 %": per_customer.quantile(0.9),
        "customers with one order": (per_customer == 1).mean(),
        "days between orders, median": gaps.median(),
        "lines per order, mean": orders.lines.mean(),
        "lines per order, median": orders.lines.median(),
        "lines per order, 90 %": orders.lines.quantile(0.9),
        "lines per order, 99 %": orders.lines.quantile(0.99),
        "lines that repeat a product of an earlier order": 1
        - len(once.drop_duplicates(["customer_id", "product_id"])) / len(once),
        "lines of the best 1 % of products": top(per_product, 0.01),
        "lines of the best 10 % of products": top(per_product, 0.1),
        "lines of the best 20 % of products": top(per_product, 0.2),
        "Gini of lines over products": gini(per_product),
        "Gini of orders over customers": gini(per_customer.to_numpy()),
        "Gini of spend over customers": gini(spend.to_numpy()),
        "lines in the best month": by_month.max(),
        "pieces per line, median": rows.quantity.median(),
    }
    return {name: round(float(value), 4) for name, value in found.items()}


def top(counts: np.ndarray, share: float) -> float:
    """Return the part that the largest counts, sorted downwards, have in all."""
    return counts[: int(len(counts) * share)].sum() / counts.sum()


def gini(values: np.ndarray) -> float:
    """Return the Gini coefficient: 0 if all are equal, near 1 if one has all."""
    ranked = np.sort(values.astype(float))
    n = len(ranked)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ranked / (n * ranked.sum()))


if __name__ == "__main__":
    main()
