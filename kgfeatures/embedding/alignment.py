"""Alignment: move vectors onto those of an earlier version without changing any ranking.

Two trainings give two spaces that rank alike and whose numbers cannot be compared. What can be
undone is what the model's scores do not see: for TransE a rotation, reflection and shift of the
whole space (orthogonal Procrustes on the entities that both versions have); for L1 TransE the
signs of dimensions and a shift; for DistMult the signs; for ComplEx and RotatE a phase of each
complex dimension. One factor then gives the shared entities the spread that they had: it changes
all scores alike, and trainings that go on from each other would grow for ever without it. What
is left, the residual, says how far the two versions still differ.

Schönemann 1966, "A generalized solution of the orthogonal Procrustes problem".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from kgfeatures.errors import DataError
from kgfeatures.threads import torch_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from kgfeatures.embedding.base import GraphVectors
    from kgfeatures.types import IntArray


@dataclass(frozen=True)
class Alignment:
    """Vectors moved onto earlier ones, and how far apart both still are.

    Parameters
    ----------
    vectors : the moved ones; they rank as before, up to rounding.
    factor : by which they were scaled.
    residual : root of the squared distances between the shared entities' vectors, over that of the
        earlier vectors from their mean (from 0 where the model sees shifts); 0 for equal ones,
        about 1 or more for vectors that have nothing to do with each other.
    residual_before : the same without having moved them.
    shared : how many entities both versions have.
    """

    vectors: GraphVectors
    factor: float
    residual: float
    residual_before: float
    shared: int


@dataclass(frozen=True)
class Move:
    """What to do with the vectors of entities and of relations, each (n, dim) float64."""

    entities: Callable[[Tensor], Tensor]
    relations: Callable[[Tensor], Tensor]


def align(
    vectors: GraphVectors, reference: GraphVectors, rows: IntArray, reference_rows: IntArray
) -> Alignment:
    """Return `vectors` moved as near to `reference` as their rankings allow.

    Parameters
    ----------
    reference : vectors of the same model and dimension.
    rows, reference_rows : (n,) row numbers of the entities that both have, in the same order.

    Raises
    ------
    DataError : nothing is shared, another model or dimension, or a model without such a move.
    """
    names = vectors.model, reference.model
    dims = vectors.entities.shape[1], reference.entities.shape[1]
    if names[0] != names[1] or dims[0] != dims[1]:
        raise DataError(
            f"{names[0]} vectors of {dims[0]} numbers cannot be compared with {names[1]} vectors "
            f"of {dims[1]}; train the same model with the same dim"
        )
    if vectors.model not in MOVES:
        known = ", ".join(sorted(MOVES))
        raise DataError(f"{vectors.model} vectors cannot be aligned, those of {known} can")
    if len(rows) == 0:
        raise DataError("the two versions share no entity; nothing says how they lie to each other")
    with torch_threads(1):
        every = torch.from_numpy(vectors.entities).double()
        found = every[torch.from_numpy(rows)]
        wanted = torch.from_numpy(reference.entities[reference_rows]).double()
        shifts = vectors.model in SHIFTED
        before = _residual(found, wanted, shifts=shifts)
        move = MOVES[vectors.model](found, wanted)
        center = wanted.mean(0) if shifts else torch.zeros_like(wanted[0])
        factor = _factor(move.entities(found) - center, wanted - center)

        def scaled(rows: Tensor) -> Tensor:
            return (move.entities(rows) - center) * factor + center

        relations = move.relations(torch.from_numpy(vectors.relations).double())
        moved = replace(
            vectors,
            entities=scaled(every).float().numpy(),
            # Translations are of the entities' length; factors and turns are not.
            relations=(relations * factor if shifts else relations).float().numpy(),
        )
        residual = _residual(scaled(found), wanted, shifts=shifts)
        return Alignment(moved, factor, residual, before, shared=len(rows))


def _residual(found: Tensor, wanted: Tensor, *, shifts: bool) -> float:
    spread = wanted - wanted.mean(0) if shifts else wanted
    return float((found - wanted).norm() / _positive(spread.norm()))


def _factor(found: Tensor, wanted: Tensor) -> float:
    """Return by what `found` has the spread of `wanted`; 1 where either has none."""
    lengths = float(found.norm()), float(wanted.norm())
    return lengths[1] / lengths[0] if min(lengths) > 0 else 1.0


def _positive(length: Tensor) -> Tensor:
    return length.clamp(min=torch.finfo(torch.float64).tiny)


def _rigid(found: Tensor, wanted: Tensor) -> Move:
    """Return the rotation, reflection and shift with the least squared distance."""
    center, target = found.mean(0), wanted.mean(0)
    left, _, right = torch.linalg.svd((found - center).T @ (wanted - target))
    turn = left @ right
    return Move(lambda rows: (rows - center) @ turn + target, lambda rows: rows @ turn)


def _mirrored(found: Tensor, wanted: Tensor) -> Move:
    """Return a sign of each dimension and a shift: what Manhattan distances do not see."""
    center, target = found.mean(0), wanted.mean(0)
    sign = _signs((found - center) * (wanted - target))
    return Move(lambda rows: (rows - center) * sign + target, lambda rows: rows * sign)


def _signed(found: Tensor, wanted: Tensor) -> Move:
    """Return a sign of each dimension; head and tail both have it, so relations stay."""
    sign = _signs(found * wanted)
    return Move(lambda rows: rows * sign, lambda rows: rows)


def _signs(products: Tensor) -> Tensor:
    total = products.sum(0)
    return torch.where(total < 0, -torch.ones_like(total), torch.ones_like(total))


def _phased(found: Tensor, wanted: Tensor) -> Move:
    """Return a phase of each complex dimension; it cancels between head and tail."""
    phase = (_complex(found).conj() * _complex(wanted)).sum(0).angle()
    turn = torch.polar(torch.ones_like(phase), phase)

    def turned(rows: Tensor) -> Tensor:
        product = _complex(rows) * turn
        return torch.cat([product.real, product.imag], dim=-1)

    return Move(turned, lambda rows: rows)


def _complex(vectors: Tensor) -> Tensor:
    real, imaginary = vectors.chunk(2, dim=-1)
    return torch.complex(real, imaginary)


MOVES: dict[str, Callable[[Tensor, Tensor], Move]] = {
    "transe": _rigid,
    "transe_l1": _mirrored,
    "distmult": _signed,
    "complex": _phased,
    "rotate": _phased,
}
"""What each model's scores do not see; a model that is missing cannot be aligned."""

SHIFTED = {"transe", "transe_l1"}
