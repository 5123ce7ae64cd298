"""A database in which steps say what they would do, and why, instead of doing it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kgfeatures.db.connection import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kgfeatures.db.step import Hashes, Step


@dataclass(frozen=True)
class Forecast:
    """What `run_step` would do.

    Parameters
    ----------
    step : the step.
    reason : the first reason to run it; None where its last result stands.
    inputs : content hash of each input now.
    last : the line in ops.run of its last finished run; None where it never ran.
    """

    step: Step
    reason: str | None
    inputs: Hashes
    last: dict[str, Any] | None


class Rehearsal(Database):
    """A shop's database that `run_step` leaves as it is: it adds a forecast here instead."""

    def __init__(self, locate: Callable[[], str]) -> None:
        super().__init__(locate)
        self.forecasts: list[Forecast] = []


def why(
    step: Step, params: Mapping[str, object], inputs: Hashes, outputs: Hashes, last: dict[str, Any]
) -> str:
    """Return the first thing that differs from a step's last finished run.

    Parameters
    ----------
    inputs, outputs : content hashes of its inputs and of what its last run wrote, now.
    last : its line in ops.run.
    """
    if last["code_version"] != step.version:
        return f"this version computes it otherwise ({last['code_version']} -> {step.version})"
    # As the book holds them: tuples are lists there.
    changed = first_difference(last["params"], json.loads(json.dumps(params)))
    if changed is not None:
        return changed
    for name in dict.fromkeys([*last["inputs"], *inputs]):
        if last["inputs"].get(name) != inputs.get(name):
            return f"{name} changed"
    for name, content in outputs.items():
        if last["outputs"].get(name) != content:
            return f"{name} is not as the last run left it"
    return "its last result does not stand"


def first_difference(before: object, now: object, place: str = "") -> str | None:
    """Return the first place in which two values of JSON differ, in words; None where none does.

    >>> first_difference({"files": {"a.csv": "1", "b.csv": "2"}}, {"files": {"a.csv": "1"}})
    'files: b.csv is gone'
    >>> first_difference({"k": 8}, {"k": 5})
    'k: 8 -> 5'
    """
    if isinstance(before, dict) and isinstance(now, dict):
        return _first_in(before, now, f"{place}: " if place else "")
    if before == now:
        return None
    long = any(isinstance(value, dict | list) or len(str(value)) > 20 for value in (before, now))
    return f"{place} changed" if long else f"{place}: {before} -> {now}"


def _first_in(before: dict[str, object], now: dict[str, object], place: str) -> str | None:
    for key in sorted(before.keys() | now.keys()):
        if key not in now:
            return f"{place}{key} is gone"
        if key not in before:
            return f"{place}{key} is new"
        found = first_difference(before[key], now[key], f"{place}{key}")
        if found is not None:
            return found
    return None
