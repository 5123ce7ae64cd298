"""The blend that a shop is served: its signals, and weights fitted on its own last weeks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.sparse import csr_matrix

from kgfeatures.errors import DataError
from kgfeatures.recommend import (
    Attributes,
    Blend,
    Neighbors,
    Popular,
    Texts,
    choose,
    fit_weights,
)
from kgfeatures.recommend.blend import normalized
from kgfeatures.recommend.item_item import ItemItem
from kgfeatures.recommend.latent import Latent
from kgfeatures.recommend.tuning import FEWEST_CUSTOMERS, HELD_OUT_DAYS, Question, question

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from kgfeatures.recommend import GraphDistance, NeighborSettings, Purchases, Recommender
    from kgfeatures.steps.recommend_shop import Shop
    from kgfeatures.types import Progress

SIGNALS = ("bought_together", "shared_triples", "text", "factors", "graph_vector", "popular")
OF_THE_GRAPH = ("shared_triples", "graph_vector")
# Never 0: popularity fills the lists of customers of whom little is known; triples bring in what
# nobody bought yet, and reasons, which no question about old products can measure.
LEAST = {"popular": 0.05}
LEAST_OF_THE_GRAPH = {"shared_triples": 0.05}
# Where too few customers can be asked; fitted on the validation months of Online Retail 2009-2010.
USUAL_WEIGHTS = {
    "bought_together": 0.55,
    "shared_triples": 0.15,
    "text": 0.05,
    "factors": 0.15,
    "popular": 0.1,
}
# Asked when weights are fitted; looked at are so many best products of every signal for each.
CUSTOMERS, CANDIDATES = 2000, 100


@dataclass(frozen=True)
class Fitted:
    """Weights by signal, all of SIGNALS, and their ndcg@20 on the last weeks, None = not measured.

    Those without the graph are of the best blend that knows no triple.
    """

    weights: Mapping[str, float]
    without_graph: Mapping[str, float]
    ndcg: float | None = None
    ndcg_without_graph: float | None = None
    customers: int = 0


class Kept(ItemItem):
    """Neighbours by a table that does not depend on purchases: made once, fitted often."""

    def __init__(self, kept: csr_matrix, memory_half_life_days: float | None) -> None:
        super().__init__(memory_half_life_days)
        self.kept = kept

    def table(self, purchases: Purchases) -> csr_matrix:  # noqa: ARG002  the base class's
        """Return the table that was made."""
        return self.kept


class Fixed(Blend):
    """A blend of fitted parts as one signal of another: on the scale that its parts have."""

    def adopt(self, purchases: Purchases) -> Self:
        """Take the parts as they are."""
        self.weights_ = normalized(self.weights, self.parts)
        self.purchases_ = purchases
        return self

    def scale(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the scores, which lie in [0, 1] already."""
        return scores


@dataclass(frozen=True)
class Signals:
    """How the signals of a shop are made.

    Parameters
    ----------
    shop : what they are made from.
    neighbors : how neighbours by purchases are weighted.
    popular_half_life_days : of popularity.
    graph : vectors of the graph.
    tables : neighbours by what is said of products.
    """

    shop: Shop
    neighbors: NeighborSettings
    popular_half_life_days: float | None
    graph: GraphDistance
    tables: Mapping[str, csr_matrix]

    def parts(self, names: Iterable[str]) -> dict[str, Recommender]:
        """Return new recommenders for these signals, in the order of SIGNALS."""
        memory = self.neighbors.memory_half_life_days
        makes = {
            "bought_together": lambda: Neighbors(self.neighbors),
            "shared_triples": lambda: Kept(self.tables["shared_triples"], memory),
            "text": lambda: Kept(self.tables["text"], memory),
            "factors": lambda: Latent(memory_half_life_days=memory),
            "graph_vector": lambda: self.graph,
            "popular": lambda: Popular(self.popular_half_life_days),
        }
        wanted = set(names)
        return {name: makes[name]() for name in SIGNALS if name in wanted}


