"""Recommendations: recommenders over arrays, their blend, and ranking metrics.

Pure: row numbers in, row numbers and scores out. An algorithm is one file with a subclass of
`base.Recommender` that writes `fit` and `score`, and one line in `lineup.py`, which chooses its
settings; deep and sequential models belong here as `deep_<name>.py` and `sequence_<name>.py`,
learning from the days in `Purchases` or `Lines`. protocols.py holds purchases out, contest.py
compares every algorithm and their blend on them.
"""

from __future__ import annotations

from kgfeatures.recommend.als import Als
from kgfeatures.recommend.attributes import Attributes
from kgfeatures.recommend.base import Lines, Purchases, Recommender
from kgfeatures.recommend.blend import Blend
from kgfeatures.recommend.customers import SimilarCustomers
from kgfeatures.recommend.knowledge import GraphDistance
from kgfeatures.recommend.neighbors import COSINE, Neighbors, NeighborSettings
from kgfeatures.recommend.popular import Popular
from kgfeatures.recommend.text import Texts
from kgfeatures.recommend.tuning import Choice, choose
from kgfeatures.recommend.weights import fit_weights

__all__ = [
    "COSINE",
    "Als",
    "Attributes",
    "Blend",
    "Choice",
    "GraphDistance",
    "Lines",
    "NeighborSettings",
    "Neighbors",
    "Popular",
    "Purchases",
    "Recommender",
    "SimilarCustomers",
    "Texts",
    "choose",
    "fit_weights",
]
