"""How many threads torch computes with."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def torch_threads(count: int) -> Generator[None]:
    """Let torch compute with so many threads, then with as many as before.

    Sums come in an order that depends on it: with the same number, bits repeat.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
