"""Tables of any database that SQLAlchemy has a driver for, written as Parquet files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy
from pyarrow import parquet
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from kgfeatures.errors import ConfigError, DatabaseError, DataError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kgfeatures.types import Progress

CHUNK_ROWS = 50_000
_ODD = re.compile(r"[^\w.-]")


def export(url: str, folder: Path, progress: Progress, *, force: bool = False) -> list[Path]:
    """Write every table and view of a database's default schema as a Parquet file; return them.

    Parameters
    ----------
    url : as SQLAlchemy writes it, such as "sqlite:///shop.db".
    folder : gets `<table>.parquet` for each; columns of bytes are left out, empty tables too.
    force : overwrite files that are there already.

    Raises
    ------
    ConfigError : the URL is none, its file does not exist, or a file is there already.
    MissingExtraError : the driver is not installed.
    DataError : there is nothing to export.
    DatabaseError : the database cannot be reached or refuses.
    """
    engine = engine_of(url)
    try:
        inspector = sqlalchemy.inspect(engine)
        names = sorted([*inspector.get_table_names(), *inspector.get_view_names()])
        files = {name: folder / f"{_ODD.sub('_', name)}.parquet" for name in names}
        there = [file.name for file in files.values() if file.exists()]
        if there and not force:
            raise ConfigError(
                f"{folder} holds {', '.join(there[:3])} already; write elsewhere with --out FILE, "
                "or overwrite with --force"
            )
        progress.start("export tables", len(files))
        return [file for name, file in files.items() if written(engine, name, file, progress)]
    except SQLAlchemyError as exc:
        reason = str(getattr(exc, "orig", None) or exc).partition("\n")[0]
        raise DatabaseError(f"{shown(engine)}: the database refused: {reason}") from exc
    finally:
        engine.dispose()


def engine_of(url: str) -> sqlalchemy.Engine:
    """Return a way to a database; nothing is opened yet.

    Raises
    ------
    ConfigError : the URL is none, or names a file that does not exist.
    MissingExtraError : the driver is not installed.
    """
    try:
        engine = sqlalchemy.create_engine(url)
    except NoSuchModuleError as exc:
        raise ConfigError(
            f"SQLAlchemy knows no {url.partition(':')[0]!r}; write sqlite:///FILE, "
            "mysql+pymysql://user:password@host/database and the like"
        ) from exc
    except (ArgumentError, ValueError) as exc:
        raise ConfigError(
            "the URL cannot be read; write dialect+driver://user:password@host/database"
        ) from exc
    except ModuleNotFoundError as exc:
        raise MissingExtraError(
            f"the driver {exc.name} is not installed: pip install {exc.name}"
        ) from exc
    name = engine.url.database
    if engine.dialect.name == "sqlite" and (not name or not Path(name).is_file()):
        raise ConfigError(f"the database file {name or '(none)'} does not exist")
    return engine


def shown(engine: sqlalchemy.Engine) -> str:
    """Return a database's address without its password."""
    return engine.url.render_as_string(hide_password=True)


def written(engine: sqlalchemy.Engine, name: str, file: Path, progress: Progress) -> bool:
    """Write a table to a file; return whether it had rows.

    Raises
    ------
    DataError : it cannot be written as Parquet.
    """
    progress.note(f"reading {name}")
    progress.advance()
    columns = _read(engine, name)
    kept = {column: values for column, values in columns.items() if not is_bytes(values.type)}
    if not kept:
        return False
    try:
        parquet.write_table(pa.table(kept), file)
    except (pa.ArrowException, OSError) as exc:
        raise DataError(f"the table {name} cannot be written to {file}: {exc}") from exc
    return True


def _read(engine: sqlalchemy.Engine, name: str) -> dict[str, pa.ChunkedArray]:
    """Return the columns of a table, none where it has no rows."""
    table = sqlalchemy.Table(name, sqlalchemy.MetaData(), autoload_with=engine)
    if engine.dialect.name == "sqlite":
        # SQLite keeps what it was given; read as the declared type, a date may not be one.
        for column in table.columns:
            column.type = sqlalchemy.types.NullType()
    names = [column.name for column in table.columns]
    chunks: dict[str, list[pa.Array]] = {column: [] for column in names}
    with engine.connect().execution_options(stream_results=True) as connection:
        for rows in connection.execute(sqlalchemy.select(table)).partitions(CHUNK_ROWS):
            for column, values in zip(names, zip(*rows, strict=True), strict=True):
                chunks[column].append(as_array(values))
    return {column: unified(parts) for column, parts in chunks.items() if parts}


def as_array(values: Iterable[Any]) -> pa.Array:
    """Return values of one type as they are, others as text."""
    listed = list(values)
    try:
        array: pa.Array = pa.array(listed)
    except (pa.ArrowException, OverflowError, TypeError):
        return as_texts(listed)
    return as_texts(listed) if pa.types.is_nested(array.type) else array


def as_texts(values: Iterable[Any]) -> pa.Array:
    """Return values as text."""
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def unified(parts: list[pa.Array]) -> pa.ChunkedArray:
    """Return the chunks of a column as one of a single type: text where they differ."""
    kinds = {part.type for part in parts if not pa.types.is_null(part.type)}
    if len(kinds) <= 1:
        kind = next(iter(kinds), pa.string())
    elif kinds == {pa.int64(), pa.float64()}:
        kind = pa.float64()
    else:
        return pa.chunked_array([as_texts(part.to_pylist()) for part in parts])
    return pa.chunked_array([part.cast(kind) for part in parts])


def is_bytes(kind: pa.DataType) -> bool:
    """Return whether a column holds bytes."""
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
