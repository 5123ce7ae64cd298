"""Every format gives the same rows with their place in the file; broken files say where."""

import gzip
import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from kgfeatures.errors import DataError

MANIFEST = "products: {{file: {name}, product: sku, text: [title]{more}}}"
ROWS = [("a", "Red bowl"), ("b", "蓝色 碗"), ("c", 'Say "hi"')]


def manifest(name, more=""):
    return MANIFEST.format(name=name, more=more)


def titles(loaded):
    return list(
        zip(
            loaded.rows["source_row"].to_pylist(),
            loaded.rows["product_id"].to_pylist(),
            loaded.rows["text:title"].to_pylist(),
            strict=True,
        )
    )


def as_csv(delimiter=","):
    lines = [
        delimiter.join(f'"{cell}"' for cell in (key, title.replace('"', '""')))
        for key, title in ROWS
    ]
    return "\n".join([delimiter.join(["sku", "title"]), *lines]) + "\n"


def as_jsonl():
    return "".join(json.dumps({"sku": key, "title": title}) + "\n" for key, title in ROWS)


def as_parquet(tmp_path):
    file = tmp_path / "made.parquet"
    parquet.write_table(
        pa.table({"sku": [k for k, _ in ROWS], "title": [t for _, t in ROWS]}), file
    )
    return file.read_bytes()


@pytest.mark.parametrize(
    "name", ["p.csv", "p.csv.gz", "p.tsv", "p.jsonl", "p.jsonl.gz", "p.parquet"]
)
def test_every_format_gives_the_same_rows(load, tmp_path, name):
    content = {
        "csv": as_csv(),
        "tsv": as_csv("\t"),
        "jsonl": as_jsonl(),
        "parquet": as_parquet(tmp_path),
    }[name.removesuffix(".gz").rpartition(".")[2]]
    data = content.encode() if isinstance(content, str) else content
    loaded = load(manifest(name), {name: gzip.compress(data) if name.endswith(".gz") else data})
    first = 2 if "sv" in name else 1
    assert titles(loaded) == [(first + i, *row) for i, row in enumerate(ROWS)]
    assert loaded.unit == ("row" if name.endswith("parquet") else "line")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_lines_are_the_files_own_after_line_ends_inside_quotes(load, line_end):
    text = 'sku,title\na,"one\ntwo\nthree"\n\nb,x\nc,"y\nz"\nd,w\n'.replace("\n", line_end)
    loaded = load(manifest("p.csv"), {"p.csv": text})
    assert [row[:2] for row in titles(loaded)] == [(2, "a"), (6, "b"), (7, "c"), (9, "d")]


