"""Ingest: files become tables, again and again the same ones, or nothing at all."""

from datetime import UTC, datetime

import pandas as pd
import pyarrow.compute as pc
import pytest

from kgfeatures.cli.ingest import summary
from kgfeatures.datasets import online_retail
from kgfeatures.db import Database, queries
from kgfeatures.errors import DataError, ManifestError, UnknownNameError
from kgfeatures.graph import loading
from kgfeatures.graph.manifest import read_manifest
from kgfeatures.graph.things import rank
from kgfeatures.steps.extract import extract
from kgfeatures.steps.ingest import ingest
from kgfeatures.types import entity_id

TABLES = [
    *("raw.source", "raw.interaction", "raw.product", "raw.customer", "raw.attribute"),
    *("raw.document", "raw.rejected", "kg.entity", "kg.relation", "kg.triple", "kg.evidence"),
]
MANIFEST = """
name: small
product_case: upper
exclude_products: [POST]
interactions:
  - {file: lines.csv, customer: who, product: sku, timestamp: at, basket: invoice, quantity: n,
     price: price}
  - {file: views.jsonl, customer: user, product: item, timestamp: when, event: kind,
     timestamp_format: unix}
products: {file: lines.csv, product: sku, text: [name], positive: price}
customers: {file: people.tsv, customer: id, relations: {Home Town: lives_in}, text: [note]}
attributes: {file: prices.csv, product: sku, price: p}
documents: {file: reviews.jsonl, kind: review, product: sku, customer: user, text: [head, words],
            timestamp: at, rating: stars}
triples: {file: kg.csv, head: product, head_type: product, relation: r, tail: brand,
          tail_type: brand}
"""
FILES = {
    "lines.csv": (
        "who,sku,at,invoice,n,price,name\n"
        "1.0,a1,2024-01-01 09:00,i1,2,1.5,Red bowl\n"
        "1.0,A1,2024-01-01 09:00,i1,2,1.5,Red bowl\n"
        "2,a1,2024-01-02,i2,1,1.5,BOWL RED\n"
        "2,b2,2024-01-02,i2,1,3,Blue cup\n"
        "2,b2,2024-01-05,c3,-1,3,Blue cup\n"
        ",b2,2024-01-06,i4,1,0,damaged\n"
        "2,POST,2024-01-02,i2,1,3,Postage\n"
    ),
    "views.jsonl": (
        '{"user": 1, "item": "b2", "when": 1704067200, "kind": "view"}\n'
        '{"user": 3, "item": "c3", "when": 1704067201, "kind": "cart"}\n'
    ),
    "people.tsv": "id\tHome Town\tnote\n1\tYork\tpays late\n2\t北京\t\n",
    "prices.csv": "sku,p\na1,1.5\n",
    "reviews.jsonl": (
        '{"sku": "a1", "user": 1, "head": "Nice bowl", "words": "红色的碗", "at": "2024-02-01",'
        ' "stars": 5}\n'
    ),
    "kg.csv": "product,r,brand\na1,made_by,Acme\nd4,made_by,Acme\n",
}
BAD_LINES = [
    ("who,sku,at,invoice,n,price,nam", DataError, "lines.csv has no column 'name'"),
    ("1,a1,yesterday,i1,1,1,x", DataError, "lines.csv, line 2, column 'at': 'yesterday' is not"),
    ("13085.5,a1,2024-01-01,i1,1,1,x", DataError, "line 2, column 'who': '13085.5' is no key"),
    ("1,a1,2024-01-01,i1,1,-1,x", DataError, "line 2, column 'price': '-1' is a negative price"),
]


@pytest.fixture
def folder(tmp_path):
    def write(manifest=MANIFEST, **changed):
        (tmp_path / "dataset.yaml").write_text(manifest, encoding="utf-8")
        for name, text in (FILES | changed).items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write


def hashes(db):
    with db.transaction() as conn:
        rows = queries.fetch(conn, "runs.hashes", names=TABLES)
    return {row["name"]: row["content_hash"] for row in rows}


def values(db, statement):
    with db.transaction() as conn:
        return conn.execute(statement).fetchall()


