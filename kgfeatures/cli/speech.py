"""What the command line says, in English or in Chinese: $KGFEATURES_LANG, else the locale's.

Sentences are written in English where they are said, and known by their shape; see
kgfeatures.locale. Data is data: names, numbers, SQL and JSON stay as they are.
"""

from __future__ import annotations

import re
import unicodedata

import typer

from kgfeatures import locale
from kgfeatures.config import language

WIDE = "[\u2e80-\ufe6f\uff01-\uff60]"
_PIECE = re.compile(rf"[\[（“]*(?:{WIDE}|(?:(?!{WIDE})\S)+)[\]，。；：、）”！？]*\s*|\s+")


def said(text: str) -> str:
    """Return a text in the reader's language, line by line; what has no translation as it is."""
    tags = language()
    if locale.language(tags) == locale.ENGLISH:
        return text
    return "\n".join(_line(line, tags) for line in text.split("\n"))


def say(text: str, *, err: bool = False) -> None:
    """Write a text in the reader's language to stdout, or to stderr."""
    typer.echo(said(text), err=err)


def warn(text: str) -> None:
    """Write a warning to stderr; what it says is a sentence of its own."""
    say(f"warning: {said(text)}", err=True)


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes: a Chinese character takes two.

    >>> width("abc"), width("三元组")
    (3, 6)
    """
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def left(text: str, columns: int) -> str:
    """Return a text with blanks behind it, in so many columns of a terminal."""
    return text + " " * (columns - width(text))


def right(text: str, columns: int) -> str:
    """Return a text with blanks before it, in so many columns of a terminal."""
    return " " * (columns - width(text)) + text


def wrapped(text: str, columns: int) -> list[str]:
    """Return a text as lines of at most so many columns, broken at blanks and Chinese characters.

    >>> wrapped("用 SQL 读取特征", 8)
    ['用 SQL', '读取特征']
    """
    lines = [""]
    for piece in _pieces(text):
        if width((lines[-1] + piece).rstrip()) > columns and lines[-1]:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [*lines[:-1], lines[-1].rstrip()]


def _line(line: str, tags: str) -> str:
    text = line.strip()
    return line.replace(text, locale.sentence(text, tags)) if text else line


def _pieces(text: str) -> list[str]:
    """Return words with the blanks behind them, and Chinese characters with what closes them."""
    return _PIECE.findall(text)
