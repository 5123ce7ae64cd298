"""Search in the texts that people wrote, by words or by Chinese phrases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgfeatures.db import queries
from kgfeatures.errors import DataError
from kgfeatures.graph.documents import searchable

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd
    from psycopg import Connection
    from psycopg.rows import TupleRow


def find_documents(
    conn: Connection[TupleRow],
    text: str,
    *,
    k: int = 20,
    kind: str | None = None,
    product_id: str | None = None,
    known_at: dt.datetime | None = None,
) -> pd.DataFrame:
    """Return documents that hold all words of `text`, the shortest first.

    Parameters
    ----------
    text : words in any order; of Chinese every pair of neighbouring characters has to occur.
    kind : "review", "question", "answer", "note": what the manifest calls them.
    known_at : only what was written until then; None is now.

    Returns
    -------
    documents : kind, product_id, customer_id, body, occurred_at, rating.

    Raises
    ------
    DataError : `text` holds no word.
    """
    tokens = sorted(set(searchable(text)))
    if not tokens:
        raise DataError(f"{text!r} holds no word to search for; give at least one letter or digit")
    return queries.frame(
        conn,
        "documents.find",
        tokens=tokens,
        k=k,
        kind=kind,
        product_id=product_id,
        known_at=known_at,
    )
