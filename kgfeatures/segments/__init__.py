"""Segments: customers' behaviour as numbers, k-means, names that say what is different.

Pure: frames and arrays in, segments out.
"""

from __future__ import annotations

from kgfeatures.segments.base import Segmentation
from kgfeatures.segments.behaviour import FEATURES, joined, standardized
from kgfeatures.segments.clustering import cluster
from kgfeatures.segments.description import names

__all__ = ["FEATURES", "Segmentation", "cluster", "joined", "names", "standardized"]
