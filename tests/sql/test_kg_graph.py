"""kg.neighbors and its kin against the same questions asked of kg.fact in another way."""

from __future__ import annotations

import itertools

import pandas as pd
import psycopg
import pytest

from kgfeatures.graph import store

BEFORE, DURING, AFTER = "2020-01-01", "2020-03-01", "2020-06-01"
# customer, product, event, day
LINES = [
    ("c1", "p1", "purchase", "2020-02-01"),
    ("c1", "p1", "purchase", "2020-02-05"),
    ("c1", "p2", "purchase", "2020-02-03"),
    ("c1", "p2", "return", "2020-02-09"),
    ("c2", "p1", "purchase", "2020-02-07"),
    ("c2", "p3", "purchase", "2020-05-01"),
]
# as COLUMNS names them
TRIPLES = [
    ("product", "p1", "has_colour", "colour", "red", 0.9),
    ("product", "p2", "has_colour", "colour", "red", 0.5),
    ("product", "p3", "has_colour", "colour", "red", 0.7),
    ("product", "p3", "has_theme", "theme", "heart", 0.9),
    ("product", "p1", "has_theme", "theme", "heart", 0.9),
    ("product", "p3", "made_of", "material", "glass", 0.9),
    ("customer", "c1", "lives_in", "country", "France", 1.0),
]
COLUMNS = ["head_type", "head", "relation", "tail_type", "tail", "confidence"]


def fill(conn) -> None:
    """Write LINES, TRIPLES, and one triple that is true and known for a while only."""
    conn.execute(
        "insert into raw.source (source_id, kind, name, sha256, rows_read, rows_loaded,"
        " rows_rejected) values (1, 'interactions', 'lines', 'x', 0, 0, 0)"
    )
    for row, line in enumerate(LINES):
        conn.execute(
            "insert into raw.interaction (source_id, row_id, customer_id, product_id, event,"
            " occurred_at) values (1, %s, %s, %s, %s, %s)",
            (row, *line),
        )
    for product in ("p1", "p2", "p3", "p4"):
        conn.execute("insert into raw.product values (%s, %s)", (product, product.upper()))
    conn.execute("insert into raw.customer values ('c1'), ('c2')")
    keys = [("product", "p4"), ("product", "p2"), ("customer", "c1"), ("customer", "c2")]
    store.upsert_entities(conn, pd.DataFrame(keys, columns=["entity_type", "key"]))
    conn.execute(
        "insert into kg.relation (relation_id, name)"
        " select kg.relation_id(name), name from unnest(array['bought', 'returned']) as name"
    )
    store.replace_triples(conn, "test", pd.DataFrame(TRIPLES, columns=COLUMNS))
    conn.execute(
        "insert into kg.triple select kg.entity_id('product', 'p1'), kg.relation_id('made_of'),"
        " kg.entity_id('material', 'glass'), 0.8, '2020-01-15', '2020-04-01', '2020-02-15',"
        " '2020-05-01'"
    )
    conn.execute("select kg.refresh_degree()")


@pytest.fixture
def graph(conn):
    fill(conn)
    return conn


FACTS = """
select
    relation.name,
    case when %(out)s then 'out' else 'in' end as direction,
    other.entity_type,
    other.key
from kg.fact
inner join kg.relation on fact.relation_id = relation.relation_id
inner join kg.entity as other
    on other.entity_id = case when %(out)s then fact.tail_id else fact.head_id end
where
    case when %(out)s then fact.head_id else fact.tail_id end = kg.entity_id(%(type)s, %(key)s)
    and fact.valid_from <= %(at)s and %(at)s < fact.valid_to
    and fact.observed_at <= %(at)s and %(at)s < fact.retracted_at
"""


@pytest.mark.parametrize("at", [BEFORE, DURING, "2020-04-15", AFTER])
@pytest.mark.parametrize(
    ("entity_type", "key"),
    [("product", "p1"), ("product", "p4"), ("customer", "c1"), ("colour", "red")],
)
def test_neighbors_are_those_of_the_whole_graph_at_any_time(graph, entity_type, key, at) -> None:
    wanted = {
        row
        for out in (True, False)
        for row in graph.execute(FACTS, {"out": out, "type": entity_type, "key": key, "at": at})
    }
    found = graph.execute(
        "select relation, direction, neighbor_type, neighbor_key"
        " from kg.neighbors(%s, %s, known_at => %s)",
        (entity_type, key, at),
    ).fetchall()
    assert len(found) == len(set(found))
    assert set(found) == wanted


