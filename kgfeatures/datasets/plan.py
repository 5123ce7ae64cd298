"""What a generated shop is to be: its size, its language, its calendar."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from kgfeatures.errors import DataError, nearest

VERSION = 3
"""Of the generator: raised whenever the same arguments give other bytes."""

START = np.datetime64("2024-01-01", "D")
MINUTES = 24 * 60
LANGUAGES = ("zh", "en", "both")
LIMITS = {
    "customers": (1, 10_000_000),
    "products": (20, 1_000_000),
    "days": (28, 3660),
    "seed": (0, 2**63 - 1),
}
MAX_BASKET_LINES = 200.0
MONTHS = np.array([0.85, 0.8, 0.95, 0.85, 0.9, 1.05, 0.85, 0.85, 1.05, 1.25, 1.6, 1.35])
WEEKDAYS = np.array([1.0, 0.95, 0.95, 1.0, 1.1, 1.25, 1.2])
FESTIVALS = ((6, 18, 3.0), (11, 11, 4.0), (12, 12, 2.5))
"""Month, day and how much more is ordered on it."""

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Plan:
    """The arguments of `generate`, checked."""

    customers: int
    products: int
    days: int
    seed: int
    language: str
    basket_lines: float

    def __post_init__(self) -> None:
        """Raise DataError for what no shop can be."""
        for name, (low, high) in LIMITS.items():
            value: object = getattr(self, name)
            # A number of numpy is as good; True is a slip.
            whole = int(value) if isinstance(value, int | np.integer) else None
            if whole is None or isinstance(value, bool) or not low <= whole <= high:
                raise DataError(
                    f"{name} is {value!r}; give a whole number from {low:,} to {high:,}"
                )
        if self.language not in LANGUAGES:
            raise DataError(
                f"no language {self.language!r} to generate{nearest(self.language, LANGUAGES)}"
            )
        if not 1 <= self.basket_lines <= MAX_BASKET_LINES:
            raise DataError(
                f"basket_lines is {self.basket_lines!r}, the mean number of lines of an order; "
                f"give 1 to {MAX_BASKET_LINES:.0f}"
            )

    @property
    def name(self) -> str:
        """Return a name that says it all: generated, language, size, seed."""
        size = f"{self.customers}x{self.products}x{self.days}"
        return f"generated-{self.language}-{size}-lines{self.basket_lines:g}-seed{self.seed}"

    @cached_property
    def month(self) -> IntArray:
        """The calendar month of each day, 0 to 11."""
        days = START + np.arange(self.days)
        return days.astype("datetime64[M]").astype(np.int64) % 12

    @cached_property
    def weekday(self) -> IntArray:
        """The weekday of each day, 0 is Monday."""
        days = START + np.arange(self.days)
        return (days.astype("datetime64[D]").astype(np.int64) + 3) % 7

    @cached_property
    def order_share(self) -> FloatArray:
        """The share of orders that falls on each day: seasons, weekdays, festivals; sums to 1."""
        weight = MONTHS[self.month] * WEEKDAYS[self.weekday]
        date = (START + np.arange(self.days)).astype("datetime64[D]")
        in_month = (date - date.astype("datetime64[M]")).astype(np.int64) + 1
        for month, day, factor in FESTIVALS:
            weight[(self.month == month - 1) & (in_month == day)] *= factor
        return weight / weight.sum()

    def rng(self, *path: int) -> np.random.Generator:
        """Return the random numbers of one part of the shop, independent of all other parts."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=path))


def at(minutes: IntArray) -> npt.NDArray[np.datetime64]:
    """Return the moments that lie `minutes` after the shop's start."""
    return START.astype("datetime64[us]") + minutes.astype("timedelta64[m]")
