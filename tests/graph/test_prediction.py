"""Questions to vectors from Python, against the SQL functions that answer them."""

from __future__ import annotations

from typing import cast

import pytest

from kgfeatures.db import Database
from kgfeatures.embedding.serving import Side
from kgfeatures.errors import DatabaseError, DataError
from kgfeatures.graph.prediction import Alias
from tests.test_docs import ROOT, blocks

CUSTOMERS = ["13085", "12346"]
PRODUCTS = ["22423", "85123A"]
pytestmark = pytest.mark.slow


@pytest.fixture
def graph(shop: Database) -> Alias:
    return Alias(shop, "graph")


@pytest.mark.parametrize(
    ("side", "kind", "keys"), [("tail", "customer", CUSTOMERS), ("head", "product", PRODUCTS)]
)
def test_many_keys_get_what_each_gets_in_sql(
    graph: Alias, side: Side, kind: str, keys: list[str]
) -> None:
    found = getattr(graph, f"predict_{side}")(kind, keys, "bought", k=3)
    assert found.columns.tolist() == [
        "key",
        f"{side}_type",
        f"{side}_key",
        f"{side}_label",
        "score",
    ]
    assert found["key"].tolist() == [key for key in keys for _ in range(3)]
    for key, rows in found.groupby("key", sort=False):
        right = graph.database.sql(
            f"select * from kg.predict_{side}('graph', %(kind)s, %(key)s, 'bought', 3)",  # noqa: S608
            {"kind": kind, "key": key},
        )
        assert rows.iloc[:, 1:].to_numpy().tolist() == right.to_numpy().tolist()


def test_options_reach_the_function(graph: Alias) -> None:
    bought = graph.database.sql(
        "select distinct product_id from raw.interaction where customer_id = '13085'"
    ).product_id
    found = graph.predict_tail("customer", "13085", "bought", k=1000, exclude_known=False)
    assert set(bought) <= set(found.tail_key)
    left = graph.predict_tail("customer", "13085", "bought", k=1000)
    assert set(found.tail_key) - set(bought) == set(left.tail_key)
    red = graph.predict_tail("customer", "13085", "bought", filters={"has_colour": "red"}, k=1000)
    right = graph.database.sql(
        'select product_id from kg.filter_products(\'{"has_colour": "red"}\')'
    )
    assert set(red.tail_key) == set(right.product_id) & set(left.tail_key)


def test_scores_are_those_of_the_predicted_tails(graph: Alias) -> None:
    found = graph.predict_tail("customer", "13085", "bought", k=4)
    scores = graph.score("customer", "13085", "bought", "product", found.tail_key.tolist())
    assert scores.tolist() == found.score.tolist()
    again = graph.score("customer", ["13085"] * 4, "bought", "product", found.tail_key.tolist())
    assert again.tolist() == scores.tolist()
    assert graph.score("customer", [], "bought", "product", "22423").tolist() == []
    with pytest.raises(DataError, match="2 heads and 3 tails"):
        graph.score("customer", CUSTOMERS, "bought", "product", ["22423"] * 3)


def test_similar_and_read_are_those_of_the_alias(graph: Alias) -> None:
    keys, vectors = graph.read("product")
    assert "22423" in keys
    assert vectors.shape == (len(keys), 16)
    found = graph.similar("product", ["22423", "85123A"], k=2)
    right = graph.database.sql("select * from kg.similar('graph', 'product', '85123A', 2)")
    assert found.iloc[2:, 1:].to_numpy().tolist() == right.to_numpy().tolist()


def test_what_cannot_be_asked_says_why(graph: Alias) -> None:
    with pytest.raises(DatabaseError, match="k is 0; it must be at least 1"):
        graph.similar("product", "22423", k=0)
    with pytest.raises(DatabaseError, match='no relation "boght".*Did you mean bought'):
        graph.predict_tail("customer", "13085", "boght")
    with pytest.raises(DatabaseError, match='"grahp".*Did you mean graph'):
        Alias(graph.database, "grahp").similar("product", "22423")
    with pytest.raises(DatabaseError, match='relation "bought" has no vector in "text_minilm"'):
        Alias(graph.database, "text_minilm").predict_head("product", "22423", "bought")


@pytest.mark.parametrize("imported", ["prediction", "serving", "candidates"])
def test_the_documentations_python_runs(
    shop: Database, monkeypatch: pytest.MonkeyPatch, imported: str
) -> None:
    monkeypatch.setenv("KGFEATURES_DSN", shop.dsn)
    [code] = [
        block
        for block in blocks(ROOT / "docs" / "embeddings.md", "python")
        if f".{imported} import" in block
    ]
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102  the page's own lines
    if imported == "candidates":
        both = [cast("dict[str, float]", names[f"among_{who}"]) for who in ("all", "typed")]
        assert both[0]["candidates"] > both[1]["candidates"]
    if imported == "serving":
        assert str(names["template"]).startswith(code.rpartition("# ")[2].rpartition(" …")[0])
