"""Recommendations: recommenders over arrays, their blend, and ranking metrics.

Pure: row numbers in, row numbers and scores out.
"""

from __future__ import annotations

from kgfeatures.recommend.base import Purchases, Recommender
from kgfeatures.recommend.blend import DEFAULT_WEIGHTS, Blend
from kgfeatures.recommend.knowledge import GraphDistance
from kgfeatures.recommend.neighbors import COSINE, Neighbors, NeighborSettings
from kgfeatures.recommend.popular import Popular

__all__ = [
    "COSINE",
    "DEFAULT_WEIGHTS",
    "Blend",
    "GraphDistance",
    "NeighborSettings",
    "Neighbors",
    "Popular",
    "Purchases",
    "Recommender",
]
