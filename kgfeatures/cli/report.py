"""What commands say of the steps that they ran: a few lines for one, a table for several."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kgfeatures.cli.speech import left, right, said, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kgfeatures.db.step import StepResult
    from kgfeatures.steps.stages import Done


def report(result: StepResult) -> None:
    """Write the rows of each table and the seconds, or that nothing changed."""
    if result.skipped:
        say(f"{result.step}: nothing changed since the last run")
        return
    for name, rows in sorted(result.rows.items()):
        say(f"{name}: {rows:,} rows")
    say(f"{result.step}: {result.seconds:.1f} s")


def describe(done: Done) -> str:
    """Return how long a step took, or why it did nothing."""
    if done.idle:
        return done.idle
    return "unchanged" if done.result.skipped else f"{done.result.seconds:.1f} s"


def table(steps: Sequence[Done], *, brief: bool = False) -> str:
    """Return the closing table: step, table, rows before and after, seconds, CPU seconds.

    Parameters
    ----------
    steps : in the order in which they ran.
    brief : one line for a step that changed nothing.
    """
    names = f"{left(said('step'), 22)} {left(said('table'), 34)} {right(said('rows'), 32)}"
    lines = [f"\n{names} {right(said('seconds'), 9)} {'CPU s':>6}", "-" * 107]
    for done in steps:
        spent = said(describe(done))
        state = f"{right(spent.removesuffix(' s'), 9)} {done.cpu_seconds:6.1f}"
        name = done.result.step
        if done.idle or (brief and done.result.skipped):
            lines.append(f"{name:<22} {spent}")
            continue
        before = {plain(held): rows for held, rows in done.before.items()}
        for held, rows in sorted(done.result.rows.items()) or [("", 0)]:
            change = changed(before.get(plain(held)), rows)
            lines.append(f"{name:<22} {held:<34} {change:>32} {state}".rstrip())
            name = state = ""
    seconds = sum(done.result.seconds for done in steps)
    cpu_seconds = sum(done.cpu_seconds for done in steps)
    lines.append(f"{left(said('total'), 22)} {'':<34} {'':>32} {seconds:9.1f} {cpu_seconds:6.1f}")
    return "\n".join(lines)


def changed(before: int | None, after: int) -> str:
    """Return a number of rows, with the one before where it was another.

    >>> changed(1200, 1234), changed(5, 5), changed(None, 5)
    ('1,200 -> 1,234 (+34)', '5', '5')
    """
    if before is None or before == after:
        return f"{after:,}"
    return f"{before:,} -> {after:,} ({after - before:+,})"


def plain(name: str) -> str:
    """Return a table's name without the number of a version of vectors.

    >>> plain("emb.m_1234_relation")
    'emb.m_relation'
    """
    return re.sub(r"\b(emb\.m)_\d+", r"\1", name)


def totals(rows: Mapping[str, int]) -> str:
    """Return how many vectors and rows of features there are now, in one line."""
    vectors = sum(n for name, n in rows.items() if plain(name) == "emb.m")
    features = sum(n for name, n in rows.items() if name.startswith("feature."))
    return f"\n{vectors:,} vectors, {features:,} rows of features."
