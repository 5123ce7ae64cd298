"""GraphBrowser: the knowledge graph in a notebook, walked by mouse, keys or Python."""

from __future__ import annotations

import functools
import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from kgfeatures import locale
from kgfeatures.config import settings
from kgfeatures.db import Database, connect
from kgfeatures.errors import DataError, KGFeaturesError
from kgfeatures.widgets import language
from kgfeatures.widgets.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

STATIC = Path(__file__).parent / "static"
UNEXPECTED = "something unexpected went wrong; the kernel's log says more"
# What graph_browser.js says; tests/widgets compares the two.
WORDS = (
    "%1, from here",
    "%1, to here",
    "All relations",
    "All types",
    "Back",
    "Confidence",
    "Entities found",
    "Entity type",
    "Evidence",
    "Graph browser",
    "It is read from the rows of %1 themselves.",
    "Key",
    "Loading…",
    "Method",
    "Name",
    "No source is recorded for it.",
    "Nothing found.",
    "Observed at",
    "Relation",
    "SQL of what is shown",
    "Search an entity and open it to see its relations.",
    "Search entities",
    "Search names and keys",
    "Show",
    "Show more",
    "Since",
    "Source",
    "Text",
    "The kernel does not answer; run the cell again.",
    "Triples of this entity",
    "Triples shown: %1",
    "Type",
    "Where this triple comes from",
)


class GraphBrowser(anywidget.AnyWidget):
    """A view of an entity and its triples, with their sources, that walks on from there.

    >>> browser = GraphBrowser("product", "22423")  # doctest: +SKIP
    >>> browser.filter("bought", "in")              # doctest: +SKIP
    >>> browser.frame()                             # doctest: +SKIP

    Parameters
    ----------
    entity_type, key : where it begins; without them it begins with a search.
    database : the shop's; None takes the one that `kgfeatures.connect` gives, once per kernel.
    step : triples shown at once, 1 to 5000.
    known_at : ISO time; what was learnt later is not shown. None: now.

    Raises
    ------
    UnknownNameError : there is no such entity.
    DataError : only one of entity_type and key is given, or step is out of range.
    """

    _esm = STATIC / "graph_browser.js"
    _css = STATIC / "graph_browser.css"
    shown = traitlets.Dict().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        entity_type: str | None = None,
        key: str | None = None,
        *,
        database: Database | None = None,
        step: int = 50,
        known_at: str | None = None,
    ) -> None:
        if (entity_type is None) != (key is None):
            raise DataError("give both entity_type and key, or neither")
        self._walk = Walk(database or _of_kernel(), step, known_at)
        # Messages of the browser are answered in threads of their own while a cell runs.
        self._lock = threading.Lock()
        self._language = language.chosen()
        self._walk.look()
        if entity_type is not None and key is not None:
            self._walk.go(entity_type, key)
        words = locale.words(WORDS, self._language)
        super().__init__(shown=self._seen(), words=words)
        self.on_msg(self._asked)

    @property
    def entity(self) -> tuple[str, str] | None:
        """Type and key of the entity that is shown."""
        place = self._walk.place
        return None if place is None else (place.entity["type"], place.entity["key"])

    @property
    def triple(self) -> dict[str, Any] | None:
        """The triple whose evidence is shown: head_type, head, relation, tail_type, tail."""
        return None if self._walk.chosen is None else self._walk.triple(self._walk.chosen)

    def go(self, entity_type: str, key: str) -> None:
        """Show another entity; raises UnknownNameError where there is none.

        Parameters
        ----------
        entity_type : "product", "customer", "colour" ….
        key : the shop's own.
        """
        self._do(lambda: self._walk.go(entity_type, key))

    def back(self) -> None:
        """Show the entity that was shown before."""
        self._do(self._walk.back)

    def search(self, text: str, entity_type: str | None = None) -> None:
        """List the entities whose key or name holds `text`.

        Parameters
        ----------
        text : a part of a key or of a name.
        entity_type : of this type alone; None of all.
        """
        self._do(lambda: self._walk.look(text, entity_type))

    def filter(self, relation: str | None = None, direction: str = "both") -> None:
        """Show the triples of one relation, of a direction ("out", "in"), alone.

        Parameters
        ----------
        relation : its name; None shows all.
        direction : "out" (the entity is the head), "in" (it is the tail) or "both".
        """
        self._do(lambda: self._walk.filter(relation, direction))

    def more(self) -> None:
        """Show more triples."""
        self._do(self._walk.more)

    def explain(self, row: int) -> None:
        """Show where triple number `row`, from 0, comes from."""
        self._do(lambda: self._walk.explain(row))

    def sql(self, part: str = "triples") -> str:
        """Return the SQL of what is shown, values filled in.

        Parameters
        ----------
        part : triples, evidence (of the triple chosen), relations (and their numbers) or entities
            (those found).
        """
        return self._walk.sql(part)

    def frame(self, part: str = "triples") -> pd.DataFrame:
        """Return what is shown as a frame: what `sql` gives now."""
        return self._walk.frame(part)

    def _seen(self, failure: str | None = None) -> dict[str, Any]:
        return self._walk.seen() | {"failure": failure}

    def _do(self, step: Callable[[], None]) -> None:
        with self._lock:
            step()
            self.shown = self._seen()

    def _asked(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        """Answer the browser: {"ask", "id", …}; it is told when that is done."""
        failure = None
        with self._lock:
            try:
                self._answer(content)
            except KGFeaturesError as error:
                failure = locale.sentence(str(error), self._language)
            except Exception:
                logging.getLogger(__name__).exception("a message of the browser")
                failure = locale.sentence(UNEXPECTED, self._language)
            self.shown = self._seen(failure)
        self.send({"done": content.get("id")})

    def _answer(self, content: dict[str, Any]) -> None:
        def text(name: str) -> str:
            return str(content.get(name) or "")

        answers: dict[str, Callable[[], None]] = {
            "hello": lambda: self._speak(text("language")),
            "go": lambda: self._walk.go(text("type"), text("key")),
            "back": self._walk.back,
            "search": lambda: self._walk.look(text("text"), text("type") or None),
            "filter": lambda: self._walk.filter(text("relation") or None, text("direction")),
            "more": self._walk.more,
            "explain": lambda: self._walk.explain(int(content.get("row", -1))),
        }
        answers[text("ask")]()

    def _speak(self, tags: str) -> None:
        """Say everything in the language that the page is in."""
        self._language = tags or self._language
        self.words = locale.words(WORDS, self._language)


def _of_kernel() -> Database:
    now = settings()
    return _connected(now.dsn, now.home)


@functools.cache
def _connected(dsn: str | None, home: Path) -> Database:  # noqa: ARG001  told apart by them
    return connect()
