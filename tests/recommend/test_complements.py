from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kgfeatures.recommend.complements import complements


def baskets(*held: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.array([(b, product) for b, one in enumerate(held) for product in one])
    return pairs[:, 0], pairs[:, 1]


TEA = baskets(*[(0, 1)] * 6, *[(0, 2)] * 6, *[(3, 4)] * 8, (5,), (5, 0))
"""A cup (0) goes with its saucer (1) and with another cup (2); 3 goes with 4."""


def test_complements_weigh_lift_against_what_both_have_in_common():
    alike = csr_matrix(np.array([[1.0, 0], [0, 1], [0.8, 0.6], [0, 0], [0, 0], [0, 0]]))
    found = complements(*TEA, alike)
    n, both, sizes = 22, 6, (13, 6)
    lift = both * n / (sizes[0] * sizes[1])
    npmi = math.log(lift) / -math.log(both / n)
    cup = found.product == 0
    assert found.complement[cup].tolist() == [1]  # the other cup is a substitute
    assert found.lift[cup] == pytest.approx(lift)
    assert found.score[cup] == pytest.approx(npmi * both / (both + 5))
    assert found.baskets[cup] == 6
    assert found.complement[found.product == 3].tolist() == [4]
    assert found.score[found.product == 3] == pytest.approx(8 / 13)


def test_few_baskets_say_nothing():
    found = complements(*TEA, csr_matrix((6, 1)))
    assert 5 not in {*found.product, *found.complement}


def test_only_the_best_are_kept_and_a_line_twice_counts_once():
    basket, product = TEA
    twice = complements(np.tile(basket, 2), np.tile(product, 2), csr_matrix((6, 1)), top=1)
    once = complements(basket, product, csr_matrix((6, 1)), top=1)
    assert np.bincount(once.product).max() == 1
    assert twice.score.tolist() == once.score.tolist()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch):
    whole = complements(*TEA, csr_matrix((6, 1)))
    monkeypatch.setattr("kgfeatures.recommend.item_item.SCORES_PER_BLOCK", 6)
    assert complements(*TEA, csr_matrix((6, 1))).score.tolist() == whole.score.tolist()


def test_without_baskets_nothing_completes_anything():
    nothing = np.zeros(0, dtype=np.int64)
    assert len(complements(nothing, nothing, csr_matrix((3, 1))).product) == 0
