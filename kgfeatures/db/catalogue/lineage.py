"""Where a table comes from: the runs that made it, and those that made what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgfeatures.db import queries

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow


def lineage(conn: Connection[TupleRow], table: str) -> list[dict[str, Any]]:
    """Return the standing runs that `table` ("schema.table") follows from, its own first.

    One dict per run: step, run_id, times, rows, inputs, outputs, parameters. Empty for a view and
    for what no step made.
    """
    makers = {
        output: run
        for run in queries.fetch(conn, "catalogue.standing_runs")
        for output in run["outputs"]
    }
    found: dict[int, dict[str, Any]] = {}
    wanted = [table]
    for one in wanted:
        run = makers.get(one)
        if run is not None and run["run_id"] not in found:
            found[run["run_id"]] = _shown(run, one)
            wanted.extend(sorted(run["inputs"]))
    return list(found.values())


def _shown(run: dict[str, Any], table: str) -> dict[str, Any]:
    counts: dict[str, int] = run["row_counts"]
    return {
        "step": run["step"],
        "run_id": run["run_id"],
        "started_at": run["started_at"],
        "finished_at": run["finished_at"],
        "rows": counts.get(table),
        "inputs": sorted(run["inputs"]),
        "outputs": sorted(run["outputs"]),
        "parameters": run["params"],
    }
