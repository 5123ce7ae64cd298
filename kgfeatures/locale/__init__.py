"""What the panels, the widgets, the magics and the command line say, in English or Chinese.

zh_CN/LC_MESSAGES/kgfeatures.json has the words of the interface; JupyterLab reads the same file.
sentences.json beside it has the errors and warnings that panels show, errors.json all others,
commands.json what commands say. They are written in English, values and all, where they are said,
and known here by their shape: `no query %1: it was removed` is that of "no query 'ab': it was
removed". What no shape fits, PostgreSQL's words above all, stays.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

CHINESE = "zh"
ENGLISH = "en"
_FOLDER = Path(__file__).parent / "zh_CN" / "LC_MESSAGES"
_VALUE = re.compile(r"%(\d)")
# How begins what is said of a rejected value.
_REASONS = ("is ", "holds ")
# How begins what a database refused: with the name of what it was asked.
_QUERY = re.compile(r"[a-z_]+\.[a-z_]+: ")
# What errors.nearest adds: the nearest name, and those that there are.
_NEAREST = re.compile(r"(?P<said>.*?)(?:; did you mean '(?P<close>.*)'\?|\.) Known: (?P<known>.*)")


class _Shape(NamedTuple):
    """A sentence with places for values, and its translation with the same places."""

    pattern: re.Pattern[str]
    translated: str
    literal: int


def language(tags: str) -> str:
    """Return "zh" or "en" for what a reader asks for, a language tag or an Accept-Language header.

    >>> language("zh-CN"), language("zh_CN.UTF-8"), language("de, zh;q=0.8"), language("")
    ('zh', 'zh', 'zh', 'en')
    >>> language("en-US,en;q=0.9,zh;q=0.8")
    'en'
    """
    for tag in tags.split(","):
        given = re.split(r"[-_;.]", tag.strip().lower())[0]
        if given in {CHINESE, ENGLISH}:
            return given
    return ENGLISH


def word(text: str, tags: str) -> str:
    """Return a text of the interface in the language asked for; one that is unknown as it is.

    Parameters
    ----------
    text : in English.
    tags : languages as a browser or $KGFEATURES_LANG names them: "zh-CN", "en" ….
    """
    return _words().get(text, text) if language(tags) == CHINESE else text


def words(texts: Iterable[str], tags: str) -> dict[str, str]:
    """Return each text of the interface with what stands for it in the language asked for.

    Parameters
    ----------
    texts : in English.
    tags : languages as a browser or $KGFEATURES_LANG names them: "zh-CN", "en" ….
    """
    return {text: word(text, tags) for text in texts}


def sentence(text: str, tags: str) -> str:
    """Return a sentence in the language asked for; what has no translation as it is.

    Of several that are joined by semicolons, such as PostgreSQL's message with our advice behind
    it, those that are known are translated.

    Parameters
    ----------
    text : in English, whole.
    tags : languages as a browser or $KGFEATURES_LANG names them: "zh-CN", "en" ….
    """
    if language(tags) == ENGLISH:
        return text
    known = _NEAREST.fullmatch(text.replace("\n", " "))
    if known is not None:
        return _chinese(known["said"]) + _nearest(known["close"], known["known"])
    return _chinese(text)


def _chinese(text: str) -> str:
    query = _QUERY.match(text)
    if query is not None:
        return query[0] + _chinese(text[query.end() :])
    parts = text.split("; ")
    said: list[str] = []
    done = 0
    while done < len(parts):
        taken, translated = _longest(parts[done:])
        said.append(translated)
        done += taken
    joined = "；" if said != parts else "; "
    return joined.join(said)


def _longest(parts: list[str]) -> tuple[int, str]:
    """Return how many parts, from the first on, make a known sentence, and its translation."""
    for taken in range(len(parts), 0, -1):
        text = "; ".join(parts[:taken])
        for shape in _shapes():
            if (found := shape.pattern.fullmatch(text)) is not None:
                return taken, _filled(shape.translated, found.groups())
    return 1, parts[0]


def _filled(translated: str, values: tuple[str, ...]) -> str:
    return _VALUE.sub(lambda place: _value(values[int(place[1]) - 1]), translated)


def _value(text: str) -> str:
    """Return a value; a kind, a state by its name in the interface, a reason as a sentence."""
    if text.startswith(_REASONS):
        return _chinese(text)
    known = _words()
    return known.get(text) or known.get(text.capitalize()) or _commands().get(text, text)


def _nearest(close: str | None, known: str) -> str:
    meant = f"；您是否要找 '{close}'？" if close else "。"
    return f"{meant}已有：{'暂无' if known == 'none yet' else known}"


@functools.cache
def _words() -> dict[str, str]:
    return {text: forms[0] for text, forms in _read("kgfeatures.json").items() if text}


@functools.cache
def _shapes() -> tuple[_Shape, ...]:
    """Return the shapes of all sentences, those with the most words of their own first."""
    texts = _read("sentences.json") | _read("errors.json") | _commands()
    made = [_shape(text, translated) for text, translated in texts.items()]
    return tuple(sorted(made, key=lambda shape: -shape.literal))


@functools.cache
def _commands() -> dict[str, str]:
    return _read("commands.json")


def _shape(text: str, translated: str) -> _Shape:
    words = _VALUE.split(text)[::2]
    # Python quotes what holds a single quote with double ones.
    pattern = "(.*?)".join(re.escape(piece).replace("'", "['\"]") for piece in words)
    return _Shape(re.compile(pattern, re.DOTALL), translated, sum(map(len, words)))


def _read(name: str) -> dict[str, str]:
    return json.loads((_FOLDER / name).read_text("utf-8"))