def checked(weights: Mapping[str, float]) -> dict[str, float]:
    """Return weights of all signals that sum to 1; those left out are 0.

    Raises
    ------
    DataError : another name, a weight below 0, or none above it.
    """
    unknown = sorted(set(weights) - set(SIGNALS))
    if unknown:
        raise DataError(f"there is no signal {unknown[0]!r}; signals are {', '.join(SIGNALS)}")
    return normalized({signal: weights.get(signal, 0.0) for signal in SIGNALS})


def signals_of(
    shop: Shop,
    graph: GraphDistance,
    neighbors: NeighborSettings | None,
    half_life_days: float | None,
    progress: Progress,
) -> Signals:
    """Return how the shop's signals are made; neighbours None takes what suits its last weeks."""
    settings = neighbors
    if settings is None:
        progress.start("which neighbours suit this shop")
        settings = choose(shop.lines, half_life_days).neighbors
    progress.start("neighbours by triples and texts")
    nobody = shop.lines.purchases(before=-np.inf)
    tables = {
        "shared_triples": Attributes(shop.attributes).table(nobody),
        "text": Texts(shop.texts).table(nobody),
    }
    return Signals(shop, settings, half_life_days, graph, tables)


def fit(signals: Signals, progress: Progress) -> Fitted:
    """Return the weights that rank best what was newly bought in the shop's last weeks.

    Graph vectors know those weeks: what they say cannot be measured, and has no weight.
    """
    asked = _question(signals.shop)
    n = len(asked.asked)
    if n < FEWEST_CUSTOMERS:
        usual = checked({name: USUAL_WEIGHTS[name] for name in signals.shop.signals})
        return Fitted(usual, without_graph(usual), customers=n)
    parts = signals.parts(signals.shop.signals)
    for name, part in parts.items():
        progress.start(f"{name.replace('_', ' ')}, as known {HELD_OUT_DAYS:.0f} days ago")
        part.fit(asked.known)
    others = {name: part for name, part in parts.items() if name not in OF_THE_GRAPH}
    search = partial(fit_weights, asked=asked, candidates=CANDIDATES, progress=progress)
    found, ndcg = search(others, always=LEAST)
    without = checked(found)
    fitted = Fitted(without, without, ndcg, ndcg, n)
    if len(others) == len(parts):
        return fitted
    # The graph's signals beside the best blend without them.
    rest = Fixed(others, found).adopt(asked.known)
    beside = {name: part for name, part in parts.items() if name in OF_THE_GRAPH}
    found, ndcg = search({"rest": rest, **beside}, always=LEAST_OF_THE_GRAPH)
    share = found.pop("rest")
    weights = {name: share * weight for name, weight in without.items()} | found
    return replace(fitted, weights=checked(weights), ndcg=ndcg)


def blend_of(signals: Signals, weights: Mapping[str, float]) -> Blend:
    """Return the blend of the signals that weigh anything, not fitted.

    Neighbours by purchases and popularity belong to it always: SQL shows them for themselves.
    """
    used = {name for name in SIGNALS if weights[name] > 0} | {"bought_together", "popular"}
    parts = signals.parts(used)
    return Blend(parts, {name: weights[name] for name in parts})


def without_graph(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the same weights with nothing for the graph; popularity's where nothing is left."""
    rest = {name: weights[name] for name in SIGNALS if name not in OF_THE_GRAPH}
    return checked(rest if any(rest.values()) else {"popular": 1.0})


def _question(shop: Shop) -> Question:
    """Return what was known 60 days ago and newly bought since; evenly spaced customers."""
    day = shop.lines.day
    whole = question(shop.lines, max(day.max() - HELD_OUT_DAYS, (day.min() + day.max()) / 2))
    n = len(whole.asked)
    rows = np.unique(np.linspace(0, max(n - 1, 0), min(n, CUSTOMERS)).astype(np.int64))
    return Question(whole.known, whole.asked[rows], csr_matrix(whole.wanted[rows]))
