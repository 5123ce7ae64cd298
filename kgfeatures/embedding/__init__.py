"""Graph vectors: models that score triples, a trainer, and link-prediction metrics.

Pure: arrays of row numbers in, arrays of vectors out. `MODELS` names every model; a new one is a
file, a line here and a formula in the contract test.
"""

from __future__ import annotations

from typing import Any

from kgfeatures.embedding.base import (
    GraphShape,
    GraphVectors,
    KnownTails,
    ScoreFunction,
    TrainingSettings,
)
from kgfeatures.embedding.complex import ComplEx
from kgfeatures.embedding.distmult import DistMult
from kgfeatures.embedding.rotate import RotatE
from kgfeatures.embedding.transe import TransE, TransEL1
from kgfeatures.embedding.transr import TransR
from kgfeatures.errors import UnknownNameError, nearest

__all__ = [
    "MODELS",
    "ComplEx",
    "DistMult",
    "GraphShape",
    "GraphVectors",
    "KnownTails",
    "RotatE",
    "ScoreFunction",
    "TrainingSettings",
    "TransE",
    "TransEL1",
    "TransR",
    "score_function",
    "settings_for",
    "shop_settings",
]

MOST_NEGATIVES = 1024
MODELS: dict[str, type[ScoreFunction]] = {
    "transe": TransE,
    "transe_l1": TransEL1,
    "distmult": DistMult,
    "complex": ComplEx,
    "rotate": RotatE,
    "transr": TransR,
}


def score_function(name: str) -> ScoreFunction:
    """Return the model of this name.

    Raises
    ------
    UnknownNameError : `MODELS` has no such name.
    """
    if name not in MODELS:
        raise UnknownNameError(f"no graph model is called {name!r}{nearest(name, MODELS)}")
    return MODELS[name]()


def settings_for(name: str, shape: GraphShape | None = None, **changes: Any) -> TrainingSettings:
    """Return the settings that suit a model and a graph, with changes.

    Where neither names them, a vector of `dim` numbers is trained against 8 · dim wrong answers,
    at most `MOST_NEGATIVES`: narrower vectors cannot tell more of them apart, and cost less so.

    Parameters
    ----------
    name : of the model.
    shape : of the graph to be learned; None takes what suits a dense one.
    changes : names and values of TrainingSettings.

    Raises
    ------
    UnknownNameError : `MODELS` has no such name.
    DataError : a value out of range.
    """
    model = score_function(name)
    sparse = model.sparse_defaults if shape is not None and shape.is_sparse else {}
    chosen: dict[str, Any] = {**model.defaults, **sparse, **changes}
    width: int = chosen.get("dim", TrainingSettings.dim)
    chosen.setdefault("negatives", max(1, min(8 * width, MOST_NEGATIVES)))
    return TrainingSettings(**chosen)


def shop_settings(name: str, **changes: Any) -> TrainingSettings:
    """Return the settings for a shop's graph, where most entities have few triples; with changes.

    Dropout serves dense graphs: here it blurs what little is known of a product, and wide vectors
    learn single purchases by heart. TransE is trained against estimates of all entities.

    Raises
    ------
    UnknownNameError : `MODELS` has no such name.
    DataError : a value out of range.
    """
    sparse: dict[str, Any] = {"dim": 64, "dropout": 0.0, "usual_epochs": 12}
    if name != "transe":
        sparse["estimate_all"] = False
    if "penalty" in score_function(name).defaults:
        sparse |= {"penalty": 0.05, "learning_rate": 0.1}
    return settings_for(name, **{**sparse, **changes})
