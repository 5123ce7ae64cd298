"""A small real shop: some customers and products of the shipped one, built through every step."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kgfeatures.cli.demo import SHOP
from kgfeatures.embedding.base import TrainingSettings
from kgfeatures.steps.embed import run_graph
from kgfeatures.steps.embed_text import run_text
from kgfeatures.steps.extract import extract
from kgfeatures.steps.ingest import ingest
from kgfeatures.steps.profile import profile
from kgfeatures.steps.publish import publish
from kgfeatures.steps.recommend import recommend
from kgfeatures.steps.segment import segment
from kgfeatures.steps.triples import triples

if TYPE_CHECKING:
    from kgfeatures.db import Database

# Who and what the documentation's examples ask for.
CUSTOMER = 13085
PRODUCT = "22837"
PRODUCTS = 150
CUSTOMERS = 120


def write(folder: Path) -> Path:
    """Write the small shop's files: the first customers, the products most bought."""
    for file in SHOP.iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
    [data] = folder.glob("*.parquet")
    lines = pd.read_parquet(data)
    buyers = lines.groupby("StockCode")["Customer ID"].nunique()
    kept = {PRODUCT, *buyers.nlargest(PRODUCTS).index}
    kept |= set(lines.loc[lines["Customer ID"] == CUSTOMER, "StockCode"])
    lines = lines[lines["StockCode"].isin(kept)]
    customers = [CUSTOMER, *sorted(lines["Customer ID"].dropna().unique())[:CUSTOMERS]]
    lines[lines["Customer ID"].isin(customers)].to_parquet(data)
    return folder


def build(database: Database, folder: Path) -> None:
    """Run every step on the files in `folder`, with a training that is short."""
    ingest(database, folder)
    extract(database)
    settings = TrainingSettings(dim=16, epochs=3, negatives=64)
    run_graph(database, settings=settings, follow=False)
    run_text(database)
    profile(database)
    triples(database)
    segment(database)
    recommend(database)
    publish(database)
