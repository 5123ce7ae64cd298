"""Training sets: each label's row joined with the features that were known at its time."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

from kgfeatures.db import connect
from kgfeatures.errors import DataError
from kgfeatures.features.requests import Request, resolve
from kgfeatures.features.store import open_store
from kgfeatures.features.versions import Version, versions_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from feast import FeatureStore

    from kgfeatures.db import Database

TIME = "event_timestamp"
# Brings Feast's rows back into the order of the labels.
ROW = "kgfeatures_row"


def training_set(
    entity_df: pd.DataFrame,
    features: str | Sequence[str],
    *,
    database: Database | None = None,
    full_feature_names: bool | None = None,
    later_vectors: bool = False,
) -> pd.DataFrame:
    """Return `entity_df` with a column per feature, as known at each row's event_timestamp.

    Nothing later is ever used: neither what happened after that moment nor what was only
    computed after it (created_timestamp).

    Parameters
    ----------
    entity_df : (n, ·) one row per label: the join keys as text (customer_id, product_id),
        event_timestamp (without a time zone: UTC), and any other columns, which stay as they are.
    features : a feature service ("customer_features_v1"), or any mix of feature views
        ("customer_profile") and features ("customer_profile:orders_90d").
    database : the shop's database; None connects to the environment's.
    full_feature_names : call columns "view__feature"; None does so where names collide.
    later_vectors : give labels that are earlier than a version of vectors that version too,
        although it was trained on what came after them. False leaves them null.

    Returns
    -------
    frame : (n, ·) the rows, order and index of entity_df; null where nothing was known yet.

    Raises
    ------
    DataError : a column is missing, empty or of another type, a feature table does not exist, or
        the labels find vectors of versions that cannot be compared.
    UnknownNameError : a service, view or feature that is not registered; names the nearest.

    Warns
    -----
    UserWarning : all labels are earlier than a version of vectors asked for, or no row found any
        feature: unknown keys, or labels before the first feature.
    """
    import pandas as pd

    with contextlib.ExitStack() as stack:
        shop = database or stack.enter_context(connect())
        store = stack.enter_context(open_store(shop))
        request = resolve(store, shop, features, full_names=full_feature_names)
        _require_columns(entity_df, request)
        versions = versions_of(shop, request)
        found = _joined(store, entity_df, request, versions if later_vectors else {})
    last = pd.to_datetime(entity_df[TIME], utc=True).max()
    unknown = [one for one in versions.values() if not later_vectors and last < one.known_at]
    for version in unknown:
        warnings.warn(_told_later(version, entity_df), stacklevel=2)
    if not unknown and found.isna().to_numpy().all():
        warnings.warn(
            f"none of the {len(found)} rows found a feature: their keys are unknown or their "
            f"{TIME} lies before the first feature's; first key: "
            f"{entity_df[request.keys[0]].iloc[0]!r}, first time: {entity_df[TIME].iloc[0]}",
            stacklevel=2,
        )
    return pd.concat([entity_df, found.set_axis(entity_df.index)], axis=1)


def _told_later(version: Version, entity_df: pd.DataFrame) -> str:
    import pandas as pd

    times = pd.to_datetime(entity_df[TIME], utc=True)
    return (
        f"{version.view!r} is null in all {len(times)} rows: its vectors are of version "
        f"{version.model_id}, known from {version.known_from} UTC on, and the last "
        f"label is of {times.max():%Y-%m-%d %H:%M} UTC; vectors trained on what came after a label "
        "would tell a model the future. Train some that the first label may know: "
        f"`{version.made_by} --known-at {times.min():%Y-%m-%d}`; or take these nevertheless: "
        "later_vectors=True, --later-vectors"
    )


def _joined(
    store: FeatureStore, entity_df: pd.DataFrame, request: Request, later: Mapping[str, Version]
) -> pd.DataFrame:
    """Return the feature columns alone, (n, features), in the order of the labels.

    Feast sees keys and times only: it refuses some types of columns, and drops time zones. Views
    in `later` are asked for the moment at which they were known, where a label is earlier.
    """
    import pandas as pd

    labels = pd.DataFrame({key: entity_df[key].to_numpy() for key in request.keys})
    labels[TIME] = pd.DatetimeIndex(pd.to_datetime(entity_df[TIME], utc=True))
    labels[ROW] = range(len(labels))
    parts: dict[dt.datetime | None, list[str]] = {}
    for reference in request.references:
        version = later.get(reference.partition(":")[0])
        parts.setdefault(version and version.known_at, []).append(reference)
    found: list[pd.DataFrame] = []
    for moment, references in parts.items():
        job = store.get_historical_features(
            entity_df=labels.assign(**{TIME: labels[TIME].clip(lower=moment)}),
            features=references,
            full_feature_names=request.full_names,
            filter_by_created_timestamp=True,
        )
        columns = replace(request, references=tuple(references)).columns
        found.append(job.to_df().sort_values(ROW).reset_index(drop=True).reindex(columns=columns))
    return pd.concat(found, axis=1).reindex(columns=request.columns)


def _require_filled(entity_df: pd.DataFrame, column: str) -> None:
    """Check that the labels have a column, and a value of it in each row.

    Raises
    ------
    DataError : the column is not there, or empty in a row.
    """
    if column not in entity_df.columns:
        present = ", ".join(map(str, entity_df.columns))
        what = "the moment of each label" if column == TIME else "the shop's keys as text"
        raise DataError(f"entity_df has no column {column!r}; its columns: {present}; add {what}")
    empty = entity_df.index[entity_df[column].isna().to_numpy()]
    if len(empty):
        row = empty[0]
        raise DataError(f"entity_df[{column!r}] is empty in row {row!r}; drop or fill such rows")


def _require_columns(entity_df: pd.DataFrame, request: Request) -> None:
    """Check that the labels have times and keys, and no column called like a feature.

    Raises
    ------
    DataError : what is missing or cannot be used, and what to do.
    """
    import pandas as pd

    if entity_df.empty:
        raise DataError("entity_df has no rows; give one row per label")
    for column in (*request.keys, TIME):
        _require_filled(entity_df, column)
    for key in request.keys:
        if not all(isinstance(value, str) for value in entity_df[key].to_list()):
            raise DataError(
                f"entity_df[{key!r}] holds {entity_df[key].dtype}, and keys are text; "
                f"convert them: entity_df.astype({{{key!r}: str}})"
            )
    if not pd.api.types.is_datetime64_any_dtype(entity_df[TIME]):
        raise DataError(
            f"entity_df[{TIME!r}] holds {entity_df[TIME].dtype}, and times are needed; "
            f"convert them: pd.to_datetime(entity_df[{TIME!r}], utc=True)"
        )
    twice = sorted(set(request.columns) & set(entity_df.columns))
    if twice:
        raise DataError(
            f"entity_df has a column {twice[0]!r}, which is also a feature asked for; rename it "
            "or pass full_feature_names=True"
        )
