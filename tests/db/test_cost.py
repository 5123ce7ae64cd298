"""What a piece of work held in memory."""

from __future__ import annotations

import time

import numpy as np

from kgfeatures.db.cost import SECONDS_BETWEEN_LOOKS, Cost

MEGABYTE = 1 << 20


def held(megabytes: int) -> int:
    """Hold some memory for a while; return the most that the watch saw."""
    cost = Cost()
    cost.watch()
    block = np.ones(megabytes * MEGABYTE, dtype=np.uint8)
    time.sleep(4 * SECONDS_BETWEEN_LOOKS)
    del block
    peak = cost.stop()
    assert peak is not None
    return peak


def test_memory_that_was_given_back_counts_though_the_process_once_held_more() -> None:
    held(400)
    little, much = held(1), held(200)
    assert 150 * MEGABYTE < much - little < 350 * MEGABYTE


def test_a_watch_that_never_began_knows_nothing() -> None:
    assert Cost().stop() is None
