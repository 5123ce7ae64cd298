from __future__ import annotations

import numpy as np
import pytest

from kgfeatures.embedding.base import KnownTails, check_triples, with_inverses
from kgfeatures.errors import DataError

TRIPLES = np.array([[0, 0, 1], [0, 0, 2], [0, 1, 2], [3, 0, 1], [0, 0, 2]])


def test_with_inverses_reads_each_triple_backwards() -> None:
    assert with_inverses(np.array([[5, 1, 7]]), 3).tolist() == [[5, 1, 7], [7, 4, 5]]


def test_known_tails_lists_every_tail_of_each_query_once() -> None:
    known = KnownTails(TRIPLES, 2)
    position, tail = known.pairs(known.rows(np.array([[0, 0], [3, 0], [0, 0]])))
    assert list(zip(position.tolist(), tail.tolist(), strict=True)) == [
        (0, 1), (0, 2), (1, 1), (2, 1), (2, 2),
    ]  # fmt: skip


def test_known_tails_knows_nothing_of_unseen_queries() -> None:
    known = KnownTails(TRIPLES, 2)
    rows = known.rows(np.array([[3, 1], [9, 1], [1, 0], [0, 1]]))
    position, tail = known.pairs(rows)
    assert (position.tolist(), tail.tolist()) == ([3], [2])


def test_known_tails_of_no_triples_know_nothing() -> None:
    known = KnownTails(np.empty((0, 3), dtype=np.int64), 2)
    assert known.rows(np.array([[0, 0]])).tolist() == [-1]
    assert known.pairs(np.array([-1]))[1].tolist() == []


@pytest.mark.parametrize(
    ("triples", "says"),
    [
        (np.empty((0, 3), dtype=np.int64), r"shape \(0, 3\)"),
        (np.array([[0, 1]]), r"shape \(1, 2\)"),
        (np.array([[0, 0, 1], [0, 2, 1]]), r"triple 1 is \[0, 2, 1\].*\[0, 2\) for relations"),
        (np.array([[0, 0, -1]]), r"\[0, 5\) for entities"),
    ],
)
def test_check_triples_names_the_wrong_one(triples: np.ndarray, says: str) -> None:
    with pytest.raises(DataError, match=says):
        check_triples(triples, 5, 2)
