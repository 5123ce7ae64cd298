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


def test_campaigns_and_coupons_of_a_generated_shop_are_loaded_whole(
    db: Database, tmp_path: Path
) -> None:
    folder = generate(150, 60, 90, 2, "en", folder=tmp_path / "shop", basket_lines=3.0)
    ingest(db, folder)
    results = pd.read_parquet(folder / "campaign_results.parquet")
    loaded = db.sql(
        """select campaign_id, treatment, count(*)::int as n,
        sum((outcomes ->> 'spend')::float) as spend, sum(propensity) as propensity
        from raw.contact group by 1, 2 order by 1, 2"""
    )
    expected = results.groupby(["campaign_id", "treatment"], as_index=False).agg(
        n=("spend", "size"), spend=("spend", "sum"), propensity=("propensity", "sum")
    )
    assert loaded.n.tolist() == expected.n.tolist()
    assert loaded.spend.tolist() == pytest.approx(expected.spend.tolist())
    assert loaded.propensity.tolist() == pytest.approx(expected.propensity.tolist())
    coupons = pd.read_parquet(folder / "coupons.parquet")
    events = db.sql("select event, count(*)::int as n from raw.coupon_event group by 1 order by 1")
    assert events.n.tolist() == [len(coupons), coupons.redeemed_at.notna().sum()]
    late = db.sql(
        """select count(*)::int as n
        from raw.coupon_event as used
        where event = 'redeemed' and not exists (
            select from raw.interaction as line
            where line.basket_id = used.basket_id and line.customer_id = used.customer_id
            and line.event = 'purchase' and line.occurred_at = used.occurred_at
        )"""
    )
    assert late.n.tolist() == [0]
    campaigns = db.sql("select campaign_id, title, starts_at, ends_at from raw.campaign order by 1")
    described = pd.read_csv(folder / "campaigns.csv", parse_dates=["starts_at", "ends_at"])
    assert campaigns.title.tolist() == described.name.tolist()
    assert campaigns.ends_at.dt.tz_localize(None).tolist() == described.ends_at.tolist()
    consents = pd.read_parquet(folder / "consents.parquet").sort_values("since")
    for day in ("2024-01-01", "2024-02-15", "2024-03-30"):
        then = db.sql(
            "select key, value_flag from raw.attribute_at('customer', 'newsletter', %(day)s)",
            {"day": day},
        )
        known = consents[consents.since <= day].groupby("customer_id").newsletter.last()
        assert dict(zip(then.key, then.value_flag, strict=True)) == known.to_dict()
