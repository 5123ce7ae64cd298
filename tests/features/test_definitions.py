from __future__ import annotations

import subprocess
import sys

import pytest

from kgfeatures.errors import ConfigError
from kgfeatures.features.store import Repository, parse_definitions, repository_folder

TYPES = {"integer": "Int32", "double precision": "Float64", "text": "String"}
TYPES["text[]"] = "Array(String)"


def test_importing_the_features_package_does_not_import_feast() -> None:
    code = "import sys, kgfeatures.features; sys.exit('feast' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_tables_of_a_repository_are_read_without_feast() -> None:
    assert {"customer_profile", "product_text_vector"} <= set(Repository().tables)
    assert Repository().project == "shop"


def test_the_checkout_wins_over_the_copy_in_the_package(tmp_path) -> None:
    package = tmp_path / "site" / "kgfeatures"
    inside, beside = package / "feature_repo_template", tmp_path / "site" / "feature_repo"
    with pytest.raises(ConfigError, match="no Feast definitions"):
        repository_folder(package)
    for folder in (inside, beside):
        folder.mkdir(parents=True)
        (folder / "feature_store.yaml").write_text("project: shop\n")
        assert repository_folder(package) == folder


def test_a_changed_definition_changes_the_fingerprint(tmp_path) -> None:
    for path in Repository().folder.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    same = Repository(tmp_path)
    assert same.sha256 == Repository().sha256
    (tmp_path / "entities.py").write_text("# changed\n")
    assert same.sha256 != Repository().sha256


@pytest.mark.slow
def test_views_name_type_and_explain_the_columns_as_the_tables_do(conn) -> None:
    views = {view.name: view for view in parse_definitions(Repository().folder).feature_views}
    for name in ("customer_profile", "product_profile", "customer_triples", "product_triples"):
        columns = conn.execute(
            "select attname, format_type(atttypid, null), col_description(attrelid, attnum)"
            " from pg_attribute where attrelid = %s::regclass and attnum > 3 order by attnum",
            [f"feature.{name}"],
        ).fetchall()
        fields = [(f.name, str(f.dtype), f.description) for f in views[name].features]
        assert fields == [(n, TYPES[kind], comment) for n, kind, comment in columns]


@pytest.mark.slow
def test_everything_defined_is_described_in_english_and_chinese() -> None:
    contents = parse_definitions(Repository().folder)
    described = [*contents.entities, *contents.feature_views, *contents.feature_services]
    described = [one for one in described if one.name != "__dummy"]
    assert len(described) >= 14
    assert all(one.description and one.tags["description_zh"] for one in described)
    assert {view.name for view in contents.feature_views} == set(Repository().tables)


@pytest.mark.slow
def test_reading_definitions_leaves_modules_of_the_same_name_alone() -> None:
    mine = type(sys)("entities")
    sys.modules["entities"] = mine
    try:
        parse_definitions(Repository().folder)
        assert sys.modules["entities"] is mine
        assert "feature_views" not in sys.modules
    finally:
        del sys.modules["entities"]
