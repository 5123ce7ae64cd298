"""Rows of any source that a manifest may name, as a Sheet."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

from kgfeatures.errors import DataError
from kgfeatures.graph.fingerprints import is_text
from kgfeatures.graph.sheet import Sheet, numbered, require_columns
from kgfeatures.graph.text_files import read_json_lines, read_separated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kgfeatures.graph.section import Section


def read(
    section: Section, read_table: Callable[[str], pa.Table], *, encoded: bool = False
) -> Sheet:
    """Return the rows of a section with the columns that it names.

    Parameters
    ----------
    section : of any kind; triples only in a tabular format.
    read_table : gives the rows of the database's table `schema.name`.
    encoded : texts of Parquet files may stay encoded as dictionaries.

    Raises
    ------
    DataError : the source is empty, broken or lacks a column.
    """
    if section.file is None:
        return read_database(section, read_table(section.name))
    if section.format == "parquet":
        sheet = read_parquet(section, section.file)
        return sheet if encoded else sheet.plain()
    if section.format == "jsonl":
        return read_json_lines(section, section.file)
    return read_separated(section, section.file)


def read_parquet(section: Section, file: Path) -> Sheet:
    """Return the rows of a Parquet file, texts encoded as dictionaries: a quarter of the time.

    Raises
    ------
    DataError : it is broken or lacks a column.
    """
    try:
        source = parquet.ParquetFile(file)
        require_columns(section.name, section.needed(), source.schema_arrow.names)
        wanted = section.wanted(source.schema_arrow.names)
        texts = [name for name in wanted if is_text(source.schema_arrow.field(name).type)]
        source = parquet.ParquetFile(file, read_dictionary=texts)
        table = source.read(columns=wanted).unify_dictionaries()
    except (pa.ArrowException, OSError) as exc:
        raise DataError(
            f"{section.name} is no complete Parquet file ({exc}); copy or export it again"
        ) from exc
    if table.num_rows == 0:
        raise DataError(f"{section.name} is empty: a Parquet file without rows; export it again")
    names = tuple(source.schema_arrow.names)
    return Sheet(plain(section, table), numbered(table.num_rows), "row", names=names)


def read_database(section: Section, table: pa.Table) -> Sheet:
    """Return the rows of a table in the database, in the order of their content.

    A table has no order of its own, but row numbers must be the same in every run.
    """
    require_columns(section.name, section.needed(), table.column_names)
    names = tuple(table.column_names)
    table = plain(section, table.select(section.wanted(names)))
    table = table.sort_by([(name, "ascending") for name in table.column_names])
    return Sheet(table, numbered(table.num_rows), "row", names=names)


def plain(section: Section, table: pa.Table) -> pa.Table:
    """Return the table without decimals; its columns hold single values.

    Raises
    ------
    DataError : a column holds lists, structures or bytes.
    """
    for place, name in enumerate(table.column_names):
        column = table.column(place)
        kind = column.type
        if pa.types.is_dictionary(kind) and is_text(kind.value_type):
            continue
        if pa.types.is_dictionary(kind):
            column = column.cast(kind.value_type)
            kind = column.type
        if pa.types.is_decimal(kind) or pa.types.is_large_string(kind):
            column = column.cast(pa.string())
        elif pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise DataError(
                f"{section.name}, column {name!r} is of type {kind}; allowed are text, numbers, "
                "booleans, dates and times"
            )
        table = table.set_column(place, name, column)
    return table


def file_hash(file: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with file.open("rb") as binary:
        return hashlib.file_digest(binary, "sha256").hexdigest()
