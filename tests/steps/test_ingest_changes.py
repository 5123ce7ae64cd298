"""What a second ingest reads, refuses and says: patterns of files, tables, late rows, readers."""

from __future__ import annotations

import datetime as dt

import pytest

from kgfeatures.db import transport
from kgfeatures.errors import DatabaseError, DataError, UnknownNameError
from kgfeatures.graph import loading, reading
from kgfeatures.steps.ingest import ingest
from kgfeatures.types import NoProgress

HEADER = "who,sku,at,price\n"
DAYS = (
    "interactions: {file: 'days/*.csv', customer: who, product: sku, timestamp: at, price: price}\n"
)
PRICES = "attributes: {file: prices.csv, product: sku, timestamp: day, cost: p}\n"
TABLE = (
    "interactions: {table: shop.orders, customer: who, product: what, timestamp: at,"
    " price: price, late: 14d}\n"
)
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


@pytest.fixture
def write(tmp_path):
    def make(manifest, **files):
        (tmp_path / "days").mkdir(exist_ok=True)
        (tmp_path / "dataset.yaml").write_text(manifest, encoding="utf-8")
        for name, text in files.items():
            (tmp_path / name.replace("__", "/").replace("_csv", ".csv")).write_text(text)
        return tmp_path

    return make


@pytest.fixture
def read(monkeypatch):
    """Give the names of the sources that are read."""
    names = []
    real = loading.read

    def note(section, *others, **options):
        names.append(section.name)
        return real(section, *others, **options)

    monkeypatch.setattr(loading, "read", note)
    return names


@pytest.fixture
def orders(db):
    """Give a function that runs statements on the table shop.orders."""

    def run(*statements):
        with db.transaction() as conn:
            for statement, *values in statements:
                conn.execute(statement, values)

    run(
        ("create schema shop",),
        ("create table shop.orders (who int, what text, at timestamptz, price numeric)",),
    )
    return run


def rows(db, statement):
    with db.transaction() as conn:
        return conn.execute(statement).fetchall()


def order(who, days_ago, price=1):
    at = NOW - dt.timedelta(days=days_ago)
    return "insert into shop.orders values (%s, 'a', %s, %s)", who, at, price


def test_a_new_day_costs_only_itself(db, write, read):
    folder = write(DAYS, days__1_csv=f"{HEADER}c1,p1,2024-01-01,2\n")
    ingest(db, folder)
    write(DAYS, days__2_csv=f"{HEADER}c2,p1,2024-01-02,2\nc2,p1,soon,2\n")
    read.clear()
    assert ingest(db, folder, max_rejected=0.5).rows["changes"] == 2
    assert read == ["days/2.csv"]
    assert rows(db, "select customer_id from raw.interaction order by 1") == [("c1",), ("c2",)]
    assert rows(
        db, "select name, source_row from raw.rejected join raw.source using (source_id)"
    ) == [("days/2.csv", 3)]
    kept = rows(db, "select place, name, watermark::date::text, events from raw.source order by 2")
    assert kept == [
        (1, "days/1.csv", "2024-01-01", ["purchase"]),
        (1, "days/2.csv", "2024-01-02", ["purchase"]),
    ]


def test_a_day_that_vanished_is_an_error_until_it_is_wanted(db, write):
    folder = write(
        DAYS,
        days__1_csv=f"{HEADER}c1,p1,2024-01-01,2\n",
        days__2_csv=f"{HEADER}c2,p2,2024-01-02,2\n",
    )
    ingest(db, folder)
    (folder / "days" / "2.csv").unlink()
    with pytest.raises(DataError, match=r"days/2.csv was loaded before and is not there now; noth"):
        ingest(db, folder)
    assert rows(db, "select count(*) from raw.product") == [(2,)]
    ingest(db, folder, force=True)
    assert rows(db, "select product_id from raw.product") == [("p1",)]


def test_a_column_of_numbers_that_became_text_is_an_error_that_names_it(db, write):
    prices = "sku,day,p\np1,2024-01-01,1.5\np1,2024-01-02,2\n"
    day = f"{HEADER}c1,p1,2024-01-01,2\n"
    folder = write(DAYS + PRICES, prices_csv=prices, days__1_csv=day)
    ingest(db, folder)
    write(DAYS + PRICES, prices_csv=prices.replace("1.5", "cheap"))
    message = r"prices.csv, column 'p' held numbers when it was loaded last .* such as 'cheap'"
    with pytest.raises(DataError, match=message):
        ingest(db, folder)
    write(DAYS + PRICES, prices_csv=prices, days__1_csv=day.replace(",2\n", ",two\n"))
    with pytest.raises(DataError, match=r"days/1.csv, line 2, column 'price': 'two' is no number"):
        ingest(db, folder)
    assert rows(db, "select amount from raw.interaction") == [(2.0,)]
    assert rows(db, "select value_number from raw.attribute order by 1") == [(1.5,), (2.0,)]
    write(DAYS + PRICES, prices_csv=prices.replace("1.5", "cheap"), days__1_csv=day)
    ingest(db, folder, force=True)
    assert rows(db, "select count(value_text) from raw.attribute") == [(2,)]


