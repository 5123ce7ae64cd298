"""Rows of csv, tsv and jsonl files, with the line on which each of them begins."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from kgfeatures.errors import DataError
from kgfeatures.graph.sheet import Problem, Sheet, numbered, require_columns, shown

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from kgfeatures.graph.section import Section
    from kgfeatures.types import IntArray

BLOCK_BYTES = 32 << 20
DELIMITERS = {"csv": ",", "tsv": "\t"}


class CountedFile(io.RawIOBase):
    """A binary file that counts line ends and quotes while it is read."""

    def __init__(self, file: io.BufferedIOBase | gzip.GzipFile) -> None:
        self._file = file
        self.line_ends = 0
        self.quotes = 0
        self.last = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into `buffer` and return the number of bytes; 0 at the end."""
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self.line_ends += data.count(b"\n")
        self.quotes += data.count(b'"')
        self.last = data[-1:] or self.last
        return len(data)

    def lines(self) -> int:
        """Return the number of lines read; the last one may lack its line end."""
        return self.line_ends + (self.last not in {b"", b"\n"})


def read_separated(section: Section, file: Path) -> Sheet:
    """Return the rows of a csv or tsv file; every column is text.

    Raises
    ------
    DataError : it is empty, in another encoding, or lacks a column; a quote is left open.
    """
    with readable(section, file):
        header = read_header(section, file)
        require_columns(section.name, section.needed(), header)
        wanted = section.wanted(header)
        table, broken, counted = parse(section, file, wanted)
        records = table.num_rows + len(broken) + 1
        # utf-16 holds zero bytes beside its line ends, counting them is no use there.
        if counted.lines() == records and not section.encoding.startswith("utf-16"):
            all_rows = numbered(table.num_rows + len(broken), first=2)
        else:
            table, broken, _ = parse(section, file, header)
            all_rows = lines_of(table, broken, header)
            table = table.select(wanted)
    rows = np.delete(all_rows, [record.row - 2 for record in broken])
    if counted.quotes % 2 and ends_inside_quotes(table, broken):
        line = max([*rows[-1:], *(all_rows[record.row - 2] for record in broken[-1:])])
        raise DataError(
            f'{section.name}, line {line}: a field opens with a quote (") that is never closed; '
            "close it, or double the quotes inside a field"
        )
    lines = [
        Problem(int(all_rows[each.row - 2]), "", shown(each.value), each.reason) for each in broken
    ]
    return without_empty_lines(Sheet(table, rows, "line", lines, tuple(header)))


def read_header(section: Section, file: Path) -> list[str]:
    """Return the names in the first line.

    Raises
    ------
    DataError : the file is empty.
    """
    with opened_text(section, file, newline="") as text:
        header = next(csv.reader(text, delimiter=separator(section)), [])
    if not any(name.strip() for name in header):
        raise DataError(f"{section.name} is empty: no header in its first line; export it again")
    if len(header) == 1 and len(section.needed()) > 1:
        for other in ";\t|,":
            if other in header[0]:
                raise DataError(
                    f"{section.name} has one column, {header[0][:80]!r}: it is not separated by "
                    f"{separator(section)!r}; add `delimiter: {json.dumps(other)}`"
                )
    return header


def parse(
    section: Section, file: Path, columns: list[str]
) -> tuple[pa.Table, list[Problem], CountedFile]:
    """Return some columns as text, the rows of another width, and what was counted on the way.

    A broken row's number counts records: the header is 1.
    """
    broken: list[Problem] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        reason = f"has {row.actual_columns} fields, but the header has {row.expected_columns}"
        broken.append(Problem(cast("int", row.number), "", row.text, reason))
        return "skip"

    with opened(file) as binary:
        counted = CountedFile(binary)
        # Without threads, or rows come without their number.
        table = arrow_csv.read_csv(
            pa.PythonFile(counted, mode="r"),
            read_options=arrow_csv.ReadOptions(
                use_threads=False,
                block_size=BLOCK_BYTES,
                encoding="utf8" if section.encoding == "utf-8" else section.encoding,
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=separator(section),
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=note,
            ),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=columns,
                column_types=dict.fromkeys(columns, pa.string()),
                strings_can_be_null=False,
            ),
        )
    return table, broken, counted


def lines_of(table: pa.Table, broken: list[Problem], header: list[str]) -> IntArray:
    """Return the line on which each record begins, where fields hold line ends.

    Parameters
    ----------
    table : all columns, whole records only.
    broken : the other records, numbered among all of them (the header is 1).
    """
    inside = np.zeros(table.num_rows, dtype=np.int64)
    options = pc.MatchSubstringOptions("\n")
    for column in table.columns:
        inside += pc.call_function("count_substring", [column], options).to_numpy().astype(np.int64)
    places = [record.row - 2 - i for i, record in enumerate(broken)]
    inside = np.insert(inside, places, [record.value.count("\n") for record in broken])
    first = 2 + sum(name.count("\n") for name in header)
    begins = np.arange(len(inside), dtype=np.int64) + first
    begins[1:] += np.cumsum(inside[:-1])
    return begins


def ends_inside_quotes(table: pa.Table, broken: list[Problem]) -> bool:
    """Return whether the last record holds a line end: an open quote swallowed the rest."""
    last = [str(column[-1]) for column in table.columns] if table.num_rows else []
    return any("\n" in text for text in [*last, *(each.value for each in broken[-1:])])


def without_empty_lines(sheet: Sheet) -> Sheet:
    """Return the sheet without rows in which every column is empty, such as blank lines."""
    filled = np.zeros(len(sheet.rows), dtype=bool)
    for column in sheet.table.columns:
        filled |= pc.call_function("not_equal", [column, pa.scalar("")]).to_numpy()
    return sheet.kept(filled)


