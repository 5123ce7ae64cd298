"""Triples from tables, N-Triples and OpenKE's lists."""

import pytest

from kgfeatures.errors import DataError
from kgfeatures.graph.triple_files import as_rows

NT = """# a comment
<http://x/p/1> <http://x/r#made_by> <http://x/b/1> .

<http://x/p/1> <http://x/r#label> "A \\"red\\" bowl\\u4e2d"@en . # and why
_:b0 <http://x/r#made_by> _:b1 .
<http://x/p/2> <http://x/s#label> "3"^^<http://www.w3.org/2001/XMLSchema#int> .
"""
OPENKE = {
    "train2id.txt": "2\n0 1 0\n2 1 1\n",
    "entity2id.txt": "3\n/m/a\t0\n/m/b\t1\n/m/c\t2\n",
    "relation2id.txt": "2\nlikes\t0\nhates\t1\n",
}
OPENKE_MANIFEST = "triples: {file: train2id.txt, format: openke}"


def triples(loaded):
    return [tuple(row) for row in as_rows(loaded)[["head", "relation", "tail"]].to_numpy()]


def test_columns_of_a_table_are_triples(load):
    manifest = (
        "triples: {file: t.csv, head: p, head_type: product, relation_name: made_by, tail: b,"
        " tail_type: brand, timestamp: since}\nproduct_case: upper\nexclude_products: [X]"
    )
    text = (
        "p,b,since\na1,Acme,2024-01-01\na1,Acme,2024-01-01\nx,Acme,2024-01-01\n,Acme,2024-01-01\n"
    )
    loaded = load(manifest, {"t.csv": text}, max_rejected=0.3)
    [row] = as_rows(loaded).to_dict("records")
    assert (row["head_type"], row["head"], row["relation"]) == ("product", "A1", "made_by")
    assert (row["tail_type"], row["tail"], row["detail"]) == ("brand", "Acme", "t.csv")
    assert str(row["valid_from"]) == "2024-01-01 00:00:00+00:00"
    assert [(problem.row, problem.reason) for problem in loaded.rejected] == [(5, "is empty")]


def test_n_triples_keep_iris_literals_and_blank_nodes(load):
    loaded = load("triples: {file: t.nt}", {"t.nt": NT})
    assert triples(loaded) == [
        ("http://x/p/1", "made_by", "http://x/b/1"),
        ("http://x/p/1", "http://x/r#label", 'A "red" bowl中'),
        ("_:b0", "made_by", "_:b1"),
        ("http://x/p/2", "http://x/s#label", "3"),
    ]
    assert loaded.rows["source_row"].to_pylist() == [2, 4, 5, 6]


def test_a_broken_statement_is_rejected_with_its_line(load):
    text = '<a> <b> <c> .\n<a> <b> <c>\n<a> "b" <c> .\n'
    loaded = load("triples: {file: t.nt}", {"t.nt": text}, max_rejected=1)
    assert [problem.row for problem in loaded.rejected] == [2, 3]


def test_open_ke_numbers_become_names(load):
    assert triples(load(OPENKE_MANIFEST, OPENKE)) == [
        ("/m/a", "likes", "/m/b"),
        ("/m/c", "hates", "/m/b"),
    ]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("train2id.txt", "3\n0 1 0\n2 1 1\n", "line 1: '3' is not 2, the number of lines"),
        ("train2id.txt", "2\n0 1 0\n2 1\n", "line 3: '2 1' is not 3 whole numbers"),
        ("train2id.txt", "2\n0 1 0\n3 1 1\n", "line 3: head 3 has no name"),
        ("train2id.txt", "1\n0 1 9\n", "line 2: relation 9 has no name"),
        ("entity2id.txt", "2\n/m/a\t0\n/m/b\t2\n", "does not number its 2 names from 0"),
    ],
)
def test_a_wrong_open_ke_file_is_an_error(load, file, content, message):
    with pytest.raises(DataError, match=message):
        load(OPENKE_MANIFEST, OPENKE | {file: content})


def test_an_open_ke_file_needs_its_names(load):
    with pytest.raises(DataError, match="needs entity2id.txt beside it"):
        load(OPENKE_MANIFEST, {"train2id.txt": OPENKE["train2id.txt"]})