def test_one_attribute_said_by_two_sources_is_an_error(db, write):
    twice = "attributes:\n" + "".join(
        f"  - {{file: {name}.csv, product: sku, cost: p}}\n" for name in "ab"
    )
    folder = write(twice, a_csv="sku,p\np1,1\n", b_csv="sku,p\np1,2\n")
    with pytest.raises(DataError, match=r"a.csv, b.csv: an attribute is said twice"):
        ingest(db, folder)


def test_an_attribute_may_move_to_another_file(db, write):
    manifest = "attributes: {file: 'days/*.csv', product: sku, cost: p}\n"
    files = {"days__1_csv": "sku,p\np1,1\np2,2\n", "days__2_csv": "sku,p\np3,3\n"}
    folder = write(manifest, **files)
    ingest(db, folder)
    write(manifest, days__1_csv="sku,p\np3,3\np2,2\n", days__2_csv="sku,p\np1,1\n")
    ingest(db, folder)
    names = "select a.key, s.name from raw.attribute as a join raw.source as s using (source_id)"
    assert sorted(rows(db, names)) == [
        ("p1", "days/2.csv"),
        ("p2", "days/1.csv"),
        ("p3", "days/1.csv"),
    ]


def test_readers_do_not_wait_and_do_not_keep_ingest_waiting(db, write, reader):
    folder = write(DAYS, days__1_csv=f"{HEADER}c1,p1,2024-01-01,2\n")
    ingest(db, folder)
    write(DAYS, days__1_csv=f"{HEADER}c2,p2,2024-01-01,2\n")
    seen = []

    class Asking(NoProgress):
        def note(self, text):
            assert text
            seen.append(reader.execute("select customer_id from raw.interaction").fetchall())

    reader.execute("set lock_timeout = '1s'; set statement_timeout = '5s'")
    with db.transaction() as conn:
        conn.execute("set local lock_timeout = '1s'")
    ingest(db, folder, progress=Asking())
    assert seen
    assert all(found == [("c1",)] for found in seen)


def test_a_disk_that_fills_up_half_way_leaves_everything_as_it_was(db, write, monkeypatch):
    folder = write(DAYS, days__1_csv=f"{HEADER}c1,p1,2024-01-01,2\n")
    ingest(db, folder)
    write(DAYS, days__1_csv=f"{HEADER}c2,p2,2024-01-01,2\n")
    real = transport.copy_in

    def full(conn, table, columns):
        if table == "raw.product":
            raise DatabaseError("copy into raw.product: could not extend file; free space", "53100")
        return real(conn, table, columns)

    monkeypatch.setattr(transport, "copy_in", full)
    with pytest.raises(DatabaseError, match="could not extend file"):
        ingest(db, folder)
    assert rows(db, "select customer_id, product_id from raw.interaction") == [("c1", "p1")]
    monkeypatch.undo()
    ingest(db, folder)
    assert rows(db, "select customer_id, product_id from raw.interaction") == [("c2", "p2")]


def test_changes_are_chained_by_hashes_and_name_their_run(db, write):
    folder = write(DAYS, days__1_csv=f"{HEADER}c1,p1,2024-01-01,2\nc9,p9,2024-01-01,2\n")
    ingest(db, folder)
    for day in (2, 3):
        write(DAYS, days__1_csv=f"{HEADER}c1,p{day},2024-01-0{day},2\nc9,p9,2024-01-01,2\n")
        ingest(db, folder)
    chain = rows(
        db,
        "select before_hash, after_hash, run_id from ops.change_set"
        " where table_name = 'raw.interaction' order by change_id",
    )
    assert [before for before, _, _ in chain] == [None, chain[0][1], chain[1][1]]
    assert rows(db, "select ops.table_hash('raw.interaction')") == [(chain[-1][1],)]
    runs = rows(db, "select run_id from ops.run where step = 'ingest' order by 1")
    assert [run for _, _, run in chain] == [run for [run] in runs]
    keys = rows(
        db,
        "select kind, key, since::date::text from ops.changed_key join ops.change_set"
        " using (change_id) where table_name = 'raw.interaction' order by change_id, 1, 2",
    )
    assert keys == [
        *(("customer", "c1", "2024-01-01"), ("product", "p1", "2024-01-01")),
        ("product", "p2", "2024-01-02"),
        *(("customer", "c1", "2024-01-02"), ("product", "p2", "2024-01-02")),
        ("product", "p3", "2024-01-03"),
    ]
    ingest(db, folder, force=True)
    chain = rows(db, "select before_hash from ops.change_set where table_name = 'raw.interaction'")
    assert chain == [(None,)]


