"""`%%kgsql`: SQL in a notebook's cell, Python's variables as `:name`, the result as a frame.

%load_ext kgfeatures
k = 10

%%kgsql --out best
select * from rec.recommend('13085', :k)
"""

from __future__ import annotations

import argparse
import shlex
import unicodedata
from typing import TYPE_CHECKING, Any, NoReturn, cast

from IPython.core.completer import SimpleCompletion, context_matcher
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class

from kgfeatures import locale
from kgfeatures.db import connect
from kgfeatures.db.catalogue import Catalogue
from kgfeatures.errors import DatabaseError, KGFeaturesError
from kgfeatures.widgets import language
from kgfeatures.widgets.binding import bind
from kgfeatures.widgets.completion import complete, last_name

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.completer import CompletionContext
    from IPython.core.interactiveshell import InteractiveShell

    from kgfeatures.db import Database
    from kgfeatures.widgets.binding import Bound

NAMES = ("%%kgsql", "%kgsql")


class _Options(argparse.ArgumentParser):
    """Tells mistakes as IPython does, without ending the kernel."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(_said(f"%%kgsql: {_said(message)}; it takes --out NAME and nothing else"))


@magics_class
class KGSQL(Magics):
    """SQL on the shop's database; one database per kernel, connected when first asked."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._database: Database | None = None
        self._catalogue: Catalogue | None = None
        self._options = _Options("%%kgsql", add_help=False)
        self._options.add_argument("--out", "-o")

    @property
    def database(self) -> Database:
        """The database of this kernel."""
        if self._database is None:
            self._database = connect()
        return self._database

    @line_cell_magic
    def kgsql(self, line: str, cell: str | None = None) -> pd.DataFrame | None:
        """Run SQL; return the rows as a frame, None for a statement without rows.

        `%kgsql select 1` on one line, or `%%kgsql` with the statement below. `:name` stands for
        the Python variable of that name: it is sent as a value, so that no text in it is ever
        read as SQL. Arrays of floats are vectors; vectors come back as float32 arrays.

        `%%kgsql --out name` keeps the frame in `name` instead of showing it.

        Parameters
        ----------
        line : what stands behind the magic's name: a statement, or options.
        cell : the lines below `%%kgsql`; None for `%kgsql`.
        """
        out: str | None = None
        if cell is None:
            statement = line
        else:
            statement = cell
            out = self._options.parse_args(shlex.split(line)).out
            if out is not None and not out.isidentifier():
                raise UsageError(_said(f"--out {out}: that is no name for a Python variable"))
        frame = self._run(statement)
        if out is None:
            return frame
        cast("Any", self.shell).push({out: frame})
        return None

    def names(self, before: str, cell: str) -> list[str]:
        """Return what may stand at the end of `before`, the text of a line up to the cursor.

        Parameters
        ----------
        before : the line up to the cursor.
        cell : all that is typed so far.
        """
        if self._catalogue is None:
            self._catalogue = Catalogue(self.database)
        return complete(self._catalogue.completions(), before, cell)

    def _run(self, statement: str) -> pd.DataFrame | None:
        if not statement.strip():
            raise UsageError(
                _said("%%kgsql: there is no statement; write one below the first line")
            )
        try:
            bound = bind(statement, cast("Any", self.shell).user_ns)
            frame = self._asked(bound)
        except DatabaseError as error:
            raise UsageError(marked(statement, error)) from None
        except KGFeaturesError as error:
            raise UsageError(_said(str(error))) from None
        return frame if len(frame.columns) else None

    def _asked(self, bound: Bound) -> pd.DataFrame:
        """Return the rows of a statement; an error's place is one of the cell."""
        try:
            return self.database.sql(bound.statement, bound.given or None)
        except DatabaseError as error:
            if error.position is not None:
                error.position = bound.place(error.position) + 1
            raise


def _said(sentence: str) -> str:
    """Return a sentence in the reader's language."""
    return locale.sentence(sentence, language.chosen())


def marked(statement: str, error: DatabaseError) -> str:
    """Return an error's message; below it the line that PostgreSQL points at, with a mark.

    Parameters
    ----------
    statement : as it was typed.
    error : the place that PostgreSQL named is read from it.
    """
    if error.position is None:
        return _said(str(error))
    place = error.position - 1
    line_start = statement.rfind("\n", 0, place) + 1
    number = statement.count("\n", 0, place) + 1
    line = statement[line_start:].split("\n", 1)[0]
    label = f"{_said(f'line {number}')}: "
    before = f"{label}{line[: place - line_start]}"
    return f"{_said(str(error))}\n{label}{line}\n{' ' * _width(before)}^"


def _width(text: str) -> int:
    """Return how many columns a text takes; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(one) in {"F", "W"} else 1 for one in text)


def load(shell: InteractiveShell) -> None:
    """Register the magic and the completion of SQL names with a shell."""
    magics = KGSQL(shell)
    shell.register_magics(magics)
    completer = cast("Any", shell).Completer

    def matcher(context: CompletionContext) -> Any:
        if not context.full_text.lstrip().startswith(NAMES):
            return {"completions": []}
        try:
            names = magics.names(context.text_until_cursor, context.full_text)
        except KGFeaturesError:
            # Completion is no place to complain: running the cell will say what is wrong.
            names = []
        found = [SimpleCompletion(name, type="sql") for name in names]
        typed = last_name(context.text_until_cursor)
        return {"completions": found, "suppress": bool(found), "matched_fragment": typed}

    completer.custom_matchers[:] = [
        other
        for other in completer.custom_matchers
        if getattr(other, "matcher_identifier", "") != "kgfeatures.kgsql"
    ]
    decorate = cast("Any", context_matcher(identifier="kgfeatures.kgsql"))
    completer.custom_matchers.append(decorate(matcher))
