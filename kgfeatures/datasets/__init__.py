"""The shop that ships with the package: a year of a real gift shop's invoices."""

from __future__ import annotations

from pathlib import Path

__all__ = ["online_retail"]


def online_retail() -> Path:
    """Return the folder of Online Retail 2009-2010: 525,461 invoice lines and a dataset.yaml.

    Its terms (CC BY 4.0) and what was decided about its rows stand beside the data, in
    ATTRIBUTION.txt and dataset.yaml.
    """
    return Path(__file__).parent / "online_retail"
