"""Every algorithm that a shop can be asked with, its settings chosen on a validation exam.

The highest ndcg@20 wins, the first of equals. Item-item neighbours have many settings: each is
tried over its grid in turn, the others standing still, twice over; the exponents of both products
at once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.recommend.als import Als
from kgfeatures.recommend.attributes import Attributes
from kgfeatures.recommend.customers import SimilarCustomers
from kgfeatures.recommend.evaluation import ndcg_at_k
from kgfeatures.recommend.knowledge import GraphDistance
from kgfeatures.recommend.latent import Latent
from kgfeatures.recommend.neighbors import (
    COSINE,
    Neighbors,
    NeighborSettings,
    neighbor_tables,
)
from kgfeatures.recommend.popular import Popular
from kgfeatures.recommend.protocols import sample
from kgfeatures.recommend.text import Texts
from kgfeatures.types import NoProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scipy.sparse import csr_matrix

    from kgfeatures.recommend.base import Purchases, Recommender
    from kgfeatures.recommend.item_item import ItemItem
    from kgfeatures.recommend.protocols import Exam
    from kgfeatures.types import FloatArray, Progress

K = 20
CUSTOMERS = 2000
ROUNDS = 2
MEMORY_HALF_LIVES = (None, 60.0, 20.0, 7.0, 2.0)
# Of the product bought and of the one recommended, chosen together: what suits one depends on the
# other, and large sets without dates want what small shops do not.
DEGREE_EXPONENTS = (
    *((0.1, 0.7), (0.1, 0.5), (0.1, 0.3), (0.3, 0.7), (0.3, 0.5), (0.3, 0.3)),
    *((0.5, 0.7), (0.5, 0.5), (0.5, 0.3), (0.5, 0.1), (0.7, 0.5), (0.7, 0.3), (0.7, 0.1)),
)
NEIGHBOR_GRID: tuple[tuple[Mapping[str, float | None], ...], ...] = (
    tuple({"memory_half_life_days": days} for days in MEMORY_HALF_LIVES),
    tuple({"product_exponent": i, "neighbor_exponent": j} for i, j in DEGREE_EXPONENTS),
    tuple({"customer_exponent": exponent} for exponent in (0.0, 0.3, 0.5, 0.8)),
    tuple({"shrinkage": pairs} for pairs in (0.0, 1.0, 3.0, 10.0)),
    tuple({"trend_half_life_days": days} for days in (None, 120.0, 60.0)),
    tuple({"top": top} for top in (50, 100, 200)),
)
TOPS, MOST = (50, 200), 200
ATTRIBUTE_WEIGHTS = ((1.0, 1.0), (2.0, 1.0), (1.5, 0.5))
HALF_LIVES, WINDOWS = (None, 120.0, 60.0, 30.0, 10.0), (90.0, 30.0)
# Factors, regularisation, weight of a purchase.
ALS_SETTINGS = ((64, 0.05, 10.0), (128, 1.0, 10.0), (256, 0.05, 10.0))
LIKE_CUSTOMERS = ((0.5, 200), (0.25, 200))

BY_VECTORS = ("TransE", "TransE dot")
OF_THE_GRAPH = ("attributes", *BY_VECTORS)
POPULAR = "popular"


@dataclass(frozen=True)
class Described:
    """What is said of products and customers beside purchases.

    Parameters
    ----------
    attributes : (n_products, n_attributes), non-zero where a product has a relation and tail.
    texts : by the encoder's short name, (n_products, dim) text vectors.
    graph : trains graph vectors of some purchases and all that is said.
    """

    attributes: csr_matrix | None = None
    texts: Mapping[str, FloatArray] = field(default_factory=dict[str, "FloatArray"])
    graph: Callable[[Purchases], GraphDistance] | None = None


def ndcg(model: Recommender, asked: Exam) -> float:
    """Return the mean ndcg@20 of a fitted model."""
    return float(ndcg_at_k(model.recommend(asked.asked, K)[0], asked.wanted).mean())


def settings_of(model: Recommender) -> dict[str, Any]:
    """Return what a model was made of, arrays left out."""
    if isinstance(model, Neighbors):
        return asdict(model.settings)
    plain = bool | int | float | str | None
    made_of = vars(model).items()
    return {name: value for name, value in made_of if isinstance(value, plain) and name[-1] != "_"}


def lineup(
    asked: Exam, described: Described, *, progress: Progress | None = None
) -> dict[str, Recommender]:
    """Return every algorithm as it does best on an exam, fitted on what may be learned there.

    Parameters
    ----------
    asked : of validation, never of test.
    described : algorithms that need what is not there are left out.
    progress : told of each algorithm.
    """
    told = progress or NoProgress()
    some = sample(asked, CUSTOMERS)
    found: dict[str, Recommender] = {}
    told.start("choose popular")
    listed = [Popular(half_life) for half_life in HALF_LIVES]
    listed += [Popular(window_days=window) for window in WINDOWS]
    found[POPULAR] = best(listed, some)
    told.start("choose cosine item-item")
    found["cosine item-item"] = Neighbors(COSINE).fit(some.learned).remember(some.known)
    told.start("choose item-item", ROUNDS * len(NEIGHBOR_GRID))
    found["item-item"] = Neighbors(choose_neighbors(some, told)).fit(some.learned)
    told.start("choose like customers")
    found["like customers"] = best([SimilarCustomers(*pair) for pair in LIKE_CUSTOMERS], some)
    told.start("choose ALS")
    als = found["ALS"] = best([Als(*numbers) for numbers in ALS_SETTINGS], some)
    if isinstance(als, Als):
        told.start("choose ALS table")
        made_of = (als.factors, als.regularization, als.alpha, als.iterations, als.seed)
        found["ALS table"] = best_memory([Latent(Als(*made_of))], some)
    if described.attributes is not None:
        told.start("choose attributes")
        found["attributes"] = best_memory(ways_of(described.attributes), some)
    for name, vectors in described.texts.items():
        told.start(f"choose texts {name}")
        found[f"texts {name}"] = best_memory([Texts(vectors, top) for top in TOPS], some)
    if described.graph is not None:
        told.start("train TransE")
        found |= of_vectors(described.graph(asked.learned))
    for model in found.values():
        if not hasattr(model, "purchases_"):
            model.fit(asked.learned)
        model.remember(asked.known)
    return found


def ways_of(attributes: csr_matrix) -> list[Attributes]:
    """Return recommenders by attributes that weigh them in different ways, not fitted."""
    return [
        Attributes(attributes, MOST, idf_power=power, length_exponent=exponent)
        for power, exponent in ATTRIBUTE_WEIGHTS
    ]


def of_vectors(vectors: GraphDistance) -> dict[str, Recommender]:
    """Return both forms of a ranking by graph vectors, not fitted."""
    dot = GraphDistance(vectors.customers, vectors.products, vectors.bought, form="dot")
    return dict(zip(BY_VECTORS, (vectors, dot), strict=True))


def best(models: Sequence[Recommender], asked: Exam) -> Recommender:
    """Return the model with the highest ndcg@20, fitted; the first of equals."""
    winner, highest = models[0], -1.0
    for model in models:
        model.fit(asked.learned).remember(asked.known)
        if (found := ndcg(model, asked)) > highest:
            winner, highest = model, found
    return winner


def best_memory(models: Sequence[ItemItem], asked: Exam) -> ItemItem:
    """Return the best of some models with the best of some memories; a table is made once each."""
    winner, highest = models[0], -1.0
    for model in models:
        model.fit(asked.learned)
        memory = model.memory_half_life_days
        for half_life in MEMORY_HALF_LIVES:
            model.memory_half_life_days = half_life
            if (found := ndcg(model.remember(asked.known), asked)) > highest:
                winner, highest, memory = model, found, half_life
        model.memory_half_life_days = memory
    winner.remember(asked.known)
    return winner


def choose_neighbors(asked: Exam, progress: Progress | None = None) -> NeighborSettings:
    """Return the settings of item-item neighbours with the highest ndcg@20.

    Parameters
    ----------
    asked : its customers are all scored: pass a sample.
    progress : advances with each setting.
    """
    told = progress or NoProgress()
    # Only what these customers bought has to have neighbours.
    products = np.unique(asked.known.matrix()[asked.asked].indices).astype(np.int64)
    chosen = NeighborSettings(trend_half_life_days=None)
    found: dict[NeighborSettings, float] = {}
    for _ in range(ROUNDS):
        before = chosen
        for changes in NEIGHBOR_GRID:
            every = [replace(chosen, **change) for change in changes]
            tried = [settings for settings in every if settings not in found]
            # How long a customer's own purchases count is no matter of the table.
            shared = tried[:1] if "memory_half_life_days" in changes[0] else tried
            tables = neighbor_tables(asked.learned, shared, products)
            for place, settings in enumerate(tried):
                table = tables[min(place, len(tables) - 1)]
                found[settings] = ndcg(Neighbors(settings).adopt(asked.known, table), asked)
            chosen = max(found, key=found.__getitem__)
            told.advance()
        if chosen == before:
            break
    return chosen
