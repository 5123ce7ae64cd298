"""The extract step: titles become triples, and the graph is as if it had been built at once."""

from __future__ import annotations

import pandas as pd
import pytest

from kgfeatures.db import Database, transport
from kgfeatures.errors import DataError, UnknownNameError
from kgfeatures.extraction import extract as read_titles
from kgfeatures.graph import store
from kgfeatures.steps.extract import EXTRACT, as_triples, extract

TITLES = {"1": "RED HEART MUG", "2": "SET OF 6 RED TINS", "3": "红色 蜡烛", "4": None}
SPOKEN = """
select relation.name as relation, head.key as head, tail.key as tail, tail.label
from kg.triple
inner join kg.relation on triple.relation_id = relation.relation_id
inner join kg.entity as head on triple.head_id = head.entity_id
inner join kg.entity as tail on triple.tail_id = tail.entity_id
"""


def fill(db, titles: dict[str, str | None]) -> None:
    """Write a shop with these products, a customer who bought the first twice, and a brand."""
    with db.transaction() as conn:
        conn.execute(
            "insert into raw.source"
            " (source_id, kind, name, sha256, rows_read, rows_loaded, rows_rejected)"
            " values (1, 'interactions', 'lines', 'x', 0, 0, 0)"
        )
        frame = pd.DataFrame({"product_id": list(titles), "title": list(titles.values())})
        transport.copy_in(conn, "raw.product", frame)
        conn.execute(
            "insert into raw.interaction"
            " (source_id, row_id, customer_id, product_id, event, occurred_at)"
            " select 1, n, 'c', '1', 'purchase', '2020-01-01' from generate_series(1, 2) as n"
        )
        conn.execute("insert into raw.customer (customer_id) values ('c')")
        known = {"entity_type": "product", "key": list(titles)}
        store.upsert_entities(conn, pd.DataFrame(known))
        brand = {
            "head_type": ["product"],
            "head": ["1"],
            "relation": ["has_brand"],
            "tail_type": ["brand"],
            "tail": ["acme"],
        }
        store.replace_triples(conn, "ingest", pd.DataFrame(brand))


def change(db, product_id: str, title: str | None) -> None:
    with db.transaction() as conn:
        conn.execute("update raw.product set title = %s where product_id = %s", (title, product_id))


def hashes(db) -> dict[str, str]:
    found = db.sql(
        "select name, ops.table_hash(name::regclass) as hash"
        " from unnest(%(names)s::text[]) as name",
        {"names": list(EXTRACT.outputs)},
    )
    return dict(zip(found["name"], found["hash"], strict=True))


def spoken(db) -> set[tuple[str, str, str]]:
    rows = db.sql(SPOKEN)
    return set(zip(rows["relation"], rows["head"], rows["tail"], strict=True))


@pytest.fixture
def shop(db):
    fill(db, TITLES)
    return db


def test_extract_writes_what_the_titles_say_beside_what_others_say(shop) -> None:
    extract(shop)
    assert spoken(shop) == {
        ("has_brand", "1", "acme"),
        ("has_colour", "1", "red"),
        ("has_theme", "1", "heart"),
        ("is_a", "1", "mug"),
        ("broader", "mug", "drinkware"),
        ("has_colour", "2", "red"),
        ("is_a", "2", "tin"),
        ("has_pack_size", "2", "6"),
        ("broader", "tin", "container"),
        ("has_colour", "3", "red"),
        ("is_a", "3", "candle"),
    }


def test_evidence_names_the_words_the_method_and_the_extractor(shop) -> None:
    extract(shop)
    found = shop.sql("select * from kg.evidence_of('product', '2') order by relation")
    rows = list(zip(found["source"], found["method"], found["span"], strict=True))
    assert rows == [
        ("extract:gazetteer", "gazetteer", "RED"),
        ("extract:pack_size", "rule", "SET OF 6"),
        ("extract:gazetteer", "rule", "TINS"),
    ]


def test_relations_are_described_and_measured(shop) -> None:
    extract(shop)
    relation = shop.sql("select * from kg.relation where name = 'is_a'").iloc[0]
    assert relation[["domain", "range", "cardinality"]].tolist() == [
        "product",
        "object_type",
        "1-1",
    ]
    assert relation["description"].startswith("What kind of object")


def test_degree_counts_distinct_neighbours_over_the_whole_graph(shop) -> None:
    extract(shop)
    wanted = shop.sql(
        "select head_id as entity_id, relation_id, 'out' as direction,"
        " count(distinct tail_id) as degree from kg.fact group by 1, 2"
        " union all select tail_id, relation_id, 'in', count(distinct head_id)"
        " from kg.fact group by 1, 2 order by 1, 2, 3"
    )
    found = shop.sql("select * from kg.degree order by 1, 2, 3")
    assert found.astype({"degree": int}).equals(wanted.astype({"degree": int}))
    assert len(found) > 10


def test_a_second_run_has_nothing_to_do_and_a_forced_one_changes_nothing(shop) -> None:
    extract(shop)
    before = hashes(shop)
    assert extract(shop).skipped
    assert not extract(shop, force=True).skipped
    assert hashes(shop) == before


def test_a_changed_title_gives_what_a_clean_build_gives(shop, make_database, template) -> None:
    extract(shop)
    change(shop, "1", "BLUE GLASS VASE")
    change(shop, "2", None)
    assert not extract(shop).skipped
    dsn = make_database(template)
    with Database(lambda: dsn) as clean:
        fill(clean, {**TITLES, "1": "BLUE GLASS VASE", "2": None})
        extract(clean)
        assert hashes(shop) == hashes(clean)
        assert spoken(shop) == spoken(clean)


def test_a_deleted_triple_comes_back(shop) -> None:
    extract(shop)
    before = hashes(shop)
    with shop.transaction() as conn:
        conn.execute("delete from kg.triple where relation_id = kg.relation_id('is_a')")
    assert not extract(shop).skipped
    assert hashes(shop) == before


def test_fewer_extractors_take_their_triples_away(shop) -> None:
    extract(shop)
    extract(shop, ["pack_size"])
    assert spoken(shop) == {("has_brand", "1", "acme"), ("has_pack_size", "2", "6")}


def test_without_products_extract_says_what_to_run(db) -> None:
    with pytest.raises(DataError, match="kgfeatures ingest DIR"):
        extract(db)


def test_an_unknown_extractor_is_refused_before_anything_runs(shop) -> None:
    with pytest.raises(UnknownNameError, match="gazetteer"):
        extract(shop, ["gazeteer"])
    assert shop.sql("select count(*) as n from ops.run")["n"].tolist() == [0]


def test_titles_that_say_nothing_leave_an_empty_but_finished_run(db) -> None:
    fill(db, {"1": "damaged"})
    extract(db)
    assert spoken(db) == {("has_brand", "1", "acme")}


def test_a_tail_is_labelled_in_the_language_of_most_titles() -> None:
    titles = pd.DataFrame({"product_id": ["1", "2", "3"], "title": ["红色", "红色", "RED"]})
    triples = as_triples(read_titles(titles).assign(detail="gazetteer"))
    assert set(triples["tail_label"]) == {"红色"}
