from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import ndcg_score

from kgfeatures.errors import DataError
from kgfeatures.recommend.evaluation import bootstrap, ndcg_at_k, recall_at_k

LISTS = np.array([[0, 1, 2], [3, 4, -1]])
WANTED = csr_matrix(np.array([[0, 1, 0, 0, 1], [0, 0, 0, 0, 1]]))


def test_recall_is_the_share_of_wanted_products_found():
    assert recall_at_k(LISTS, WANTED).tolist() == [0.5, 1.0]


def test_ndcg_discounts_by_place():
    perfect = 1 + 1 / math.log2(3)
    assert ndcg_at_k(LISTS, WANTED) == pytest.approx([1 / math.log2(3) / perfect, 1 / math.log2(3)])


def test_ndcg_equals_scikit_learn():
    rng = np.random.default_rng(0)
    scores, truth = rng.random((20, 30)), rng.random((20, 30)) < 0.2
    truth[:, 0] = True
    lists = np.argsort(-scores, axis=1)[:, :10]
    ours = ndcg_at_k(lists, csr_matrix(truth.astype(float))).mean()
    assert ours == pytest.approx(ndcg_score(truth.astype(float), scores, k=10))


def test_customers_who_want_nothing_are_refused():
    with pytest.raises(DataError, match="customer row 1 wants nothing"):
        recall_at_k(LISTS, csr_matrix(np.array([[1, 0, 0, 0, 0], [0, 0, 0, 0, 0]])))


def test_one_list_for_each_customer_is_needed():
    with pytest.raises(DataError, match="1 lists but 2 customers"):
        recall_at_k(LISTS[:1], WANTED)


def test_bootstrap_interval_is_near_the_normal_one():
    values = np.random.default_rng(1).normal(0.5, 0.1, 400)
    found = bootstrap(values)
    half = 1.96 * values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.002)
    assert found.high == pytest.approx(values.mean() + half, abs=0.002)