def test_of_a_table_with_late_rows_only_these_are_read_and_compared(db, write, orders):
    orders(*(order(who, days) for who, days in ((1, 100), (2, 40), (3, 12), (4, 10))))
    folder = write(TABLE)
    ingest(db, folder)
    assert ingest(db, folder).skipped
    orders(
        order(5, 3),
        order(6, 13),
        ("update shop.orders set price = 9 where who = 3",),
        ("delete from shop.orders where who = 4",),
        ("update shop.orders set price = 7 where who = 1",),
    )
    assert ingest(db, folder).rows["changes"] == 8
    found = "select customer_id, amount from raw.interaction order by 1"
    assert rows(db, found) == [("1", 1.0), ("2", 1.0), ("3", 9.0), ("5", 1.0), ("6", 1.0)]
    assert ingest(db, folder).skipped


def test_late_rows_leave_the_same_tables_as_a_load_from_nothing(db, write, orders):
    orders(*(order(who, days) for who, days in ((1, 100), (None, 50), (3, 12), (4, 1))))
    folder = write(TABLE)
    ingest(db, folder)
    orders(order(5, 0), order(None, 2), order(6, 3, -1), order(7, 13))
    ingest(db, folder, max_rejected=0.5)
    tables = ("raw.source", "raw.interaction", "raw.rejected", "raw.customer", "kg.relation")
    grown = [rows(db, f"table {name} order by 1, 2") for name in tables]
    ingest(db, folder, max_rejected=0.5, force=True)
    assert [rows(db, f"table {name} order by 1, 2") for name in tables] == grown
    assert rows(db, "select rows_dropped, rows_rejected from raw.source") == [
        ({"no customer": 1}, 1)
    ]


def test_a_row_of_the_future_is_rejected_and_hides_no_later_one(db, write, orders):
    orders(*(order(who, days) for who, days in ((1, 20), (2, 5), (3, -400))))
    folder = write(TABLE)
    ingest(db, folder, max_rejected=0.5)
    [[reason]] = rows(db, "select reason from raw.rejected")
    assert reason.startswith("lies in the future: it is after 2")
    assert rows(db, "select watermark from raw.source") == [(NOW - dt.timedelta(days=5),)]
    orders(order(4, 4))
    ingest(db, folder, max_rejected=0.5)
    assert rows(db, "select customer_id from raw.interaction order by 1") == [
        *(("1",), ("2",), ("4",)),
    ]


def test_a_clock_set_back_neither_removes_nor_skips_a_row(db, write, orders, monkeypatch):
    orders(*(order(who, days) for who, days in ((1, 20), (2, 5))))
    folder = write(TABLE)
    ingest(db, folder)
    orders(order(3, 4))
    with monkeypatch.context() as patch:
        patch.setattr(reading, "AHEAD", dt.timedelta(days=-365))
        ingest(db, folder, max_rejected=0.5)
        assert rows(db, "select count(*) from raw.interaction") == [(2,)]
    orders(order(4, 1))
    ingest(db, folder)
    assert rows(db, "select customer_id from raw.interaction order by 1") == [
        *(("1",), ("2",), ("3",), ("4",)),
    ]


def test_a_table_that_vanished_is_an_error_that_loads_nothing(db, write, orders):
    orders(order(1, 2))
    folder = write(TABLE)
    ingest(db, folder)
    orders(("drop table shop.orders",))
    with pytest.raises(UnknownNameError, match="no table 'shop.orders'"):
        ingest(db, folder)
    assert rows(db, "select count(*) from raw.interaction") == [(1,)]


def test_late_rows_need_a_column_of_times(db, write, orders):
    orders(("alter table shop.orders alter column at type text",), order(1, 2))
    folder = write(TABLE)
    with pytest.raises(DataError, match="'at' is of type text; rows can be read since a time only"):
        ingest(db, folder)


def lines(count: int) -> str:
    """A file of so many lines, each of another customer."""
    return HEADER + "".join(f"c{n},p{n % 50},2024-01-{n % 28 + 1:02},1\n" for n in range(count))


def test_a_file_that_was_cut_off_is_not_taken_for_deleted_rows(db, write):
    folder = write(DAYS, days__a_csv=lines(3000))
    ingest(db, folder)
    write(DAYS, days__a_csv=lines(1400))
    with pytest.raises(DataError, match="days/a.csv has 1,400 rows to load where it had 3,000"):
        ingest(db, folder)
    assert db.sql("select count(*) as n from raw.interaction").n.item() == 3000
    assert ingest(db, folder, force=True).rows["raw.interaction"] == 1400


def test_many_deleted_rows_are_deleted(db, write):
    folder = write(DAYS, days__a_csv=lines(3000))
    ingest(db, folder)
    write(DAYS, days__a_csv=lines(1600))
    assert ingest(db, folder).rows["raw.interaction"] == 1600