def test_lines_are_the_files_own_after_broken_ones(load):
    text = 'sku,title,other\na,x,"1\n2"\nb\nc,y,3\nd,z,4,"5\n6"\ne,v,7\n'
    loaded = load(manifest("p.csv"), {"p.csv": text}, max_rejected=1)
    assert [row[:2] for row in titles(loaded)] == [(2, "a"), (5, "c"), (8, "e")]
    assert [(problem.row, problem.reason) for problem in loaded.rejected] == [
        (4, "has 1 fields, but the header has 3"),
        (6, "has 4 fields, but the header has 3"),
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_column(load):
    loaded = load(manifest("p.csv"), {"p.csv": b"\xef\xbb\xbf" + as_csv().encode()})
    assert len(titles(loaded)) == len(ROWS)


@pytest.mark.parametrize("encoding", ["gbk", "utf-16"])
def test_an_encoding_that_is_named_is_read(load, encoding):
    data = as_csv().encode(encoding)
    loaded = load(manifest("p.csv", f", encoding: {encoding}"), {"p.csv": data})
    assert [row[1:] for row in titles(loaded)] == ROWS


def test_a_gbk_file_is_an_error_that_names_the_place_and_the_encoding(load):
    data = as_csv().encode("gbk")
    place = data.index("蓝".encode("gbk"))
    with pytest.raises(DataError, match=f"line 3: byte {place} .*`encoding: gbk`"):
        load(manifest("p.csv"), {"p.csv": data})


def test_a_western_file_is_not_taken_for_chinese(load):
    data = "sku,title\na,Crêpe brûlée à la crème\n".encode("cp1252")
    with pytest.raises(DataError, match="`encoding: cp1252`"):
        load(manifest("p.csv"), {"p.csv": data})


def test_a_gbk_jsonl_is_an_error_too(load):
    data = '{"sku": "a", "title": "蓝色的碗"}\n'.encode("gbk")
    with pytest.raises(DataError, match="line 1: byte 23 .*`encoding: gbk`"):
        load(manifest("p.jsonl"), {"p.jsonl": data})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.csv", "", "p.csv is empty"),
        ("p.jsonl", "\n", "p.jsonl is empty"),
        ("p.parquet", "PAR1 and then nothing", "p.parquet is no complete Parquet file"),
        ("p.csv.gz", "not packed", "p.csv.gz is no complete gzip file"),
        ("p.csv", "sku,title\n", "p.csv is empty: no rows below its header"),
        ("p.csv", "sku,title\n,x\n", r"none of its 1 rows is left to load \(1 no product\)"),
        ("p.csv", "sku;title\na;b\n", 'add `delimiter: ";"`'),
        ("p.csv", "sku,titel\na,b\n", "no column 'title'; did you mean 'titel'.* 'sku', 'titel'"),
        ("p.jsonl", '{"sku": "a", "titel": "b"}\n', "no column 'title'; did you mean 'titel'"),
        ("p.csv", "sku,title,title\na,b,c\n", "2 columns named 'title'"),
        ("p.csv", 'sku,title\na,"b\nc,d\ne,f\n', r"line 2: a field opens with a quote"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(load, name, content, message):
    with pytest.raises(DataError, match=message):
        load(manifest(name), {name: content})


def test_a_parquet_file_without_rows_is_an_error(load, tmp_path):
    file = tmp_path / "p.parquet"
    parquet.write_table(
        pa.table({"sku": pa.array([], pa.string()), "title": pa.array([], pa.string())}), file
    )
    with pytest.raises(DataError, match="p.parquet is empty"):
        load(manifest("p.parquet"), {"p.parquet": file.read_bytes()})


def test_a_parquet_column_of_lists_is_an_error(load, tmp_path):
    file = tmp_path / "p.parquet"
    parquet.write_table(pa.table({"sku": ["a"], "title": [["x"]]}), file)
    with pytest.raises(DataError, match="column 'title' is of type list"):
        load(manifest("p.parquet"), {"p.parquet": file.read_bytes()})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "no valid JSON"),
        ("[1]", "no JSON object"),
        ('{"sku": ["a"], "title": "x"}', "is a list or an object"),
    ],
)
def test_a_bad_line_of_json_is_rejected_with_its_line(load, line, reason):
    text = f'{{"sku": 1, "title": "x"}}\n{line}\n{{"sku": "b", "title": 2.5}}\n'
    loaded = load(manifest("p.jsonl"), {"p.jsonl": text}, max_rejected=1)
    assert titles(loaded) == [(1, "1", "x"), (3, "b", "2.5")]
    [problem] = loaded.rejected
    assert problem.row == 2
    assert reason in problem.reason


def test_a_field_of_ten_megabytes_is_rejected(load):
    text = f"sku,title\na,{'x' * 10_000_000}\nb,y\n"
    loaded = load(manifest("p.csv"), {"p.csv": text}, max_rejected=1)
    assert titles(loaded) == [(3, "b", "y")]
    [problem] = loaded.rejected
    assert (problem.row, problem.column) == (2, "title")
    assert problem.reason == "holds 10,000,000 bytes; a field may hold 1 MB"
    assert len(problem.value) < 200


def test_a_row_larger_than_a_block_is_an_error(load, monkeypatch):
    monkeypatch.setattr("kgfeatures.graph.text_files.BLOCK_BYTES", 1000)
    text = f"sku,title\na,{'x' * 10_000}\nb,y\n"
    with pytest.raises(DataError, match=r'a field may hold 1 MB; look for a quote \("\)'):
        load(manifest("p.csv"), {"p.csv": text})


def test_nul_bytes_and_sql_are_nothing_but_text(load):
    title = "Robert'); drop table raw.product;--"
    text = f"sku,title\na,{title}\nb,x\x00y\n"
    loaded = load(manifest("p.csv"), {"p.csv": text}, max_rejected=1)
    assert titles(loaded) == [(2, "a", title)]
    assert [(problem.row, problem.value) for problem in loaded.rejected] == [(3, "x\\x00y")]


def test_lines_hold_across_the_blocks_in_which_a_file_is_read(load, monkeypatch):
    monkeypatch.setattr("kgfeatures.graph.text_files.BLOCK_BYTES", 64)
    rows = [f"k{i},t{i}" if i % 7 else "broken" for i in range(200)]
    text = "\n".join(["sku,title", *rows]) + "\n"
    loaded = load(manifest("p.csv"), {"p.csv": text}, max_rejected=1)
    assert [problem.row for problem in loaded.rejected] == [i + 2 for i in range(0, 200, 7)]
    assert all(key == f"k{row - 2}" for row, key, _ in titles(loaded))
