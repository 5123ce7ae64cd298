"""Help pages in the reader's language; the English ones are laid out by typer itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kgfeatures import locale
from kgfeatures.cli.speech import left, said, width, wrapped
from kgfeatures.config import language

if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMN_WIDTH = 30
"""Of the names in a help page; what is said of a longer one begins below it."""
GAP = 2
NO_LIMIT = 10_000


def in_readers_language(command: Any) -> Any:
    """Return a command whose help pages, and those of its sub-commands, are in that language."""
    if locale.language(language()) == locale.CHINESE:
        _lay_out(command)
    return command


def _lay_out(command: Any) -> None:
    context: Any = command.context_class
    formatter = type("Formatter", (ChineseHelp, context.formatter_class), {})
    command.context_class = type("Context", (context,), {"formatter_class": formatter})
    for each in getattr(command, "commands", {}).values():
        _lay_out(each)


class ChineseHelp:
    """Lays out help pages; mixed into the formatter that the command line brings."""

    def __init__(self: Any, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.columns = self.width
        # So that what is said of commands comes uncut, to be translated.
        self.width = NO_LIMIT

    def write_usage(self: Any, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the line that shows how a command is called."""
        del prefix
        self.write(f"{said('Usage:')}{prog} {args}\n")

    def write_heading(self: Any, heading: str) -> None:
        """Write the heading of a section."""
        self.write(f"{said(f'{heading}:')}\n")

    def write_text(self: Any, text: str) -> None:
        """Write paragraphs."""
        for paragraph in text.split("\n\n"):
            self.write(self._lines(said(" ".join(paragraph.split()))))

    def write_dl(
        self: Any,
        rows: Iterable[tuple[str, str]],
        col_max: int = COLUMN_WIDTH,
        col_spacing: int = GAP,
    ) -> None:
        """Write names with what is said of each beside it."""
        listed = list(rows)
        beside = min(max(width(name) for name, _ in listed), col_max) + col_spacing
        for name, text in listed:
            self.write(self._lines(name))
            about = self._lines(_said_of_option(text), beside)
            if width(name) + col_spacing <= beside:
                self.buffer[-1] = left(self.buffer[-1].rstrip("\n"), beside + self.current_indent)
                about = about.lstrip()
            self.write(about)

    def _lines(self: Any, text: str, indent: int = 0) -> str:
        blanks = self.current_indent + indent
        return "".join(f"{'':>{blanks}}{line}\n" for line in wrapped(text, self.columns - blanks))


def _said_of_option(text: str) -> str:
    """Return help, and what may follow it in brackets: "[default: 64]"."""
    about, mark, extra = text.partition("  [")
    if not mark:
        return said(" ".join(about.split()))
    parts = extra.removesuffix("]").split("; ")
    return f"{said(' '.join(about.split()))}{mark}{'; '.join(map(said, parts))}]"