def read_json_lines(section: Section, file: Path) -> Sheet:
    """Return the rows of a file with one JSON object a line; numbers stay numbers.

    Raises
    ------
    DataError : it is empty, in another encoding, or no line has one of the columns.
    """
    needed = section.needed()
    event = section.words.get("event", "")
    columns: dict[str, list[Any]] = {name: [] for name in [*needed, event]}
    rows: list[int] = []
    broken: list[Problem] = []
    present: dict[str, None] = {}
    with readable(section, file), opened_text(section, file) as text:
        for row, line in enumerate(text, start=1):
            if not line.strip():
                continue
            record = parse_record(row, line, needed)
            if isinstance(record, Problem):
                broken.append(record)
                continue
            present.update(dict.fromkeys(record))
            rows.append(row)
            for name, values in columns.items():
                values.append(record.get(name))
    if not rows and not broken:
        raise DataError(f"{section.name} is empty; export it again")
    if rows:
        require_columns(section.name, needed, list(present))
    wanted = section.wanted(present) if rows else needed
    table = pa.table({name: as_array(columns[name]) for name in wanted})
    return Sheet(table, np.array(rows, dtype=np.int64), "line", broken, tuple(present))


def parse_record(row: int, line: str, needed: list[str]) -> dict[str, Any] | Problem:
    """Return a line's JSON object, or what is wrong with it or with a column that is needed."""
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError) as exc:
        return Problem(row, "", shown(line), f"is no valid JSON: {exc}")
    if not isinstance(record, dict):
        return Problem(row, "", shown(line), "is no JSON object; write {…} on each line")
    fields = cast("dict[str, Any]", record)
    for name in needed:
        if isinstance(fields.get(name), (list, dict)):
            return Problem(
                row, name, shown(json.dumps(fields[name])), "is a list or an object, not a value"
            )
    return fields


def as_array(values: list[Any]) -> pa.Array:
    """Return values of one type as they are, mixed ones as text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {str} or kinds in ({bool}, {float}):
        return pa.array(values, pa.string() if not kinds else None)
    if kinds == {int}:
        try:
            return pa.array(values, pa.int64())
        except (pa.ArrowInvalid, OverflowError):
            kinds = {int, str}
    return pa.array(
        [None if v is None else v if isinstance(v, str) else json.dumps(v) for v in values]
    )


def separator(section: Section) -> str:
    """Return the character between two fields."""
    return section.delimiter or DELIMITERS[section.format]


def opened(file: Path) -> io.BufferedReader | gzip.GzipFile:
    """Return a file opened for reading, unpacked when its name ends in .gz."""
    return gzip.open(file, "rb") if file.suffix.lower() == ".gz" else file.open("rb")


@contextmanager
def opened_text(section: Section, file: Path, newline: str = "\n") -> Generator[io.TextIOWrapper]:
    """Lend a file opened for reading as text, without its byte order mark."""
    encoding = "utf-8-sig" if section.encoding == "utf-8" else section.encoding
    with opened(file) as binary, io.TextIOWrapper(binary, encoding, newline=newline) as text:
        yield text


@contextmanager
def readable(section: Section, file: Path) -> Generator[None]:
    """Turn what reading may raise into a DataError that names the place.

    Raises
    ------
    DataError : the file is broken, in another encoding, or holds a row of more than 32 MiB.
    """
    try:
        yield
    except UnicodeDecodeError as exc:
        raise DataError(encoding_message(section, file)) from exc
    except (gzip.BadGzipFile, EOFError, zlib.error) as exc:
        raise DataError(f"{section.name} is no complete gzip file ({exc}); copy it again") from exc
    except csv.Error as exc:
        raise DataError(f"{section.name}, line 1: the header cannot be read: {exc}") from exc
    except pa.ArrowInvalid as exc:
        if "UTF8" in str(exc):
            raise DataError(encoding_message(section, file)) from exc
        if "straddling" in str(exc):
            raise DataError(
                f"{section.name} holds a row of more than {BLOCK_BYTES >> 20} MiB, and a field may "
                'hold 1 MB; look for a quote (") that is never closed'
            ) from exc
        raise DataError(f"{section.name} cannot be read: {exc}") from exc


def encoding_message(section: Section, file: Path) -> str:
    """Return where the first wrong byte stands and which encoding to try."""
    with opened(file) as binary:
        content = binary.read()
    try:
        content.decode(section.encoding)
    except UnicodeDecodeError as exc:
        start = exc.start
    else:
        return f"{section.name} cannot be decoded as {section.encoding}; save it as UTF-8"
    line = content.count(b"\n", 0, start) + 1
    return (
        f"{section.name}, line {line}: byte {start} is 0x{content[start]:02x}, which is not "
        f"{section.encoding}; save the file as UTF-8 or add `encoding: {likely(content)}`"
    )


def likely(content: bytes) -> str:
    """Return the encoding that bytes which are not UTF-8 most probably have."""
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return "utf-16"
    sample = content[: 1 << 20]
    try:
        text = sample.decode("gbk")
    except UnicodeDecodeError as exc:
        # The cut may have hit the middle of a character.
        if exc.start < len(sample) - 4:
            return "cp1252"
        text = sample[: exc.start].decode("gbk")
    # The common Chinese characters begin with B0 to D7, letters with accents mostly above.
    leads = [pair[:1] for pair in (c.encode("gbk") for c in text) if len(pair) > 1]
    common = sum(b"\xb0" <= lead <= b"\xd7" for lead in leads)
    return "gbk" if common > 0.5 * len(leads) else "cp1252"
