from __future__ import annotations

import numpy as np

from kgfeatures.segments import names

FEATURES = ["days_since_last_order", "orders_365d", "spend_365d", "return_rate_365d"]


def test_a_segment_is_called_after_what_sets_it_apart():
    found = names(FEATURES, np.array([[0.1, 1.5, 1.2, 0.0], [1.4, -0.2, -0.6, 0.0]]))
    assert found == [
        ("frequent, high spend", "高频、高消费"),
        ("lapsed, low spend", "久未购买、低消费"),
    ]


def test_one_family_names_a_segment_once():
    found = names(
        ["basket_spend_mean_365d", "basket_products_mean_365d", "spend_365d"],
        np.array([[2.0, 2.0, 0.5], [-2.0, -2.0, -0.5]]),
    )
    assert found[0] == ("big baskets, high spend", "大单、高消费")


def test_a_segment_like_everybody_is_average():
    found = names(FEATURES, np.array([[0.1, 0.1, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]))
    assert found[0] == ("average", "普通")


def test_segments_of_one_name_take_another_word():
    found = names(FEATURES, np.array([[0.0, 2.0, 2.0, 1.0], [0.0, 1.0, 1.0, -0.4]]))
    assert [english for english, _ in found] == [
        "frequent, high spend, many returns",
        "frequent, high spend, few returns",
    ]


def test_segments_that_no_word_tells_apart_are_numbered():
    found = names(FEATURES, np.array([[0.0, 2.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]))
    assert found == [("frequent 1", "高频 1"), ("frequent 2", "高频 2")]
