"""Every algorithm and their blend on one exam: chosen on validation, then asked once.

The blend has every signal, its weights found on validation; "blend without graph" has none of the
graph's, its weights found anew, so that the difference is what the graph adds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kgfeatures.recommend.attributes import Attributes
from kgfeatures.recommend.blend import Blend
from kgfeatures.recommend.coldstart import Cold, cold_start
from kgfeatures.recommend.item_item import unit_rows
from kgfeatures.recommend.lineup import (
    BY_VECTORS,
    OF_THE_GRAPH,
    POPULAR,
    lineup,
    of_vectors,
    settings_of,
)
from kgfeatures.recommend.marking import Paper, Row, ratio
from kgfeatures.recommend.protocols import sample
from kgfeatures.recommend.weights import fit_weights
from kgfeatures.types import NoProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scipy.sparse import csr_matrix

    from kgfeatures.recommend.base import Purchases, Recommender
    from kgfeatures.recommend.evaluation import Estimate
    from kgfeatures.recommend.knowledge import GraphDistance
    from kgfeatures.recommend.lineup import Described
    from kgfeatures.recommend.protocols import Exam, Protocol
    from kgfeatures.types import Progress

CANDIDATES = 100
CUSTOMERS = 5000
# Never 0: popularity fills the lists of customers of whom nothing is known.
LEAST_POPULAR = 0.02
NOT_BLENDED = ("cosine item-item",)
BLEND, WITHOUT = "blend", "blend without graph"


@dataclass(frozen=True)
class Outcome:
    """What a contest gave.

    Parameters
    ----------
    rows : by algorithm, blends last.
    graph_gain : of hr@10, as a fraction; None without a graph.
    cold : None where products have neither attributes nor texts, where nobody wants one of those
        removed, or when it was not asked for.
    choosing_seconds : CPU time to choose settings and weights on validation.
    """

    dataset: str
    protocol: Protocol
    seed: int
    rows: Mapping[str, Row]
    graph_gain: Estimate | None
    cold: Cold | None
    choosing_seconds: float


class _Timed:
    """A training of graph vectors that remembers what the last one cost, in CPU seconds."""

    def __init__(self, train: Callable[[Purchases], GraphDistance]) -> None:
        self._train = train
        self.seconds = 0.0

    def __call__(self, purchases: Purchases) -> GraphDistance:
        began = time.process_time()
        vectors = self._train(purchases)
        self.seconds = time.process_time() - began
        return vectors


def contest(
    dataset: str,
    protocol: Protocol,
    described: Described,
    *,
    cold_share: float = 0.1,
    seed: int = 0,
    progress: Progress | None = None,
) -> Outcome:
    """Return what every algorithm does on the test of a protocol.

    Parameters
    ----------
    dataset : its name.
    described : what is said of products beside purchases.
    cold_share : of the products whose purchases are removed for the cold start; 0 leaves it out.
    seed : of resamples and of the products drawn for the cold start.
    progress : told of each stage.
    """
    told = progress or NoProgress()
    train = None if described.graph is None else _Timed(described.graph)
    described = replace(described, graph=train)
    began = time.process_time()
    parts = lineup(protocol.validation, described, progress=told)
    weights = choose_weights(parts, protocol.validation, told)
    choosing_seconds = time.process_time() - began
    seconds = _fit(parts, protocol, train, told)
    paper = Paper(protocol.test, _alike(described, protocol.test), seed)
    rows: dict[str, Row] = {}
    told.start("ask everybody", len(parts) + len(weights))
    for name, model in parts.items():
        rows[name] = paper.mark(model, _spent([name], seconds, train), settings_of(model))
        told.advance()
    for name, shares in weights.items():
        used = {signal: parts[signal] for signal, share in shares.items() if share > 0}
        blend = Blend(used, {signal: shares[signal] for signal in used}).adopt(protocol.test.known)
        rows[name] = paper.mark(blend, _spent(list(used), seconds, train), shares)
        told.advance()
    gain = ratio(rows[BLEND], rows[WITHOUT], "hr@10") if WITHOUT in rows else None
    # Last of all, because it fits the models anew.
    found = cold_start(parts, protocol, cold_share, seed, told) if cold_share > 0 else None
    return Outcome(dataset, protocol, seed, rows, gain, found, choosing_seconds)


def choose_weights(
    parts: Mapping[str, Recommender], asked: Exam, progress: Progress | None = None
) -> dict[str, dict[str, float]]:
    """Return the weights of all signals, and of those that are not the graph's, by blend.

    Parameters
    ----------
    parts : fitted on what the exam lets learn.
    asked : of validation, never of test.
    """
    signals = {name: part for name, part in parts.items() if name not in NOT_BLENDED}
    without = {name: part for name, part in signals.items() if name not in OF_THE_GRAPH}
    blends = {BLEND: signals} | ({WITHOUT: without} if len(without) < len(signals) else {})
    least = {POPULAR: LEAST_POPULAR}
    asked = sample(asked, CUSTOMERS)
    return {
        name: fit_weights(some, asked, always=least, candidates=CANDIDATES, progress=progress)[0]
        for name, some in blends.items()
    }


def _fit(
    parts: dict[str, Recommender], protocol: Protocol, train: _Timed | None, progress: Progress
) -> dict[str, float]:
    """Fit the models as chosen for the test, and return the CPU seconds of each."""
    learned = protocol.test.learned
    if train is not None and learned is not protocol.validation.learned:
        progress.start("train TransE for the test")
        parts |= of_vectors(train(learned))
    seconds: dict[str, float] = {}
    for name, model in parts.items():
        progress.start(f"fit {name}")
        began = time.process_time()
        model.fit(learned)
        seconds[name] = time.process_time() - began
        model.remember(protocol.test.known)
    return seconds


def _spent(names: Sequence[str], seconds: Mapping[str, float], train: _Timed | None) -> float:
    """Return the CPU seconds of some models; the training that two share counts once."""
    total = sum(seconds[name] for name in names)
    if train is None or not any(name in BY_VECTORS for name in names):
        return total
    return total + train.seconds


def _alike(described: Described, asked: Exam) -> csr_matrix:
    """Return what says how alike two products are: attributes, or else who bought them."""
    if described.attributes is not None:
        return Attributes(described.attributes).weighted()
    return unit_rows(asked.learned.matrix().T.tocsr())
