from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kgfeatures.recommend import Purchases
from kgfeatures.recommend.catalogue import catalogue_estimates, coverage, diversity, gini, novelty
from kgfeatures.recommend.evaluation import resamples

LISTS = np.array([[0, 1, 2], [0, 1, -1], [0, -1, -1]])


def test_gini_is_the_mean_difference_over_twice_the_mean():
    counts = np.array([3.0, 2.0, 1.0, 0.0, 7.0])
    differences = [abs(a - b) for a, b in itertools.product(counts, counts)]
    assert gini(counts) == pytest.approx(np.mean(differences) / (2 * counts.mean()))
    assert gini(np.ones(4)) == pytest.approx(0)
    assert gini(np.zeros(4)) == 0


def test_coverage_and_gini_count_products_in_lists():
    found = catalogue_estimates(LISTS, 5, resamples(3, 50))
    assert found["coverage"].mean == pytest.approx(3 / 5)
    assert found["gini"].mean == gini(np.array([3.0, 2.0, 1.0, 0.0, 0.0]))
    for name, measure in (("coverage", coverage), ("gini", gini)):
        assert found[name].low <= found[name].mean <= found[name].high
        assert measure(np.zeros(0)) == 0


def test_novelty_is_the_information_of_who_knows_a_product():
    purchases = Purchases(np.array([0, 1, 0]), np.array([0, 0, 1]), np.zeros(3), 4, 5)
    bits = [-math.log2(2 / 4), -math.log2(1 / 4), -math.log2(1 / 4)]
    expected = [sum(bits) / 3, sum(bits[:2]) / 2, bits[0]]
    assert novelty(LISTS, purchases) == pytest.approx(expected)


@pytest.mark.parametrize("dense", [True, False])
def test_diversity_is_the_mean_over_pairs(*, dense: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("kgfeatures.recommend.catalogue.ROWS_AT_ONCE", 2)
    rng = np.random.default_rng(0)
    vectors = rng.random((5, 3)) * (rng.random((5, 3)) < 0.7)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    found = diversity(LISTS, unit if dense else csr_matrix(unit))
    for row, value in zip(LISTS, found, strict=True):
        pairs = list(itertools.combinations([p for p in row if p >= 0], 2))
        expected = np.mean([1 - unit[i] @ unit[j] for i, j in pairs]) if pairs else 1.0
        assert value == pytest.approx(expected)
