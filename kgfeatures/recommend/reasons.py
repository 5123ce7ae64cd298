"""Which signal says most of each recommended product, and what scales a customer's scores.

The same as rec.recommend's column reason: of equals the first signal; popularity where it says
more than every other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from kgfeatures.recommend.item_item import ItemItem
from kgfeatures.recommend.popular import Popular

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.recommend.blend import Blend
    from kgfeatures.types import IntArray

# Places of a block that products of lists are looked up in: one byte or two each.
CELLS = 4_000_000


class Reasons(NamedTuple):
    """Why products are in lists.

    Parameters
    ----------
    signal : (n, k) the number of the signal that says most, its place in the names given.
    highest : (n, len(names)) of each signal the highest score of any product before scaling; NaN
        where it says nothing, or is no sum over purchases.
    """

    signal: NDArray[np.int16]
    highest: NDArray[np.float64]


def are_sums(blend: Blend) -> bool:
    """Return whether neighbours of purchases and popularity are all that weighs anything."""
    weights = blend.weights_
    return all(
        isinstance(part, ItemItem | Popular) or weights[name] == 0
        for name, part in blend.parts.items()
    )


def reasons(
    blend: Blend, names: tuple[str, ...], customers: IntArray, products: IntArray
) -> Reasons:
    """Return why products are recommended by a blend for which `are_sums` holds.

    Parameters
    ----------
    names : all signals there are, in the order in which equals go.
    customers : (n,) row numbers.
    products : (n, k) row numbers, each once per row; -1 for none.
    """
    found = Reasons(
        np.zeros(products.shape, dtype=np.int16), np.full((len(customers), len(names)), np.nan)
    )
    n_products = blend.purchases_.n_products
    step = max(1, CELLS // max(1, n_products))
    for start in range(0, len(customers), step):
        rows = slice(start, start + step)
        _fill(
            blend,
            names,
            customers[rows],
            products[rows],
            Reasons(found.signal[rows], found.highest[rows]),
        )
    return found


def _fill(
    blend: Blend, names: tuple[str, ...], customers: IntArray, products: IntArray, into: Reasons
) -> None:
    """Write the reasons of some customers into their rows."""
    n, width = len(customers), blend.purchases_.n_products
    row, rank = np.nonzero(products >= 0)
    # Where in its list a product stands: numbered from 1, 0 for those in no list.
    place = np.zeros(n * width, dtype=np.int16)
    place[row * width + products[row, rank]] = rank + 1
    most = np.zeros(products.shape)
    popular = names.index("popular")
    into.signal[:] = popular
    for number, name in enumerate(names):
        part, weight = blend.parts.get(name), blend.weights_.get(name, 0.0)
        if weight > 0 and isinstance(part, ItemItem):
            said, into.highest[:, number] = _said(part, customers, place, products.shape[1])
            said *= weight
            into.signal[said > most] = number
            np.maximum(most, said, out=most)
    own = blend.weights_["popular"] * blend.parts["popular"].scaled(customers)[0]
    into.signal[own[products] > most] = popular


def _said(
    part: ItemItem, customers: IntArray, place: NDArray[np.int16], k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what a signal says of the k products of each list, scaled, and its highest score."""
    sums = csr_matrix(part.history_[customers] @ part.neighbors_)
    sizes = np.diff(sums.indptr)
    there = np.flatnonzero(sizes)
    highest = np.full(len(customers), np.nan)
    said = np.zeros((len(customers), k))
    if len(there) == 0:
        return said, highest
    highest[there] = np.maximum.reduceat(sums.data, sums.indptr[there])
    row = np.repeat(np.arange(len(customers)), sizes)
    rank = place[row * (len(place) // len(customers)) + sums.indices]
    hit = np.flatnonzero(rank)
    said[row[hit], rank[hit] - 1] = sums.data[hit] / highest[row[hit]]
    return said, highest
