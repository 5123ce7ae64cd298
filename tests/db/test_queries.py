"""Named queries: parsed from files, found by name, and every one of them plans."""

from __future__ import annotations

import hashlib
import re

import pytest

from kgfeatures.db import queries
from kgfeatures.db.sources import Source
from kgfeatures.errors import DatabaseError, DataError, UnknownNameError

TWO_QUERIES = """-- About things.

-- name: first
-- One row. Params: n int.
select %(n)s::int as n;

-- name: second
select ';' as sign;
"""


def source(text: str) -> Source:
    return Source("queries/things.sql", text, hashlib.sha256(text.encode()).hexdigest())


def generic(statement: str) -> str:
    """Return the statement with $1, $2 … for its named values, as the server sees it."""
    order: dict[str, int] = {}
    numbered = re.sub(
        r"%\((\w+)\)s", lambda found: f"${order.setdefault(found[1], len(order) + 1)}", statement
    )
    return numbered.replace("%%", "%")


def test_statements_are_cut_at_their_names() -> None:
    parsed = queries.parse(source(TWO_QUERIES))
    assert list(parsed) == ["first", "second"]
    assert parsed["first"].endswith("select %(n)s::int as n")
    assert parsed["second"] == "select ';' as sign"


def test_name_given_twice_is_an_error() -> None:
    with pytest.raises(DataError, match="names 'first' twice"):
        queries.parse(source(TWO_QUERIES.replace("second", "first")))


def test_statement_without_a_name_is_an_error() -> None:
    with pytest.raises(DataError, match="SQL before its first `-- name:`"):
        queries.parse(source("select 1;\n" + TWO_QUERIES))


def test_unknown_name_suggests_the_nearest(conn) -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'runs\.hashes'"):
        queries.fetch(conn, "runs.hashs")


def test_values_come_back_as_dicts_scalars_frames_and_counts(conn, monkeypatch) -> None:
    monkeypatch.setitem(queries.catalogue(), "t.make", "create temp table t (n int)")
    monkeypatch.setitem(queries.catalogue(), "t.add", "insert into t values (%(n)s), (%(name)s)")
    monkeypatch.setitem(queries.catalogue(), "t.all", "select n, n %% 2 as odd from t")
    queries.execute(conn, "t.make")
    assert queries.scalar(conn, "t.all") is None
    assert queries.execute(conn, "t.add", n=1, name=2) == 2
    assert queries.fetch(conn, "t.all") == [{"n": 1, "odd": 1}, {"n": 2, "odd": 0}]
    assert queries.scalar(conn, "t.all") == 1
    assert queries.frame(conn, "t.all").to_dict("list") == {"n": [1, 2], "odd": [1, 0]}


def test_error_of_a_query_begins_with_its_name(conn, monkeypatch) -> None:
    monkeypatch.setitem(queries.catalogue(), "t.bad", "select 1 / 0")
    with pytest.raises(DatabaseError, match=r"^t\.bad: division by zero$"):
        queries.scalar(conn, "t.bad")


TABLES_OF = {"restate": "evidence", "store": "evidence"}
"""Topics that read the temporary tables of another one."""


def first_word(statement: str) -> str:
    lines = (line for line in statement.splitlines() if not line.lstrip().startswith("--"))
    return " ".join(lines).split()[0].lower()


@pytest.mark.parametrize("name", sorted(queries.catalogue()))
def test_query_plans_against_the_migrated_database(conn, name: str) -> None:
    topic = name.partition(".")[0]
    topics = (f"{topic}.", f"{TABLES_OF.get(topic, topic)}.")
    for other, statement in queries.catalogue().items():
        # The temporary tables of a topic, for the statements that read them.
        if other.startswith(topics) and first_word(statement) == "create":
            conn.execute(statement)
    statement = queries.text(name)
    plans = first_word(statement) in {"select", "with", "insert", "update", "delete", "merge"}
    conn.execute(f"explain (generic_plan) {generic(statement)}" if plans else statement)
