"""Campaigns, contacts and coupons: what a source says, and nothing that it does not say."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd
import pytest

from kgfeatures.errors import DataError, ManifestError
from kgfeatures.graph import loading
from kgfeatures.graph.campaigns import to_treatment
from kgfeatures.graph.cleaning import RefusedError
from kgfeatures.graph.manifest import read_manifest
from kgfeatures.graph.outreach import Outreach

CAMPAIGNS = "id,name,begins,until,goal,sku,category\n"
MANIFEST = """
product_case: upper
campaigns: {file: campaigns.csv, campaign: id, title: name, start: begins, last_day: until,
            text: [goal], product: sku, relations: {category: promotes}}
contacts: {file: sent.csv, campaign: id, customer: who, treatment: t, variant: v, propensity: p,
           channel: email, outcomes: [clicks, spend]}
coupons:
  - {file: vouchers.csv, coupon: code, customer: who, issued: got, redeemed: used, basket: order,
     discount: percent}
  - {file: offers.csv, coupon: code, product: sku, campaign: id}
"""
FILES: dict[str, str | bytes] = {
    "campaigns.csv": CAMPAIGNS
    + "K1,Spring,2024-03-01,2024-03-07,win back,a1,garden\n"
    + "K1,Spring,2024-03-01,2024-03-07,win back,b2,garden\n"
    + "K2,Quiet,,,,,\n",
    "sent.csv": "id,who,t,v,p,clicks,spend\n"
    "K1,1.0,1,blue,0.5,2,9.5\nK1,2,control,,0.5,,0\nK1,3,TRUE,red,0.5,0,\n",
    "vouchers.csv": "code,who,got,used,order,percent\n"
    "V1,1,2024-03-02,2024-03-05,i7,10\nV2,2,2024-03-02,,,20\nV3,2,,,,20\n",
    "offers.csv": "code,sku,id\nV1,a1,K1\nV1,c3,K1\n",
}


@pytest.fixture
def outreach(folder):
    def read(manifest: str = MANIFEST, files: dict[str, str | bytes] = FILES) -> Outreach:
        read = read_manifest(folder(manifest, files))
        found = Outreach()
        for number, section in enumerate(read.sections, start=1):
            found.add(number, loading.load(section, read, pytest.fail))
        return found

    return read


def test_a_campaign_on_several_rows_is_one_and_runs_through_its_last_day(outreach):
    rows = outreach().tables()["raw.campaign"].to_pylist()
    assert rows == [
        {
            "campaign_id": "K1",
            "title": "Spring",
            "body": "Spring\nwin back",
            "starts_at": datetime(2024, 3, 1, tzinfo=UTC),
            "ends_at": datetime(2024, 3, 8, tzinfo=UTC),
        },
        {
            "campaign_id": "K2",
            "title": "Quiet",
            "body": "Quiet",
            "starts_at": None,
            "ends_at": None,
        },
    ]


def test_contacts_say_who_was_treated_and_when_the_campaign_began(outreach):
    rows = outreach().tables()["raw.contact"].to_pandas().set_index("customer_id")
    assert rows.treatment.to_dict() == {"1": 1, "2": 0, "3": 1}
    assert set(rows.contacted_at) == {pd.Timestamp("2024-03-01", tz="UTC")}
    assert set(rows.channel) == {"email"}
    assert rows.variant.to_list() == ["blue", None, "red"]
    assert [json.loads(each) for each in rows.outcomes] == [
        {"clicks": 2, "spend": 9.5},
        {"spend": 0},
        {"clicks": 0},
    ]


def test_a_coupon_is_an_event_when_it_is_issued_and_another_when_it_is_used(outreach):
    found = outreach()
    rows = found.tables()["raw.coupon_event"].to_pylist()
    short = [(row["coupon_id"], row["event"], row["basket_id"], row["discount"]) for row in rows]
    assert short == [
        ("V1", "issued", None, 10),
        ("V2", "issued", None, 20),
        ("V1", "redeemed", "i7", 10),
    ]
    assert found.loaded[3].dropped == {"neither issued nor redeemed": 1}


def test_what_a_campaign_promotes_is_true_while_it_runs_and_known_since_it_began(outreach):
    triples = pd.concat(outreach().triples())
    said = triples.set_index(["head", "relation", "tail"]).sort_index()
    assert set(said.index) == {
        ("K1", "promotes", "garden"),
        ("K1", "promotes", "A1"),
        ("K1", "promotes", "B2"),
        ("K1", "promotes", "C3"),
        ("K1", "offers", "V1"),
        ("V1", "valid_for", "A1"),
        ("V1", "valid_for", "C3"),
    }
    garden = said.loc[("K1", "promotes", "garden")].iloc[0]
    assert garden.tail_type == "category"
    assert garden.valid_from == garden.observed_at == pd.Timestamp("2024-03-01", tz="UTC")
    assert garden.valid_to == pd.Timestamp("2024-03-08", tz="UTC")
    assert said.loc[("V1", "valid_for", "A1")].valid_from.isna().all()


def test_campaigns_and_coupons_that_only_others_name_are_known(outreach):
    found = outreach(
        "contacts: {file: a.csv, campaign: k, customer: c, timestamp: at}",
        {"a.csv": "k,c,at\nK9,1,2024-01-01\n"},
    )
    entities = found.entities()
    assert entities.to_dict("records") == [{"entity_type": "campaign", "key": "K9", "label": "K9"}]
    assert found.tables()["raw.campaign"].num_rows == 1


def test_without_a_column_of_treatment_the_variant_says_it_and_then_nobody(outreach):
    sent = "contacts: {file: a.csv, campaign_name: K, customer: c, timestamp: at%s}"
    files: dict[str, str | bytes] = {"a.csv": "c,at,v\n1,2024-01-01,Control\n2,2024-01-01,A\n"}
    rows = outreach(sent % ", variant: v", files).tables()["raw.contact"]
    assert rows["treatment"].to_pylist() == [0, 1]
    rows = outreach(sent % "", files).tables()["raw.contact"]
    assert rows["treatment"].to_pylist() == [1, 1]
    assert rows["campaign_id"].to_pylist() == ["K", "K"]


def test_a_contact_that_nobody_dates_is_an_error_that_names_the_campaign(outreach):
    found = outreach("contacts: {file: a.csv, campaign: k, customer: c}", {"a.csv": "k,c\nK9,1\n"})
    with pytest.raises(DataError, match=r"nobody says when campaign 'K9' .*`start`"):
        found.tables()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("K1,x,2024-03-02,2024-03-07,,,", "the campaign starts at another time"),
        ("K1,x,2024-03-01,2024-03-09,,,", "the campaign ends at another time"),
        ("K3,x,2024-03-09,2024-03-07,,,", "the campaign ends before it begins"),
    ],
)
def test_a_campaign_that_contradicts_itself_is_rejected(outreach, folder, row, reason):
    text = CAMPAIGNS + "K1,Spring,2024-03-01,2024-03-07,,,\n" + row + "\n"
    read = read_manifest(folder(MANIFEST, FILES | {"campaigns.csv": text}))
    loaded = loading.load(read.sections[0], read, pytest.fail)
    [problem] = loaded.rejected
    assert reason in problem.reason
    assert problem.row == 3


@pytest.mark.parametrize("word", ["treated", "TREATMENT", "1", 1, True, 1.0, "实验组"])
def test_words_for_treatment(word):
    assert to_treatment(word) == 1


@pytest.mark.parametrize("word", ["control", "Holdout", "0", 0, False, 0.0, "对照组"])
def test_words_for_control(word):
    assert to_treatment(word) == 0


def test_another_word_is_neither():
    with pytest.raises(RefusedError, match="write 1 or 0, treatment or control"):
        to_treatment("maybe")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("campaigns: {file: a, format: csv, campaign: k, end: e, last_day: e}", "end .* last_day"),
        ("contacts: {file: a, format: csv, customer: c}", "campaign_name"),
        ("coupons: {file: a, format: csv, coupon: k, customer: c}", "add issued or redeemed"),
        ("coupons: {file: a, format: csv, coupon: k}", "product or campaign alone"),
        ("coupons: {file: a, format: csv, coupon: k, issued: t}", "needs customer"),
        (
            "contacts: {file: a, format: csv, customer: c, outcome: x}",
            "outcomes",
        ),
    ],
)
def test_keys_that_do_not_fit_together_are_named(folder, section, message):
    with pytest.raises(ManifestError, match=message):
        read_manifest(folder(section, {"a": "k,c\n"}))
