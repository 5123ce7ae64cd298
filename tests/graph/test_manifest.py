"""What a manifest may say, and what its errors answer."""

import re
from pathlib import Path

import pytest

from kgfeatures.errors import ManifestError
from kgfeatures.graph.manifest import read_manifest
from kgfeatures.graph.section import SHAPES

ORDERS = {"orders.csv": "who,what,at\n1,a,2024-01-01\n"}
SECTION = "{file: orders.csv, customer: who, product: what, timestamp: at}"


def test_one_mapping_and_a_list_of_one_mean_the_same(folder):
    one = read_manifest(folder(f"interactions: {SECTION}", ORDERS)).sections
    many = read_manifest(folder(f"interactions: [{SECTION}]", ORDERS)).sections
    assert [section.columns for section in one] == [section.columns for section in many]


def test_the_folder_gives_a_dataset_without_a_name_its_own(folder):
    place = folder(f"interactions: {SECTION}", ORDERS)
    assert read_manifest(place).name == place.name


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (f"interaction: {SECTION}", r"unknown key 'interaction'; did you mean 'interactions'"),
        (
            "interactions: {file: orders.csv, custmer: who, product: what, timestamp: at}",
            r"unknown key 'custmer' in interactions; did you mean 'customer'",
        ),
        (
            "interactions: {file: orders.csv, customer: who, product: what}",
            r"interactions lacks the key 'timestamp'",
        ),
        (
            "interactions: {file: order.csv, customer: who, product: what, timestamp: at}",
            r"interactions.file 'order.csv' does not exist; did you mean 'orders.csv'",
        ),
        (f"interactions: {SECTION[:-1]}, price: a, amount: b}}", r"price .* and amount"),
        (
            f"interactions: {SECTION[:-1]}, encoding: gkb}}",
            r"encoding is 'gkb'; did you mean 'gbk'",
        ),
        (f"interactions: {SECTION[:-1]}, format: xlsx}}", r"format is 'xlsx'; write"),
        (f"interactions: {SECTION[:-1]}, basket: }}", r"interactions.basket is None; write a text"),
        (f"interactions: {SECTION}\ninteractions: {SECTION}", r"line 2: key 'interactions' stands"),
        (f"interactions: {SECTION}\nexclude_products: [/(/]", r"no regular expression"),
        (f"interactions: {SECTION}\nproduct_case: title", r"product_case is 'title'; write upper"),
        ("interactions: orders.csv", r"interactions is 'orders.csv'; write a mapping"),
        ("interactions: {file: orders.csv", r"line 1 is no valid YAML"),
        ("- a", r"must hold keys"),
        ("name: nothing", r"names no data"),
        ("attributes: {file: orders.csv, product: what}", r"names no attribute"),
        ("attributes: {file: orders.csv, price: at}", r"needs one of customer and product"),
        ("triples: {file: orders.csv, head: who, tail: what}", r"one of relation .* relation_name"),
        ("products: {table: orders, product: what}", r"write schema.name"),
        ("products: {product: what}", r"needs one of file and table"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(folder, manifest, message):
    with pytest.raises(ManifestError, match=message) as error:
        read_manifest(folder(manifest, ORDERS))
    assert "dataset.yaml" in str(error.value)


def test_a_folder_without_a_manifest_says_what_belongs_there(tmp_path):
    with pytest.raises(ManifestError, match="dataset.yaml does not exist; ingest reads"):
        read_manifest(tmp_path)


def test_a_manifest_in_another_encoding_is_an_error(folder):
    place = folder("name: x", {"dataset.yaml": "name: 商店".encode("gbk")})
    with pytest.raises(ManifestError, match=r"is not UTF-8 \(byte 6\)"):
        read_manifest(place)


def test_excluded_products_are_exact_codes_or_regular_expressions(folder):
    text = f"interactions: {SECTION}\nexclude_products: [A.1, '/T\\d+/']"
    manifest = read_manifest(folder(text, ORDERS))
    assert [manifest.excludes(key) for key in ("A.1", "AB1", "T12", "T12B")] == [
        True,
        False,
        True,
        False,
    ]


def test_the_documented_manifest_is_one(folder):
    text = Path(__file__).parents[2].joinpath("docs", "manifest.md").read_text(encoding="utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0]
    files = dict.fromkeys(re.findall(r"file: ([\w.]+)", example), "")
    sections = read_manifest(folder(example, files)).sections
    assert {section.kind for section in sections} == set(SHAPES)
