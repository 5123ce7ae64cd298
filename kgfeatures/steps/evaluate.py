"""Evaluate: what every recommender does on purchases held out, beside their blend.

The shop is the loaded one or a folder's; models are trained here anew, from what each part of the
protocol lets them see, and nothing that is published is touched. A run on the database stands in
ops.run with its result in one sentence, and in rec.evaluation with all its figures.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, astuple, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kgfeatures.db import queries, transport
from kgfeatures.db.runs import run_step
from kgfeatures.db.step import Step
from kgfeatures.errors import DataError
from kgfeatures.recommend.contest import Outcome, contest
from kgfeatures.recommend.lineup import Described
from kgfeatures.recommend.protocols import last_two_out, split_column, time_split
from kgfeatures.recommend.scoreboard import made_of, measures, sentence
from kgfeatures.steps.evaluate_shop import from_database, from_folder
from kgfeatures.types import NoProgress

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.embedding.base import TrainingSettings
    from kgfeatures.embedding.trainer import Report
    from kgfeatures.recommend import GraphDistance, Purchases
    from kgfeatures.recommend.protocols import Protocol
    from kgfeatures.steps.evaluate_shop import Shop
    from kgfeatures.types import FloatArray, Progress

EVALUATE = Step(
    name="evaluate recommend",
    version="2",
    inputs=("raw.interaction", "raw.product", "kg.triple"),
    outputs=("rec.evaluation_run", "rec.evaluation"),
)
EPOCH = dt.date(1970, 1, 1)
FIGURES = ["algorithm", "customers", "measure", "value", "lower", "upper"]
ENCODERS = ("builtin:chargram", "builtin:minilm")


@dataclass(frozen=True)
class EvaluationSettings:
    """How an evaluation is made.

    Parameters
    ----------
    time_split : purchases from that day on (UTC) are the test; None takes the column `split`
        where the data has one, else leaves each customer's last two products out.
    refit : whether models learn from train and validation for the test; None does, except when
        the last two products are left out, where only histories take the validation product in.
    encoders : of titles, one algorithm each; none leaves texts out.
    graph : whether TransE is trained, which takes longest.
    epochs : passes of that training over the graph; None takes the model's own.
    cold_share : of the products whose purchases are removed for the cold start; 0 leaves it out.
    seed : of everything that is drawn.
    """

    time_split: dt.date | None = None
    refit: bool | None = None
    encoders: tuple[str, ...] = ENCODERS
    graph: bool = True
    epochs: int | None = None
    cold_share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.cold_share < 1:
            raise DataError(f"cold_share is {self.cold_share}; it must lie in [0, 1)")
        if self.epochs is not None and self.epochs < 1:
            raise DataError(f"epochs is {self.epochs}; it must be at least 1")


def evaluate(
    database: Database,
    settings: EvaluationSettings | None = None,
    *,
    progress: Progress | None = None,
) -> Outcome:
    """Return what every recommender does on the loaded shop; its figures go to rec.evaluation.

    What recommendations are made of stays as it is.

    Raises
    ------
    DataError : there are no purchases, or too few to hold some out.
    BusyError : another process is evaluating.
    """
    chosen = settings or EvaluationSettings()
    found: list[Outcome] = []

    def work(conn: Connection[TupleRow], told: Progress) -> dict[str, int]:
        told.start("read the shop")
        shop = from_database(conn)
        found.append(evaluate_shop(shop, chosen, progress=told))
        told.note(sentence(found[0]))
        figures = _publish(conn, found[0], params)
        asked = len(found[0].protocol.test.asked)
        return {"algorithms": len(found[0].rows), "customers": asked, "rec.evaluation": figures}

    params = asdict(chosen) | {"time_split": str(chosen.time_split or "")}
    # Tables do not hold the whole answer, so it is measured anew each time.
    run_step(database, EVALUATE, params, work, progress=progress, force=True)
    return found[0]


def _publish(conn: Connection[TupleRow], outcome: Outcome, settings: dict[str, Any]) -> int:
    """Write the figures in place of those of the same protocol, unless they are the same."""
    protocol, test = outcome.protocol.name, outcome.protocol.test
    run = {
        "words": outcome.protocol.words.rstrip("; "),
        "customers": len(test.asked),
        "products": test.known.n_products,
        "purchases": len(test.learned.customer),
    }
    of = {"settings": settings, "made_of": made_of(outcome)}
    rows = [(*one[:3], *astuple(one.estimate)) for one in measures(outcome)]
    figures = pd.DataFrame.from_records(rows, columns=FIGURES).sort_values(
        FIGURES[:3], ignore_index=True
    )
    # As JSON has them, lists for tuples.
    of = {name: json.dumps(value) for name, value in of.items()}
    last = queries.fetch(conn, "evaluate.standing_run", protocol=protocol)
    wanted = run | {name: json.loads(value) for name, value in of.items()}
    if last == [wanted] and queries.frame(conn, "evaluate.standing", protocol=protocol).equals(
        figures
    ):
        return len(figures)
    run_id = queries.scalar(conn, "evaluate.next_run")
    queries.execute(conn, "evaluate.forget", protocol=protocol)
    queries.execute(conn, "evaluate.add_run", run_id=run_id, protocol=protocol, **run, **of)
    return transport.copy_in(
        conn, "rec.evaluation", figures.assign(run_id=run_id, protocol=protocol)
    )


def evaluate_folder(
    folder: Path,
    settings: EvaluationSettings | None = None,
    *,
    progress: Progress | None = None,
) -> Outcome:
    """Return what every recommender does on the shop of a folder with a dataset.yaml.

    Raises
    ------
    DataError, ManifestError : the folder cannot be read, or has too few purchases.
    """
    told = progress or NoProgress()
    told.start(f"read {folder}")
    return evaluate_shop(from_folder(folder), settings, progress=told)


def evaluate_shop(
    shop: Shop,
    settings: EvaluationSettings | None = None,
    *,
    progress: Progress | None = None,
) -> Outcome:
    """Return what every recommender does on a shop.

    Raises
    ------
    DataError : there are too few purchases to hold some out.
    """
    chosen, told = settings or EvaluationSettings(), progress or NoProgress()
    return contest(
        shop.name,
        protocol_of(shop, chosen),
        _described(shop, chosen, told),
        cold_share=chosen.cold_share,
        seed=chosen.seed,
        progress=told,
    )


def protocol_of(shop: Shop, settings: EvaluationSettings) -> Protocol:
    """Return the protocol that the settings and the data ask for.

    Raises
    ------
    DataError : too few purchases, or a time split that lies outside them.
    """
    lines, parts = shop.lines(), shop.parts()
    refit = {} if settings.refit is None else {"refit": settings.refit}
    if settings.time_split is not None:
        day = float((settings.time_split - EPOCH).days)
        first, last = (EPOCH + dt.timedelta(days=float(end)) for end in _ends(lines.day))
        if not first < settings.time_split <= last:
            raise DataError(
                f"the time split is {settings.time_split}, but purchases are from {first} to "
                f"{last}; name a day after the first, up to the last"
            )
        protocol = time_split(lines, day, **refit)
        return replace(protocol, name=f"{protocol.name} {settings.time_split}")
    if parts is not None:
        return split_column(lines, parts, **refit)
    return last_two_out(lines, **refit)


def _ends(day: NDArray[np.float64]) -> tuple[np.float64, np.float64]:
    return np.floor(day.min()), np.floor(day.max())


def _described(shop: Shop, settings: EvaluationSettings, progress: Progress) -> Described:
    texts: dict[str, FloatArray] = {}
    for uri in settings.encoders:
        if (vectors := _encoded(shop, uri, progress)) is not None:
            texts[uri.rpartition(":")[2]] = vectors
    has = shop.attributes()
    train = _Train(shop, _training(settings), progress)
    # Without triples TransE knows purchases only: no graph, and no gain to report as the graph's.
    trains = settings.graph and not shop.triples.empty
    return Described(has, texts, train if trains else None)


def _encoded(shop: Shop, uri: str, progress: Progress) -> FloatArray | None:
    from kgfeatures.llm import text_encoder

    def encode(texts: list[str]) -> FloatArray:
        progress.start(f"encode {len(texts):,} titles with {uri}")
        return np.array(text_encoder(uri).encode(texts), dtype=np.float32)

    return shop.texts(encode)


def _training(settings: EvaluationSettings) -> TrainingSettings:
    from kgfeatures.embedding import shop_settings

    chosen = shop_settings("transe", seed=settings.seed)
    return chosen if settings.epochs is None else replace(chosen, epochs=settings.epochs)


@dataclass(frozen=True)
class _Train:
    """Trains graph vectors of some purchases of a shop."""

    shop: Shop
    settings: TrainingSettings
    progress: Progress

    def __call__(self, purchases: Purchases) -> GraphDistance:
        """Return a ranking by the vectors."""
        self.progress.start("train TransE", 100)
        return self.shop.train(purchases, self.settings, self._report)

    def _report(self, report: Report) -> None:
        # About a hundred reports come.
        self.progress.advance(1 if report.step < report.steps else 0)