def test_neighbors_counts_interactions_and_names_their_newest(graph) -> None:
    row = graph.execute(
        "select neighbor_label, interactions, observed_at::date::text, source"
        " from kg.neighbors('customer', 'c1', 'bought') where neighbor_key = 'p1'"
    ).fetchall()
    assert row == [("P1", 2, "2020-02-05", "raw.interaction")]


def test_neighbors_gives_the_statements_source_and_no_time_where_there_is_none(graph) -> None:
    found = graph.execute(
        "select source, observed_at, interactions from kg.neighbors('product', 'p1', 'has_colour')"
    ).fetchall()
    assert found == [("test", None, 0)]


def test_neighbors_come_stated_first_then_surest_then_newest(graph) -> None:
    red = graph.execute("select neighbor_key from kg.neighbors('colour', 'red')").fetchall()
    assert [key for (key,) in red] == ["p1", "p3", "p2"]
    c1 = graph.execute("select relation, neighbor_key from kg.neighbors('customer', 'c1')")
    assert c1.fetchall() == [
        ("lives_in", "France"),
        ("returned", "p2"),
        ("bought", "p1"),
        ("bought", "p2"),
    ]


def test_the_first_k_neighbors_are_a_prefix_of_all(graph) -> None:
    everything = graph.execute("select * from kg.neighbors('product', 'p1')").fetchall()
    for k in range(1, len(everything) + 1):
        first = graph.execute("select * from kg.neighbors('product', 'p1', k => %s)", (k,))
        assert first.fetchall() == everything[:k]


@pytest.mark.parametrize(("direction", "expected"), [("out", 3), ("in", 2), ("both", 5)])
def test_direction_out_is_head_and_in_is_tail(graph, direction, expected) -> None:
    found = graph.execute(
        "select count(*) from kg.neighbors('product', 'p1', direction => %s, known_at => %s)",
        (direction, DURING),
    ).fetchone()
    assert found == (expected,)


def test_what_is_stated_and_happened_is_one_neighbor(graph) -> None:
    frame = pd.DataFrame([("customer", "c1", "bought", "product", "p1", 1.0)], columns=COLUMNS)
    store.replace_triples(graph, "loyalty", frame)
    found = graph.execute(
        "select interactions, source from kg.neighbors('customer', 'c1', 'bought')"
        " where neighbor_key = 'p1'"
    ).fetchall()
    assert found == [(2, "loyalty")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'produkt', 'p1'", "Did you mean product"),
        ("'product', 'p9'", 'there is no product "p9"'),
        ("'product', 'p1', 'has_color'", "Did you mean has_colour"),
        ("'product', 'p1', direction => 'up'", "direction is 'up'"),
        ("'product', 'p1', direction => null", "direction is null"),
        ("'product', 'p1', k => 0", "k is 0"),
        ("'product', 'p1', k => null", "k is null"),
        ("'product', 'p1', known_at => null", "known_at is null"),
    ],
)
def test_a_wrong_argument_is_a_clear_error(graph, arguments, message) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue) as caught:
        graph.execute(f"select * from kg.neighbors({arguments})")  # noqa: S608  constants above
    assert message in f"{caught.value.diag.message_primary} {caught.value.diag.message_hint}"


def test_neighbors_reads_no_table_from_end_to_end(graph) -> None:
    graph.execute(
        "insert into raw.interaction (source_id, row_id, customer_id, product_id, event,"
        " occurred_at) select 1, 1000 + n, 'x' || n % 997, 'y' || n % 991, 'purchase',"
        " '2020-01-01' from generate_series(1, 30000) as n"
    )
    graph.execute(
        "insert into kg.entity select kg.entity_id('product', 'y' || n), 'product', 'y' || n"
        " from generate_series(0, 990) as n"
    )
    graph.execute(
        "insert into kg.triple (head_id, relation_id, tail_id) select kg.entity_id('product',"
        " 'y' || n), kg.relation_id('has_theme'), kg.entity_id('theme', 'heart')"
        " from generate_series(0, 990) as n"
    )
    graph.execute("analyze raw.interaction, kg.triple, kg.entity")
    counts = (
        "select relid::regclass::text, seq_scan from pg_stat_xact_user_tables"
        " where relid in ('raw.interaction'::regclass, 'kg.triple'::regclass)"
    )
    before = dict(graph.execute(counts).fetchall())
    for entity_type, key in [("product", "p1"), ("customer", "c1"), ("colour", "red")]:
        graph.execute("select * from kg.neighbors(%s, %s)", (entity_type, key))
    assert dict(graph.execute(counts).fetchall()) == before


