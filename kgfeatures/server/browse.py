"""What there is: the catalogue, entities and their triples, runs. Reading only."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import kgfeatures
from kgfeatures.db.catalogue import graph
from kgfeatures.errors import KGFeaturesError
from kgfeatures.server.base import Handler, signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgfeatures.db.catalogue.graph import Answer
    from kgfeatures.server.shop import Shop

MOST = 1000
PAGE = 500
# What a run tells people.
SAID = ("label", "note", "error")


class StatusHandler(Handler):
    """Whether the database answers, and what the console may use."""

    @signed_in
    async def get(self) -> None:
        """Answer 200 also when the database does not: the panel shows why."""
        limits = self.shop.console.limits
        failure = await self.do(_reach, self.shop)
        message = None if failure is None else self.said(failure)
        self.answer(
            {
                "version": kgfeatures.__version__,
                "database": {"reachable": message is None, "message": message},
                "limits": {"row_cap": limits.rows, "page": PAGE, "timeout_s": limits.seconds},
            }
        )


class CatalogueHandler(Handler):
    """The list of what there is, searched."""

    @signed_in
    async def get(self) -> None:
        """Read the query string: ?q=&kind=&offset=&limit=."""
        offset, limit = self.number("offset", 0), self.number("limit", 100, 1, MOST)
        kind = self.text("kind", "")
        found = await self.do(self.shop.catalogue.search, self.text("q", ""))
        kinds: dict[str, int] = {}
        for entry in found:
            kinds[entry.kind] = kinds.get(entry.kind, 0) + 1
        wanted = [entry for entry in found if kind in {"", entry.kind}]
        page = [entry.shown() for entry in wanted[offset : offset + limit]]
        self.answer({"entries": page, "total": len(wanted), "kinds": kinds})


class DetailHandler(Handler):
    """One thing of the catalogue: columns, profile, indexes, lineage, code."""

    @signed_in
    async def get(self, kind: str, name: str) -> None:
        """Answer 404 with the nearest names when there is none."""
        self.answer(await self.do(self.shop.catalogue.detail, kind, name))


class SampleHandler(Handler):
    """Some rows of one thing of the catalogue."""

    @signed_in
    async def get(self, kind: str, name: str) -> None:
        """Read the query string: ?limit=."""
        self.answer(
            await self.do(_sample, self.shop, kind, name, self.number("limit", 50, 1, MOST))
        )


class EntitiesHandler(Handler):
    """Entities by key or label."""

    @signed_in
    async def get(self) -> None:
        """Read the query string: ?q=&type=&limit=."""
        question = partial(
            graph.find_entities,
            text=self.text("q", ""),
            entity_type=self.text("type", "") or None,
            k=self.number("limit", 50, 1, MOST),
        )
        answer = await self.do(_asked, self.shop, question)
        self.answer({"entities": answer.rows, "sql": answer.sql})


class NeighborsHandler(Handler):
    """What an entity is connected to."""

    @signed_in
    async def get(self) -> None:
        """Read the query string: ?type=&key=&relation=&direction=&limit=&known_at=."""
        answer = await self.do(
            _neighbors,
            self.shop,
            (self.text("type"), self.text("key")),
            relation=self.text("relation", "") or None,
            direction=self.text("direction", "both"),
            k=self.number("limit", 50, 1, MOST),
            known_at=self.text("known_at", "") or None,
        )
        self.answer(answer)


class EvidenceHandler(Handler):
    """Why a triple is believed."""

    @signed_in
    async def get(self) -> None:
        """Read the query string: ?head_type=&head=&relation=&tail=."""
        question = partial(
            graph.evidence,
            head_type=self.text("head_type"),
            head_key=self.text("head"),
            relation=self.text("relation"),
            tail_key=self.text("tail"),
        )
        answer = await self.do(_asked, self.shop, question)
        self.answer({"evidence": answer.rows, "sql": answer.sql})


class CompletionsHandler(Handler):
    """Every name that a statement may use."""

    @signed_in
    async def get(self) -> None:
        """Answer schemas with their tables, columns and functions."""
        self.answer(await self.do(self.shop.catalogue.completions))


class RunsHandler(Handler):
    """The latest runs of steps, and how far they are."""

    @signed_in
    async def get(self) -> None:
        """Read the query string: ?limit=."""
        limit = self.number("limit", 20, 1, MOST)
        runs = await self.do(self.shop.catalogue.runs, limit)
        said = [{part: self.said(run[part] or "") or None for part in SAID} for run in runs]
        self.answer({"runs": [run | told for run, told in zip(runs, said, strict=True)]})


def _reach(shop: Shop) -> str | None:
    """Return why the database does not answer, None when it does."""
    try:
        shop.catalogue.entries()
    except KGFeaturesError as error:
        return str(error)
    return None


def _asked(shop: Shop, question: Callable[..., Answer]) -> Answer:
    with shop.reader.transaction() as conn:
        return question(conn)


def _neighbors(shop: Shop, of: tuple[str, str], **wanted: Any) -> dict[str, Any]:
    with shop.reader.transaction() as conn:
        entity = graph.entity(conn, *of)
        answer = graph.neighbors(conn, *of, **wanted)
    relations = entity.pop("relations")
    return {"entity": entity, "relations": relations, "neighbors": answer.rows, "sql": answer.sql}


def _sample(shop: Shop, kind: str, name: str, k: int) -> dict[str, Any]:
    sql = shop.catalogue.sample(kind, name, k)
    result = shop.console.read(sql)
    return {
        "columns": [column._asdict() for column in result.columns],
        "rows": [[_short(cell) for cell in row] for row in result.rows],
        "sql": sql,
    }


def _short(cell: object) -> object:
    """Return a vector's beginning and length, anything else as it is."""
    if isinstance(cell, str) and cell.startswith("[") and cell.count(",") >= 8:
        numbers = cell[1:-1].split(",")
        return f"[{', '.join(number[:6] for number in numbers[:3])}, … {len(numbers)}]"
    return cell
