"""Features for other teams: what Feast serves, past (training sets) and present (online).

The only package that imports feast, and only inside functions: importing it takes 5 s.
"""

from __future__ import annotations

from kgfeatures.features.online import online_features
from kgfeatures.features.store import open_store
from kgfeatures.features.training_set import training_set

__all__ = ["online_features", "open_store", "training_set"]