# Kin --------------------------------------------------------------------------------------------


def test_shared_tails_are_the_intersection_rarest_first(graph) -> None:
    found = graph.execute(
        "select relation, tail_key, products, round(confidence::numeric, 2)::float8"
        " from kg.shared_tails('p1', 'p3')"
    ).fetchall()
    assert found == [
        ("has_theme", "heart", 2, 0.81),
        ("has_colour", "red", 3, 0.63),
    ]


def test_paths_are_exactly_purchases_that_share_a_tail(graph) -> None:
    tails = {
        head: {(relation, tail) for _, h, relation, _, tail, _ in TRIPLES if h == head}
        for head in ("p1", "p2", "p3")
    }
    bought = {line[1] for line in LINES if line[0] == "c1" and line[2] == "purchase"}
    wanted = {
        (via, *tail) for via, tail in itertools.product(bought, tails["p3"]) if tail in tails[via]
    }
    found = graph.execute(
        "select via_product_id, relation, tail_key, via_title, products from kg.paths('c1', 'p3')"
    ).fetchall()
    assert {row[:3] for row in found} == wanted
    assert found[0] == ("p1", "has_theme", "heart", "P1", 2)


def test_paths_know_only_what_was_bought_by_then(graph) -> None:
    found = graph.execute("select * from kg.paths('c1', 'p3', known_at => %s)", (BEFORE,))
    assert found.fetchall() == []


@pytest.mark.parametrize(
    ("true_at", "known_at", "there"),
    [
        ("2020-03-01", "2020-03-01", True),
        ("2020-01-20", "2020-03-01", True),
        ("2020-01-20", "2020-02-01", False),
        ("2020-04-01", "2020-03-01", False),
        ("2020-03-01", "2020-05-01", False),
    ],
)
def test_triples_at_asks_both_times(graph, true_at, known_at, there) -> None:
    found = graph.execute(
        "select 1 from kg.triples_at(%s, %s) where head_key = 'p1' and tail_key = 'glass'",
        (true_at, known_at),
    ).fetchall()
    assert bool(found) is there


def test_triple_now_is_triples_at_now(graph) -> None:
    now = graph.execute("select head_key, relation, tail_key from kg.triple_now").fetchall()
    at = graph.execute("select head_key, relation, tail_key from kg.triples_at()").fetchall()
    assert sorted(now) == sorted(at)
    assert len(now) == len(TRIPLES)


def test_evidence_of_narrows_to_a_relation_and_a_tail(graph) -> None:
    every = graph.execute("select tail_key from kg.evidence_of('product', 'p3')").fetchall()
    one = graph.execute("select tail_key, method from kg.evidence_of('product', 'p3', 'made_of')")
    none = graph.execute("select * from kg.evidence_of('product', 'p3', 'made_of', 'wood')")
    assert len(every) == 3
    assert one.fetchall() == [("glass", "column")]
    assert none.fetchall() == []


def test_the_reader_may_ask_everything_and_rewrite_nothing(db, reader) -> None:
    with db.transaction() as conn:
        fill(conn)
    for question in (
        "kg.neighbors('product', 'p1')",
        "kg.neighbors('customer', 'c1')",
        "kg.evidence_of('product', 'p1')",
        "kg.shared_tails('p1', 'p3')",
        "kg.paths('c1', 'p3')",
        "kg.triples_at()",
        "kg.triple_now",
    ):
        assert reader.execute(f"select * from {question}").fetchall()  # noqa: S608  constants
    reader.rollback()
    reader.execute("set transaction read write")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("select kg.refresh_degree()")