def test_every_section_reaches_its_table(db, folder):
    result = ingest(db, folder())
    assert not result.skipped
    assert values(db, "select * from raw.customer order by 1") == [
        ("1", "pays late"),
        ("2", None),
        ("3", None),
    ]
    assert values(db, "select * from raw.product order by 1") == [
        ("A1", "Red bowl", "Red bowl", ["BOWL RED"]),
        ("B2", "Blue cup", "Blue cup", []),
        ("C3", None, None, []),
        ("D4", None, None, []),
    ]
    lines = values(
        db,
        "select place, customer_id, product_id, event, quantity, amount, basket_id"
        " from raw.interaction join raw.source using (source_id) order by 1, 2, 3, 4, 5",
    )
    assert lines == [
        (1, "1", "A1", "purchase", 2, 3, "i1"),
        (1, "1", "A1", "purchase", 2, 3, "i1"),
        (1, "2", "A1", "purchase", 1, 1.5, "i2"),
        (1, "2", "B2", "purchase", 1, 3, "i2"),
        (1, "2", "B2", "return", -1, -3, "c3"),
        (2, "1", "B2", "view", None, None, None),
        (2, "3", "C3", "cart", None, None, None),
    ]
    assert values(db, "select key, name, value_number, valid_from::text from raw.attribute") == [
        ("A1", "price", 1.5, "-infinity")
    ]
    [document] = values(
        db, "select kind, product_id, customer_id, body, tokens, language, rating from raw.document"
    )
    assert document[:4] == ("review", "A1", "1", "Nice bowl\n红色的碗")
    assert document[4] == ["nice", "bowl", "红色", "色的", "的碗"]
    assert document[5:] == ("zh", 5.0)


def test_the_graph_holds_everybody_and_what_columns_say(db, folder):
    ingest(db, folder())
    facts = values(
        db,
        "select h.key, r.name, t.key, t.entity_type, t.label from kg.triple"
        " join kg.entity as h on h.entity_id = head_id join kg.relation as r using (relation_id)"
        " join kg.entity as t on t.entity_id = tail_id order by 1, 2",
    )
    assert facts == [
        ("1", "lives_in", "York", "home_town", "York"),
        ("2", "lives_in", "北京", "home_town", "北京"),
        ("A1", "made_by", "Acme", "brand", "Acme"),
        ("D4", "made_by", "Acme", "brand", "Acme"),
    ]
    assert values(db, "select distinct source, method from kg.evidence order by 1") == [
        ("ingest:kg.csv", "column"),
        ("ingest:people.tsv:Home Town", "column"),
    ]
    assert values(db, "select name from kg.relation where domain = 'customer' order by 1") == [
        ("bought",),
        ("cart",),
        ("lives_in",),
        ("returned",),
        ("view",),
    ]
    labels = values(db, "select entity_id, label from kg.entity where entity_type = 'product'")
    assert dict(labels)[entity_id("product", "A1")] == "Red bowl"
    assert values(db, "select count(*) from kg.fact") == [(7 + 4,)]
    missing = (
        "select * from kg.fact as f left join kg.entity as e on e.entity_id = {} where key is null"
    )
    assert not values(db, missing.format("head_id")) + values(db, missing.format("tail_id"))


def test_what_was_left_out_is_counted(db, folder):
    ingest(db, folder())
    rows = values(
        db, "select kind, rows_read, rows_loaded, rows_dropped from raw.source order by place"
    )
    assert rows[:3] == [
        ("interactions", 7, 5, {"no customer": 1, "excluded product": 1}),
        ("interactions", 2, 2, {}),
        ("products", 7, 5, {"excluded product": 1, "price not above zero": 1}),
    ]
    assert "interactions from lines.csv: 5 of 7 rows loaded, 0 rejected; left out: " in summary(db)


def test_a_second_run_is_skipped_and_a_forced_one_changes_nothing(db, folder):
    ingest(db, folder())
    before = hashes(db)
    assert ingest(db, folder()).skipped
    assert not ingest(db, folder(), force=True).skipped
    assert hashes(db) == before


