"""The present: latest features by key, and the tables that Feast serves them from."""

from __future__ import annotations

import contextlib
import io
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kgfeatures.db import connect
from kgfeatures.errors import DataError
from kgfeatures.features.requests import resolve
from kgfeatures.features.store import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from feast import FeatureStore, FeatureView

    from kgfeatures.db import Database


@dataclass(frozen=True)
class Materialized:
    """A view as it now stands online: keys served, seconds it took."""

    view: str
    keys: int
    seconds: float


def online_features(
    entity_rows: Sequence[Mapping[str, str]],
    features: str | Sequence[str],
    *,
    database: Database | None = None,
    full_feature_names: bool | None = None,
) -> pd.DataFrame:
    """Return the latest features of some keys, in their order.

    Parameters
    ----------
    entity_rows : (n,) one mapping per row, as in [{"customer_id": "13085"}].
    features : a feature service, or any mix of feature views and "view:feature".
    database : the shop's database; None connects to the environment's.
    full_feature_names : call columns "view__feature"; None does so where names collide.

    Returns
    -------
    frame : (n, ·) keys and features; null for keys that are not served.

    Raises
    ------
    DataError : a row lacks a key, or a feature table does not exist.
    UnknownNameError : a service, view or feature that is not registered; names the nearest.
    """
    with contextlib.ExitStack() as stack:
        shop = database or stack.enter_context(connect())
        store = stack.enter_context(open_store(shop))
        request = resolve(store, shop, features, full_names=full_feature_names)
        for row in entity_rows:
            if not all(isinstance(row.get(key), str) for key in request.keys):
                raise DataError(
                    f"entity row {dict(row)!r} lacks a key: {', '.join(request.keys)} as text"
                )
        answer = store.get_online_features(
            features=list(request.references),
            entity_rows=[{key: row[key] for key in request.keys} for row in entity_rows],
            full_feature_names=request.full_names,
        )
        return answer.to_df().reindex(columns=[*request.keys, *request.columns])


def is_current(database: Database, view: str) -> bool:
    """Return whether a view serves as many keys as its feature table of the same name holds.

    Parameters
    ----------
    view : name of a feature view; its feature table is called the same.
    """
    source = _snapshot(database, view)
    online = database.rows("features.online_keys", view=view)[0]["keys"]
    return (source["keys"] if source else 0) == (online or 0)


def is_wide(store: FeatureStore) -> bool:
    """Return whether the online store is ours: one typed row per key."""
    from kgfeatures.features.online_store import KGFeaturesOnlineStore

    return isinstance(_provider(store).online_store, KGFeaturesOnlineStore)


def stock_table(project: str, view: str) -> str:
    """Return the name of a view's table in schema online under Feast's own store.

    Parameters
    ----------
    project : Feast's name for the repository.
    view : name of a feature view.
    """
    return f"{project}_{view}"


def materialize(store: FeatureStore, database: Database, view: FeatureView) -> Materialized | None:
    """Have a view serve the latest row of every key, and no other; None without a source.

    Our own engine compares and changes what differs, in one transaction. Feast's never removes a
    key: where more keys are online than the feature table holds, the table is emptied first.

    Parameters
    ----------
    store : the repository that defines the view.
    database : the same one that the store's tables are in.
    view : registered; its source is a table of schema feature.

    Raises
    ------
    DatabaseError : PostgreSQL refused.
    """
    began = time.perf_counter()
    source = _snapshot(database, view.name)
    if source is None:
        return None
    if not _mirror(store, view, source):
        _write(store, view.name, source)
        if not is_current(database, view.name):
            name = stock_table(store.project, view.name)
            database.execute("features.empty_online", table_name=name)
            _write(store, view.name, source)
    return Materialized(view.name, source["keys"], time.perf_counter() - began)


def _mirror(store: FeatureStore, view: FeatureView, source: dict[str, Any]) -> bool:
    """Let our engine do it; False where another one is configured."""
    from kgfeatures.features.engine import KGFeaturesEngine

    engine = _provider(store).batch_engine
    if not isinstance(engine, KGFeaturesEngine) or not engine.takes(view):
        return False
    engine.fill(view, None, None, mirror=True)
    if source["keys"]:
        store.registry.apply_materialization(
            view, store.project, source["first_at"], source["last_at"]
        )
    return True


def _provider(store: FeatureStore) -> Any:
    return store.provider


def _snapshot(database: Database, view: str) -> dict[str, Any] | None:
    found = database.rows("features.snapshot", table_name=view)
    return found[0] if found else None


def _write(store: FeatureStore, view: str, source: dict[str, Any]) -> None:
    """Let Feast do it, without the bars that it draws on stdout and stderr."""
    if not source["keys"]:
        return
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        store.materialize(
            # Feast cuts its times to seconds.
            start_date=source["first_at"] - timedelta(seconds=1),
            end_date=source["last_at"] + timedelta(seconds=1),
            feature_views=[view],
        )
