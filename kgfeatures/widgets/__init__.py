"""What a notebook shows and takes back: the magics `%kgsql` and `%%kgsql`, and widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgfeatures.errors import MissingExtraError

if TYPE_CHECKING:
    from kgfeatures.widgets.graph_browser import GraphBrowser

__all__ = ["GraphBrowser"]


def __getattr__(name: str) -> Any:
    """Load a widget when it is first asked for: ipywidgets takes half a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from kgfeatures.widgets.graph_browser import GraphBrowser
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            f"{missing.name} is not installed; run: pip install 'kgfeatures[lab]'"
        ) from missing
    return GraphBrowser
