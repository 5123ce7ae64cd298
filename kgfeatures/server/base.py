"""What every handler shares: nobody unknown gets in, work is done in threads, errors are JSON."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from decimal import Decimal
from http.client import responses
from typing import TYPE_CHECKING, Any, TypeVar, cast

from jupyter_server.base.handlers import APIHandler
from tornado import web

from kgfeatures import locale
from kgfeatures.errors import (
    BusyError,
    ConfigError,
    DatabaseError,
    KGFeaturesError,
    MissingExtraError,
    ServerError,
    UnknownNameError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from kgfeatures.server.shop import Shop

T = TypeVar("T")
SHOP = "kgfeatures_shop"
# Connections that broke, servers that are full or stopped: worth another try.
PASSING = ("08", "53", "57")
NO_DATA = "P0002"
# Our errors, the first that fits: status and kind.
_WHAT: tuple[tuple[type[KGFeaturesError], tuple[int, str]], ...] = (
    (UnknownNameError, (404, "not_found")),
    (BusyError, (409, "busy")),
    (ServerError, (503, "unavailable")),
    (ConfigError, (503, "unavailable")),
    (MissingExtraError, (503, "unavailable")),
    (KGFeaturesError, (400, "input")),
)


class RefusedError(web.HTTPError):
    """An answer that is no success.

    Parameters
    ----------
    status : of HTTP.
    kind : input, not_found, busy, costly, unavailable or database.
    position : the character of the statement, from 1, that PostgreSQL points at.
    warnings : what to think about before asking again.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        position: int | None = None,
        warnings: Sequence[str] = (),
    ) -> None:
        super().__init__(status, reason=kind)
        self.error: dict[str, Any] = {
            "kind": kind,
            "message": message,
            "position": position,
            "hint": None,
        }
        self.warnings = warnings


class Handler(APIHandler):
    """Base of the handlers. A verb's work runs in a thread: `return await self.do(work, …)`."""

    @property
    def shop(self) -> Shop:
        """The database, shared by all requests."""
        return cast("Shop", self.settings[SHOP])

    async def do(self, work: Callable[..., T], *args: object, **options: object) -> T:
        """Return what `work` returns; raises RefusedError for what kgfeatures raises on purpose."""
        try:
            return await asyncio.to_thread(work, *args, **options)
        except KGFeaturesError as error:
            raise refused(error) from error

    def answer(self, body: object, status: int = 200) -> None:
        """Write a body as JSON."""
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(body, ensure_ascii=False, default=plain))

    def said(self, sentence: str) -> str:
        """Return a sentence of ours in the language of the browser."""
        return locale.sentence(sentence, self.request.headers.get("Accept-Language", ""))

    def number(self, name: str, default: int, least: int = 0, most: int = 1 << 53) -> int:
        """Return a whole number of the query string; refuses one that is none or out of range."""
        given = self.get_query_argument(name, "") or str(default)
        try:
            number = int(given)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise RefusedError(
                400,
                "input",
                f"{name} is {given!r}; it must be a whole number from {least} to {most}",
            )
        return number

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text of the query string; refuses its absence unless there is a default."""
        given = self.get_query_argument(name, default)
        if given is None:
            raise RefusedError(400, "input", f"{name} is missing; give it in the query string")
        return given

    def body(self) -> dict[str, Any]:
        """Return the request's JSON object; refuses anything else."""
        given: object = self.get_json_body()
        if not isinstance(given, dict):
            raise RefusedError(400, "input", "the body is no JSON object")
        return given

    def write_error(self, status_code: int, **rest: Any) -> None:
        """Write an error as JSON; what was not meant to be told is not."""
        _, error, _ = rest.get("exc_info", (None, None, None))
        if isinstance(error, RefusedError):
            return self.refuse(error)
        known = isinstance(error, web.HTTPError) and status_code < 500
        said = (error.reason or error.log_message) if known else None
        usual = responses.get(status_code, "") if known else "something unexpected went wrong"
        kind = "input" if known else "unexpected"
        message = said or f"{usual}; the server's log says more"
        return self.refuse(RefusedError(status_code, kind, message))

    def refuse(self, error: RefusedError) -> None:
        """Answer an error; what PostgreSQL says of it stays in its words."""
        told: dict[str, Any] = {
            "error": error.error | {"message": self.said(error.error["message"])}
        }
        if error.warnings:
            told["warnings"] = [self.said(warning) for warning in error.warnings]
        self.answer(told, error.status_code)


def refused(error: KGFeaturesError) -> RefusedError:
    """Return the answer that says the same as one of our errors."""
    status, kind = (
        _of_database(error)
        if isinstance(error, DatabaseError)
        else next(what for sort, what in _WHAT if isinstance(error, sort))
    )
    return RefusedError(status, kind, str(error), getattr(error, "position", None))


def _of_database(error: DatabaseError) -> tuple[int, str]:
    state = error.sqlstate
    if state is None or state.startswith(PASSING):
        return 503, "unavailable"
    return (404, "not_found") if state == NO_DATA else (400, "database")


def plain(value: object) -> object:
    """Return what stands in JSON for a value that it does not know."""
    if isinstance(value, dt.datetime):
        # Years 1 and 9999 stand for the ends of time.
        return None if value.year in {1, 9999} else value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def signed_in(verb: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Let only those in whom Jupyter knows; a typed `tornado.web.authenticated`."""
    return cast("Callable[..., Awaitable[None]]", web.authenticated(cast("Any", verb)))
