"""Adagrad over the rows that a batch touched: element-wise, without sorting the rows.

Duchi, Hazan, Singer 2011, "Adaptive Subgradient Methods for Online Learning".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

    from kgfeatures.types import IntArray

EPSILON = 1e-10


class Adagrad:
    """A table (n, dim) and the sums of its squared gradients; moves only the rows it is given.

    Parameters
    ----------
    frozen : so many rows at the top never move.
    """

    def __init__(self, table: Tensor, frozen: int = 0) -> None:
        self.table = table
        self.frozen = frozen
        self.squares = torch.zeros_like(table)
        self._place_of_row = np.empty(len(table), dtype=np.int32)

    def step(self, rows: IntArray, gradient: Tensor, rate: float) -> None:
        """Move `rows` (n,), repeats allowed, against `gradient` (n, dim)."""
        if self.frozen:
            free = np.flatnonzero(rows >= self.frozen)
            rows, gradient = rows[free], gradient[torch.from_numpy(free)]
        distinct, place = self._distinct(rows)
        touched = torch.from_numpy(distinct)
        total = torch.zeros(len(distinct), self.table.shape[1])
        total.index_add_(0, torch.from_numpy(place), gradient)
        squares = self.squares.index_select(0, touched).addcmul_(total, total)
        self.squares.index_copy_(0, touched, squares)
        values = self.table.index_select(0, touched)
        values.addcdiv_(total, squares.sqrt_().add_(EPSILON), value=-rate)
        self.table.index_copy_(0, touched, values)

    def _distinct(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Return the distinct rows and the place of each row among them.

        Each row writes its position into a table with one cell per row of ours; where a row
        repeats the last one stays: linear, where sorting would be dear.
        """
        cell = self._place_of_row
        position = np.arange(len(rows), dtype=np.int32)
        cell[rows] = position
        distinct = rows[cell[rows] == position]
        cell[distinct] = position[: len(distinct)]
        return distinct, cell[rows].astype(np.int64)
