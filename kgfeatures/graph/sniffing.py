"""How a file is written: its format, encoding and delimiter, found from its bytes."""

from __future__ import annotations

import codecs
import csv
import gzip
import itertools
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyarrow import ArrowException, parquet

from kgfeatures.errors import DataError
from kgfeatures.graph.cleaning import RefusedError, to_number
from kgfeatures.graph.section import Section
from kgfeatures.graph.text_files import DELIMITERS, likely, opened, opened_text, readable
from kgfeatures.graph.yaml_values import Where

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = {
    "csv": "csv",
    "tsv": "tsv",
    "tab": "tsv",
    "txt": "csv",
    "parquet": "parquet",
    "pq": "parquet",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
}
NATIVE = ("csv", "tsv", "parquet", "jsonl")
"""Endings that the manifest understands without `format`."""
SEPARATORS = ",;\t|"
SAMPLE_LINES = 200
BLOCK = 1 << 20
RARER = ("gb18030", "shift_jis", "big5", "latin-1")


@dataclass(frozen=True)
class Written:
    """A file's way of writing.

    Parameters
    ----------
    section : reads every column that can be read, each under its own name.
    encoding_score, delimiter_score : how sure the two are, in [0, 1].
    notes : what is odd about it.
    """

    section: Section
    encoding_score: float = 1.0
    delimiter_score: float = 1.0
    notes: tuple[str, ...] = ()


def ending(file: Path) -> str:
    """Return the last part of a file's name, before .gz, in lower case."""
    return file.name.lower().removesuffix(".gz").rpartition(".")[2]


def sniff(file: Path, name: str) -> Written:
    """Return how a file is written.

    Parameters
    ----------
    name : what the manifest will call it.

    Raises
    ------
    DataError : it is no table that could be read; the message says why.
    """
    form = FORMATS.get(ending(file))
    if form is None:
        raise DataError(
            f"{name} is none of {', '.join(NATIVE)}; save it as one of these if it holds data"
        )
    try:
        if form == "parquet":
            return sniff_parquet(file, name)
        encoding, sure = encoding_of(file)
        plain = Section("products", Where(file), name, file, None, form, codec_name(encoding))
        with readable(plain, file):
            if form == "jsonl":
                return sniff_json(plain, file, sure)
            return sniff_separated(plain, file, sure)
    except (OSError, EOFError, zlib.error, ArrowException, gzip.BadGzipFile) as exc:
        raise DataError(f"{name} cannot be read ({exc}); copy or export it again") from exc


def sniff_parquet(file: Path, name: str) -> Written:
    """Return the columns of a Parquet file that hold single values."""
    fields: Any = parquet.ParquetFile(file).schema_arrow
    kinds: dict[str, str] = {field.name: str(field.type) for field in fields}
    odd = [n for n, k in kinds.items() if k.startswith(("list", "struct", "map", "binary", "larg"))]
    odd = [n for n in odd if kinds[n] != "large_string"]
    columns = {n: n for n in kinds if n not in odd}
    section = Section("products", Where(file), name, file, None, "parquet", columns=columns)
    return Written(section, notes=not_single(odd))


def sniff_json(plain: Section, file: Path, sure: float) -> Written:
    """Return the keys of a file with one JSON object a line that hold single values.

    Raises
    ------
    DataError : its first lines hold no objects.
    """
    seen: dict[str, bool] = {}
    with opened_text(plain, file) as text:
        for line in itertools.islice(text, SAMPLE_LINES * 5):
            try:
                record: Any = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                for key, value in record.items():
                    seen[str(key)] = seen.get(str(key), False) or isinstance(value, (list, dict))
    if not seen:
        raise DataError(f"{plain.name} holds no JSON objects, one on each line; export it so")
    odd = [name for name, nested in seen.items() if nested]
    return Written(with_columns(plain, seen, odd), sure, notes=not_single(odd))


