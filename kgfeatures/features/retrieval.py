"""Feast's retrieval jobs: nothing is asked of the database before a result is asked for."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import (
    SavedDatasetPostgreSQLStorage,
)
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata

from kgfeatures.db.composing import columns, foreign, text_of
from kgfeatures.db.transport import read_statement
from kgfeatures.db.visit import visit
from kgfeatures.errors import DataError
from kgfeatures.features.offline import labels as labelling
from kgfeatures.features.offline import ranges, statements
from kgfeatures.features.offline.history import History, as_arrow, as_frame, in_batches
from kgfeatures.features.offline.one_version import of_one_version, with_version
from kgfeatures.features.offline.tables import described
from kgfeatures.features.offline.writing import save
from kgfeatures.features.source import table_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from datetime import datetime

    import pandas as pd
    import pyarrow as pa
    from feast.on_demand_feature_view import OnDemandFeatureView
    from feast.saved_dataset import SavedDatasetStorage
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db.composing import Statement
    from kgfeatures.features.offline.history import Found
    from kgfeatures.features.offline.labels import Labels
    from kgfeatures.features.offline.plans import Plan, Way
    from kgfeatures.features.offline.tables import FeatureTable

_QUERY = "the query for entity_df"


@dataclass
class Request:
    """Labels and the feature tables to join to them.

    Parameters
    ----------
    dsn : where.
    tables : what is joined.
    entity_df : labels as a frame or a query; None takes the rows of `tables` in `span`.
    way : forces a plan; None chooses.
    explain : write the plans to stderr.
    dictionary : lists in Arrow stay dictionaries.
    """

    dsn: str = field(repr=False)  # may hold a password
    tables: list[FeatureTable]
    entity_df: pd.DataFrame | str | None
    span: tuple[datetime, datetime] | None = None
    way: Way | None = None
    explain: bool = False
    dictionary: bool = False
    plans: list[Plan] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    _labels: Labels | None = None

    def check(self) -> None:
        """Check the labels' columns, before anything is fetched.

        Raises
        ------
        DataError : a key or the time is missing, or a column is called like a feature.
        """
        if self.entity_df is None:
            self.columns = ranges.label_columns(self.tables)
            return
        if isinstance(self.entity_df, str):
            with visit(self.dsn) as conn:
                known = columns(conn, _QUERY, foreign(statements.bracketed(self.entity_df)))
            labelling.time_column(
                list(known), {one: kind.startswith("timestamp") for one, kind in known.items()}
            )
            self.columns = list(known)
        else:
            self._labels = labelling.from_frame(self.entity_df)
            self.columns = self._labels.rows.column_names
        labelling.require_keys(self.columns, self.tables)
        labelling.require_free_names(self.columns, self.tables)

    def arrow(self, seconds: float | None = None) -> pa.Table:
        """Return the labels with their features.

        Raises
        ------
        DataError, UnknownNameError, DatabaseError : see get_historical_features.
        """
        with self._run(seconds) as (labels, found):
            return as_arrow(labels, found, dictionary=self.dictionary)

    def frame(self, seconds: float | None = None) -> pd.DataFrame:
        """Return the same as a frame; raises what `arrow` raises."""
        with self._run(seconds) as (labels, found):
            return as_frame(labels, found)

    def batches(self, rows: int, seconds: float | None = None) -> Iterator[pa.Table]:
        """Yield the same some rows at a time; raises what `arrow` raises."""
        with self._run(seconds) as (labels, found):
            yield from in_batches(labels, found, rows)

    @contextmanager
    def _run(self, seconds: float | None) -> Generator[tuple[pa.Table, Iterator[Found]]]:
        """Give the labels, and what they find in one view after the other."""
        with visit(self.dsn, seconds) as conn:
            tables = [described(conn, table) for table in self.tables]
            labels = None if self._is_one_range else self.labels(conn, tables)
            if labels is None:
                asked = [with_version(one) for one in tables] if self._is_one_range else tables
                rows = read_statement(conn, "features", self._statement(asked))
                yield of_one_version(conn, tables[0].view, rows), iter(())
            else:
                yield labels.rows, self._found(History(conn, labels, self.way), tables)

    def _found(self, history: History, tables: list[FeatureTable]) -> Iterator[Found]:
        self.plans = []
        for table in tables:
            found = history.find(table)
            self.plans.append(found.plan)
            if self.explain:
                sys.stderr.write(f"{found.plan}\n")
            yield found

    @property
    def _is_one_range(self) -> bool:
        """Whether the answer is just the rows of one table in a range of dates."""
        return self.span is not None and len(self.tables) == 1

    def expect(self) -> list[Plan]:
        """Return the plans, chosen but not run."""
        with visit(self.dsn) as conn:
            tables = [described(conn, table) for table in self.tables]
            labels = None if self._is_one_range else self.labels(conn, tables)
            if labels is None:
                return []
            history = History(conn, labels, self.way)
            return [history.plan(table, labels.keys(table)) for table in tables]

    def labels(self, conn: Connection[TupleRow], tables: list[FeatureTable]) -> Labels | None:
        """Return the labels; None where a range of dates holds none."""
        if self._labels is not None:
            return self._labels
        if isinstance(self.entity_df, str):
            query = foreign(self.entity_df)
        elif self.span is not None:
            query = ranges.labels_of_several(tables, self.span)
        else:
            raise DataError("there are neither labels nor dates; give entity_df or start_date")
        rows = read_statement(conn, _QUERY, query)
        if rows.num_rows == 0 and self.span is not None:
            return None
        return labelling.from_arrow(rows)

    def sql(self) -> str:
        """Return one statement that gives the same rows, and runs by itself."""
        with visit(self.dsn) as conn:
            tables = [described(conn, table) for table in self.tables]
        return text_of(self._statement(tables))

    def times(self) -> tuple[datetime, datetime]:
        """Return the first and the last moment of the labels."""
        if self.span is not None:
            return self.span
        if self._labels is None:
            with visit(self.dsn) as conn:
                self._labels = self.labels(conn, [])
        moments = self._labels.moments if self._labels else None
        if moments is None:
            raise DataError("there are no labels")
        times = moments.to_numpy(zero_copy_only=False)
        return moments[int(np.argmin(times))].as_py(), moments[int(np.argmax(times))].as_py()

    def _statement(self, tables: list[FeatureTable]) -> Statement:
        if self.span is not None and self._is_one_range:
            return ranges.rows_of_one(tables[0], self.span)
        if self._labels is not None and not isinstance(self.entity_df, str):
            rows, time = self._labels.rows, self._labels.time
            return statements.whole(statements.listed_labels(rows), rows.column_names, time, tables)
        if isinstance(self.entity_df, str):
            labels = statements.queried_labels(foreign(self.entity_df))
        elif self.span is not None:
            labels = statements.queried_labels(ranges.labels_of_several(tables, self.span))
        else:
            raise DataError("there are neither labels nor dates; give entity_df or start_date")
        time = self._labels.time if self._labels else self._time()
        return statements.whole(labels, self.columns, time, tables)

    def _time(self) -> str:
        if self.span is not None:
            return labelling.TIME
        with visit(self.dsn) as conn:
            rows = columns(conn, _QUERY, foreign(statements.bracketed(str(self.entity_df))))
        kinds = {one: kind.startswith("timestamp") for one, kind in rows.items()}
        return labelling.time_column(list(rows), kinds)


class _Job(RetrievalJob):
    """What all jobs can do: hand out a table, and keep it in the database."""

    dsn: str

    @property
    def full_feature_names(self) -> bool:
        """Whether features are called "view__feature"."""
        return False

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """The views that Feast computes from the result."""
        return []

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        return self._to_arrow_internal(timeout).to_pandas()

    def persist(
        self,
        storage: SavedDatasetStorage,
        allow_overwrite: bool | None = False,  # noqa: FBT001, FBT002  Feast's signature
        timeout: int | None = None,
    ) -> None:
        """Write the result to the storage's table.

        Raises
        ------
        DataError : the table is there already, and allow_overwrite is not set.
        """
        if not isinstance(storage, SavedDatasetPostgreSQLStorage):
            raise DataError(
                f"a {type(storage).__name__} is no table in PostgreSQL; use "
                "KGFeaturesSavedDatasetStorage"
            )
        rows = self.to_arrow(timeout=timeout)
        table = table_of(storage)
        save(self.dsn, table, rows, overwrite=bool(allow_overwrite), seconds=timeout)


class HistoryJob(_Job):
    """Features joined to labels.

    Parameters
    ----------
    request : what is joined.
    features : the references asked for.
    on_demand : the views that Feast computes from the result.
    """

    def __init__(
        self,
        request: Request,
        features: list[str],
        *,
        full_feature_names: bool,
        on_demand: list[OnDemandFeatureView],
    ) -> None:
        self.request = request
        self.dsn = request.dsn
        self._features = features
        self._full_feature_names = full_feature_names
        self._on_demand = on_demand
        self._metadata: RetrievalMetadata | None = None

    @property
    def full_feature_names(self) -> bool:
        """Whether features are called "view__feature"."""
        return self._full_feature_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """The views that Feast computes from the result."""
        return self._on_demand

    @property
    def plan(self) -> str:
        """How each view is joined and why, one line per view; of the last run, if there was one."""
        return "\n".join(map(str, self.request.plans or self.request.expect()))

    @property
    def metadata(self) -> RetrievalMetadata:
        """What was asked for, and the first and last moment of the labels."""
        if self._metadata is None:
            first, last = self.request.times()
            keys = [one for one in self.request.columns if one != labelling.TIME]
            self._metadata = RetrievalMetadata(self._features, keys, first, last)
        return self._metadata

    def to_df(self, validation_reference: Any = None, timeout: int | None = None) -> pd.DataFrame:
        """Return one row per label, in their order; rows with equal vectors share one array.

        Parameters
        ----------
        validation_reference, timeout : as Feast defines them; seconds.
        """
        if self.on_demand_feature_views or validation_reference is not None:
            return super().to_df(validation_reference, timeout)
        return self.request.frame(timeout)

    def to_sql(self) -> str:
        """Return one statement that gives the same rows, and runs by itself."""
        return self.request.sql()

    def batches(self, rows: int = 100_000, timeout: int | None = None) -> Iterator[pa.Table]:
        """Yield the result some rows at a time; vectors are expanded for those rows only."""
        return self.request.batches(rows, timeout)

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return self.request.arrow(timeout)


class QueryJob(_Job):
    """The rows of one statement.

    Parameters
    ----------
    dsn : where.
    name : what the statement reads, for messages.
    statement : the statement.
    """

    def __init__(self, dsn: str, name: str, statement: Statement) -> None:
        self.dsn = dsn
        self._name = name
        self._statement = statement

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """None: there are no labels."""
        return None

    def to_sql(self) -> str:
        """Return the statement."""
        return text_of(self._statement)

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        with visit(self.dsn, timeout) as conn:
            return read_statement(conn, f"data source {self._name!r}", self._statement)
