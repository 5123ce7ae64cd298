"""Entities, triples and evidence in the database; the only writer of kg.entity and kg.triple.

Who states triples hands over all of them at once, under the name of a source; what the source
said before and does not say now is gone, what others say stays. So the graph is the same whether
it grew or was built anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kgfeatures.db import queries, transport
from kgfeatures.db.binary import FUTURE_MICROSECONDS, PAST_MICROSECONDS
from kgfeatures.errors import DataError
from kgfeatures.types import entity_ids, relation_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.types import IntArray

REQUIRED = ("head_type", "head", "relation", "tail_type", "tail")
DEFAULTS: Mapping[str, object] = {"confidence": 1.0, "method": "column", "span": ""}
TIMES = {
    "valid_from": PAST_MICROSECONDS,
    "valid_to": FUTURE_MICROSECONDS,
    "observed_at": PAST_MICROSECONDS,
}
"""What stands for a time that is null."""
OPTIONAL = (*DEFAULTS, *TIMES, "tail_label", "detail", "document_id")
ENDS = ("head", "tail")
ENTITY_COLUMNS = ("entity_type", "key", "label")
UNLABELLED = ("customer", "product")


def upsert_entities(conn: Connection[TupleRow], frame: pd.DataFrame) -> int:
    """Write entities and return how many are new or have another label.

    Parameters
    ----------
    frame : columns entity_type, key and, where there are names, label (null = none).
    """
    _stage_entities(conn, frame)
    return queries.execute(conn, "entities.upsert_entities")


def replace_triples(conn: Connection[TupleRow], source: str, frame: pd.DataFrame) -> int:
    """Write all triples that a source states, in place of those it stated; return how many.

    Only what differs from what stands there is written. Entities and relations that are not known
    yet are added, those that nothing speaks of any more are removed, and domain, range and
    cardinality of the relations are measured.

    Parameters
    ----------
    source : who says so: "ingest", "extract". No other source's name may begin with it and ":".
    frame : head_type, head, relation, tail_type, tail (keys as text); optional are tail_label
        (default: the key), confidence in (0, 1] (1), method ("column"), span (the words that say
        it, ""), detail (kept as source:detail), document_id, valid_from, valid_to, observed_at
        (null = since and for ever).

    Raises
    ------
    DataError : a column is missing or not known, or a key is null.
    """
    stage_evidence(conn, source, frame)
    queries.execute(conn, "evidence.remove_evidence", source=source)
    for query in ("add_evidence", "touch_staged", "count_evidence"):
        queries.execute(conn, f"evidence.{query}")
    queries.execute(conn, "store.remove_triples")
    queries.execute(conn, "store.upsert_triples")
    prune(conn)
    queries.execute(conn, "relations.measure_relations", ids=None)
    return len(frame.drop_duplicates(list(REQUIRED)))


def stage_evidence(conn: Connection[TupleRow], source: str, frame: pd.DataFrame) -> None:
    """Write what triples say into pg_temp.staged_evidence; their ends and relations are added.

    Parameters
    ----------
    source : who says so.
    frame : as `replace_triples` takes it.

    Raises
    ------
    DataError : a column is missing or not known, or a key is null.
    """
    _check(frame)
    _write_entities(conn, frame)
    relations: Any = frame["relation"].to_numpy(dtype=object)
    codes, names = pd.factorize(relations)
    queries.execute(conn, "relations.name_relations", names=list(names))
    for table in ("stage_evidence", "stage_touched", "clear_evidence"):
        queries.execute(conn, f"evidence.{table}")
    staged: dict[str, Any] = {
        "head_id": ids(frame["head_type"], frame["head"]),
        "relation_id": np.array([relation_id(name) for name in names], dtype=np.int64)[codes],
        "tail_id": ids(frame["tail_type"], frame["tail"]),
    }
    transport.copy_in(conn, "pg_temp.staged_evidence", staged | _evidence(source, frame))
    queries.execute(conn, "evidence.count_staged")


def prune(conn: Connection[TupleRow]) -> None:
    """Remove entities and relations that no triple and no row of raw speaks of."""
    queries.execute(conn, "store.count_graph")
    queries.execute(conn, "entities.prune_entities")
    queries.execute(conn, "relations.prune_relations")


def ids(types: Any, keys: Any) -> IntArray:
    """Return the entity id of each row of two Series of text: (n,).

    Parameters
    ----------
    types, keys : (n,) each; the type and the key of an entity per row.
    """
    found = np.empty(len(keys), dtype=np.int64)
    kinds: Any = types.to_numpy(dtype=object)
    texts: Any = keys.to_numpy(dtype=object)
    for entity_type in sorted(set(kinds)):
        here = kinds == entity_type
        codes, distinct = pd.factorize(texts[here])
        found[here] = entity_ids(entity_type, distinct)[codes]
    return found


def _evidence(source: str, frame: pd.DataFrame) -> dict[str, Any]:
    """Return the columns of kg.evidence beside the three ids."""
    n = len(frame)
    given: dict[str, Any] = {
        name: frame[name].to_numpy() if name in frame else np.full(n, default)
        for name, default in DEFAULTS.items()
    }
    details: list[Any] = list(frame["detail"]) if "detail" in frame else [None] * n
    given["source"] = [source if detail is None else f"{source}:{detail}" for detail in details]
    if "document_id" in frame:
        given["document_id"] = frame["document_id"]
    for name, end in TIMES.items():
        if name in frame:
            at = pa.array(frame[name], pa.timestamp("us", "UTC"), from_pandas=True)
            given[name] = at.fill_null(pa.scalar(end, at.type))
    return given


def _write_entities(conn: Connection[TupleRow], frame: pd.DataFrame) -> None:
    """Write both ends; only a label that is given changes what is known.

    What a customer or a product is called, the shop's own tables say.
    """
    if "tail_label" in frame:
        named: Any = frame[["tail_type", "tail", "tail_label"]].dropna()
        named.columns = ENTITY_COLUMNS
        upsert_entities(conn, named[~named["entity_type"].isin(UNLABELLED)])
    ends = [frame[[f"{end}_type", end]].set_axis(ENTITY_COLUMNS[:2], axis=1) for end in ENDS]
    both: Any = pd.concat(ends).drop_duplicates(ignore_index=True)
    both["label"] = both["key"].mask(both["entity_type"].isin(UNLABELLED), None)
    _stage_entities(conn, both)
    queries.execute(conn, "entities.insert_entities")


def _stage_entities(conn: Connection[TupleRow], frame: pd.DataFrame) -> None:
    rows = frame.drop_duplicates(ignore_index=True)
    queries.execute(conn, "entities.stage_entities")
    queries.execute(conn, "entities.clear_entities")
    columns: dict[str, Any] = {name: rows[name] for name in ENTITY_COLUMNS if name in rows}
    columns["entity_id"] = ids(columns["entity_type"], columns["key"])
    transport.copy_in(conn, "pg_temp.staged_entity", columns)


def _check(frame: pd.DataFrame) -> None:
    missing = [name for name in REQUIRED if name not in frame]
    unknown = [name for name in frame if name not in {*REQUIRED, *OPTIONAL}]
    if missing or unknown:
        raise DataError(
            f"triples lack {missing or 'nothing'} and have unknown columns {unknown}; needed are "
            f"{', '.join(REQUIRED)}, allowed also {', '.join(OPTIONAL)}"
        )
    for name in REQUIRED:
        empty: Any = frame[name].isna().to_numpy()
        if empty.any():
            row = int(np.argmax(empty))
            raise DataError(f"row {row} (from 0) of the triples has no {name}; leave the row out")
