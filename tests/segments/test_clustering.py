from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from kgfeatures.errors import DataError
from kgfeatures.segments import cluster
from kgfeatures.segments.clustering import SAMPLE

CORNERS = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0], [4.5, 20.0]])
SIZES = [50, 40, 30, 20, 10]


def blobs() -> tuple[np.ndarray, np.ndarray]:
    truth = np.repeat(np.arange(5), SIZES)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(truth))
    return (CORNERS[truth] + rng.normal(0, 0.5, (len(truth), 2)))[order], truth[order]


def test_separated_groups_are_found_and_ordered_by_size():
    X, truth = blobs()
    found = cluster(X)
    assert found.segment_id.tolist() == truth.tolist()
    assert found.sizes.tolist() == SIZES


def test_centers_and_distances_are_those_of_the_members():
    X, truth = blobs()
    found = cluster(X, 5)
    middles = np.array([X[truth == i].mean(axis=0) for i in range(5)])
    assert np.allclose(found.centers, middles)
    own = [np.hypot(*(x - middles[t])) for x, t in zip(X, truth, strict=True)]
    assert np.allclose(found.distance, own)
    assert found.silhouette == pytest.approx(silhouette_score(X, truth))


def test_the_number_of_segments_asked_for_is_given():
    assert len(cluster(blobs()[0], 3).centers) == 3


def test_the_same_customers_give_the_same_segments_bit_for_bit():
    X = np.random.default_rng(3).normal(size=(SAMPLE + 500, 4))
    one, other = cluster(X, 4), cluster(X, 4)
    assert (one.segment_id == other.segment_id).all()
    assert one.distance.tobytes() == other.distance.tobytes()
    assert one.silhouette == other.silhouette


def test_a_sample_of_many_customers_leads_all_to_their_groups(monkeypatch: pytest.MonkeyPatch):
    X, truth = blobs()
    monkeypatch.setattr("kgfeatures.segments.clustering.LEARNED_FROM", 60)
    found = cluster(X)
    assert found.segment_id.tolist() == truth.tolist()
    assert np.allclose(found.centers, [X[truth == i].mean(axis=0) for i in range(5)])


def test_where_a_sample_misses_the_few_that_differ_all_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("kgfeatures.segments.clustering.LEARNED_FROM", 3)
    X = np.repeat([[0.0], [1.0], [2.0]], [96, 2, 2], axis=0)
    assert cluster(X, 3).sizes.tolist() == [96, 2, 2]


@pytest.mark.parametrize("k", [1, 0, 150])
def test_a_number_of_segments_out_of_range_is_refused(k: int):
    with pytest.raises(DataError, match=f"k is {k}; with 150 customers it must be from 2 to 149"):
        cluster(blobs()[0], k)


def test_fewer_different_customers_than_segments_are_refused():
    X = np.repeat(np.array([[0.0], [1.0], [2.0]]), 5, axis=0)
    with pytest.raises(DataError, match="there are 3 different customers; lower k"):
        cluster(X, 4)


def test_too_few_customers_to_choose_are_refused():
    with pytest.raises(DataError, match="3 customers are too few"):
        cluster(np.arange(3.0)[:, None])
