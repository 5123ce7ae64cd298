"""Which versions of vectors stand in the feature tables that are asked for."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgfeatures.errors import DataError

if TYPE_CHECKING:
    from kgfeatures.db import Database
    from kgfeatures.features.requests import Request


@dataclass(frozen=True)
class Version:
    """The version of vectors that a feature view holds.

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
    """Return the version of each view with vectors that a request asks for.

    Raises
    ------
    DataError : a table holds vectors of several versions, which are not comparable.
    """
    views = list(dict.fromkeys(one.partition(":")[0] for one in request.references))
    found: dict[str, Version] = {}
    for row in database.rows("features.vector_versions", names=views):
        version = Version(**row)
        if version.view in found:
            raise DataError(
                f"feature.{version.view} holds vectors of versions {found[version.view].model_id} "
                f"and {version.model_id}, which cannot be compared, so they cannot be one column; "
                "delete the rows of all but one, or make the table again: "
                f"`{version.made_by} --force`"
            )
        found[version.view] = version
    return found
