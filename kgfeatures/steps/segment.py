"""Segment: customers in groups of like behaviour, each with a name that says what is special.

The space is the latest behaviour profile beside the graph vectors; see kgfeatures/segments.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kgfeatures.db import queries, transport
from kgfeatures.db.runs import run_step
from kgfeatures.db.step import Step, StepResult
from kgfeatures.errors import DataError
from kgfeatures.segments import cluster, joined, names, standardized

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.segments import Segmentation
    from kgfeatures.types import FloatArray, Progress

DEFAULT_NAME = "behaviour"


@dataclass(frozen=True)
class SegmentSettings:
    """How customers are grouped.

    Parameters
    ----------
    name : of the segmentation; its table is feature.segment_<name>.
    k : number of segments; None chooses 4 to 8 by the silhouette.
    vector_weight : what the graph vectors weigh, the profile weighing 1; 0 leaves them out.
    seed : of the clustering's starts.
    """

    name: str = DEFAULT_NAME
    k: int | None = None
    vector_weight: float = 0.25
    seed: int = 0


def segment(
    database: Database,
    settings: SegmentSettings | None = None,
    *,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Renew feature.segment_<name> and what seg.profile tells of it.

    Parameters
    ----------
    database : the shop's database; profiles are computed, graph vectors may be.
    settings : None takes the defaults.
    progress : told of each stage.
    force : compute again even when nothing changed.

    Raises
    ------
    DataError : there are no profiles, k is out of range, or the name belongs to a written list.
    DatabaseError : the name cannot be part of a table's.
    BusyError : another process is computing this segmentation.
    """
    chosen = settings or SegmentSettings()
    step = Step(
        name=f"segment {chosen.name}",
        version="2",
        inputs=(
            "feature.customer_profile",
            "feature.customer_graph_vector",
            "raw.interaction",
            "kg.triple",
        ),
        outputs=(f"feature.segment_{chosen.name}",),
    )

    def work(conn: Connection[TupleRow], told: Progress) -> dict[str, int]:
        return _segment(conn, told, chosen)

    return run_step(database, step, asdict(chosen), work, progress=progress, force=force)


def _segment(
    conn: Connection[TupleRow], progress: Progress, settings: SegmentSettings
) -> dict[str, int]:
    known = queries.fetch(conn, "segment.known", name=settings.name)
    if known and known[0]["method"] == "published":
        raise DataError(f"{settings.name!r} is a list that somebody published; choose another name")
    progress.start("segments")
    profile = transport.read_arrow(conn, "segment.profiles").to_pandas()
    if profile.empty:
        raise DataError(
            "feature.customer_profile holds no rows, so there is nobody to group; "
            "run `kgfeatures profile` first"
        )
    features, Z = standardized(profile)
    space = joined(Z, _vectors(conn, profile["customer_id"]), settings.vector_weight)
    found = cluster(space, settings.k, seed=settings.seed)
    means = found.means(Z)
    labels = names(features, means)
    progress.note(f"{len(labels)} segments, silhouette {found.silhouette:.3f}")
    return _write(conn, settings, profile, found, labels, (features, means))


def _vectors(conn: Connection[TupleRow], customers: pd.Series) -> FloatArray | None:
    """Return the graph vectors of `customers`, NaN where there is none; None without any."""
    keys, vectors = transport.read_vectors(conn, "segment.vectors")
    if len(keys) == 0:
        return None
    rows = pd.Index(keys).get_indexer(pd.Index(customers))
    aligned = vectors[rows]
    aligned[rows < 0] = np.nan
    return aligned


def _write(
    conn: Connection[TupleRow],
    settings: SegmentSettings,
    profile: pd.DataFrame,
    found: Segmentation,
    labels: list[tuple[str, str]],
    centers: tuple[list[str], NDArray[np.float64]],
) -> dict[str, int]:
    """Replace the segmentation; `centers` are the features' names and their means by segment."""
    name = settings.name
    known_at: datetime = profile["event_timestamp"].iloc[0].to_pydatetime()
    last = queries.fetch(conn, "segment.known", name=name)
    queries.execute(conn, "segment.forget", name=name)
    queries.execute(
        conn,
        "segment.add_run",
        name=name,
        run_id=last[0]["run_id"] + 1 if last else 1,
        known_at=known_at,
        silhouette=found.silhouette,
        settings=json.dumps(asdict(settings)),
    )
    transport.copy_in(conn, "seg.centroid", _centroids(name, *centers))
    described = _described(name, found, labels)
    table = f"feature.segment_{name}"
    queries.execute(conn, "segment.create_table", name=name)
    queries.execute(conn, "segment.clear", name=name)
    members = _members(profile, found, described["segment_name"])
    rows = {
        table: transport.copy_in(conn, table, members),
        "segments": transport.copy_in(conn, "seg.profile", described),
    }
    queries.execute(conn, "segment.describe", name=name)
    return rows


def _centroids(name: str, features: list[str], means: NDArray[np.float64]) -> dict[str, Any]:
    """Return the columns of seg.centroid: a row per segment and feature."""
    count, width = means.shape
    return {
        "name": np.full(count * width, name, dtype=object),
        "segment_id": np.repeat(np.arange(count), width),
        "feature": np.tile(np.array(features, dtype=object), count),
        "center": means.ravel(),
    }


def _described(name: str, found: Segmentation, labels: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the columns of seg.profile: a row per segment."""
    return {
        "name": np.full(len(labels), name, dtype=object),
        "segment_id": np.arange(len(labels)),
        "segment_name": np.array([english for english, _ in labels], dtype=object),
        "segment_name_zh": np.array([chinese for _, chinese in labels], dtype=object),
        "size": found.sizes,
        "share": (found.sizes / len(found.segment_id)).astype(np.float32),
    }


def _members(
    profile: pd.DataFrame, found: Segmentation, called: NDArray[np.object_]
) -> pd.DataFrame:
    """Return the rows of the segmentation's feature table: one per customer."""
    return pd.DataFrame(
        {
            "customer_id": profile["customer_id"],
            "event_timestamp": profile["event_timestamp"],
            "created_timestamp": profile["event_timestamp"],
            "segment_id": found.segment_id,
            "segment_name": called[found.segment_id],
            "distance": found.distance.astype(np.float32),
        }
    )
