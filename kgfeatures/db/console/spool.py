"""Rows of a statement on disk: written once in order, read from any place, in pages."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# A look-up finds the block, a block is read whole: small enough for one page of a table.
BLOCK = 500


class Column(NamedTuple):
    """A column of a result: its name and PostgreSQL's name of its type."""

    name: str
    type: str


class Spool:
    """The rows of one result, each a line of JSON, in a file that ends with the process.

    One thread adds; others read what is there at the same time.

    Parameters
    ----------
    byte_cap : no more is kept; `add` says when it is reached.
    """

    def __init__(self, byte_cap: int) -> None:
        self._byte_cap = byte_cap
        # Nobody else can open it, and nothing is left of it when the process is killed.
        self._file = tempfile.TemporaryFile(prefix="kgfeatures-console-")  # noqa: SIM115
        self._lock = threading.Lock()
        self._blocks: list[int] = []
        self._bytes = 0
        self.rows = 0

    def add(self, row: Sequence[object]) -> bool:
        """Keep a row; return whether there is room for another one (never after `close`)."""
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            if self._file.closed:
                return False
            if self.rows % BLOCK == 0:
                self._blocks.append(self._bytes)
            os.pwrite(self._file.fileno(), line, self._bytes)
            self._bytes += len(line)
            self.rows += 1
        return self._bytes < self._byte_cap

    def lines(self, offset: int, limit: int) -> list[bytes]:
        """Return rows offset, offset + 1 … as JSON, at most `limit`; fewer at the end."""
        with self._lock:
            last = min(offset + limit, self.rows)
            if self._file.closed or offset >= last:
                return []
            first_block, end_block = offset // BLOCK, (last - 1) // BLOCK + 1
            start = self._blocks[first_block]
            end = self._blocks[end_block] if end_block < len(self._blocks) else self._bytes
            text = os.pread(self._file.fileno(), end - start, start)
        first = first_block * BLOCK
        return text.splitlines()[offset - first : last - first]

    def pages(self, size: int = BLOCK) -> Iterator[list[list[Any]]]:
        """Give the rows, `size` at a time."""
        for offset in range(0, self.rows, size):
            yield [json.loads(line) for line in self.lines(offset, size)]

    def close(self) -> None:
        """Give the disk back; nothing can be read any more."""
        with self._lock:
            self._file.close()


def csv_chunks(columns: Sequence[Column], spool: Spool) -> Iterator[bytes]:
    """Give the rows as CSV (UTF-8, a header line, empty = null), piece by piece."""
    page = io.StringIO()
    writer = csv.writer(page)
    writer.writerow(column.name for column in columns)
    for rows in spool.pages():
        writer.writerows(rows)
        yield page.getvalue().encode()
        page.seek(0)
        page.truncate()
    yield page.getvalue().encode()


def parquet_chunks(columns: Sequence[Column], spool: Spool) -> Iterator[bytes]:
    """Give the rows as a Parquet file, piece by piece; vectors are lists of float32."""
    from pyarrow import parquet

    schema, arrays = _arrow(columns)
    with tempfile.TemporaryFile() as file:
        with parquet.ParquetWriter(file, schema) as writer:
            for rows in spool.pages(size=20 * BLOCK):
                writer.write_batch(arrays(rows))
        file.seek(0)
        while piece := file.read(1 << 18):
            yield piece


def _arrow(columns: Sequence[Column]) -> tuple[Any, Any]:
    """Return the Arrow schema of a result, and what makes a batch of its rows."""
    import pyarrow as pa

    kinds = {
        "int2": pa.int64(),
        "int4": pa.int64(),
        "int8": pa.int64(),
        "float4": pa.float32(),
        "float8": pa.float64(),
        "numeric": pa.float64(),
        "bool": pa.bool_(),
        "vector": pa.list_(pa.float32()),
        "halfvec": pa.list_(pa.float32()),
    }
    convert = {pa.int64(): int, pa.float32(): float, pa.float64(): float}
    types = [kinds.get(column.type, pa.string()) for column in columns]
    # Parquet needs names that differ; SQL does not.
    seen: dict[str, int] = {}
    names: list[str] = []
    for column in columns:
        seen[column.name] = seen.get(column.name, 0) + 1
        again = seen[column.name]
        names.append(column.name if again == 1 else f"{column.name}_{again}")
    schema = pa.schema(list(zip(names, types, strict=True)))

    def values(place: int, rows: list[list[Any]]) -> Any:
        kind = types[place]
        made = json.loads if pa.types.is_list(kind) else convert.get(kind)
        cells = [row[place] for row in rows]
        if made is not None:
            cells = [None if cell is None else made(cell) for cell in cells]
        return pa.array(cells, kind)

    def batch(rows: list[list[Any]]) -> Any:
        return pa.record_batch([values(place, rows) for place in range(len(types))], schema=schema)

    return schema, batch
