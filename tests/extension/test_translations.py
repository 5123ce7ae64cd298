"""The Chinese interface is complete: every text of the sources has its translation, and no more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from kgfeatures.widgets.graph_browser import WORDS

ROOT = Path(__file__).parent.parent.parent
SOURCES = ROOT / "extension/src"
SCHEMAS = ROOT / "extension/schema"
CHINESE = ROOT / "kgfeatures/locale/zh_CN/LC_MESSAGES/kgfeatures.json"

STRING = r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
SINGULAR = re.compile(rf"trans\.__\(\s*{STRING}")
PLURAL = re.compile(rf"trans\._n\(\s*{STRING},\s*{STRING}")
CALL = re.compile(r"trans\._(?:_|n|p|np)\(")
SCHEMA_TEXTS = {"title", "description", "jupyter.lab.setting-icon-label"}


def literal(written: str) -> str:
    """Give the value of a literal of TypeScript, in either kind of quotes."""
    return re.sub(r"\\(.)", r"\1", written[1:-1])


def sources() -> list[str]:
    return [file.read_text("utf-8") for file in sorted(SOURCES.rglob("*.ts*"))]


def schema_texts(value: object) -> Iterator[str]:
    """Give the texts of a settings schema that people read."""
    if isinstance(value, list):
        for item in value:
            yield from schema_texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in SCHEMA_TEXTS and isinstance(item, str):
                yield item
            else:
                yield from schema_texts(item)


def singulars() -> set[str]:
    in_code = {literal(found) for text in sources() for found in SINGULAR.findall(text)}
    schemas = [json.loads(file.read_text("utf-8")) for file in SCHEMAS.glob("*.json")]
    in_schemas = {text for schema in schemas for text in schema_texts(schema)}
    return in_code | in_schemas | set(WORDS)


def plurals() -> set[str]:
    return {literal(one) for text in sources() for one, _ in PLURAL.findall(text)}


def chinese() -> dict[str, list[str]]:
    return json.loads(CHINESE.read_text("utf-8"))


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\d", text))


def test_every_text_is_translated_and_no_other() -> None:
    wanted = singulars() | plurals()
    given = set(chinese()) - {""}
    assert len(wanted) > 100
    assert {"missing": wanted - given, "unused": given - wanted} == {
        "missing": set(),
        "unused": set(),
    }


def test_texts_are_literals_so_that_they_can_be_found() -> None:
    # plugins/schema.ts translates the schema's texts, which are collected from the schema itself.
    for file in sorted(SOURCES.rglob("*.ts*")):
        text = file.read_text("utf-8")
        found = len(SINGULAR.findall(text)) + len(PLURAL.findall(text))
        allowed = 1 if file.name == "schema.ts" else 0
        assert len(CALL.findall(text)) - found == allowed, file.name


def test_translations_keep_the_placeholders() -> None:
    lost = {
        key: forms
        for key, forms in chinese().items()
        if key and any(placeholders(form) != placeholders(key) for form in forms)
    }
    assert lost == {}


def test_jupyterlab_finds_the_forms_that_it_looks_for() -> None:
    forms = {key: len(value) for key, value in chinese().items() if key}
    # It takes one form for a singular and ignores a plural that has fewer than two.
    assert {key for key, number in forms.items() if number == 2} == plurals()
    assert {key for key, number in forms.items() if number == 1} == singulars() - plurals()


def test_translations_are_chinese() -> None:
    names = {"Python", "SQL", "CSV", "Parquet"}
    texts = {key: forms[0] for key, forms in chinese().items() if key and key not in names}
    plain = {key for key, text in texts.items() if not re.search(r"[\u4e00-\u9fff]", text)}
    assert plain <= {"%1 in %2 s", "%1 s", "%1, row %2: %3"}


def test_header_names_the_language_as_jupyterlab_does() -> None:
    # With zh_CN, underscored, JupyterLab silently shows English.
    header = json.loads(CHINESE.read_text("utf-8"))[""]
    assert header == {
        "domain": "kgfeatures",
        "language": "zh-CN",
        "plural_forms": "nplurals=1; plural=0;",
        "version": "kgfeatures",
    }
