"""JupyterLab's server part: the catalogue, the graph and SQL over authenticated REST.

Passwords stay here; the browser sees names and rows. Loads neither feast nor torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgfeatures.server.app import KGFeaturesApp

__all__: list[str] = []


def _jupyter_server_extension_points() -> list[dict[str, str | type[KGFeaturesApp]]]:  # pyright: ignore[reportUnusedFunction]
    """Tell jupyter_server what to load; the name is its own."""
    from kgfeatures.server.app import KGFeaturesApp

    return [{"module": "kgfeatures.server", "app": KGFeaturesApp}]
