"""rec.* against a small shop: 40 customers, 30 products, every signal; 1,000 customers once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from kgfeatures.db import Database
from kgfeatures.db.connection import open_connection
from kgfeatures.errors import DatabaseError
from kgfeatures.steps.recommend import recommend
from tests.sql.rec_shop import COLOURS, SETTINGS, START, THEMES, WEIGHTS, SmallShop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from kgfeatures.recommend.served import Served

OF_HISTORY = ("bought_together", "shared_triples", "text", "factors")
SMALL = SmallShop()
CROWD = SmallShop(n_customers=1000, n_products=120, density=0.06)
CUSTOMERS, PRODUCTS = SMALL.customers, SMALL.products
MEMBER, NOBODY = CUSTOMERS[-2:]  # without purchases: in the club, and in no segment
bought = SMALL.bought


def build(small: SmallShop, dsn: str) -> Database:
    database = Database(lambda: dsn)
    with database.transaction() as conn:
        small.load(conn)
    recommend(database, SETTINGS)
    return database


@pytest.fixture(scope="module")
def shop(make_database: Callable[[str | None], str], template: str) -> Iterator[Database]:
    with build(SMALL, make_database(template)) as database:
        yield database


@pytest.fixture(scope="module")
def served() -> Served:
    """Give the same blend fitted in Python, from the very same purchases."""
    return SMALL.served()


def rows(database: Database, call: str, **params: object) -> pd.DataFrame:
    return database.sql(f"select * from {call}", params)  # noqa: S608  the tests' own words


def assert_same(found: pd.DataFrame, keys: list[str], scores: np.ndarray, k: int) -> None:
    """Compare a list with all scores in Python; products within rounding may change places."""
    wanted = np.sort(scores)[::-1][: min(k, np.isfinite(scores).sum())]
    assert len(found) == len(wanted)
    assert np.allclose(found["score"], wanted, atol=1e-5)
    own = scores[[keys.index(key) for key in found["product_id"]]]
    assert np.allclose(own, wanted, atol=1e-5)
    assert found["product_id"].is_unique


def masked(small: SmallShop, served: Served) -> np.ndarray:
    scores = served.score(np.arange(small.n_customers))
    scores[served.purchases_.matrix().nonzero()] = -np.inf
    return scores


def test_sql_recommends_what_python_recommends(shop: Database, served: Served):
    scores = masked(SMALL, served)
    for place, customer in enumerate(CUSTOMERS):
        found = rows(shop, "rec.recommend(%(c)s)", c=customer)
        assert_same(found, PRODUCTS, scores[place], 10)
        assert found["rank"].tolist() == list(range(1, len(found) + 1))


def test_sql_recommends_what_python_recommends_to_a_thousand_customers(
    make_database: Callable[[str | None], str], template: str
):
    scores = masked(CROWD, CROWD.served())
    call = "raw.customer cross join lateral rec.recommend(customer_id, 20) as listed"
    with build(CROWD, make_database(template)) as crowd:
        lists = rows(crowd, call).groupby("customer_id")
    assert len(lists) == 1000
    for customer, found in lists:
        found = found.sort_values("rank")
        assert_same(found, CROWD.products, scores[CROWD.customers.index(customer)], 20)


def test_every_signal_has_its_part_in_python_too(shop: Database, served: Served):
    place = 5
    parts = rows(shop, "rec.parts(%(c)s)", c=CUSTOMERS[place]).set_index("product_no")
    for signal in parts.columns:
        wanted = WEIGHTS[signal] * served.blend.parts[signal].scaled(np.array([place]))[0]
        found = parts[signal].reindex(range(30), fill_value=0.0)
        assert np.allclose(found, wanted, atol=1e-6), signal


def test_the_published_lists_are_what_sql_recommends(shop: Database):
    published = rows(shop, "rec.customer_recommendation_long order by customer_id, rank")
    for customer, listed in published.groupby("customer_id"):
        found = rows(shop, "rec.recommend(%(c)s, 8)", c=customer)
        assert listed["product_id"].tolist() == found["product_id"].tolist()
        assert listed["title"].tolist() == found["title"].tolist()
        assert np.allclose(listed["score"], found["score"], atol=1e-5)
    assert published["customer_id"].nunique() == 40
    last_day = START + pd.Timedelta(days=int(SMALL.purchases["seconds"].max()) // 86400)
    assert set(published["event_timestamp"]) == {last_day + pd.Timedelta(days=1)}


def test_a_bought_product_is_never_recommended(shop: Database):
    for customer in CUSTOMERS:
        found = rows(shop, "rec.recommend(%(c)s, 1000)", c=customer)
        assert set(found["product_id"]) == set(PRODUCTS) - bought(customer)


def test_bought_products_come_back_when_asked_for(shop: Database):
    found = rows(shop, "rec.recommend('c0000', 1000, exclude_bought => false)")
    assert set(found["product_id"]) == set(PRODUCTS)


def test_every_recommendation_has_its_title(shop: Database):
    found = rows(shop, "rec.recommend('c0003')")
    assert found["title"].tolist() == [f"title of {key}" for key in found["product_id"]]


def test_a_filter_leaves_only_what_passes(shop: Database):
    found = rows(shop, "rec.recommend('c0000', 1000, '{\"has_colour\": \"red\"}')")
    assert set(found["product_id"]) == set(PRODUCTS[::3]) - bought("c0000")
    scores = rows(shop, "rec.recommend('c0000', 1000)").set_index("product_id")["score"]
    assert found["score"].tolist() == scores[found["product_id"]].tolist()


def test_an_unknown_customer_gets_what_is_popular_and_is_told_so(shop: Database):
    found = rows(shop, "rec.recommend('nobody', 5)")
    weights = rows(shop, "rec.popular order by weight desc, product_id limit 5")
    assert found["product_id"].tolist() == weights["product_id"].tolist()
    assert set(found["reason"]) == set(found["basis"]) == {"popular"}
    [sentence] = rows(shop, "rec.why('nobody')")["why"]
    assert 'customer "nobody" has no purchase before' in sentence
    assert sentence.endswith("and is not known; what is popular shown")


def test_a_customer_without_purchases_gets_the_favourites_of_the_segment(shop: Database):
    found = rows(shop, "rec.recommend(%(c)s, 1000)", c=MEMBER)
    assert set(found["basis"]) == {"segment"}
    lines = SMALL.purchases
    lines = lines[lines["customer"].isin(SMALL.club)]
    age = (SMALL.purchases["seconds"].max() - lines["seconds"]) / 86400
    last = lines.assign(age=age).groupby(["customer", "product"])["age"].min()
    favourites = (0.5 ** (last / 30)).groupby("product").sum().sort_values(ascending=False)
    assert len(found) == 30
    popular = rows(shop, "rec.popular").set_index("product_id")["score"]
    best = found.iloc[0]
    wanted = {
        PRODUCTS[product]: 0.95 * value / favourites.iloc[0] + 0.05 * popular[PRODUCTS[product]]
        for product, value in favourites.items()
    }
    assert best["product_id"] == max(wanted, key=wanted.__getitem__)
    assert best["score"] == pytest.approx(wanted[best["product_id"]], abs=1e-6)
    assert found["reason"].tolist()[:5] == ["segment"] * 5
    [sentence] = rows(shop, "rec.why(%(c)s)", c=MEMBER)["why"]
    assert 'favourites of segment "club" (club) shown' in sentence
    reasons = rows(shop, "rec.explain(%(c)s, %(p)s)", c=MEMBER, p=best["product_id"])
    assert reasons["kind"].tolist() == ["segment", "popular"]
    assert reasons["share"].sum() == pytest.approx(1, abs=1e-6)


def test_who_ignores_all_purchases_is_as_new(shop: Database):
    ignore = "jsonb_build_object('products', array(select product_id from rec.history('c0007')))"
    found = rows(shop, f"rec.recommend('c0007', 3, ignore => {ignore})")
    assert set(found["basis"]) == {"popular"}
    [sentence] = rows(shop, f"rec.why('c0007', ignore => {ignore})")["why"]
    assert "has no purchase before" in sentence
    assert "that is not ignored" in sentence


def test_a_product_that_nobody_bought_gets_in_through_graph_and_text(shop: Database):
    parts = rows(shop, "rec.parts('c0003') where product_no = 29")
    assert parts["shared_triples"][0] > 0
    found = rows(shop, "rec.recommend('c0003', 1000)").set_index("product_id")
    assert found.loc[PRODUCTS[29], "reason"] != "popular"


def test_what_was_bought_five_minutes_ago_counts(shop: Database):
    product = next(key for key in PRODUCTS if key not in bought("c0002"))
    with shop.transaction() as conn, conn.transaction(force_rollback=True):
        before = conn.execute("select * from rec.recommend('c0002', 1000)").fetchall()
        conn.execute(
            "insert into raw.interaction (source_id, row_id, customer_id, product_id, event,"
            " occurred_at) values (1, -1, 'c0002', %s, 'purchase', now() - interval '5 minutes')",
            [product],
        )
        after = conn.execute("select * from rec.recommend('c0002', 1000)").fetchall()
    assert product in {row[1] for row in before} - {row[1] for row in after}
    assert len(after) == len(before) - 1
    assert [row[1] for row in after] != [row[1] for row in before if row[1] != product]


def test_an_empty_answer_says_why(shop: Database):
    said: list[str] = []
    with shop.transaction() as conn:
        conn.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        call = (
            "select * from rec.recommend('c0000', 10, jsonb_build_object('has_theme', %s::jsonb))"
        )
        assert conn.execute(call, [json.dumps({"not": THEMES})]).fetchall() == []
    assert len(said) == 1
    assert said[0].startswith('customer "c0000" bought')
    assert "no product passes the filters" in said[0]


def test_filters_and_rights_to_rows_leave_full_lists_of_what_is_allowed(
    make_database: Callable[[str | None], str], template: str
):
    dsn = make_database(template)
    call = "select * from rec.recommend('c0004', 1000)"
    with build(SMALL, dsn) as database:
        with database.transaction() as conn:
            conn.execute("alter table rec.popular enable row level security")
            conn.execute("create policy few on rec.popular using (product_no % 3 > 0)")
            everything = conn.execute(call).fetchall()
        with open_connection(make_conninfo(dsn, user="kgf_reader")) as reader:
            seen = reader.execute(call).fetchall()
            filters = '{"has_colour": ["blue", "red"]}'
            few = "select * from rec.recommend('c0004', 3, %s)"
            blue = reader.execute(few, [filters]).fetchall()
    # Red products are hidden; the rest keeps its order and its scores.
    kept = [row[1:4] for row in everything if PRODUCTS.index(row[1]) % 3]
    assert [row[1:4] for row in seen] == kept
    assert [row[1:4] for row in blue] == [row for row in kept if PRODUCTS.index(row[0]) % 3 == 1][
        :3
    ]


def test_the_reason_is_the_signal_that_says_most(shop: Database):
    parts = rows(shop, "rec.parts('c0005') inner join rec.popular using (product_no)")
    parts = parts.set_index("product_id")
    parts["popular"] = WEIGHTS["popular"] * parts["score"]
    signals = parts[list(WEIGHTS)].astype(float)
    for row in rows(shop, "rec.recommend('c0005')").itertuples():
        assert row.reason == signals.loc[row.product_id].idxmax()
        assert row.score == pytest.approx(signals.loc[row.product_id].sum(), abs=1e-6)


def test_known_at_hides_later_purchases_and_later_vectors(shop: Database):
    moment = START + pd.Timedelta(days=100)
    lines = SMALL.purchases
    early = lines[lines["seconds"] <= 100 * 86400]
    for customer in CUSTOMERS[:5]:
        mine = early[early["customer"] == CUSTOMERS.index(customer)]["product"]
        call = "rec.recommend(%(c)s, 1000, known_at => %(t)s)"
        found = rows(shop, call, c=customer, t=moment.to_pydatetime())
        assert set(found["product_id"]) == set(PRODUCTS) - {PRODUCTS[p] for p in mine}
        assert "graph_vector" not in set(found["reason"])


def test_an_ignored_purchase_says_nothing_and_stays_bought(shop: Database):
    product = min(bought("c0001"))
    call = "rec.recommend('c0001', 1000, ignore => jsonb_build_object('products', array[%(p)s]))"
    without = rows(shop, call, p=product)
    before = rows(shop, "rec.recommend('c0001', 1000)")
    assert product not in set(without["product_id"])
    assert not np.allclose(without["score"], before["score"])
    history = rows(shop, "rec.history('c0001', now(), array[%(p)s])", p=product)
    assert set(history.query("not ignored")["product_id"]) == bought("c0001") - {product}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("rec.recommend('c0000', 0)", "k is 0; it must be at least 1"),
        ("rec.recommend('c0000', null)", "k is null"),
        ("rec.recommend('c0000', ignore => '[]')", "ignore is .*only key allowed"),
        ("rec.recommend('c0000', ignore => '{\"triples\": []}')", 'only key allowed is "products"'),
        ("rec.recommend('c0000', ignore => '{\"products\": \"p001\"}')", "must be an array"),
        (
            "rec.recommend('c0000', ignore => '{\"products\": [null]}')",
            "must be an array of product",
        ),
        ("rec.recommend('c0000', known_at => null)", "known_at is null"),
        ("rec.why('c0000', known_at => null)", "known_at is null"),
        ("rec.explain('c0000', 'p099')", 'no product "p099" was known'),
        ("rec.similar_products('p099', 3)", 'no product "p099" was known'),
        ("rec.similar_products('p001', -1)", "k is -1"),
        ("rec.complements('p099')", 'no product "p099" was known'),
        ("rec.recommend('c0000', 5, '{\"has_color\": \"red\"}')", "no relation or attribute"),
        ("rec.report(77)", "there is no run 77 of recommendations"),
    ],
)
def test_wrong_arguments_are_refused_in_words(shop: Database, call: str, words: str):
    with pytest.raises(DatabaseError, match=words):
        rows(shop, call)


def test_nothing_is_recommended_before_the_first_run(conn: Connection[Any]):
    with pytest.raises(psycopg.Error, match="nothing can be recommended yet") as caught:
        conn.execute("select * from rec.recommend('c0000')")
    assert caught.value.diag.message_hint == "Run: kgfeatures recommend"


@pytest.fixture(scope="module")
def explained(shop: Database) -> list[tuple[str, str, float, pd.DataFrame]]:
    """Give 200 random recommendations: customer, product, score and the reasons."""
    call = "raw.customer cross join lateral rec.recommend(customer_id, 10) as listed"
    lists = rows(shop, f"{call} where basis = 'history'").sample(200, random_state=0)
    return [
        (
            row.customer_id,
            row.product_id,
            row.score,
            rows(shop, "rec.explain(%(c)s, %(p)s)", c=row.customer_id, p=row.product_id),
        )
        for row in lists.itertuples()
    ]


def test_shares_of_an_explanation_sum_to_one(
    explained: list[tuple[str, str, float, pd.DataFrame]],
):
    for _, _, _, reasons in explained:
        assert reasons["share"].sum() == pytest.approx(1, abs=1e-6)
        assert (reasons["share"] > 0).all()


def test_an_explanation_weighs_signals_like_the_recommendation(
    explained: list[tuple[str, str, float, pd.DataFrame]], served: Served
):
    for customer, product, score, reasons in explained:
        asked = np.array([CUSTOMERS.index(customer)])
        for signal, share in reasons.groupby("kind")["share"].sum().items():
            scaled = served.blend.parts[signal].scaled(asked)[0, PRODUCTS.index(product)]
            assert share * score == pytest.approx(WEIGHTS[signal] * scaled, abs=1e-5)


def test_every_purchase_that_an_explanation_names_exists(
    explained: list[tuple[str, str, float, pd.DataFrame]],
):
    last = SMALL.purchases.groupby(["customer", "product"])["seconds"].max()
    for customer, _, _, reasons in explained:
        named = reasons[reasons["via_product_id"].notna()]
        assert set(named["kind"]) <= set(OF_HISTORY)
        for row in named.itertuples():
            pair = CUSTOMERS.index(customer), PRODUCTS.index(row.via_product_id)
            day = START + pd.Timedelta(seconds=int(last[pair]))
            assert row.detail == f"bought on {day:%Y-%m-%d}"


def test_every_triple_that_an_explanation_names_is_true_of_both_products(
    explained: list[tuple[str, str, float, pd.DataFrame]],
):
    tails = {
        "has_colour": {key: COLOURS[n % 3] for n, key in enumerate(PRODUCTS)},
        "has_theme": {key: THEMES[n] for key, n in zip(PRODUCTS, SMALL.themes, strict=True)},
    }
    named = 0
    for _, product, _, reasons in explained:
        for row in reasons[reasons["kind"] == "shared_triples"].itertuples():
            known = tails[row.relation]
            assert row.tail == known[product] == known[row.via_product_id]
            named += 1
    assert named > 200


def test_ignoring_a_purchase_takes_its_share_off_the_score(
    shop: Database, explained: list[tuple[str, str, float, pd.DataFrame]], served: Served
):
    for customer, product, score, reasons in explained:
        top = reasons.groupby("via_product_id")["share"].sum().sort_values().tail(1)
        [without] = rows(
            shop,
            "rec.recommend(%(c)s, 1000, ignore => jsonb_build_object('products', array[%(i)s]))"
            " where product_id = %(p)s",
            c=customer,
            p=product,
            i=top.index[0],
        )["score"]
        assert score - without == pytest.approx(top.iloc[0] * score, abs=1e-5)
        # The same from Python's tables: what this one purchase adds, by the scale of all of them.
        asked = CUSTOMERS.index(customer)
        via, wanted = PRODUCTS.index(top.index[0]), PRODUCTS.index(product)
        adds = 0.0
        for signal in OF_HISTORY:
            part = served.blend.parts[signal]
            own = part.history_[asked, via] * part.neighbors_[via, wanted]
            adds += WEIGHTS[signal] * own / part.score(np.array([asked])).max()
        assert score - without == pytest.approx(adds, abs=1e-5)


def test_what_a_new_customer_gets_is_explained_by_popularity(shop: Database):
    reasons = rows(shop, "rec.explain('nobody', 'p000')")
    assert reasons["kind"].tolist() == ["popular"]
    count = len(set(SMALL.purchases.query("product == 0")["customer"]))
    assert reasons["detail"].tolist() == [f"bought by {count} customers"]


def test_similar_products_are_what_the_blend_says_of_one_purchase(shop: Database, served: Served):
    for place in (0, 7, 29):
        found = rows(shop, "rec.similar_products(%(p)s, 40)", p=PRODUCTS[place])
        wanted = np.zeros(30)
        for signal in OF_HISTORY:
            row = served.blend.parts[signal].neighbors_[place].toarray()[0]
            wanted += WEIGHTS[signal] / 0.8 * row / max(row.max(), 1e-9)
        near = found["reason"] == "graph_vector"
        neighbors = found[~near]
        own = wanted[[PRODUCTS.index(key) for key in neighbors["neighbor_id"]]]
        assert np.allclose(neighbors["score"], own, atol=1e-6)
        assert len(neighbors) == (wanted > 0).sum()
        assert (np.diff(neighbors["score"]) <= 0).all()
        _, products, _ = SMALL.graph
        distance = np.linalg.norm(products - products[place], axis=1)
        others = [j for j in np.argsort(distance) if j != place and wanted[j] == 0]
        assert found[near]["neighbor_id"].tolist() == [PRODUCTS[j] for j in others]


def test_the_view_of_neighbours_is_the_table_in_python(shop: Database, served: Served):
    found = rows(shop, "rec.product_neighbor where signal = 'bought_together'")
    table = served.blend.parts["bought_together"].neighbors_.toarray()
    assert len(found) == (table > 0).sum()
    for row in found.itertuples():
        place = PRODUCTS.index(row.product_id), PRODUCTS.index(row.neighbor_id)
        assert row.weight == pytest.approx(table[place], rel=1e-6)


def test_the_reader_may_ask_for_recommendations_and_write_nothing(shop: Database):
    with shop.transaction() as owner:
        dsn = make_conninfo(owner.info.dsn, user="kgf_reader")
    with open_connection(dsn) as reader:
        call = "select product_id from rec.recommend('c0000', 5, %s)"
        assert len(reader.execute(call, ['{"has_colour": ["red", "blue"]}']).fetchall()) == 5
        assert reader.execute("select * from rec.explain('c0000', 'p001')").fetchall()
        assert reader.execute("select * from rec.similar_products('p000')").fetchall()
        assert reader.execute("select * from rec.customer_recommendation_long").fetchall()
        reader.commit()
        reader.execute("set transaction read write")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("delete from rec.popular")


def test_a_customer_with_thousands_of_purchases_is_answered(shop: Database):
    with shop.transaction() as conn, conn.transaction(force_rollback=True):
        conn.execute(
            "insert into raw.interaction (source_id, row_id, customer_id, product_id, event,"
            " occurred_at) select 1, -n - 1, 'c0009',"
            " 'p' || lpad(n::text, greatest(3, length(n::text)), '0'), 'purchase',"
            " '2024-03-01' from generate_series(0, 5000) as n where n <> 29"
        )
        assert conn.execute("select count(*) from rec.history('c0009')").fetchone()[0] > 4990
        found = conn.execute("select product_id from rec.recommend('c0009')").fetchall()
    assert found == [(PRODUCTS[29],)]
