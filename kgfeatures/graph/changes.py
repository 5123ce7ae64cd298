"""What a load changed, for those who compute from it: ops.change_set and ops.changed_key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from kgfeatures.db import queries, transport

if TYPE_CHECKING:
    from kgfeatures.graph.ledger import Ledger

CHANGES_KEPT = 60
"""Change sets per table: somebody who looks once in two months computes anew."""


def note_changes(ledger: Ledger, hashes: dict[str, str | None]) -> None:
    """Write down which tables changed, and whose rows.

    Parameters
    ----------
    hashes : content hashes of the tables now.
    """
    for table, after in hashes.items():
        before = None if ledger.anew else ledger.hashes[table]
        if before == after:
            continue
        change_id = queries.scalar(
            ledger.conn,
            "differences.note_change",
            table_name=table,
            before_hash=before,
            after_hash=after,
        )
        noted = ledger.touched.get(table, {})
        if noted and before is not None:
            whose = sorted(noted, key=lambda each: (each[0], each[1]))
            columns: dict[str, Any] = {
                "change_id": np.full(len(whose), change_id, dtype=np.int64),
                "kind": pa.array([kind for kind, _ in whose], pa.string()),
                "key": pa.array([key for _, key in whose], pa.string()),
                "since": pa.array([noted[each] for each in whose], pa.timestamp("us", "UTC")),
            }
            transport.copy_in(ledger.conn, "ops.changed_key", columns)
        queries.execute(ledger.conn, "differences.forget_changes", table_name=table, k=CHANGES_KEPT)
