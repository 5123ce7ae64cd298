"""Extract: what product titles say of products, as triples with the words that say it.

Reads raw.product; writes kg.entity, kg.relation, kg.triple and kg.evidence under the source
"extract" (source extract:<extractor> in the evidence), then counts kg.degree over the whole graph.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kgfeatures.db import queries
from kgfeatures.db.runs import run_step
from kgfeatures.db.step import Step, StepResult
from kgfeatures.errors import DataError
from kgfeatures.extraction import DEFAULT_EXTRACTORS, RELATIONS, broader, make_extractors
from kgfeatures.graph import ontology, store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database
    from kgfeatures.extraction import Extractor
    from kgfeatures.types import Progress

SOURCE = "extract"
# raw.source stands for the triples that ingest states: they change only when a file does. The
# tables of the graph are shared with ingest; extract runs after it and leaves them as they stay.
EXTRACT = Step(
    name="extract",
    version="1",
    inputs=("raw.source", "raw.product", "raw.interaction"),
    outputs=("kg.entity", "kg.relation", "kg.triple", "kg.evidence", "kg.degree"),
)
_STORE_COLUMNS = (
    *("head_type", "head", "relation", "tail_type", "tail", "tail_label"),
    *("confidence", "method", "span", "detail"),
)


def extract(
    database: Database,
    extractors: Sequence[str] = DEFAULT_EXTRACTORS,
    *,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Write the triples that the titles of all products state, in place of those of the last run.

    Parameters
    ----------
    database : the shop's database; products are loaded.
    extractors : names in `kgfeatures.extraction.EXTRACTORS`.
    progress : told of each extractor.
    force : extract again even when nothing changed.

    Raises
    ------
    UnknownNameError : there is no such extractor.
    DataError : there are no products.
    BusyError : another process is extracting.
    """
    made = make_extractors(extractors)
    params = {"extractors": {extractor.name: extractor.version for extractor in made}}
    return run_step(
        database,
        EXTRACT,
        params,
        lambda conn, told: _extract(conn, made, told),
        progress=progress,
        force=force,
    )


def _extract(
    conn: Connection[TupleRow], extractors: Sequence[Extractor], progress: Progress
) -> dict[str, int]:
    """Read titles, extract, write; return rows by table."""
    titles = queries.frame(conn, "extract.titles")
    if titles.empty:
        raise DataError(
            "raw.product holds no rows, so there is nothing to extract from; "
            "run `kgfeatures ingest DIR` first"
        )
    progress.start("extract triples", len(extractors) + 2)
    frames: list[pd.DataFrame] = []
    for extractor in extractors:
        frames.append(extractor.extract(titles).assign(detail=extractor.name))
        progress.advance()
    triples = as_triples(pd.concat(frames))
    ontology.declare_relations(
        conn,
        {name: RELATIONS[name].description for name in sorted(set(triples["relation"]))},
    )
    rows = store.replace_triples(conn, SOURCE, triples)
    progress.advance()
    degrees = queries.scalar(conn, "extract.refresh_degree")
    progress.advance()
    read = triples.loc[triples["head_type"] == "product", "head"].nunique()
    progress.note(f"{read} of {len(titles)} products say something of themselves")
    return {"kg.triple": rows, "kg.degree": degrees}


def as_triples(statements: pd.DataFrame) -> pd.DataFrame:
    """Return statements of extractors as `store.replace_triples` takes them, wider kinds added.

    Parameters
    ----------
    statements : the columns of `Statement`, and detail (the extractor's name).

    Returns
    -------
    triples : one row per piece of evidence. A tail that titles name in several languages is
        labelled in the language of most of them.
    """
    frame = statements.rename(columns={"product_id": "head", "tail_key": "tail"})
    labels = _labels(statements)
    ends = zip(frame["tail_type"], frame["tail"], strict=True)
    frame = frame.assign(head_type="product", tail_label=[labels[end] for end in ends])
    kinds = {key: label for (kind, key), label in labels.items() if kind == "object_type"}
    wider = pd.DataFrame(broader(kinds), columns=pd.Index(["head", "tail", "tail_label"])).assign(
        head_type="object_type",
        relation="broader",
        tail_type="object_type",
        confidence=1.0,
        method="gazetteer",
        span="",
        detail="gazetteer",
    )
    wider = wider.astype({"confidence": np.float32})
    return pd.concat([frame, wider], ignore_index=True).reindex(columns=list(_STORE_COLUMNS))


def _labels(statements: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return the commonest label of each (type, key); of equally common ones the first by code."""
    columns = (statements["tail_type"], statements["tail_key"], statements["tail_label"])
    counts = Counter(zip(*columns, strict=True))
    labels: dict[tuple[str, str], str] = {}
    for kind, key, label in sorted(counts, key=lambda name: (-counts[name], name)):
        labels.setdefault((kind, key), label)
    return labels
