"""Texts of every kind come out of a search as they went in, in both languages."""

from __future__ import annotations

import datetime as dt

import pytest

from kgfeatures.graph.searching import find_documents
from kgfeatures.steps.ingest import ingest

MANIFEST = """
interactions: {file: lines.csv, customer: who, product: sku, timestamp: at}
documents:
  - {file: reviews.csv, kind: review, product: sku, customer: who, text: [title, body],
     timestamp: at, rating: stars}
  - {file: questions.jsonl, kind: question, product: sku, customer: who, text: words, timestamp: at}
  - {file: answers.csv, kind: answer, product: sku, text: words, timestamp: at}
  - {file: notes.csv, kind: note, customer: who, text: words}
"""
FILES = {
    "lines.csv": "who,sku,at\n1,a,2024-01-01\n",
    "reviews.csv": (
        "sku,who,title,body,at,stars\n"
        "a,1,Lovely,The blue teapot pours well,2024-01-05,5\n"
        "a,2,喜欢,蓝色茶壶很好看,2024-01-06,4\n"
    ),
    "questions.jsonl": (
        '{"sku": "a", "who": 3, "words": "Is the teapot blue?", "at": "2024-02-01"}\n'
        '{"sku": "a", "who": 2, "words": "茶壶能放微波炉吗", "at": "2024-02-02"}\n'
    ),
    "answers.csv": (
        "sku,words,at\na,Yes: the teapot is blue,2024-02-03\na,蓝色茶壶不能放微波炉,2024-02-04\n"
    ),
    "notes.csv": "who,words\n1,Collects blue china\n2,只买茶壶\n",
}


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("blue teapot", ["answer", "question", "review"]),
        ("BLUE", ["answer", "note", "question", "review"]),
        ("茶壶", ["answer", "note", "question", "review"]),
        ("蓝色 茶壶", ["answer", "review"]),
        ("微波炉", ["answer", "question"]),
    ],
)
def test_every_kind_of_text_is_found_by_its_words(db, tmp_path, words, kinds):
    (tmp_path / "dataset.yaml").write_text(MANIFEST, encoding="utf-8")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    ingest(db, tmp_path)
    with db.transaction() as conn:
        found = find_documents(conn, words)
        then = dt.datetime(2024, 1, 31, tzinfo=dt.UTC)
        earlier = find_documents(conn, words, known_at=then)
    assert sorted(found.kind) == kinds
    # A note has no time and was always there; what was written later is not known yet.
    assert set(earlier.kind) == set(kinds) & {"note", "review"}