def test_a_changed_row_gives_what_a_clean_build_gives(make_database, template, folder):
    changed = (
        FILES["lines.csv"].replace("Red bowl", "Pot").replace("2,b2,2024-01-05", "4,e5,2024-01-05")
    )
    people = FILES["people.tsv"].replace("York", "Leeds")
    grown_dsn, clean_dsn = make_database(template), make_database(template)
    with Database(lambda: grown_dsn) as grown, Database(lambda: clean_dsn) as clean:
        ingest(grown, folder())
        place = folder(**{"lines.csv": changed, "people.tsv": people})
        assert not ingest(grown, place).skipped
        ingest(clean, place)
        assert hashes(grown) == hashes(clean)
        ingest(grown, folder())
        assert hashes(grown) != hashes(clean)


def test_a_changed_row_gives_a_clean_graph_after_extract_too(make_database, template, folder):
    changed = FILES["lines.csv"].replace("Red bowl", "Wooden spoon").replace("2,b2,", "2,z9,")
    grown_dsn, clean_dsn = make_database(template), make_database(template)
    with Database(lambda: grown_dsn) as grown, Database(lambda: clean_dsn) as clean:
        ingest(grown, folder())
        extract(grown)
        said = hashes(grown)
        assert ingest(grown, folder(), force=True).rows["triples"] == 4
        assert hashes(grown) == said
        assert extract(grown).skipped
        place = folder(**{"lines.csv": changed})
        for database in (grown, clean):
            ingest(database, place)
            extract(database)
        assert hashes(grown) == hashes(clean) != said


def test_a_lost_table_is_loaded_again(db, folder):
    ingest(db, folder())
    before = hashes(db)
    with db.transaction() as conn:
        conn.execute("delete from raw.product where product_id = 'B2'")
    assert not ingest(db, folder()).skipped
    assert hashes(db) == before


@pytest.mark.parametrize(("line", "error", "message"), BAD_LINES)
def test_a_bad_file_loads_nothing(db, folder, line, error, message):
    ingest(db, folder())
    before = hashes(db)
    header, rest = FILES["lines.csv"].split("\n", 1)
    text = f"{line}\n{rest}" if line.startswith("who") else f"{header}\n{line}\n{rest}"
    with pytest.raises(error, match=message):
        ingest(db, folder(**{"lines.csv": text}))
    assert hashes(db) == before


def test_a_broken_last_file_loads_nothing_of_the_first(db, folder):
    with pytest.raises(DataError, match="kg.csv is empty"):
        ingest(db, folder(**{"kg.csv": ""}))
    assert all(content.startswith("0:") for content in hashes(db).values())


def test_rejected_rows_are_kept_with_line_and_reason(db, folder):
    text = FILES["lines.csv"] + "5,x,soon,i9,many,1,Robert'); drop table raw.product;--\n"
    ingest(db, folder(**{"lines.csv": text}), max_rejected=0.5)
    rows = values(
        db,
        "select place, source_row, column_name, value from raw.rejected"
        " join raw.source using (source_id) order by 1, 3",
    )
    assert rows == [(1, 9, "at", "soon"), (1, 9, "n", "many")]
    assert values(db, "select title from raw.product where product_id = 'X'") == [
        ("Robert'); drop table raw.product;--",)
    ]
    assert "rejected: lines.csv, 9, column 'at': 'soon' is not a time" in summary(db)


def test_tables_of_the_database_are_read_like_files(db, folder):
    with db.transaction() as conn:
        conn.execute(
            "create schema shop; create table shop.orders (who int, what varchar(9), at date,"
            " price numeric(9, 2)); insert into shop.orders values (2, 'b', '2024-01-02', 9.99),"
            " (1, 'a', '2024-01-01', 5), (null, 'a', '2024-01-01', 5)"
        )
    manifest = (
        "interactions: {table: shop.orders, customer: who, product: what, timestamp: at,"
        " price: price}"
    )
    ingest(db, folder(manifest))
    rows = "select customer_id, product_id, occurred_at, amount from raw.interaction"
    assert values(db, f"{rows} order by 1") == [
        ("1", "a", datetime(2024, 1, 1, tzinfo=UTC), 5.0),
        ("2", "b", datetime(2024, 1, 2, tzinfo=UTC), 9.99),
    ]
    assert ingest(db, folder(manifest)).skipped
    with db.transaction() as conn:
        conn.execute("update shop.orders set price = 6 where who = 1")
    assert not ingest(db, folder(manifest)).skipped


