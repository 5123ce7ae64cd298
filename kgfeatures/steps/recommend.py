"""Recommend: neighbours, vectors, popularity and weights for rec.recommend, a list per customer.

The algorithms stand in kgfeatures/recommend; rec.recommend computes the same scores in SQL, live.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from kgfeatures.db import queries
from kgfeatures.db.migrations import repeat
from kgfeatures.db.runs import run_step
from kgfeatures.db.step import Step, StepResult
from kgfeatures.errors import DataError
from kgfeatures.recommend.bulk import Bulk
from kgfeatures.recommend.favourites import Favourites
from kgfeatures.steps.recommend_model import (
    Fitted,
    blend_of,
    checked,
    fit,
    signals_of,
    without_graph,
)
from kgfeatures.steps.recommend_shop import read_graph, read_segments, read_shop
from kgfeatures.steps.recommend_tables import begin, write_lists, write_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.recommend import NeighborSettings
    from kgfeatures.types import Progress

VERSION = "5"
INPUTS = (
    "raw.interaction",
    "raw.product",
    "raw.customer",
    "kg.triple",
    "feature.customer_graph_vector",
    "feature.product_graph_vector",
    "feature.product_text_vector",
)
OUTPUTS = (
    "rec.run",
    "rec.neighbor_list",
    "rec.popular",
    "rec.blend",
    "rec.attribute_weight",
    "rec.segment_favourite",
    "rec.complement",
    "rec.customer_list",
    "feature.customer_recommendation",
)
REPEATABLE = ("migrations/0005_customer_recommendation.sql", "functions/rec_products.sql")


@dataclass(frozen=True)
class RecommendSettings:
    """What a recommendation is made of.

    Parameters
    ----------
    weights : of signals (recommend_model.SIGNALS), those left out being 0; divided by their sum.
        None takes what the shop's own last weeks say.
    neighbors : how neighbours are weighted; None the same.
    popular_half_life_days : after which a purchase counts half for popularity; None never.
    k : products published per customer.
    lists : publish lists for all customers; else those that stand are left as they are.
    """

    weights: Mapping[str, float] | None = None
    neighbors: NeighborSettings | None = None
    popular_half_life_days: float | None = 30.0
    k: int = 50
    lists: bool = True

    def __post_init__(self) -> None:
        if self.weights is not None:
            checked(self.weights)
        if self.k < 1:
            raise DataError(f"k is {self.k}; it must be at least 1")


def recommend(
    database: Database,
    settings: RecommendSettings | None = None,
    *,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Renew what rec.recommend reads (OUTPUTS) and feature.customer_recommendation.

    Parameters
    ----------
    database : the shop's database; a signal is silent where its tables are empty: text without
        text vectors, shared_triples without triples, graph_vector without graph vectors.
    settings : None takes the defaults.
    progress : told of each stage.
    force : compute again even when nothing changed.

    Raises
    ------
    DataError : there are no purchases.
    MissingExtraError : `settings` give factors a weight, and `implicit` is not installed.
    BusyError : another process is computing recommendations.
    """
    chosen = settings or RecommendSettings()

    def work(conn: Connection[TupleRow], told: Progress) -> dict[str, int]:
        return _recommend(conn, told, chosen)

    segmentations = [row["name"] for row in database.rows("recommend.segmentations")]
    tables = tuple(f"feature.segment_{name}" for name in segmentations)
    step = Step("recommend", VERSION, inputs=(*INPUTS, *tables), outputs=OUTPUTS)
    return run_step(database, step, asdict(chosen), work, progress=progress, force=force)


def _recommend(
    conn: Connection[TupleRow], progress: Progress, settings: RecommendSettings
) -> dict[str, int]:
    progress.start("read the shop")
    shop, half_life = read_shop(conn), settings.popular_half_life_days
    signals = signals_of(shop, read_graph(conn, shop), settings.neighbors, half_life, progress)
    if settings.weights is None:
        fitted = fit(signals, progress)
    else:
        given = checked(settings.weights)
        fitted = Fitted(given, without_graph(given))
    progress.start("learn from all purchases")
    segments = read_segments(conn, shop)
    served = Bulk(blend_of(signals, fitted.weights), Favourites(segments.members, half_life))
    served.fit(shop.lines.purchases())
    if not queries.scalar(conn, "recommend.has_table"):
        repeat(conn, REPEATABLE)
    run_id = begin(conn, signals, fitted, settings.k)
    progress.start("publish what SQL recommends by")
    rows = write_model(conn, run_id, signals, fitted, (served, segments))
    if settings.lists:
        rows["feature.customer_recommendation"] = write_lists(
            conn, run_id, shop, served, settings.k, progress
        )
    queries.execute(conn, "recommend.analyze")
    return rows
