"""Progress in a terminal: a bar where there is one, else a line every few seconds on stderr."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import typer

from kgfeatures.cli.speech import said

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID

_SECONDS_BETWEEN_LINES = 5.0


class TerminalProgress:
    """Draws `kgfeatures.types.Progress` as a bar that goes away when the work is done.

    Use as a context manager, so that the terminal is whole again after an error.
    """

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Return self; the bar is drawn from the first `start` on."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def start(self, label: str, total: int | None = None) -> None:
        """Show `label` and count from 0 to `total`; None shows no end."""
        if self._bar is None:
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(said(label), total=total)

    def advance(self, n: int = 1) -> None:
        """Count n more."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, n)

    def note(self, text: str) -> None:
        """Print `text` above the bar, where it stays."""
        if self._bar is not None:
            self._bar.console.print(said(text), highlight=False, markup=False)


class LineProgress:
    """Writes progress as plain lines, for logs and pipes: at each start, then every few seconds.

    Parameters
    ----------
    stamped : begin each line with the time, UTC, as a log wants it.
    """

    def __init__(self, *, stamped: bool = False) -> None:
        self._stamped = stamped
        self._label = ""
        self._total: int | None = None
        self._done = 0
        self._printed_at = 0.0

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave what was written."""

    def start(self, label: str, total: int | None = None) -> None:
        """Write `label`."""
        self._label, self._total, self._done = said(label), total, 0
        self._print(self._label)

    def advance(self, n: int = 1) -> None:
        """Count n more, and say so when the last line is some seconds old."""
        self._done += n
        if time.monotonic() - self._printed_at >= _SECONDS_BETWEEN_LINES:
            of = "" if self._total is None else f" {said('of')} {self._total:,}"
            self._print(f"{self._label}: {self._done:,}{of}")

    def note(self, text: str) -> None:
        """Write `text`."""
        self._print(said(text))

    def _print(self, line: str) -> None:
        self._printed_at = time.monotonic()
        stamp = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} " if self._stamped else ""
        typer.echo(stamp + line.replace("\n", f"\n{stamp}"), err=True)


def terminal_progress(*, stamped: bool = False) -> TerminalProgress | LineProgress:
    """Return the progress that fits where stderr goes; its lines may be stamped with the time."""
    return TerminalProgress() if sys.stderr.isatty() else LineProgress(stamped=stamped)
