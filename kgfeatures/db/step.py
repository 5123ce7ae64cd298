"""A step of the pipeline as the book of runs knows it, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

Hashes = dict[str, str | None]
"""Content hashes by table; None where there is no such table."""


@dataclass(frozen=True)
class Step:
    """A verb of the pipeline.

    Parameters
    ----------
    name : "ingest", "embed graph" …; one lock and one line of runs per name.
    version : of the step's code; another one makes it run again.
    inputs : the tables and views it reads, "schema.table".
    outputs : the tables it alone writes; a table that two steps write belongs to neither.
    """

    name: str
    version: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepResult:
    """What became of a step: rows by table, wall-clock seconds, and whether it was skipped.

    The rows of a skipped step are those of the run that still stands.
    """

    step: str
    rows: dict[str, int]
    seconds: float
    skipped: bool
