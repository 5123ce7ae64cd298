"""Graph vectors: models that score triples, a trainer, and link-prediction metrics.

Pure: arrays of row numbers in, arrays of vectors out. `MODELS` names every model; a new one is a
file, a line here and a formula in the contract test.
"""

from __future__ import annotations

from kgfeatures.embedding.base import GraphVectors, KnownTails, ScoreFunction, TrainingSettings
from kgfeatures.embedding.transe import TransE
from kgfeatures.errors import UnknownNameError, nearest

__all__ = [
    "MODELS",
    "GraphVectors",
    "KnownTails",
    "ScoreFunction",
    "TrainingSettings",
    "TransE",
    "score_function",
]

MODELS: dict[str, type[ScoreFunction]] = {"transe": TransE}


def score_function(name: str) -> ScoreFunction:
    """Return the model of this name.

    Raises
    ------
    UnknownNameError : `MODELS` has no such name.
    """
    if name not in MODELS:
        raise UnknownNameError(f"no graph model is called {name!r}{nearest(name, MODELS)}")
    return MODELS[name]()