def sniff_separated(plain: Section, file: Path, sure: float) -> Written:
    """Return the delimiter and the header of a text file.

    Raises
    ------
    DataError : it has one column only, or a first line that is no header.
    """
    with opened_text(plain, file, newline="") as text:
        lines = list(itertools.islice(text, SAMPLE_LINES))
    if not lines:
        raise DataError(f"{plain.name} is empty; export it again")
    delimiter, score = delimiter_of(lines, DELIMITERS[plain.format])
    header = next(csv.reader(lines, delimiter=delimiter))
    if len(header) < 2:
        raise DataError(f"{plain.name} has one column only, {header[:1]}: no table")
    if any(is_number(name) for name in header):
        raise DataError(
            f"{plain.name} seems to have no header: its first line holds {', '.join(header)[:80]}; "
            "add a line with the columns' names"
        )
    odd = [name for name in header if not name.strip() or header.count(name) > 1]
    section = with_columns(plain, dict.fromkeys(header), odd)
    if delimiter != DELIMITERS[plain.format]:
        section = with_columns(section, dict.fromkeys(header), odd, delimiter)
    notes = (f"columns without a name of their own: {len(odd)}",) if odd else ()
    return Written(section, sure, score, notes)


def delimiter_of(lines: list[str], usual: str) -> tuple[str, float]:
    """Return the character that splits lines into the same number of fields, and how sure it is."""
    found: list[tuple[float, int, str]] = []
    for one in dict.fromkeys([usual, *SEPARATORS]):
        width, alike = _width(lines, one)
        if width > 1:
            found.append((round(alike, 2), width, one))
    if not found:
        return usual, 0.5
    found.sort(key=lambda each: (each[0] > 0.9, each[1] if each[0] > 0.9 else each[0]))
    alike, _, best = found[-1]
    rivals = [one for share, _, one in found[:-1] if share > 0.9]
    return best, round(alike * (0.6 if rivals else 0.98), 2)


def _width(lines: list[str], delimiter: str) -> tuple[int, float]:
    """Return how many fields the first line has, and the share of lines that have as many.

    The last of several lines may be cut off: it is left out.
    """
    widths = [len(fields) for fields in csv.reader(lines[:-1] or lines, delimiter=delimiter)]
    width = widths[0] if widths else 0
    return width, sum(each == width for each in widths) / max(len(widths), 1)


def encoding_of(file: Path) -> tuple[str, float]:
    """Return a text file's encoding as the manifest writes it, and how sure it is."""
    wrong = undecodable(file, "utf-8")
    if wrong is None:
        return "utf-8", 1.0
    best = likely(wrong)
    if undecodable(file, best) is None:
        return best, {"utf-16": 0.95, "gbk": 0.85}.get(best, 0.6)
    return next((one for one in RARER if undecodable(file, one) is None), best), 0.4


def undecodable(file: Path, encoding: str) -> bytes | None:
    """Return a piece of the file that is not in an encoding, None where all of it is."""
    decoder = codecs.getincrementaldecoder(encoding)()
    block = b""
    with opened(file) as binary:
        try:
            while following := binary.read(BLOCK):
                block = following
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return block
    return None


def codec_name(encoding: str) -> str:
    """Return Python's name of an encoding."""
    return codecs.lookup(encoding).name


def with_columns(
    plain: Section, names: dict[str, Any], odd: list[str], delimiter: str | None = None
) -> Section:
    """Return the section that reads the columns that are not odd."""
    return Section(
        plain.kind,
        plain.where,
        plain.name,
        plain.file,
        plain.table,
        plain.format,
        plain.encoding,
        delimiter or plain.delimiter,
        columns={name: name for name in names if name not in odd},
    )


def not_single(odd: list[str]) -> tuple[str, ...]:
    """Return a note about columns that hold lists, objects or bytes."""
    return (f"columns of lists, objects or bytes, not read: {', '.join(odd)}",) if odd else ()


def is_number(text: str) -> bool:
    """Return whether a text is a number."""
    try:
        to_number(text.strip())
    except RefusedError:
        return False
    return True
