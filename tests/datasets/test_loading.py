"""A generated shop in the database: every row is taken, Chinese titles become triples."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from kgfeatures.datasets import generate
from kgfeatures.db import Database
from kgfeatures.steps.extract import extract
from kgfeatures.steps.ingest import ingest

pytestmark = pytest.mark.slow


def test_chinese_shop_is_loaded_whole_and_its_titles_say_what_is_planted(
    db: Database, tmp_path: Path
) -> None:
    folder = generate(40, 120, 60, 2, "zh", folder=tmp_path / "shop", basket_lines=4.0)
    loaded = ingest(db, folder).rows
    extract(db)
    written = sum(
        len(pd.read_parquet(folder / f"{name}.parquet")) for name in ("orders", "views", "carts")
    )
    assert loaded["raw.interaction"] == written
    assert loaded["raw.rejected"] == 0
    truth = pd.read_csv(folder / "truth" / "products.csv", keep_default_na=False)
    red = truth[truth.colour == "red"].iloc[0]
    found = db.sql(
        """select relation, neighbor_key, neighbor_label
        from kg.neighbors('product', %(product)s, direction => 'out')""",
        {"product": red.product_id},
    ).set_index("relation")
    assert found.loc["has_colour"].tolist() == ["red", "红色"]
    assert found.neighbor_key["is_a"] == red.object_type
    assert found.neighbor_label["in_category"] >= "\u4e00"
    events = db.sql("select event, count(*) as n from raw.interaction group by event").event
    assert {"purchase", "view", "cart"} <= set(events)
