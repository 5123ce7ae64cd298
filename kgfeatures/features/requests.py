"""What a caller asks of Feast, checked before a query is made: names, collisions, tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgfeatures.errors import DataError, UnknownNameError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from feast import FeatureStore, FeatureView

    from kgfeatures.db import Database


@dataclass(frozen=True)
class Request:
    """Features to fetch.

    Parameters
    ----------
    references : "view:feature", in the order asked for.
    keys : the join keys that rows must have.
    full_names : columns are called "view__feature", because two views share a feature's name.
    """

    references: tuple[str, ...]
    keys: tuple[str, ...]
    full_names: bool

    @property
    def columns(self) -> list[str]:
        """The names of the columns that come back, one per reference."""
        if self.full_names:
            return [reference.replace(":", "__") for reference in self.references]
        return [reference.partition(":")[2] for reference in self.references]


def resolve(
    store: FeatureStore,
    database: Database,
    features: str | Sequence[str],
    *,
    full_names: bool | None = None,
) -> Request:
    """Return what `features` means.

    Parameters
    ----------
    store : the shop's Feast store.
    database : the shop's database.
    features : a feature service, or any mix of "view" (all its features) and "view:feature".
    full_names : call columns "view__feature"; None does so only where names collide.

    Raises
    ------
    UnknownNameError : a service, view or feature that is not registered; names the nearest.
    DataError : nothing asked for, or a view's table does not exist yet.
    """
    views = {view.name: view for view in store.list_feature_views()}
    services = {service.name: service for service in store.list_feature_services()}
    if isinstance(features, str) and features in services:
        references = [
            f"{projection.name_to_use()}:{field.name}"
            for projection in services[features].feature_view_projections
            for field in projection.features
        ]
    else:
        asked = [features] if isinstance(features, str) else list(features)
        others = services if isinstance(features, str) else {}
        references = [one for name in asked for one in _references(name, views, others)]
    references = list(dict.fromkeys(references))
    if not references:
        raise DataError("no features asked for; give a feature service or a list of view:feature")
    used = list(dict.fromkeys(reference.partition(":")[0] for reference in references))
    require_tables(database, [views[name] for name in used])
    names = Counter(reference.partition(":")[2] for reference in references)
    return Request(
        references=tuple(references),
        keys=tuple(dict.fromkeys(key for name in used for key in views[name].join_keys)),
        full_names=max(names.values()) > 1 if full_names is None else full_names,
    )


def require_tables(database: Database, views: Sequence[FeatureView]) -> None:
    """Check that the feature tables of `views` exist; each is called like its view.

    Parameters
    ----------
    views : of our own feature repository.

    Raises
    ------
    DataError : one does not; the message says which command makes it.
    """
    made_by = {view.name: view.tags.get("made_by", "kgfeatures demo") for view in views}
    missing = [row["name"] for row in database.rows("features.missing_tables", names=[*made_by])]
    if missing:
        first = missing[0]
        raise DataError(
            f"feature view {first!r} reads feature.{first}, which does not exist yet; "
            f"make it with `{made_by[first]}` or ask for other features"
        )


def _references(
    name: str, views: dict[str, FeatureView], services: Mapping[str, object]
) -> list[str]:
    view, colon, feature = name.partition(":")
    if view not in views:
        kind = "feature view" if colon or not services else "feature service or feature view"
        raise UnknownNameError(f"no {kind} {view!r}{nearest(view, [*views, *services])}")
    known = [field.name for field in views[view].features]
    if not colon:
        return [f"{view}:{field}" for field in known]
    if feature not in known:
        raise UnknownNameError(f"feature view {view!r} has no {feature!r}{nearest(feature, known)}")
    return [name]
