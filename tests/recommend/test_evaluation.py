from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import ndcg_score

from kgfeatures.errors import DataError
from kgfeatures.recommend.evaluation import (
    bootstrap,
    bootstrap_means,
    hit_rate_at_k,
    ndcg_at_k,
    ndcg_kgat_at_k,
    recall_at_k,
    reciprocal_rank_at_k,
    resamples,
)

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


def test_hit_rate_and_reciprocal_rank_look_at_the_first_hit():
    lists = np.array([[0, 1, 4], [3, 4, -1], [4, 0, 1]])
    wanted = csr_matrix(np.array([[0, 1, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 1, 0, 0]]))
    assert hit_rate_at_k(lists, wanted).tolist() == [1, 1, 0]
    assert reciprocal_rank_at_k(lists, wanted).tolist() == [1 / 2, 1 / 2, 0]


def test_kgat_divides_by_the_best_order_of_what_was_retrieved():
    # What the published code does for one customer, relevance by place (utility/metrics.py).
    def dcg(relevance: list[int], k: int) -> float:
        return sum(r / math.log2(place + 2) for place, r in enumerate(relevance[:k]))

    rng = np.random.default_rng(0)
    truth = rng.random((30, 40)) < 0.15
    truth[:, 0] = True
    lists = np.array([rng.permutation(40)[:25] for _ in range(30)])
    found = ndcg_kgat_at_k(lists, csr_matrix(truth.astype(float)), 10)
    for row, relevant, value in zip(lists, truth, found, strict=True):
        relevance = [int(relevant[product]) for product in row]
        best = dcg(sorted(relevance, reverse=True), 10)
        assert value == pytest.approx(dcg(relevance, 10) / best if best else 0)
    assert (found >= ndcg_at_k(lists[:, :10], csr_matrix(truth.astype(float))) - 1e-9).all()


def test_columns_are_resampled_together():
    rng = np.random.default_rng(0)
    values = rng.random((200, 2))
    values[:, 1] = values[:, 0] + 1
    drawn = resamples(200, 300)
    assert (drawn.sum(axis=1) == 200).all()
    (one, _), means = bootstrap_means(values, drawn)
    alone = bootstrap(values[:, 0], draws=300)
    assert (one.mean, one.low, one.high) == pytest.approx((alone.mean, alone.low, alone.high))
    assert means[:, 1] - means[:, 0] == pytest.approx(np.ones(300), abs=1e-6)
