"""What graph vectors are learned from: the triples and interactions that were known at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd, lcm
from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.db import queries, transport
from kgfeatures.errors import DataError, UnknownNameError, nearest
from kgfeatures.graph.vectors import content_hash

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.types import IntArray

PARTS = 4
MOST = 16
ONE = 1.5
"""A side with fewer triples for each entity counts as one: an attribute has one value as a rule."""
MOST_ROWS = 5_000_000
WEIGHTS = f"multiples of 1/{PARTS} up to {MOST}"


@dataclass(frozen=True)
class Choice:
    """Which relations are learned, and how often each.

    Parameters
    ----------
    without : relations that are left out.
    weights : how often a relation's triples are visited in the time in which those of weight 1
        are visited once; multiples of 1/4 up to 16; `usual_weights` where there is none.

    Raises
    ------
    DataError : a weight out of range, or of a relation that is left out.
    """

    without: Sequence[str] = ()
    weights: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if not 0 < weight <= MOST or weight * PARTS % 1:
                raise DataError(
                    f"the weight of {name} is {weight}; weights are {WEIGHTS}, and a relation is "
                    "left out by naming it in `without`"
                )
        both = sorted(set(self.without) & set(self.weights))
        if both:
            raise DataError(f"{both[0]} has a weight and is left out; choose one")

    @property
    def parameters(self) -> dict[str, Any]:
        """What a version's card says of it."""
        return {"without": sorted(set(self.without)), "weights": dict(sorted(self.weights.items()))}


@dataclass(frozen=True)
class KnownTriples:
    """Distinct triples as row numbers of head, relation, tail: (n, 3).

    Parameters
    ----------
    entity_ids, relation_ids : what the row numbers stand for, ascending.
    triples : ordered by the ids of head, relation, tail.
    data_hash : of all of it, see kgfeatures.graph.vectors.content_hash.
    """

    entity_ids: IntArray
    relation_ids: IntArray
    triples: IntArray
    data_hash: str

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers of entities and relations."""
        return len(self.entity_ids), len(self.relation_ids)


def read(conn: Connection[TupleRow], known_at: dt.datetime, choice: Choice) -> KnownTriples:
    """Return the triples and interactions known at a time, of the relations chosen.

    Raises
    ------
    UnknownNameError : a relation of the choice is none of the graph's.
    DataError : nothing is left; the message says since when there is something.
    """
    ids = relation_ids(conn, [*choice.without, *choice.weights])
    facts = transport.read_arrow(conn, "embed.facts", known_at=known_at)
    rows = np.column_stack([column.to_numpy() for column in facts.columns])
    if len(rows) == 0:
        first = queries.fetch(conn, "embed.first_known")[0]["known_at"]
        since = f"the first is of {first:%Y-%m-%d %H:%M} UTC" if first else "there is none at all"
        raise DataError(
            f"no triple and no purchase was known at {known_at}: {since}; "
            "name a later known_at, or run ingest first"
        )
    left_out = [ids[name] for name in choice.without]
    kept = rows[~np.isin(rows[:, 1], left_out)] if left_out else rows
    if len(kept) == 0:
        raise DataError(
            f"all {len(rows)} triples known at {known_at} are of relations that are left out "
            f"({', '.join(sorted(choice.without))}); leave out fewer"
        )
    return numbered(kept)


def numbered(rows: IntArray) -> KnownTriples:
    """Return triples of ids, (n, 3), as row numbers."""
    entities, ends = np.unique(rows[:, (0, 2)], return_inverse=True)
    relations, names = np.unique(rows[:, 1], return_inverse=True)
    ends = ends.reshape(-1, 2)
    triples = np.column_stack([ends[:, 0], names, ends[:, 1]])
    return KnownTriples(entities, relations, triples, content_hash(rows))


def relation_ids(conn: Connection[TupleRow], names: Sequence[str]) -> dict[str, int]:
    """Return the ids of relations by name, those of interactions among them.

    Raises
    ------
    UnknownNameError : the graph has no such relation; the message names the nearest.
    """
    if not names:
        return {}
    known = {row["name"]: row["relation_id"] for row in queries.fetch(conn, "embed.relations")}
    for name in names:
        if name not in known:
            raise UnknownNameError(f"no relation is called {name!r}{nearest(name, known)}")
    return {name: known[name] for name in names}


def usual_weights(triples: IntArray, n_relations: int, passes: int) -> list[Fraction]:
    """Return how often each relation is visited where one of weight 1 is visited once.

    That a customer bought a product once says little of either. Where both have few such triples,
    many passes learn these by heart: on complete_journey, of 3 purchases a product, twelve passes
    predict purchases worse than popularity does, one pass as well. So a relation of many to many
    is visited about half as often as its rarer side has triples on average, at least once in all
    passes; others, attributes for example, in all of them.

    Parameters
    ----------
    triples : (n, 3) row numbers.
    passes : visits of weight 1.

    Examples
    --------
    >>> bought = [(customer, 0, 20 + product) for customer in range(8) for product in range(4)]
    >>> coloured = [(20 + product, 1, 30) for product in range(4)]
    >>> usual_weights(np.array(bought + coloured), 2, passes=12)
    [Fraction(1, 6), Fraction(1, 1)]
    """
    head, relation, tail = triples.T
    counts = np.bincount(relation, minlength=n_relations)
    width = int(triples[:, (0, 2)].max()) + 1
    sides = [
        np.bincount(np.unique(relation * width + end) // width, minlength=n_relations)
        for end in (head, tail)
    ]
    each = counts / np.maximum(1, np.maximum(*sides))
    # A relation of weight 1 is repeated so often in memory.
    grain = max(1, min(passes, MOST_ROWS // len(triples)))
    visits = np.clip(np.rint(each / 2 / passes * grain), 1, grain).astype(int)
    return [
        Fraction(int(part), grain) if few > ONE else Fraction(1)
        for part, few in zip(visits, each, strict=True)
    ]


def repeats(
    known: KnownTriples, weights: Mapping[int, float], passes: int = 1
) -> tuple[IntArray, int]:
    """Return how often each triple is to stand in a training, (n,), and how often weight 1 does.

    Whole numbers in the ratio of the weights, as small as they can be: a weight below 1 repeats
    all others instead of leaving triples out.

    Parameters
    ----------
    weights : by the id of a relation; `usual_weights` where there is none.
    passes : visits of weight 1.

    Examples
    --------
    >>> rows = numbered(np.array([[7, 1, 8], [7, 2, 9]]))
    >>> repeats(rows, {2: 0.5})
    (array([2, 1]), 2)
    """
    usual = usual_weights(known.triples, len(known.relation_ids), passes)
    of_relation = [
        Fraction(weights[key]) if key in weights else weight
        for key, weight in zip(known.relation_ids.tolist(), usual, strict=True)
    ]
    common = lcm(*(weight.denominator for weight in of_relation))
    parts = [int(weight * common) for weight in [*of_relation, Fraction(1)]]
    unit = gcd(*parts)
    times = np.array(parts[:-1]) // unit
    return times[known.triples[:, 1]], parts[-1] // unit
