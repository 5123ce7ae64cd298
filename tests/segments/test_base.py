from __future__ import annotations

import numpy as np
import pytest

from kgfeatures.errors import DataError
from kgfeatures.segments import Segmentation
from kgfeatures.segments.base import by_size, check_space


def test_segments_are_numbered_from_the_biggest():
    labels, order = by_size(np.array([2, 0, 0, 1, 0, 1]), 3)
    assert labels.tolist() == [2, 0, 0, 1, 0, 1]
    assert order.tolist() == [0, 1, 2]


def test_equal_sizes_go_by_the_first_member():
    assert by_size(np.array([1, 1, 0, 0]), 2)[0].tolist() == [0, 0, 1, 1]
    assert by_size(np.array([0, 0, 1, 1]), 2)[0].tolist() == [0, 0, 1, 1]


def test_means_are_those_of_each_segment():
    found = Segmentation(np.array([0, 0, 1]), np.zeros(3), np.zeros((2, 1)), 0.5)
    assert found.means(np.array([[1.0], [3.0], [7.0]])).tolist() == [[2.0], [7.0]]
    assert found.sizes.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((1, 3)), r"shape \(1, 3\)"),
        (np.array([[0.0], [np.nan], [1.0]]), "row 1 holds NaN"),
    ],
)
def test_a_space_that_cannot_be_clustered_is_refused(X: np.ndarray, words: str):
    with pytest.raises(DataError, match=words):
        check_space(X)
