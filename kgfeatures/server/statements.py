"""The SQL console: statements as jobs that are watched, paged, cancelled, taken as files."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from kgfeatures.db.console.spool import csv_chunks, parquet_chunks
from kgfeatures.errors import DataError
from kgfeatures.server.base import Handler, RefusedError, signed_in

if TYPE_CHECKING:
    from kgfeatures.db.console import Console, Query

MOST = 5000
FILES = {
    "csv": (csv_chunks, "text/csv; charset=utf-8"),
    "parquet": (parquet_chunks, "application/vnd.apache.parquet"),
}


class QueriesHandler(Handler):
    """All statements that are remembered."""

    @signed_in
    async def get(self) -> None:
        """Answer the latest first."""
        self.answer({"queries": [_told(self, query) for query in self.shop.console.all()]})

    @signed_in
    async def post(self) -> None:
        """Start {"sql", "row_cap"?, "force"?}: 201 at once; 409 "costly" asks to think again."""
        body = self.body()
        sql, row_cap, force = body.get("sql"), body.get("row_cap"), body.get("force", False)
        query = await self.do(_submit, self.shop.console, sql, row_cap, force=force)
        self.answer(_told(self, query), 201)


class QueryHandler(Handler):
    """One statement."""

    @signed_in
    async def get(self, query_id: str) -> None:
        """Answer how it stands."""
        query = await self.do(self.shop.console.get, query_id)
        self.answer(_told(self, query))

    @signed_in
    async def delete(self, query_id: str) -> None:
        """Cancel it where it runs; ?keep=1 keeps what has been read so far."""
        if self.text("keep", ""):
            query = await self.do(self.shop.console.get, query_id)
            await self.do(query.cancel)
        else:
            await self.do(self.shop.console.remove, query_id)
        self.set_status(204)
        self.finish()


class RowsHandler(Handler):
    """Rows of a result, also while more are coming."""

    @signed_in
    async def get(self, query_id: str) -> None:
        """Read the query string: ?offset=&limit=."""
        offset, limit = self.number("offset", 0), self.number("limit", 500, 1, MOST)
        query = await self.do(self.shop.console.get, query_id)
        lines = await self.do(query.spool.lines, offset, limit)
        # The rows are JSON already.
        self.finish(b'{"offset":%d,"rows":[%s]}' % (offset, b",".join(lines)))


class ExportHandler(Handler):
    """A whole result as a file."""

    @signed_in
    async def get(self, query_id: str) -> None:
        """Read the query string: ?format=csv|parquet."""
        wanted = self.text("format", "csv")
        if wanted not in FILES:
            raise RefusedError(400, "input", f"format is {wanted!r}; it must be csv or parquet")
        query = await self.do(self.shop.console.get, query_id)
        if query.state != "done" or not query.columns:
            raise RefusedError(
                409, "busy", f"the statement has no whole result: it is {query.state}"
            )
        make, kind = FILES[wanted]
        self.set_header("Content-Type", kind)
        self.set_header("Content-Disposition", f'attachment; filename="{query_id}.{wanted}"')
        chunks = make(query.columns, query.spool)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            self.write(chunk)
            await self.flush()
        self.finish()


class ExplainHandler(Handler):
    """A statement's plan."""

    @signed_in
    async def post(self) -> None:
        """Explain {"sql"}; it is not run."""
        plan = await self.do(self.shop.console.explain, str(self.body().get("sql", "")))
        self.answer({"plan": plan.text, "warnings": [self.said(one) for one in plan.warnings]})


def _told(handler: Handler, query: Query) -> dict[str, Any]:
    """Return how a statement stands; an error in the language of the browser."""
    stands = query.describe()
    if (error := stands["error"]) is not None:
        stands["error"] = error | {"message": handler.said(error["message"])}
    return stands


def _submit(console: Console, sql: object, row_cap: object, *, force: object) -> Query:
    if not isinstance(sql, str):
        raise DataError('sql is missing; the body is {"sql": "select …"}')
    if row_cap is not None and (not isinstance(row_cap, int) or isinstance(row_cap, bool)):
        raise DataError(f"row_cap is {row_cap!r}; it must be a whole number")
    if not force and (warnings := console.warnings(sql)):
        raise RefusedError(409, "costly", "; ".join(warnings), warnings=warnings)
    return console.submit(sql, row_cap)
