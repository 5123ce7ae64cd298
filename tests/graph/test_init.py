"""A drafted manifest: right where the data say so, unsure where they do not, and it loads."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from kgfeatures.errors import DataError
from kgfeatures.graph.checking import check
from kgfeatures.graph.draft import draft_folder
from kgfeatures.graph.manifest import read_manifest
from kgfeatures.types import NoProgress
from tests.graph.odd_shops import SHOPS, USUAL, csv, orders, renamed

by_name = pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.name)


@pytest.fixture
def drafted(tmp_path: Path):
    def draft(files: dict[str, bytes]):
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        return draft_folder(tmp_path, tmp_path, NoProgress())

    return draft


@by_name
def test_a_draft_loads_after_at_most_two_edits(drafted, tmp_path, shop):
    text = drafted(shop.files).text
    assert len(shop.edits) <= 2
    for old, new in shop.edits:
        assert text.count(old) >= 1
        text = text.replace(old, new)
    (tmp_path / "dataset.yaml").write_text(text, encoding="utf-8")
    found = check(read_manifest(tmp_path), pytest.fail, NoProgress())
    kinds = {each.source["kind"] for each in found}
    assert set(shop.expected) <= kinds
    assert all(each.source["rows_loaded"] == each.source["rows_read"] for each in found)


@by_name
def test_a_draft_names_the_right_columns_or_is_unsure(drafted, shop):
    text = drafted(shop.files).text
    content = yaml.safe_load(text)
    for kind, keys in shop.expected.items():
        [section, *_] = [each for each in content[kind] if keys.items() <= each.items()] or [
            content[kind][0]
        ]
        assert {key: section.get(key) for key in keys} == keys
    for key in shop.unsure:
        lines = [line for line in text.splitlines() if line.strip().startswith(f"{key}:")]
        assert "# unsure" in lines[0]
    assert [words for words in shop.present if words not in text] == []


def section(draft, kind: str = "interactions") -> dict:
    return yaml.safe_load(draft.text)[kind][0]


def line(draft, key: str) -> str:
    return next(each for each in draft.text.splitlines() if each.strip().startswith(f"{key}:"))


def test_rows_in_order_tell_day_from_month_and_the_format_stays_unsure(drafted):
    rows = [dict(row) for row in orders()]
    for n, row in enumerate(rows):
        row["time"] = row["time"].replace(month=1 + n // 10, day=1 + n % 10)
    draft = drafted({"a.csv": csv(renamed(rows, USUAL, "%m/%d/%Y"))})
    assert section(draft)["timestamp_format"] == "%m/%d/%Y"
    assert "unsure (0.75)" in line(draft, "timestamp_format")


def test_two_times_make_the_choice_unsure_and_name_the_other(drafted):
    rows = [{**row, "ship_date": "2024-01-02"} for row in renamed(orders(), USUAL)]
    draft = drafted({"a.csv": csv(rows)})
    assert section(draft)["timestamp"] == "ordered_at"
    assert "unsure" in line(draft, "timestamp")
    assert "else: ship_date" in line(draft, "timestamp")


def test_a_product_whose_keys_are_in_no_catalogue_is_no_product(drafted):
    rows = renamed(orders(), USUAL)
    coupons = [
        {"customer_id": r["customer_id"], "item": f"C{n}", "at": "2023-01-01"}
        for n, r in enumerate(rows)
    ]
    catalogue = [{"sku": f"P{n:02d}", "title": f"name {n}"} for n in range(9)]
    draft = drafted(
        {"a.csv": csv(rows), "b.csv": csv(catalogue), "c.csv": csv(coupons + coupons[:1])}
    )
    content = yaml.safe_load(draft.text)
    assert [each["file"] for each in content["interactions"]] == ["a.csv"]


def test_products_that_stand_twice_are_a_comment(drafted):
    catalogue = [{"sku": f"P{n:02d}", "title": f"name {n}"} for n in (*range(9), 3)]
    draft = drafted({"a.csv": csv(renamed(orders(), USUAL)), "b.csv": csv(catalogue)})
    assert set(draft.sections) == {"interactions"}
    assert "# products:" in draft.text
    assert "1 of 10 rows repeat a key" in draft.text


def test_numbers_with_units_are_no_price(drafted):
    rows = [{**row, "unit_price": f"{row['unit_price']} EUR"} for row in renamed(orders(), USUAL)]
    draft = drafted({"a.csv": csv(rows)})
    assert "price" not in section(draft)
    assert "not used: unit_price" in draft.text


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.xlsx", b"PK", "a.xlsx is none of csv, tsv, parquet, jsonl"),
        ("a.csv", b"1,2,3\n4,5,6\n", "a.csv seems to have no header"),
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", b"word\nother\n", "one column only"),
        ("a.parquet", b"PAR1", "a.parquet cannot be read"),
        ("a.csv.gz", b"x", "a.csv.gz"),
        ("a.jsonl", b"[]\n", "holds no JSON objects"),
        ("a.csv", b"x,y\n1,2\n", "no guess"),
    ],
)
def test_what_cannot_be_used_is_left_out_with_a_reason(drafted, name, content, reason):
    draft = drafted({name: content})
    assert draft.sections == []
    assert reason in draft.left_out[0]
    assert "NO INTERACTIONS FOUND" in draft.text
    assert yaml.safe_load(draft.text)["name"]


def test_triples_in_formats_of_their_own_are_drafted(drafted):
    draft = drafted(
        {
            "kg.nt": b"<a> <b> <c> .\n",
            "train2id.txt": b"1\n0 1 0\n",
            "entity2id.txt": b"2\na\t0\nb\t1\n",
            "relation2id.txt": b"1\nr\t0\n",
            "facts.csv": b"head,relation,tail\na,b,c\na,b,d\n",
        }
    )
    assert draft.sections == ["triples"] * 3


def test_a_folder_that_is_none_is_an_error(tmp_path):
    with pytest.raises(DataError, match="is no folder"):
        draft_folder(tmp_path / "none", tmp_path, NoProgress())


ODD_NAMES = b"""user,sku,when,#note,"a ""q""\",x: y,"two
lines",yes,,dup,dup
"""
ODD_ROWS = "".join(
    f'{n % 5},p{n % 3},2024-01-{1 + n % 28:02d},"hi, # you","q\'{n}",y{n % 2},z,1,2,3,4\n'
    for n in range(60)
).encode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_names_that_yaml_would_misread_are_quoted(drafted, tmp_path, encoding):
    content = (ODD_NAMES + ODD_ROWS).decode().encode(encoding)
    draft = drafted({"weird: #1.csv": content})
    (tmp_path / "dataset.yaml").write_text(draft.text, encoding="utf-8")
    manifest = read_manifest(tmp_path)
    assert manifest.sections[0].columns["timestamp"] == "when"
    assert check(manifest, pytest.fail, NoProgress())[0].source["rows_loaded"] == 60


def test_every_type_of_parquet_is_looked_at_or_named_as_not_read(drafted, tmp_path):
    days = [dt.datetime(2024, 1, 1 + n, tzinfo=dt.UTC) for n in range(20)]
    columns = {
        "user": pa.array(range(20)).cast(pa.float64()),
        "sku": pa.array(["a", "b"] * 10).dictionary_encode(),
        "at": pa.array(days),
        "price": pa.array([Decimal("1.50")] * 20),
        "nothing": pa.nulls(20),
        "flag": pa.array([True, False] * 10),
        "infinite": pa.array([float("inf")] * 20),
        "huge": pa.array([2**64 - 1] * 20, pa.uint64()),
        "took": pa.array([1] * 20, pa.duration("s")),
        "pairs": pa.array([[1]] * 20),
        "bytes": pa.array([b"x"] * 20),
    }
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    draft = drafted({})
    assert section(draft)["price"] == "price"
    assert "not read: pairs, bytes" in draft.text
    (tmp_path / "dataset.yaml").write_text(draft.text, encoding="utf-8")
    assert check(read_manifest(tmp_path), pytest.fail, NoProgress())


def test_rare_encodings_are_unsure(drafted):
    rows = renamed(orders(), USUAL)
    content = csv([{**row, "メモ": "ありがとう"} for row in rows], encoding="shift_jis")
    assert "unsure" in line(drafted({"a.csv": content}), "encoding")


def test_columns_that_say_nothing_make_no_shop(drafted):
    rows = [{"Channel": n % 2, "Fresh": n * 7, "Milk": n * 3 % 11} for n in range(40)]
    draft = drafted({"a.csv": csv(rows)})
    assert draft.sections == []
    assert "no guess" in draft.left_out[0]


def test_without_telling_names_no_key_and_no_time_is_called_sure(drafted):
    rows = renamed(orders(), {"customer": "f1", "product": "f2", "time": "f3", "price": "f4"})
    draft = drafted({"x.csv": csv(rows)})
    for key in ("customer", "product", "timestamp"):
        assert "# unsure" in line(draft, key)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S"),
        ("%Y年%m月%d日 %H:%M", "%Y年%m月%d日 %H:%M"),
        ("%Y%m%d%H%M%S", "%Y%m%d%H%M%S"),
        ("%d-%b-%Y", "%d-%b-%Y"),
        ("%m/%d/%y", "%m/%d/%y"),
        ("%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M %p"),
        ("%Y-%m-%dT%H:%M:%SZ", None),
        ("%Y%m%d", None),
    ],
)
def test_formats_of_times_are_found(drafted, tmp_path, form, said):
    draft = drafted({"a.csv": csv(renamed(orders(), USUAL, form))})
    assert section(draft).get("timestamp_format") == said
    (tmp_path / "dataset.yaml").write_text(draft.text, encoding="utf-8")
    assert check(read_manifest(tmp_path), pytest.fail, NoProgress())
