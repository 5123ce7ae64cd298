"""Names that every layer shares: array types, ids, progress."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

_SIGN_CLEARED = 2**63 - 1


def entity_id(entity_type: str, key: str) -> int:
    """Return the content-addressed id of an entity; the twin of SQL's kg.entity_id.

    Parameters
    ----------
    entity_type : "customer", "product", "brand" …; "relation" gives relation ids.
    key : the shop's own key.

    Returns
    -------
    id : the first 8 bytes of sha256(type, 0x1f, key) with the sign bit cleared, in [0, 2**63).
    """
    digest = hashlib.sha256(f"{entity_type}\x1f{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") & _SIGN_CLEARED


def entity_ids(entity_type: str, keys: Iterable[str]) -> IntArray:
    """Return entity_id(entity_type, key) of each key: (n,) int64.

    Parameters
    ----------
    entity_type : the same for all keys: "product", "customer", "colour" ….
    keys : n of them, the shop's own, as text.
    """
    return np.fromiter((entity_id(entity_type, key) for key in keys), dtype=np.int64)


def relation_id(name: str) -> int:
    """Return the content-addressed id of a relation; the twin of SQL's kg.relation_id."""
    return entity_id("relation", name)


class Progress(Protocol):
    """How work tells how far it is: a bar in a terminal, a widget, a row of ops.run."""

    def start(self, label: str, total: int | None = None) -> None:
        """Begin a stage called `label`; `total` steps long, None when nobody knows."""
        ...

    def advance(self, n: int = 1) -> None:
        """Say that `n` more steps of the stage are done."""
        ...

    def note(self, text: str) -> None:
        """Say one sentence worth keeping."""
        ...


class NoProgress:
    """Progress that nobody watches."""

    def start(self, label: str, total: int | None = None) -> None:
        """Forget the stage."""

    def advance(self, n: int = 1) -> None:
        """Forget the steps."""

    def note(self, text: str) -> None:
        """Forget the sentence."""
