"""Shops to try things on: a real one that ships with the package, and generated ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgfeatures.datasets.shop import generate

__all__ = ["generate", "online_retail"]


def online_retail() -> Path:
    """Return the folder of Online Retail 2009-2010: 525,461 invoice lines and a dataset.yaml.

    Its terms (CC BY 4.0) and what was decided about its rows stand beside the data, in
    ATTRIBUTION.txt and dataset.yaml.
    """
    return Path(__file__).parent / "online_retail"


def __getattr__(name: str) -> object:
    """Return `generate`, whose pandas and pyarrow are loaded only when it is asked for."""
    if name == "generate":
        from kgfeatures.datasets.shop import generate as found

        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
