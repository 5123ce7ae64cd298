"""The point-in-time join against a brute-force oracle, over generated histories and labels."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from kgfeatures.db import transport
from kgfeatures.db.composing import foreign, formatted, listed, name, run, text_of, value
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
    is_table: bool

    @property
    def names(self) -> list[str]:
        return [f"k{place}" for place in range(len(self.types))]


TICKS, LATE = [0, 0, 0, 1, -1], [None, -2, -1, 0, 0, 1, 2, 3, 6]
TTLS = [None, dt.timedelta(0), HOUR, 2 * HOUR + TICK, 90 * HOUR]
numbers = st.integers(0, 2**40)


class Digits:
    """One drawn number, taken apart into choices: drawing each by itself takes far longer."""

    def __init__(self, number: int) -> None:
        self.left = number

    def one_of(self, choices: Sequence[Any]) -> Any:
        self.left, place = divmod(self.left, len(choices))
        return choices[place]

    def key(self, types: list[str]) -> list[Any]:
        return [self.one_of([*KEYS[kind], None]) for kind in types]

    def moment(self) -> dt.datetime:
        return ZERO + self.one_of(range(10)) * HOUR + self.one_of(TICKS) * TICK


@st.composite
def cases(draw: st.DrawFn) -> Case:
    types = draw(st.lists(st.sampled_from(list(KEYS)), max_size=3))
    history = []
    for number, digits in enumerate(map(Digits, draw(st.lists(numbers, max_size=14)))):
        event, late, key = digits.moment(), digits.one_of(LATE), digits.key(types)
        row = {f"k{place}": one for place, one in enumerate(key)}
        created = None if late is None else event + late * HOUR
        history.append({**row, "event": event, "created": created, "number": number})
    labels = []
    for digits in map(Digits, draw(st.lists(numbers, min_size=1, max_size=10))):
        at = digits.moment()
        # Most labels ask for keys that are there.
        there = digits.one_of([True, True, False]) and bool(history)
        row = digits.one_of(history) if there else {}
        key = [row[f"k{place}"] for place in range(len(types))] if there else digits.key(types)
        labels.append((key, at))
    rest = Digits(draw(numbers))
    return Case(
        types=types,
        labels=labels,
        history=history,
        zone=rest.one_of(ZONES),
        naive_source=rest.one_of([True, False]),
        has_created=rest.one_of([True, True, False]),
        known_only=rest.one_of([True, False]),
        ttl=rest.one_of(TTLS),
        way=rest.one_of(WAYS),
        is_table=rest.one_of([True, False, False]),
    )


def frame_of(case: Case) -> pd.DataFrame:
    """Return the labels as a person gives them: times in some zone, keys of their own types."""
    times = pd.DatetimeIndex([at for _, at in case.labels])
    times = times.tz_localize(None) if case.zone is None else times.tz_convert(case.zone)
    columns = {
        one: pd.Series([key[place] for key, _ in case.labels], dtype=object)
        for place, one in enumerate(case.names)
    }
    return pd.DataFrame({**columns, "event_timestamp": times, "y": range(len(times))})


def source_of(conn, case: Case) -> str:
    """Return how the history is read: as a table, or as a query of values."""
    times = dict.fromkeys(("event", "created"), "timestamp" if case.naive_source else "timestamptz")
    types = {**dict(zip(case.names, case.types, strict=True)), **times, "number": "bigint"}
    columns = listed(formatted("{}::{}", name(one), foreign(kind)) for one, kind in types.items())
    lines = [formatted("({})", listed(map(value, row.values()))) for row in case.history]
    nothing = formatted("({})", listed(value(None) for _ in types))
    query = formatted(
        "select {} from (values {}) as given ({}) where number is not null -- a query",
        columns,
        listed([*lines, nothing]),
        listed(map(name, types)),
    )
    if not case.is_table:
        return f"({text_of(query)}\n)"
    run(conn, "history", formatted("create temp table history as {}", query))
    return "pg_temp.history"


def found(conn, case: Case) -> list[int | None]:
    """Return the number of the row that each label found."""
    table = described(
        conn,
        FeatureTable(
            view="history",
            source=source_of(conn, case),
            keys=tuple(Key(one, one) for one in case.names),
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
@pytest.mark.timeout(900)
@pytest.mark.parametrize("thousand", range(1, 6))
def test_5000_generated_joins_are_right(server, thousand) -> None:
    run_cases(server, thousand, 1000)
