"""Which versions of vectors stand in the feature tables that are asked for."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgfeatures.db import Database
    from kgfeatures.features.requests import Request


@dataclass(frozen=True)
class Version:
    """A version of vectors that a feature view holds.

    Parameters
    ----------
    view : the feature view, called like its table.
    model_id : the version, see emb.model.
    kind : "graph" or "text"; None for a version that is not registered.
    known_at : from when on it was known; earlier labels may not see it.
    """

    view: str
    model_id: int
    kind: str | None
    known_at: dt.datetime

    @property
    def known_from(self) -> str:
        """The moment in UTC, for people."""
        return f"{self.known_at.astimezone(dt.UTC):%Y-%m-%d %H:%M}"

    @property
    def made_by(self) -> str:
        """The command that makes such vectors."""
        return " ".join(["kgfeatures embed", *([self.kind] if self.kind else [])])


def versions_of(database: Database, request: Request) -> dict[str, Version]:
    """Return the first known version of each view with vectors that a request asks for.

    Later ones of the same view come to later labels; the offline store refuses a column of
    versions that cannot be compared.

    Parameters
    ----------
    request : views and features asked for, as `resolve` gives them.
    """
    views = list(dict.fromkeys(one.partition(":")[0] for one in request.references))
    rows = database.rows("features.vector_versions", names=views)
    return {row["view"]: Version(**row) for row in reversed(rows)}
