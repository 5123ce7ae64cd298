"""Cold start: whether products can be found that nobody has bought yet.

The products sold are dealt into tenths; in each of several rounds one tenth loses all purchases,
models learn without them, and those customers are asked who want one of them, among the whole
catalogue. Weights are found on a round of the validation exam.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.recommend.attributes import Attributes
from kgfeatures.recommend.blend import Blend
from kgfeatures.recommend.evaluation import Estimate, bootstrap, hit_rate_at_k
from kgfeatures.recommend.lineup import best_memory, ways_of
from kgfeatures.recommend.neighbors import Neighbors
from kgfeatures.recommend.popular import Popular
from kgfeatures.recommend.propagated import Propagated
from kgfeatures.recommend.protocols import cold, sample
from kgfeatures.recommend.text import Texts
from kgfeatures.recommend.weights import fit_weights
from kgfeatures.types import NoProgress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from kgfeatures.recommend.base import Recommender
    from kgfeatures.recommend.item_item import ItemItem
    from kgfeatures.recommend.protocols import Exam, Protocol
    from kgfeatures.types import Progress

ROUNDS = 5
K = 20
CUSTOMERS, CANDIDATES = 5000, 100
BLEND, TOLD, BLIND = "blend", "popular", "popular not told"


@dataclass(frozen=True)
class Cold:
    """How products that nobody ever bought are found: hr@20 among the whole catalogue.

    Parameters
    ----------
    products, customers : how many lost their purchases, and how many were asked, over all rounds.
    weights : of the blend of what is said.
    found : by name: the blend, each of its parts, popularity that was told the removed purchases
        (`TOLD`), and popularity that was not (`BLIND`).
    """

    products: int
    customers: int
    weights: Mapping[str, float]
    found: Mapping[str, Estimate]


def cold_start(
    parts: Mapping[str, Recommender],
    protocol: Protocol,
    share: float = 0.1,
    seed: int = 0,
    progress: Progress | None = None,
) -> Cold | None:
    """Return how well attributes and texts find products without purchases.

    Parameters
    ----------
    parts : as chosen on validation and fitted; those of attributes and texts are used, and
        what is bought together is passed on through them.
    share : of the products sold, removed in each round.
    seed : of the dealing.

    Returns
    -------
    cold : None where nothing is said of products, or nobody wants one that was removed.
    """
    asked = sample(cold(protocol.validation, share, seed), CUSTOMERS)
    if len(asked.asked) == 0 or not (content := _content(parts, asked)):
        return None
    rounds = min(ROUNDS, int(1 / share))
    told = progress or NoProgress()
    told.start("cold start", rounds + 1)
    _learn(content, asked)
    weights = fit_weights(content, asked, candidates=CANDIDATES)[0]
    told.advance()
    hits: dict[str, list[NDArray[np.float64]]] = {}
    products = 0
    for number in range(rounds):
        removed = cold(protocol.test, share, seed, number)
        products += _sold(protocol.test) - _sold(removed)
        for name, values in _round(content, weights, removed, protocol.test).items():
            hits.setdefault(name, []).append(values)
        told.advance()
    all_hits = {name: np.concatenate(values) for name, values in hits.items()}
    customers = len(all_hits[TOLD])
    if customers == 0:
        return None
    found = {name: bootstrap(values, seed=seed) for name, values in all_hits.items()}
    return Cold(products, customers, weights, found)


def _content(parts: Mapping[str, Recommender], asked: Exam) -> dict[str, ItemItem]:
    """Return the recommenders that need no purchases of a product to find it.

    What serves products that are sold may serve others less: attributes are weighed anew.
    """
    found: dict[str, ItemItem] = {}
    together = parts.get("item-item")
    settings = together.settings if isinstance(together, Neighbors) else None
    for name, part in parts.items():
        if isinstance(part, Attributes):
            part = best_memory(ways_of(part.attributes), asked)
        if isinstance(part, Attributes | Texts):
            found[name] = part
            found[f"item-item by {name}"] = Propagated(part.neighbors_, settings)
    return found


def _learn(content: Mapping[str, ItemItem], asked: Exam) -> None:
    for part in content.values():
        if isinstance(part, Propagated):
            part.fit(asked.learned)
        else:
            # What is said of products has not changed, so neither has the table.
            part.adopt(asked.learned, part.neighbors_)
        part.remember(asked.known)


def _round(
    content: Mapping[str, ItemItem], weights: Mapping[str, float], asked: Exam, whole: Exam
) -> dict[str, NDArray[np.float64]]:
    """Return whether each customer's product was found, by model."""
    _learn(content, asked)
    used = {name: part for name, part in content.items() if weights[name] > 0}
    models: dict[str, Recommender] = {
        BLEND: Blend(used, {name: weights[name] for name in used}).adopt(asked.known),
        **content,
        TOLD: Popular().fit(whole.learned).remember(asked.known),
        BLIND: Popular().fit(asked.learned).remember(asked.known),
    }
    return {
        name: hit_rate_at_k(model.recommend(asked.asked, K)[0], asked.wanted)
        for name, model in models.items()
    }


def _sold(asked: Exam) -> int:
    return len(np.unique(asked.learned.product))
