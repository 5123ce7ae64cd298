"""Dated attributes and texts as they were: what held at a moment, what was written by then."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from kgfeatures.errors import DataError
from kgfeatures.graph.documents import searchable
from kgfeatures.graph.searching import find_documents

DAYS = [f"2024-0{month}-01" for month in range(1, 8)]
TEXTS = [
    ("review", "p1", "c1", "A red bowl, quite lovely", "2024-01-05"),
    ("question", "p1", "c2", "Is the bowl red inside?", "2024-02-01"),
    ("answer", "p1", None, "Yes, the bowl is red inside and outside", "2024-02-02"),
    ("note", None, "c1", "Pays late", None),
    ("review", "p2", "c3", "这个圣诞树很漂亮,孩子喜欢", "2024-01-07"),
    ("question", "p2", "c1", "圣诞树多高?", "2024-03-07"),
]


def add(conn, entity_type, key, name, at, column, value):
    columns = ("value_number", "value_text", "value_flag")
    conn.execute(
        "insert into raw.attribute (entity_type, key, name, valid_from, value_number, value_text,"
        " value_flag) values (%s, %s, %s, %s, %s, %s, %s)",
        (entity_type, key, name, at, *(value if each == column else None for each in columns)),
    )


@pytest.fixture
def shop(conn):
    rng = np.random.default_rng(0)
    told = []
    columns = {
        ("product", "price"): ("value_number", lambda: float(rng.integers(1, 9))),
        ("product", "stock"): ("value_number", lambda: float(rng.integers(0, 50))),
        ("product", "in_stock"): ("value_flag", lambda: bool(rng.random() < 0.5)),
        ("product", "tags"): ("value_text", lambda: str(rng.choice(["sale", "new, sale", "新品"]))),
        ("customer", "age_band"): ("value_text", lambda: str(rng.choice(["25-34", "35-44"]))),
        ("customer", "consent"): ("value_flag", lambda: bool(rng.random() < 0.5)),
    }
    for (entity_type, name), (column, draw) in columns.items():
        for key in ("1", "2", "3"):
            for day in DAYS[1:6]:
                if rng.random() < 0.6:
                    value = draw() if rng.random() < 0.8 else None
                    add(conn, entity_type, key, name, day, column, value)
                    told.append((entity_type, name, key, day, value))
    add(conn, "product", "9", "price", "-infinity", "value_number", 1.0)
    return conn, told


@pytest.mark.parametrize("at", [*DAYS, "2024-03-15"])
def test_the_value_at_a_moment_is_the_last_one_said_by_then(shop, at):
    conn, told = shop
    for entity_type, name in sorted({each[:2] for each in told}):
        rows = conn.execute(
            "select key, coalesce(to_jsonb(value_number), to_jsonb(value_text),"
            " to_jsonb(value_flag)) from raw.attribute_at(%s, %s, %s) where key <> '9'",
            (entity_type, name, at),
        ).fetchall()
        said = sorted(
            (
                (day, key, value)
                for owner, n, key, day, value in told
                if (owner, n) == (entity_type, name) and day <= at
            ),
            key=lambda each: each[0],
        )
        expected = {key: value for _, key, value in said}
        assert dict(rows) == {key: value for key, value in expected.items() if value is not None}


def test_all_attributes_of_one_agree_with_each_attribute_of_all(shop):
    conn, told = shop
    names = {name for owner, name, *_ in told if owner == "customer"}
    by_name = {
        (key, name): (number, text, flag)
        for name in names
        for key, number, text, flag, _ in conn.execute(
            "select * from raw.attribute_at('customer', %s, '2024-04-20')", (name,)
        )
    }
    by_key = {
        (key, name): (number, text, flag)
        for key in ("1", "2", "3")
        for name, number, text, flag, _ in conn.execute(
            "select * from raw.attributes_of('customer', %s, '2024-04-20')", (key,)
        )
    }
    assert by_key == by_name != {}


def test_the_history_has_no_gaps_and_its_parts_are_the_values_at_their_moments(shop):
    conn, told = shop
    for key in ("1", "2", "3"):
        rows = conn.execute(
            "select valid_from, valid_to, value_number"
            " from raw.attribute_history('product', %s, 'price')",
            (key,),
        ).fetchall()
        days = sorted(day for o, n, k, day, _ in told if (o, n, k) == ("product", "price", key))
        assert [f"{row[0]:%Y-%m-%d}" for row in rows] == days
        assert [row[1] for row in rows[:-1]] == [row[0] for row in rows[1:]]
        assert all(row[1] is None for row in rows[-1:])


def test_a_value_without_a_time_held_since_ever(shop):
    conn, _ = shop
    rows = conn.execute("select * from raw.attribute_at('product', 'price', '1900-01-01')")
    assert rows.fetchall() == [("9", 1.0, None, None, None)]


@pytest.fixture
def documents(conn):
    conn.execute(
        "insert into raw.source (source_id, kind, name, sha256, rows_read, rows_loaded,"
        " rows_rejected) values (1, 'documents', 'texts', 'x', 0, 0, 0)"
    )
    for number, (kind, product, customer, body, day) in enumerate(TEXTS):
        conn.execute(
            "insert into raw.document (document_id, source_id, kind, product_id, customer_id,"
            " body, tokens, occurred_at) values (%s, 1, %s, %s, %s, %s, %s, %s)",
            (number, kind, product, customer, body, searchable(body), day),
        )
    return conn


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("RED bowl", ["review", "question", "answer"]),
        ("inside", ["question", "answer"]),
        ("late", ["note"]),
        ("圣诞树", ["question", "review"]),
        ("圣诞树 喜欢", ["review"]),
        ("blue", []),
    ],
)
def test_texts_of_every_kind_are_found_in_both_languages(documents, words, kinds):
    found = find_documents(documents, words)
    assert sorted(found.kind) == sorted(kinds)


def test_a_search_narrows_to_a_kind_a_product_and_a_time(documents):
    assert find_documents(documents, "bowl", kind="answer").body.tolist() == [TEXTS[2][3]]
    assert find_documents(documents, "red", product_id="p2").empty
    then = dt.datetime(2024, 2, 1, 12, tzinfo=dt.UTC)
    assert set(find_documents(documents, "bowl", known_at=then).kind) == {"review", "question"}
    assert len(find_documents(documents, "bowl", k=1)) == 1


def test_a_search_for_nothing_is_an_error(documents):
    with pytest.raises(DataError, match="holds no word"):
        find_documents(documents, " ?! ")