def test_a_table_that_is_not_there_is_an_error(db, folder):
    manifest = "products: {table: shop.goods, product: sku}"
    with pytest.raises(UnknownNameError, match="no table 'shop.goods'"):
        ingest(db, folder(manifest))


def test_a_chinese_shop_is_loaded(db, folder):
    manifest = (
        "interactions: {file: 订单.csv, customer: 客户, product: 商品编号, timestamp: 下单时间,"
        " event: 行为, encoding: gbk, timestamp_format: '%Y年%m月%d日 %H:%M'}\n"
        "products: {file: 商品.csv, product: 商品编号, title: 名称, text: [名称, 描述],"
        " relations: {品牌: 品牌是}}\n"
    )
    place = folder(manifest)
    (place / "订单.csv").write_bytes(
        "客户,商品编号,下单时间,行为\n甲,茶01,2024年03月01日 08:30,purchase\n".encode("gbk")
    )
    (place / "商品.csv").write_text(
        "商品编号,名称,描述,品牌\n茶01,龙井茶,明前新茶,西湖\n", encoding="utf-8"
    )
    ingest(db, place)
    assert values(db, "select customer_id, product_id, occurred_at from raw.interaction") == [
        ("甲", "茶01", datetime(2024, 3, 1, 8, 30, tzinfo=UTC))
    ]
    assert values(db, "select title, body from raw.product") == [("龙井茶", "龙井茶\n明前新茶")]
    assert values(db, "select name, range from kg.relation where domain = 'product'") == [
        ("品牌是", "品牌")
    ]


def test_the_shipped_shop_has_a_manifest_that_fits_and_its_attribution():
    manifest = read_manifest(online_retail())
    assert [section.kind for section in manifest.sections] == [
        "interactions",
        "products",
        "customers",
    ]
    kept = [key for key in ("85123A", "SP1002", "DCGS0058", "POSTER") if not manifest.excludes(key)]
    assert kept == ["85123A", "SP1002", "DCGS0058", "POSTER"]
    gone = ["POST", "DOT", "M", "ADJUST2", "TEST001", "GIFT_0001_30", "BANK CHARGES"]
    assert all(manifest.excludes(key) for key in gone)
    assert "CC BY 4.0" in (online_retail() / "ATTRIBUTION.txt").read_text(encoding="utf-8")


def test_the_shipped_shop_loses_what_its_manifest_says_and_nothing_else():
    manifest = read_manifest(online_retail())
    lines = pd.read_parquet(online_retail() / "online_retail.parquet")
    code = lines["StockCode"].str.strip().str.upper()
    booking = "POST|DOT|C[23]|[DMBS]|PADS|BANK CHARGES|AMAZONFEE|GIFT.*|ADJUST.*|TEST.*"
    kept = ~code.str.fullmatch(booking)
    known = kept & lines["Customer ID"].notna()
    interactions, products, customers = (
        loading.load(section, manifest, pytest.fail) for section in manifest.sections
    )
    assert interactions.dropped["no customer"] == 107_927
    assert interactions.rows.num_rows == known.sum()
    returns = pc.sum(pc.equal(interactions.rows["event"], "return")).as_py()
    assert returns == (known & (lines["Quantity"] < 0)).sum()
    takings = (lines["Quantity"] * lines["Price"])[known].sum()
    assert pc.sum(interactions.rows["amount"]).as_py() == pytest.approx(takings)
    sold = kept & (lines["Price"] > 0)
    assert products.rows.num_rows == sold.sum()
    assert set(products.rows["product_id"].to_pylist()) == set(code[sold])
    assert customers.rows_rejected() + products.rows_rejected() + interactions.rows_rejected() == 0


def test_a_folder_without_a_manifest_is_an_error_before_anything_starts(db, tmp_path):
    with pytest.raises(ManifestError, match="dataset.yaml does not exist"):
        ingest(db, tmp_path)


def test_the_most_frequent_text_wins_and_ties_go_by_alphabet():
    keys = pd.Series(["p", "p", "p", "q", "q", "r"])
    texts = pd.Series(["x", "y", "y", "b", "a", None])
    assert rank(keys, texts) == {"p": ["y", "x"], "q": ["a", "b"]}
