"""Drafts of campaigns, contacts and coupons: found by their columns' names, and loadable."""

from __future__ import annotations

import pytest
import yaml

from kgfeatures.graph.checking import check
from kgfeatures.graph.draft import draft_folder
from kgfeatures.graph.manifest import read_manifest
from kgfeatures.types import NoProgress
from tests.graph.odd_shops import USUAL, csv, orders, renamed

CUSTOMERS = [f"{1000 + n}" for n in range(12)]
CAMPAIGNS = [
    {
        "campaign_id": f"K{n}",
        "name": f"Spring {n}",
        "start_date": f"2023-02-0{n}",
        "end_date": f"2023-03-0{n}",
        "type": "AB"[n % 2],
    }
    for n in range(1, 5)
]
CONTACTS = [
    {
        "Kampagne": f"K{1 + n % 4}",
        "Kunde": who,
        "gesendet_zeit": "2023-02-09",
        "Gruppe": "01"[n % 2],
        "Kanal": "mail",
        "clicks": n % 3,
    }
    for n, who in enumerate(CUSTOMERS)
]
VOUCHERS = [
    {
        "优惠券编号": f"V{n}",
        "客户编号": who,
        "领取时间": "2023-02-01",
        "使用时间": "2023-02-0" + str(2 + n % 7),
        "折扣": 5,
    }
    for n, who in enumerate(CUSTOMERS)
]


@pytest.fixture
def drafted(tmp_path):
    def draft(**tables: list[dict]) -> dict:
        (tmp_path / "orders.csv").write_bytes(csv(renamed(orders(), USUAL)))
        for name, rows in tables.items():
            (tmp_path / f"{name}.csv").write_bytes(csv(rows))
        text = draft_folder(tmp_path, tmp_path, NoProgress()).text
        (tmp_path / "dataset.yaml").write_text(text, encoding="utf-8")
        check(read_manifest(tmp_path), pytest.fail, NoProgress())
        return yaml.safe_load(text) | {"text": text}

    return draft


def test_campaigns_and_contacts_in_another_language_are_found(drafted):
    content = drafted(promotions=CAMPAIGNS, mailings=CONTACTS)
    [campaigns], [contacts] = content["campaigns"], content["contacts"]
    assert campaigns["title"] == "name"
    assert campaigns["start"] == "start_date"
    assert campaigns["last_day"] == "end_date"
    assert "last_day: end_date  # unsure" in content["text"]
    assert contacts["customer"] == "Kunde"
    assert contacts["timestamp"] == "gesendet_zeit"
    assert contacts["treatment"] == "Gruppe"
    assert contacts["channel"] == "Kanal"
    assert contacts["outcomes"] == ["clicks"]


def test_coupons_with_chinese_headers_are_found(drafted):
    [coupons] = drafted(券=VOUCHERS)["coupons"]
    assert coupons["coupon"] == "优惠券编号"
    assert coupons["customer"] == "客户编号"
    assert coupons["issued"] == "领取时间"
    assert coupons["redeemed"] == "使用时间"
    assert coupons["discount"] == "折扣"


def test_a_file_of_redemptions_with_one_time_is_one_of_redeemed_coupons(drafted):
    rows = [
        {"coupon": f"V{n}", "customer_id": who, "date": "2023-02-01"}
        for n, who in enumerate(CUSTOMERS)
    ]
    content = drafted(redemptions=rows)
    assert content["coupons"][0]["redeemed"] == "date"
    assert "redeemed: date  # unsure" in content["text"]


def test_contacts_that_nothing_dates_are_a_comment(drafted):
    undated = [{"campaign": row["Kampagne"], "customer_id": row["Kunde"]} for row in CONTACTS]
    content = drafted(sent=undated)
    assert "contacts" not in content
    assert "nothing says when these contacts were made" in content["text"]
    assert "contacts" in drafted(sent=undated, campaigns=CAMPAIGNS)


def test_orders_that_name_a_coupon_stay_orders(drafted):
    rows = [{**row, "coupon_code": f"V{n % 3}"} for n, row in enumerate(renamed(orders(), USUAL))]
    content = drafted(orders=rows)
    assert "coupons" not in content
    assert content["interactions"][0]["customer"] == "customer_id"
