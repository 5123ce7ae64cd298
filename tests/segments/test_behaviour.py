from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from kgfeatures.errors import DataError
from kgfeatures.segments import FEATURES, joined, standardized


def profile(**columns: list[float | None]) -> pd.DataFrame:
    return pd.DataFrame(columns).astype("float64")


def test_numbers_are_standardised_logarithms():
    names, Z = standardized(profile(spend_365d=[0, 9, 99, 999]))
    logs = [math.log(1), math.log(10), math.log(100), math.log(1000)]
    mean = sum(logs) / 4
    spread = math.sqrt(sum((x - mean) ** 2 for x in logs) / 4)
    assert names == ["spend_365d"]
    assert Z[:, 0] == pytest.approx([(x - mean) / spread for x in logs])


def test_nobody_is_further_off_than_three_standard_deviations():
    _, Z = standardized(profile(return_rate_365d=[0] * 99 + [50]))
    assert Z[99, 0] == 3
    assert Z[0, 0] == pytest.approx(-math.sqrt(0.01 * 0.99) / 0.99)


def test_who_never_ordered_counts_as_the_longest_gone():
    _, Z = standardized(profile(days_since_last_order=[1, 50, None]))
    assert Z[2, 0] == Z[1, 0] > Z[0, 0]


def test_no_basket_counts_as_nothing_and_an_unknown_tenure_as_the_median():
    _, Z = standardized(profile(basket_spend_mean_365d=[0, 50, None], tenure_days=[1, None, 9]))
    assert Z[2, 0] == Z[0, 0]
    between = (math.log(6) - math.log(2)) / (math.log(10) - math.log(2))
    assert (Z[1, 1] - Z[0, 1]) / (Z[2, 1] - Z[0, 1]) == pytest.approx(between)


def test_columns_that_tell_nobody_apart_are_left_out():
    names, _ = standardized(
        profile(spend_365d=[None, None, None], orders_365d=[1, 1, 1], tenure_days=[1, 2, 3])
    )
    assert names == ["tenure_days"]


def test_a_profile_without_differences_is_refused():
    with pytest.raises(DataError, match="no column tells customers apart"):
        standardized(profile(orders_365d=[1, 1]))


def test_behaviour_weighs_one_and_vectors_what_they_are_told():
    rng = np.random.default_rng(0)
    _, Z = standardized(profile(spend_365d=rng.random(50), orders_365d=rng.random(50)))
    space = joined(Z, rng.normal(3, 7, (50, 5)), 0.25)
    assert space[:, :2].var(axis=0).sum() == pytest.approx(1)
    assert space[:, 2:].var(axis=0).sum() == pytest.approx(0.25)


@pytest.mark.parametrize("vectors", [None, np.full((3, 2), np.nan), np.ones((3, 2))])
def test_without_telling_vectors_behaviour_stands_alone(vectors: np.ndarray | None):
    Z = np.array([[1.0], [0.0], [-1.0]])
    assert joined(Z, vectors, 0.25).tolist() == Z.tolist()


def test_a_customer_without_a_vector_stands_in_the_middle():
    space = joined(np.zeros((3, 1)), np.array([[1.0], [3.0], [np.nan]]), 1.0)
    assert space[2, 1] == 0


def test_a_negative_weight_is_refused():
    with pytest.raises(DataError, match="vector_weight is -1"):
        joined(np.zeros((3, 1)), None, -1)


def test_every_feature_has_words_in_both_languages():
    for feature in FEATURES.values():
        assert all([feature.low, feature.high, feature.low_zh, feature.high_zh])
        assert feature.missing in {"zero", "median", "highest"}
