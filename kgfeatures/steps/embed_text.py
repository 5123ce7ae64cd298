"""Embed texts: the language model's vectors of what the shop says of its products.

A customer is the mean of the products bought. Published under the alias `text_<encoder>`. A text
that the version in use has a vector of is not encoded again (docs/adr/0006).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kgfeatures.db import queries, transport
from kgfeatures.db.runs import run_step
from kgfeatures.db.step import Step, StepResult
from kgfeatures.errors import DataError
from kgfeatures.graph import vectors
from kgfeatures.llm import encoder_version
from kgfeatures.steps.moments import iso, known_moment
from kgfeatures.types import entity_ids

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow
    from scipy.sparse import csr_array

    from kgfeatures.db import Database
    from kgfeatures.types import FloatArray, IntArray, Progress

# Vectors of other versions are not kept: it changes whenever a text may get other bits.
TEXT_VERSION = "3"
CUSTOMERS_AT_ONCE = 10_000
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
    force : encode every text again, also when nothing changed.

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

    work = _TextWork(encoder, version, threads, tables, known_at, force)
    return run_step(database, step, params, work, progress=progress, force=force)


@dataclass(frozen=True)
class _Texts:
    """The products that have a text: their keys, the texts, and the hashes of the texts."""

    products: list[str]
    texts: list[str]
    hashes: list[str]


@dataclass(frozen=True)
class _TextWork:
    """The work of `run_text`, called in its transaction."""

    encoder: str
    encoder_version: str
    threads: int
    tables: Mapping[str, str]
    known_at: dt.datetime | None
    force: bool

    def __call__(self, conn: Connection[TupleRow], progress: Progress) -> dict[str, int]:
        known_at = known_moment(conn, self.known_at)
        found = _Texts(*_columns(conn, "embed_texts.product_texts"))
        if not found.texts:
            raise DataError("no product has a text; name its text columns in dataset.yaml")
        encoded = self._vectors(conn, progress, found)
        kept = np.flatnonzero(encoded.any(axis=1))
        keys = [found.products[at] for at in kept]
        progress.start("mean of what each customer bought")
        customers, bought = read_baskets(conn, keys, known_at)
        means = mean_of_bought(encoded[kept], bought)
        card = self._card(found, bought, customers, known_at)
        progress.start("publish text vectors")
        ids = np.concatenate([entity_ids("product", keys), entity_ids("customer", customers)])
        rows = vectors.publish(conn, card, ids, np.concatenate([encoded[kept], means]))
        _remember(conn, card.model_id, ids[: len(kept)], [found.hashes[at] for at in kept])
        return rows

    @property
    def parameters(self) -> dict[str, str]:
        """What the vector of a text depends on beside the text and our code."""
        return {"encoder": self.encoder, "encoder_version": self.encoder_version}

    def _vectors(self, conn: Connection[TupleRow], progress: Progress, found: _Texts) -> FloatArray:
        """Return one vector per text, (n, dim): those that stand there already, or new ones."""
        known, matrix = ([], None) if self.force else self._standing(conn)
        row_of = {text_hash: row for row, text_hash in enumerate(known)}
        old = [at for at, text_hash in enumerate(found.hashes) if text_hash in row_of]
        new = [at for at, text_hash in enumerate(found.hashes) if text_hash not in row_of]
        fresh = self._encode(progress, [found.texts[at] for at in new]) if new else None
        dim = next(some.shape[1] for some in (fresh, matrix) if some is not None)
        encoded = np.zeros((len(found.texts), dim), dtype=np.float32)
        if fresh is not None:
            encoded[new] = fresh
        if matrix is not None:
            encoded[old] = matrix[[row_of[found.hashes[at]] for at in old]]
        progress.note(f"{len(old):,} texts have their vectors already, {len(new):,} were encoded")
        return encoded

    def _standing(self, conn: Connection[TupleRow]) -> tuple[list[str], FloatArray | None]:
        """Return the hashes and vectors of the texts that the version in use holds."""
        alias = alias_of(self.encoder)
        model_id = queries.scalar(
            conn,
            "embed_texts.reusable",
            alias=alias,
            step=f"embed {alias}",
            code_version=TEXT_VERSION,
            parameters=json.dumps(self.parameters),
        )
        if model_id is None:
            return [], None
        hashes, matrix = transport.read_vectors(conn, "embed_texts.encoded", model_id=model_id)
        return [str(text_hash) for text_hash in hashes], matrix if len(hashes) else None

    def _encode(self, progress: Progress, texts: list[str]) -> FloatArray:
        from kgfeatures.llm import text_encoder

        model = text_encoder(self.encoder, threads=self.threads)
        progress.start(f"encode {len(texts):,} texts with {self.encoder}", len(texts))
        return model.encode(texts, on_batch=progress.advance)

    def _card(
        self,
        found: _Texts,
        bought: csr_array,
        customers: list[str],
        known_at: dt.datetime,
    ) -> vectors.ModelCard:
        places = (bought.indptr.astype(np.int64), bought.indices.astype(np.int64))
        return vectors.ModelCard(
            alias=alias_of(self.encoder),
            kind="text",
            scorer="cosine",
            operator="<=>",
            parameters=self.parameters,
            data_hash=vectors.content_hash(found.products, found.hashes, customers, *places),
            code_version=TEXT_VERSION,
            known_at=known_at,
            feature_tables=self.tables,
            metrics={
                "texts": len(found.texts),
                "distinct_texts": len(set(found.hashes)),
            },
        )


def alias_of(encoder: str) -> str:
    """Return the alias of an encoder's vectors: `text_` and the last word of its URI.

    >>> alias_of("builtin:minilm"), alias_of("hf:intfloat/e5-small@v1.0")
    ('text_minilm', 'text_e5_small')
    """
    name = encoder.partition(":")[2].partition("@")[0].rstrip("/").rpartition("/")[2]
    return "text_" + "".join(c if c.isalnum() else "_" for c in name.lower())


def read_baskets(
    conn: Connection[TupleRow], products: list[str], known_at: dt.datetime
) -> tuple[list[str], csr_array]:
    """Return who bought which of the products until a time.

    Returns
    -------
    customers, bought : (c,) those who bought any of them, in order; (c, n_products) ones.
    """
    from scipy.sparse import csr_array

    table = transport.read_arrow(conn, "embed.baskets", products=products, known_at=known_at)
    places: Any = table.column("places").combine_chunks()
    ends = places.offsets.to_numpy() if len(table) else np.zeros(1, dtype=np.int32)
    indices = places.flatten().to_numpy().copy()
    shape = (len(table), len(products))
    ones = np.ones(len(indices), dtype=np.float64)
    bought = csr_array((ones, indices, ends), shape=shape)
    bought.sort_indices()
    return table.column("customer_id").to_pylist(), bought


def mean_of_bought(product_vectors: FloatArray, bought: csr_array) -> FloatArray:
    """Return the mean vector of the products that each customer bought.

    Parameters
    ----------
    product_vectors : (n_products, dim).
    bought : (c, n_products) of ones, at least one in each row, products in ascending order: sums
        are made in that order, so that a mean depends on nothing but its products.

    Returns
    -------
    means : (c, dim) float32.
    """
    exact = product_vectors.astype(np.float64)
    counts = np.diff(bought.indptr)[:, None]
    means = np.empty((len(counts), exact.shape[1]), dtype=np.float32)
    for first in range(0, len(means), CUSTOMERS_AT_ONCE):
        some = slice(first, first + CUSTOMERS_AT_ONCE)
        means[some] = bought[some] @ exact / counts[some]
    return means


def _remember(
    conn: Connection[TupleRow], model_id: int, entity_ids: IntArray, hashes: list[str]
) -> None:
    """Write down which text each vector is of."""
    queries.execute(conn, "embed_texts.forget_texts", model_id=model_id)
    columns = {
        "model_id": np.full(len(hashes), model_id),
        "entity_id": entity_ids,
        "text_hash": np.array(hashes, dtype=object),
    }
    transport.copy_in(conn, "emb.encoded_text", columns)


def _columns(conn: Connection[TupleRow], query: str, **params: object) -> list[list[Any]]:
    return [column.to_pylist() for column in transport.read_arrow(conn, query, **params).columns]
