"""Recommendations: recommenders over arrays, their blend, and ranking metrics.

Pure: row numbers in, row numbers and scores out.
"""

from __future__ import annotations

from kgfeatures.recommend.base import Lines, Purchases, Recommender
from kgfeatures.recommend.blend import Blend
from kgfeatures.recommend.knowledge import GraphDistance
from kgfeatures.recommend.neighbors import COSINE, Neighbors, NeighborSettings
from kgfeatures.recommend.popular import Popular
from kgfeatures.recommend.tuning import Choice, choose

__all__ = [
    "COSINE",
    "Blend",
    "Choice",
    "GraphDistance",
    "Lines",
    "NeighborSettings",
    "Neighbors",
    "Popular",
    "Purchases",
    "Recommender",
    "choose",
]
