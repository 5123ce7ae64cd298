"""What becomes of values: keys, times, numbers, events; what is left out and what is rejected."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyarrow import parquet

from kgfeatures.errors import DataError, ManifestError

ORDERS = "interactions: {{file: o.csv, customer: who, product: what, timestamp: at{more}}}\n{rest}"
PRODUCTS = "products: {{file: p.csv, product: sku{more}}}"


def orders(more="", rest=""):
    return ORDERS.format(more=more, rest=rest)


def lines(*rows, header="who,what,at,n,price"):
    return "\n".join([header, *rows]) + "\n"


def column(loaded, name):
    return loaded.rows[name].to_pylist()


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ("13085.0", "13085"),
        ("13085", "13085"),
        (" 85123A ", "85123A"),
        ("007", "007"),
        ("-3", "-3"),
    ],
)
def test_keys_are_text_and_whole_numbers_lose_their_point(load, given, key):
    loaded = load(orders(), {"o.csv": lines(f"{given},a,2024-01-01,1,1")})
    assert column(loaded, "customer_id") == [key]


def test_keys_of_a_float_column_are_whole_numbers_as_text(load, tmp_path):
    table = pa.table({"who": [13085.0, None, 2.0**53], "what": [1, 2, 3], "at": ["2024-01-01"] * 3})
    parquet.write_table(table, tmp_path / "o.parquet")
    data = (tmp_path / "o.parquet").read_bytes()
    loaded = load(orders().replace("o.csv", "o.parquet"), {"o.parquet": data}, max_rejected=1)
    assert column(loaded, "customer_id") == ["13085"]
    assert column(loaded, "product_id") == ["1"]
    assert loaded.dropped == {"no customer": 1}
    assert "too large for a float" in loaded.rejected[0].reason


def test_a_customer_13085_and_a_half_is_rejected(load):
    text = lines("13085.5,a,2024-01-01,1,1", "1,a,2024-01-01,1,1")
    with pytest.raises(DataError) as error:
        load(orders(), {"o.csv": text})
    message = str(error.value)
    assert message.startswith("o.csv, line 2, column 'who': '13085.5' is no key")
    assert "1 of 2 rows are rejected" in message
    assert "--max-rejected" in message


def test_rows_without_a_key_are_counted_and_left_out(load):
    text = lines(",a,2024-01-01,1,1", "1,,2024-01-01,1,1", ",,x,x,x", "1,a,2024-01-01,1,1")
    loaded = load(orders(", quantity: n"), {"o.csv": text})
    assert loaded.dropped == {"no customer": 2, "no product": 1}
    assert (loaded.rows_read, loaded.rows.num_rows, loaded.rows_rejected()) == (4, 1, 0)


def test_excluded_products_are_counted_and_left_out(load):
    rest = "product_case: upper\nexclude_products: [POST, '/TEST\\d+/']"
    text = lines(*(f"1,{what},2024-01-01,1,1" for what in ("post", "test01", "test", "85123a")))
    loaded = load(orders(rest=rest), {"o.csv": text})
    assert column(loaded, "product_id") == ["TEST", "85123A"]
    assert loaded.dropped == {"excluded product": 2}


def test_a_purchase_below_zero_is_a_return_with_negative_numbers(load):
    text = lines("1,a,2024-01-01,3,0.1", "1,a,2024-01-02,-3,0.1", "1,a,2024-01-03,,5")
    loaded = load(orders(", quantity: n, price: price"), {"o.csv": text})
    assert column(loaded, "event") == ["purchase", "return", "purchase"]
    assert column(loaded, "quantity") == [3, -3, None]
    assert column(loaded, "amount") == [0.3, -0.3, None]


def test_a_refund_of_a_positive_quantity_is_a_return_too(load):
    text = lines("1,a,2024-01-01,2,-7", "1,a,2024-01-01,-2,7", "1,a,2024-01-01,2,7")
    loaded = load(orders(", quantity: n, amount: price"), {"o.csv": text})
    assert column(loaded, "event") == ["return", "return", "purchase"]
    assert column(loaded, "quantity") == [-2, -2, 2]
    assert column(loaded, "amount") == [-7, -7, 7]


def test_a_price_without_a_quantity_is_the_lines_amount(load):
    loaded = load(orders(", price: price"), {"o.csv": lines("1,a,2024-01-01,9,2.5")})
    assert column(loaded, "amount") == [2.5]
    assert column(loaded, "quantity") == [None]


def test_a_negative_price_is_rejected(load):
    text = lines("1,a,2024-01-01,1,-2", "1,a,2024-01-01,1,2")
    loaded = load(orders(", quantity: n, price: price"), {"o.csv": text}, max_rejected=0.5)
    assert [(p.row, p.column, p.value) for p in loaded.rejected] == [(2, "price", "-2")]
    assert column(loaded, "source_row") == [3]


@pytest.mark.parametrize(
    "value", ["1,5", "€3", "1 000", "inf", "nan", "1_0", "0x1", "zwei", "1e999"]
)
def test_what_is_no_finite_number_is_rejected(load, value):
    text = lines(f'1,a,2024-01-01,"{value}",2')
    with pytest.raises(DataError, match="line 2, column 'n'.* is no"):
        load(orders(", quantity: n"), {"o.csv": text})


def test_exactly_the_allowed_share_may_be_rejected(load):
    text = lines(*(f"1,a,2024-01-01,{'x' if i < 2 else 1},1" for i in range(200)))
    assert load(orders(", quantity: n"), {"o.csv": text}).rows_rejected() == 2
    with pytest.raises(DataError, match=r"2 of 200 rows are rejected, allowed are 0.90%"):
        load(orders(", quantity: n"), {"o.csv": text}, max_rejected=0.009)


def test_a_row_that_is_left_out_is_not_rejected_as_well(load):
    text = lines(",a,never,x,-1", "1,a,2024-01-01,1,1")
    loaded = load(orders(", quantity: n, price: price"), {"o.csv": text}, max_rejected=0)
    assert loaded.rejected == []


def test_an_event_is_a_column_where_there_is_one_of_that_name(load):
    text = lines("1,a,2024-01-01,view,1", "1,a,2024-01-01,加购,1")
    assert column(load(orders(", event: n"), {"o.csv": text}), "event") == ["view", "加购"]
    assert column(load(orders(", event: view"), {"o.csv": text}), "event") == ["view", "view"]


def test_an_event_that_is_nearly_a_column_is_an_error(load):
    text = lines("1,a,2024-01-01,view", header="who,what,at,event_type")
    with pytest.raises(ManifestError, match="no column of o.csv, but 'event_type' nearly is"):
        load(orders(", event: event_typ"), {"o.csv": text})


def test_a_split_is_one_of_three_words(load):
    text = lines(*(f"1,a,2024-01-01,{word},1" for word in ("train", "valid", "test", "")))
    loaded = load(orders(", split: n"), {"o.csv": text})
    assert column(loaded, "split") == ["train", "valid", "test", None]
    with pytest.raises(DataError, match="'dev' is no split; allowed are train, valid and test"):
        load(orders(", split: n"), {"o.csv": lines("1,a,2024-01-01,dev,1")})


@pytest.mark.parametrize(
    ("form", "value", "at"),
    [
        (None, "2024-03-05", datetime(2024, 3, 5, tzinfo=UTC)),
        (None, "2024-03-05 07:45:01.25", datetime(2024, 3, 5, 7, 45, 1, 250000, tzinfo=UTC)),
        (None, "2024-03-05T07:45:01+08:00", datetime(2024, 3, 4, 23, 45, 1, tzinfo=UTC)),
        (None, "2024-03-05T07:45:01Z", datetime(2024, 3, 5, 7, 45, 1, tzinfo=UTC)),
        ("%d/%m/%Y %H:%M", "05/03/2024 07:45", datetime(2024, 3, 5, 7, 45, tzinfo=UTC)),
        ("unix", "1709624701", datetime(2024, 3, 5, 7, 45, 1, tzinfo=UTC)),
        ("unix_ms", "1709624701250", datetime(2024, 3, 5, 7, 45, 1, 250000, tzinfo=UTC)),
        ("%Y年%m月%d日", "2024年03月05日", datetime(2024, 3, 5, tzinfo=UTC)),
    ],
)
def test_times_are_utc(load, form, value, at):
    more = f', timestamp_format: "{form}"' if form else ""
    loaded = load(orders(more), {"o.csv": lines(f"1,a,{value},1,1")})
    assert column(loaded, "occurred_at") == [at]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.timestamp("ns"), datetime(2024, 3, 5, 7, 45)),  # noqa: DTZ001
        (pa.timestamp("s", "Asia/Shanghai"), datetime(2024, 3, 5, 7, 45, tzinfo=UTC)),
        (pa.date32(), datetime(2024, 3, 5).date()),  # noqa: DTZ001
    ],
)
def test_times_of_parquet_are_utc(load, tmp_path, kind, value):
    table = pa.table({"who": ["1"], "what": ["a"], "at": pa.array([value], kind)})
    parquet.write_table(table, tmp_path / "o.parquet")
    data = (tmp_path / "o.parquet").read_bytes()
    [at] = column(load(orders().replace("o.csv", "o.parquet"), {"o.parquet": data}), "occurred_at")
    assert (at.year, at.month, at.day, str(at.tzinfo)) == (2024, 3, 5, "UTC")
    assert at.hour == (0 if kind == pa.date32() else 7)


def test_a_wrong_format_names_line_and_value_and_suggests_the_right_one(load):
    text = lines("1,a,31/12/2009 07:45,1,1", "1,a,13/01/2010 08:00,1,1")
    with pytest.raises(DataError) as error:
        load(orders(), {"o.csv": text})
    message = str(error.value)
    assert "o.csv, line 2, column 'at': '31/12/2009 07:45' is not a time in ISO 8601" in message
    assert "write `timestamp_format:` '%d/%m/%Y %H:%M' in the manifest" in message


def test_days_before_the_thirteenth_leave_two_formats_open(load):
    with pytest.raises(DataError, match=r"'%d/%m/%Y %H:%M' or '%m/%d/%Y %H:%M'"):
        load(orders(), {"o.csv": lines("1,a,01/02/2010 08:00,1,1")})


def test_a_format_that_does_not_fit_is_named(load):
    more = ', timestamp_format: "%d/%m/%Y"'
    with pytest.raises(DataError, match="as `timestamp_format` says, %d/%m/%Y; write"):
        load(orders(more), {"o.csv": lines("1,a,2024/02/01,1,1")})


@pytest.mark.parametrize("value", ["", "0001-01-01", "2024-02-30"])
def test_a_time_that_is_none_is_rejected(load, value):
    text = lines(f"1,a,{value},1,1", "1,a,2024-01-01,1,1")
    loaded = load(orders(), {"o.csv": text}, max_rejected=0.5)
    assert [(p.row, p.column) for p in loaded.rejected] == [(2, "at")]


def test_a_product_that_stands_twice_in_its_own_file_is_an_error_with_both_lines(load):
    text = "sku\na\nb\n\na\n"
    with pytest.raises(DataError, match="product 'a' stands on lines 2 and 5"):
        load(PRODUCTS.format(more=""), {"p.csv": text})


def test_words_that_mean_nothing_are_empty(load):
    manifest = PRODUCTS.format(more=", text: [name], empty: [NA, '-']")
    loaded = load(manifest, {"p.csv": "sku,name\na,NA\nb,-\nNA,x\nc,NAN\n"})
    assert column(loaded, "text:name") == [None, None, "NAN"]
    assert loaded.dropped == {"no product": 1}


def test_rows_that_are_not_positive_are_left_out(load):
    manifest = PRODUCTS.format(more=", positive: price")
    loaded = load(manifest, {"p.csv": "sku,price\na,1\nb,0\nc,-1\nd,\n"})
    assert column(loaded, "product_id") == ["a"]
    assert loaded.dropped == {"price not above zero": 3}


@pytest.mark.parametrize(
    ("key", "reason"), [("k" * 501, "501 bytes"), ("a\tb", "control character")]
)
def test_a_key_that_no_index_holds_is_rejected(load, key, reason):
    with pytest.raises(DataError, match=reason):
        load(PRODUCTS.format(more=""), {"p.csv": f"sku\n{key}\n"})


ATTRIBUTES = (
    "attributes: {file: p.csv, product: sku, timestamp: day, price: p, colour: c, fresh: f}"
)


def test_attributes_are_flags_numbers_or_texts_as_their_values_are(load):
    text = "sku,day,p,c,f\na,2024-01-01,1.5,red,true\na,2024-01-02,2,7,False\n"
    loaded = load(ATTRIBUTES, {"p.csv": text})
    assert column(loaded, "value_number:price") == [1.5, 2.0]
    assert column(loaded, "value_text:colour") == ["red", "7"]
    assert column(loaded, "value_flag:fresh") == [True, False]


def test_attributes_that_contradict_each_other_are_rejected(load):
    text = "sku,day,p,c,f\na,2024-01-01,1,x,true\na,2024-01-01,1,x,true\na,2024-01-01,2,x,true\n"
    loaded = load(ATTRIBUTES, {"p.csv": text}, max_rejected=1)
    assert column(loaded, "source_row") == [2]
    assert loaded.dropped == {"repeated row": 1}
    assert [problem.row for problem in loaded.rejected] == [4]


def test_a_wrong_number_among_a_hundred_does_not_make_a_column_of_texts(load):
    days = [f"a{i},2024-01-01,{'x' if i == 5 else i},c,true" for i in range(120)]
    loaded = load(ATTRIBUTES, {"p.csv": "\n".join(["sku,day,p,c,f", *days])})
    assert [(problem.row, problem.value) for problem in loaded.rejected] == [(7, "x")]
    assert "value_number:price" in loaded.rows.column_names
