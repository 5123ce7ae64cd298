"""A generated shop: what is planted in it comes back by direct counting."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kgfeatures.datasets import generate
from kgfeatures.datasets.customers import GROUPS
from kgfeatures.errors import DataError
from kgfeatures.extraction import extract
from kgfeatures.graph.manifest import read_manifest

ATTRIBUTES = ["object_type", "colour", "material", "pattern", "theme", "size"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated") / "shop"
    return generate(4000, 800, 180, 3, "both", folder=folder, basket_lines=8.0)


@pytest.fixture(scope="module")
def orders(shop: Path) -> pd.DataFrame:
    return pd.read_parquet(shop / "orders.parquet")


def truth(shop: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(shop / "truth" / f"{name}.csv", keep_default_na=False)


def content(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*.*")
        if file.is_file()
    }


def test_same_arguments_give_the_same_bytes_and_another_seed_other_ones(tmp_path: Path) -> None:
    made = [
        content(generate(60, 40, 40, seed, "both", folder=tmp_path / name))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert made[0] == made[1]
    same = {name for name in made[0] if made[0][name] == made[2][name]}
    assert same == {"campaigns.csv", "truth/campaign_lifts.csv"}


def test_blocks_change_nothing_but_their_own_customers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgfeatures.datasets.shop.BLOCK_LINES", 500)
    many = generate(300, 60, 60, 1, folder=tmp_path / "many")
    orders = pd.read_parquet(many / "orders.parquet")
    known = set(pd.read_csv(many / "customers.csv").customer_id)
    assert set(orders.customer_id) == known
    assert orders.groupby("order_id").customer_id.nunique().max() == 1
    assert pd.read_parquet(many / "coupons.parquet").coupon_id.is_unique


def test_manifest_is_read_and_says_that_the_shop_is_generated(shop: Path) -> None:
    manifest = read_manifest(shop)
    assert manifest.name.startswith("generated-both-4000x800x180")
    assert [len(manifest.of(kind)) for kind in ("interactions", "documents")] == [3, 2]
    assert not any(section.name.startswith("truth") for section in manifest.sections)
    assert "GENERATED" in (shop / "README.txt").read_text(encoding="utf-8").splitlines()[0]


def test_every_moment_lies_within_the_shops_days(shop: Path) -> None:
    columns = {"orders": "ordered_at", "views": "viewed_at", "carts": "added_at"}
    columns |= {"reviews_zh": "written_at", "reviews_en": "written_at", "prices": "day"}
    first, stop = np.datetime64("2024-01-01"), np.datetime64("2024-01-01") + 180
    for file, column in columns.items():
        moments = pd.read_parquet(shop / f"{file}.parquet")[column]
        assert first <= moments.min()
        assert moments.max() < stop


def test_groups_buy_by_category_as_planted(shop: Path, orders: pd.DataFrame) -> None:
    category = truth(shop, "products").set_index("product_id").category
    group = truth(shop, "customers").set_index("customer_id").customer_group
    bought = orders[orders.quantity > 0]
    counted = pd.crosstab(
        group[bought.customer_id].to_numpy(),
        category[bought.product_id].to_numpy(),
        normalize="index",
    )
    planted = truth(shop, "group_preferences").pivot_table(
        "share_of_lines", "customer_group", "category"
    )
    assert planted.sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    # An order holds a product once, which takes a little from what is liked most.
    difference = (counted - planted).abs()
    assert difference.to_numpy().max() < 0.06
    for liking in GROUPS:
        favourites = counted.loc[liking.name] / counted.loc["shopkeepers"]
        assert set(favourites.nlargest(len(liking.likes)).index) == set(liking.likes)


def test_randomised_campaigns_show_their_true_effect_as_a_difference_in_means(shop: Path) -> None:
    results = pd.read_parquet(shop / "campaign_results.parquet")
    effects = truth(shop, "campaign_effects").set_index("campaign_id")
    for campaign in ("K1", "K3"):
        bought = results[results.campaign_id == campaign].groupby("treatment").bought
        mean, error = bought.mean(), np.sqrt((bought.var() / bought.size()).sum())
        assert abs(mean[1] - mean[0] - effects.bought_ate[campaign]) < 3 * error
    assert effects.bought_ate["K1"] > 0.05
    assert effects.bought_ate["K3"] == 0


def test_confounded_campaign_needs_its_propensities(shop: Path) -> None:
    results = pd.read_parquet(shop / "campaign_results.parquet").query("campaign_id == 'K2'")
    true = truth(shop, "campaign_effects").set_index("campaign_id").bought_ate["K2"]
    treated = results.treatment == 1
    naive = results.bought[treated].mean() - results.bought[~treated].mean()
    signed = np.where(treated, 1 / results.propensity, -1 / (1 - results.propensity))
    weighted = (signed * results.bought).to_numpy()
    assert abs(weighted.mean() - true) < 3 * weighted.std() / np.sqrt(len(results))
    assert naive - true > 0.03


def test_what_a_campaign_reports_follows_from_the_orders(shop: Path, orders: pd.DataFrame) -> None:
    campaigns = pd.read_csv(shop / "campaigns.csv", parse_dates=["starts_at", "ends_at"])
    results = pd.read_parquet(shop / "campaign_results.parquet")
    for campaign, starts_at, ends_at in campaigns[
        ["campaign_id", "starts_at", "ends_at"]
    ].to_numpy():
        inside = orders.ordered_at.between(starts_at, ends_at, inclusive="left")
        bought = orders[inside & (orders.quantity > 0)]
        spend = (bought.quantity * bought.unit_price).groupby(bought.customer_id).sum()
        here = results[results.campaign_id == campaign].set_index("customer_id")
        counted = spend.reindex(here.index, fill_value=0.0)
        assert here.spend.to_numpy() == pytest.approx(counted.to_numpy(), abs=0.02)
        assert here.bought.to_numpy().tolist() == (counted > 0).to_numpy().astype(int).tolist()


def test_duplicates_share_what_they_are_and_nothing_else_does(shop: Path) -> None:
    products = truth(shop, "products").set_index("product_id")
    public = pd.read_csv(shop / "products.csv").set_index("product_id")
    pairs = truth(shop, "duplicates")
    same = [*ATTRIBUTES, "pack_size", "brand"]
    first, second = (products.loc[pairs[name]] for name in ("product_id", "duplicate_id"))
    assert first[same].to_numpy().tolist() == second[same].to_numpy().tolist()
    suppliers = [public.supplier[pairs[name]] for name in ("product_id", "duplicate_id")]
    assert (suppliers[0].to_numpy() != suppliers[1].to_numpy()).all()
    assert len(pairs) == 32
    assert products.duplicated(same).sum() == len(pairs)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_titles_say_what_is_planted(tmp_path: Path, language: str) -> None:
    folder = generate(10, 400, 28, 5, language, folder=tmp_path / "shop")
    found = extract(pd.read_csv(folder / "products.csv"))
    said = set(zip(found.product_id, found.tail_type, found.tail_key, strict=True))
    long = truth(folder, "products").melt("product_id", [*ATTRIBUTES, "pack_size"])
    long = long[(long.value != "") & (long.value != 1)]
    planted = set(zip(long.product_id, long.variable, long.value.astype(str), strict=True))
    assert len(said & planted) > 0.97 * len(planted)
    assert len(said & planted) > 0.97 * len(said)


def test_festivals_sell_in_their_months(shop: Path, orders: pd.DataFrame) -> None:
    theme = truth(shop, "products").set_index("product_id").theme
    valentine = theme[orders.product_id].to_numpy() == "valentine"
    share = pd.Series(valentine).groupby(orders.ordered_at.dt.month).mean()
    assert share[2] > 4 * share[5]


def test_reviews_are_varied_and_follow_quality(shop: Path) -> None:
    reviews = pd.read_parquet(shop / "reviews_zh.parquet")
    quality = truth(shop, "products").set_index("product_id").quality[reviews.product_id]
    assert set(reviews.stars) <= {1, 2, 3, 4, 5}
    assert np.corrcoef(reviews.stars, quality)[0, 1] > 0.25
    assert reviews.text.nunique() > 0.7 * len(reviews)
    assert reviews.text.str.contains("[\u4e00-\u9fff]").all()


def test_redeemed_coupons_name_orders_of_their_customer(shop: Path, orders: pd.DataFrame) -> None:
    coupons = pd.read_parquet(shop / "coupons.parquet").dropna(subset=["redeemed_order_id"])
    customer = orders.drop_duplicates("order_id").set_index("order_id").customer_id
    assert (customer[coupons.redeemed_order_id].to_numpy() == coupons.customer_id).all()


def test_returns_follow_a_purchase_of_the_same_product(orders: pd.DataFrame) -> None:
    back = orders[orders.quantity < 0]
    bought = orders[orders.quantity > 0]
    pairs = back.merge(bought, on=["order_id", "product_id"], suffixes=("", "_bought"))
    assert len(back) == len(pairs) > 0
    assert (pairs.quantity == -pairs.quantity_bought).all()
    assert (pairs.ordered_at > pairs.ordered_at_bought).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0, 100, 60, 1, "zh"), "customers is 0; give a whole number from 1"),
        ((10, 5, 60, 1, "zh"), "products is 5; give a whole number from 20"),
        ((10, 100, 1, 1, "zh"), "days is 1; give a whole number from 28"),
        ((10, 100, 60, -1, "zh"), "seed is -1"),
        ((True, 100, 60, 1, "zh"), "customers is True"),
        ((10.5, 100, 60, 1, "zh"), "customers is 10.5"),
        ((10, 100, 60, 1, "cn"), "no language 'cn' to generate.*Known: both, en, zh"),
    ],
)
def test_impossible_shops_are_refused_in_one_sentence(
    tmp_path: Path, arguments: tuple[int, int, int, int, str], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        generate(*arguments, folder=tmp_path / "shop")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="exists and is not empty"):
        generate(10, 20, 28, folder=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_the_smallest_shop_can_be_made(tmp_path: Path) -> None:
    folder = generate(np.int64(1), 20, 28, folder=tmp_path / "shop")
    assert len(pd.read_csv(folder / "products.csv")) == 20
    assert len(read_manifest(folder).sections) >= 6
