"""The point-in-time join against a brute-force oracle, over generated histories and labels."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from kgfeatures.db import transport
from kgfeatures.db.composing import text_of
from kgfeatures.db.temporary import upload
from kgfeatures.db.visit import visit
from kgfeatures.features.offline import statements
from kgfeatures.features.offline.history import History, as_arrow
from kgfeatures.features.offline.labels import from_frame
from kgfeatures.features.offline.tables import FeatureTable, Key, described
from tests.features.oracle import right_rows

ZERO = dt.datetime(2020, 2, 28, 22, tzinfo=dt.UTC)
HOUR, TICK = dt.timedelta(hours=1), dt.timedelta(microseconds=1)
# Keys whose texts run together, in both orders, and keys that are not ASCII.
KEYS: dict[str, list[Any]] = {
    "bigint": [1, 11, 12, 2, 112, -1],
    "integer": [1, 11, 12],
    "text": ["1", "11", "12", "2", "连衣裙", "裙", "", "a b", "A B", "ü"],
    "uuid": [str(uuid.UUID(int=number)) for number in (1, 11, 12)],
    "date": [dt.date(2020, 2, 29), dt.date(1999, 12, 31)],
}
ARROW = {"bigint": pa.int64(), "integer": pa.int32(), "date": pa.date32()}
ZONES = ["UTC", "Asia/Shanghai", "America/St_Johns", None]
WAYS = ["lateral", "merge", "client", None, "sql"]


@dataclass
class Case:
    """Labels, a history, and how they are to be joined."""

    types: list[str]
    labels: list[tuple[list[Any], dt.datetime]]
    history: list[dict[str, Any]]
    zone: str | None
    naive_source: bool
    has_created: bool
    known_only: bool
    ttl: dt.timedelta | None
    way: str | None

    @property
    def names(self) -> list[str]:
        return [f"k{place}" for place in range(len(self.types))]


moments = st.builds(
    lambda hours, ticks: ZERO + hours * HOUR + ticks * TICK,
    st.integers(0, 9),
    st.sampled_from([0, 0, 0, 1, -1]),
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    types = draw(st.lists(st.sampled_from(list(KEYS)), max_size=3))
    domains = [st.sampled_from(KEYS[kind]) for kind in types]
    keys = st.tuples(*(st.none() | domain for domain in domains)).map(list)
    rows = draw(st.lists(st.tuples(keys, moments, st.none() | st.integers(-2, 6)), max_size=14))
    history = [
        {
            **{f"k{place}": one for place, one in enumerate(key)},
            "event": event,
            "created": None if late is None else event + late * HOUR,
            "number": number,
        }
        for number, (key, event, late) in enumerate(rows)
    ]
    # Most labels ask for keys that are there.
    there = [key for key, _, _ in rows] or [[None] * len(types)]
    asked = st.sampled_from(there) | keys
    return Case(
        types=types,
        labels=draw(st.lists(st.tuples(asked, moments), min_size=1, max_size=10)),
        history=history,
        zone=draw(st.sampled_from(ZONES)),
        naive_source=draw(st.booleans()),
        has_created=draw(st.booleans()),
        known_only=draw(st.booleans()),
        ttl=draw(st.sampled_from([None, dt.timedelta(0), HOUR, 2 * HOUR + TICK, 90 * HOUR])),
        way=draw(st.sampled_from(WAYS)),
    )


def frame_of(case: Case) -> pd.DataFrame:
    """Return the labels as a person gives them: times in some zone, keys of their own types."""
    times = pd.DatetimeIndex([at for _, at in case.labels])
    times = times.tz_localize(None) if case.zone is None else times.tz_convert(case.zone)
    columns = {
        name: pd.Series([key[place] for key, _ in case.labels], dtype=object)
        for place, name in enumerate(case.names)
    }
    return pd.DataFrame({**columns, "event_timestamp": times, "y": range(len(times))})


def source_of(conn, case: Case, name: str) -> str:
    """Store the history and return how it is read: as a table, or as a query."""
    time = pa.timestamp("us", None if case.naive_source else "UTC")
    rows = case.history
    columns = {
        name: pa.array([row[name] for row in rows], ARROW.get(kind, pa.string()))
        for name, kind in zip(case.names, case.types, strict=True)
    }
    for column in ("event", "created"):
        moments = pa.array([row[column] for row in rows], pa.timestamp("us", "UTC"))
        columns[column] = moments.cast(pa.timestamp("us")) if case.naive_source else moments
    assert columns["event"].type == time
    columns["number"] = pa.array([row["number"] for row in rows], pa.int64())
    table = upload(conn, name, pa.table(columns))
    if "uuid" not in case.types:
        return table
    kept = ", ".join(
        f"{name}::uuid" if kind == "uuid" else name
        for name, kind in zip(case.names, case.types, strict=True)
    )
    return f"(select {kept}, event, created, number from {table} -- a query\n)"  # noqa: S608  names of ours


def found(conn, case: Case) -> list[int | None]:
    """Return the number of the row that each label found."""
    table = described(
        conn,
        FeatureTable(
            view="history",
            source=source_of(conn, case, "history"),
            keys=tuple(Key(name, name) for name in case.names),
            features=(("number", "number"),),
            event="event",
            created="created" if case.has_created else None,
            ttl=case.ttl,
            known_only=case.known_only and case.has_created,
        ),
    )
    labels = from_frame(frame_of(case))
    if case.way == "sql":
        whole = statements.whole(statements.listed_labels(labels.rows), ["y"], labels.time, [table])
        answered = conn.execute(text_of(whole)).fetchall()
        assert [row[0] for row in answered] == list(range(len(case.labels)))
        return [row[1] for row in answered]
    joined = as_arrow(labels.rows, [History(conn, labels, case.way).find(table)])
    assert joined.column("y").to_pylist() == list(range(len(case.labels)))
    return joined.column("number").to_pylist()


def check(conn, case: Case) -> None:
    history = [row if case.has_created else {**row, "created": None} for row in case.history]
    answers = found(conn, case)
    for (key, at), answer in zip(case.labels, answers, strict=True):
        right = right_rows(
            key,
            at,
            history,
            case.names,
            ttl=case.ttl,
            known_only=case.known_only and case.has_created,
        )
        assert answer in [row["number"] for row in right] or (answer is None and not right)


@pytest.fixture
def server(make_database, template, monkeypatch) -> Iterator[Any]:
    """Give one transaction for many cases; each rolls back what it made."""
    # Every row is a batch of its own: what is read always comes in several chunks.
    monkeypatch.setattr(transport, "BATCH_BYTES", 60)
    with visit(make_database(template)) as conn:
        yield conn


def run_cases(conn, first: int, count: int) -> None:
    @seed(first)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def hold(case: Case) -> None:
        with conn.transaction(force_rollback=True):
            check(conn, case)

    hold()


def test_200_generated_joins_are_right(server) -> None:
    run_cases(server, 0, 200)


@pytest.mark.slow
@pytest.mark.parametrize("thousand", range(1, 6))
def test_5000_generated_joins_are_right(server, thousand) -> None:
    run_cases(server, thousand, 1000)
