"""Embed texts: the language model's vectors of what the shop says of its products.

A customer is the mean of the products bought. Published under the alias `text_<encoder>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.db import transport
from kgfeatures.db.runs import Step, StepResult, run_step
from kgfeatures.errors import DataError
from kgfeatures.graph import vectors
from kgfeatures.llm import encoder_version
from kgfeatures.steps.moments import iso, known_moment
from kgfeatures.types import entity_ids

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow
    from scipy.sparse import csr_array

    from kgfeatures.db import Database
    from kgfeatures.types import FloatArray, IntArray, Progress

TEXT_VERSION = "1"
DEFAULT_ENCODER = "builtin:minilm"
TEXT_FEATURES = {"customer": "customer_text_vector", "product": "product_text_vector"}


def run_text(
    database: Database,
    encoder: str = DEFAULT_ENCODER,
    *,
    threads: int = 1,
    features: bool | None = None,
    known_at: dt.datetime | None = None,
    progress: Progress | None = None,
    force: bool = False,
) -> StepResult:
    """Encode the products' texts, publish them as alias `text_<name>`.

    Parameters
    ----------
    encoder : a URI, see kgfeatures.llm.encoders.
    threads : of the language model.
    features : fill feature.product_text_vector and customer_text_vector; None does so for the
        default encoder only, because a feature table holds one version of one alias.
    known_at : a customer is the mean of what was bought until then; None takes the data's end.
    progress : told of each batch.
    force : encode again even when nothing changed.

    Raises
    ------
    DataError : no product has a text.
    UnknownNameError : no such encoder.
    BusyError : another process is encoding with it.
    """
    fills = encoder == DEFAULT_ENCODER if features is None else features
    tables = TEXT_FEATURES if fills else {}
    version = encoder_version(encoder)
    alias = alias_of(encoder)
    params = {
        "encoder": encoder,
        "encoder_version": version,
        "features": fills,
        "known_at": iso(known_at),
    }
    step = Step(
        name=f"embed {alias}",
        version=TEXT_VERSION,
        inputs=("raw.product", "raw.interaction"),
        outputs=tuple(f"feature.{table}" for table in tables.values()),
    )

    work = _TextWork(encoder, version, threads, tables, known_at)
    return run_step(database, step, params, work, progress=progress, force=force)


@dataclass(frozen=True)
class _TextWork:
    """The work of `run_text`, called in its transaction."""

    encoder: str
    encoder_version: str
    threads: int
    tables: Mapping[str, str]
    known_at: dt.datetime | None

    def __call__(self, conn: Connection[TupleRow], progress: Progress) -> dict[str, int]:
        known_at = known_moment(conn, self.known_at)
        products, texts = _columns(conn, "embed.product_texts")
        if not texts:
            raise DataError("no product has a text; name its text columns in dataset.yaml")
        encoded, kept = _encode(progress, self.encoder, self.threads, texts)
        keys = [products[at] for at in kept]
        purchases = _columns(conn, "embed.purchases", known_at=known_at)
        customers, means = mean_of_bought(keys, encoded, *purchases)
        card = vectors.ModelCard(
            alias=alias_of(self.encoder),
            kind="text",
            scorer="cosine",
            operator="<=>",
            parameters={"encoder": self.encoder, "encoder_version": self.encoder_version},
            data_hash=vectors.content_hash(products, texts, *purchases),
            code_version=TEXT_VERSION,
            known_at=known_at,
            feature_tables=self.tables,
            metrics={"texts": len(texts), "distinct_texts": len(set(texts))},
        )
        progress.start("publish text vectors")
        ids = np.concatenate([entity_ids("product", keys), entity_ids("customer", customers)])
        return vectors.publish(conn, card, ids, np.concatenate([encoded, means]))


def alias_of(encoder: str) -> str:
    """Return the alias of an encoder's vectors: `text_` and the last word of its URI.

    >>> alias_of("builtin:minilm"), alias_of("hf:intfloat/e5-small@v1.0")
    ('text_minilm', 'text_e5_small')
    """
    name = encoder.partition(":")[2].partition("@")[0].rstrip("/").rpartition("/")[2]
    return "text_" + "".join(c if c.isalnum() else "_" for c in name.lower())


def mean_of_bought(
    products: Sequence[str],
    product_vectors: FloatArray,
    buyers: Sequence[str],
    bought: Sequence[str],
) -> tuple[list[str], FloatArray]:
    """Return the customers and the mean vector of the products that each bought.

    Parameters
    ----------
    products : (n,) keys, one row of `product_vectors` (n, dim) each.
    buyers, bought : (m,) customers and products of distinct purchases, ordered by customer;
        products without a vector do not count.

    Returns
    -------
    customers, means : (c,) those with at least one such product, in order; (c, dim).
    """
    place = {key: at for at, key in enumerate(products)}
    known = [(buyer, place[key]) for buyer, key in zip(buyers, bought, strict=True) if key in place]
    customers = list(dict.fromkeys(buyer for buyer, _ in known))
    weights = _mean_weights(customers, known, len(products))
    return customers, np.asarray(weights @ product_vectors, dtype=np.float32)


def _mean_weights(customers: list[str], known: list[tuple[str, int]], n_products: int) -> csr_array:
    """Return (customers, products) weights that add up to 1 in each row."""
    from scipy.sparse import csr_array

    row_of = {customer: row for row, customer in enumerate(customers)}
    rows = np.array([row_of[buyer] for buyer, _ in known], dtype=np.int64)
    columns = np.array([column for _, column in known], dtype=np.int64)
    weights = 1 / np.bincount(rows, minlength=len(customers))[rows]
    return csr_array((weights, (rows, columns)), shape=(len(customers), n_products))


def _encode(
    progress: Progress, encoder: str, threads: int, texts: list[str]
) -> tuple[FloatArray, IntArray]:
    """Return the vectors of texts in which the encoder found something, and their places."""
    from kgfeatures.llm import text_encoder

    model = text_encoder(encoder, threads=threads)
    progress.start(f"encode {len(texts):,} texts with {encoder}", len(texts))
    encoded = model.encode(texts, on_batch=progress.advance)
    kept = np.flatnonzero(encoded.any(axis=1))
    return encoded[kept], kept


def _columns(
    conn: Connection[TupleRow], query: str, **params: object
) -> tuple[list[Any], list[Any]]:
    first, second = transport.read_arrow(conn, query, **params).columns
    return first.to_pylist(), second.to_pylist()
