"""Every sentence that panels, widgets and magics can say of themselves has its Chinese."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kgfeatures
from kgfeatures import locale
from kgfeatures.db import failures
from kgfeatures.errors import nearest
from tests.shapes import shape

PACKAGE = Path(kgfeatures.__file__).parent
SENTENCES = PACKAGE / "locale/zh_CN/LC_MESSAGES/sentences.json"
# Where errors come from that the panels, the widgets and the magics show.
SOURCES = (
    "server/*.py",
    "widgets/*.py",
    "db/console/*.py",
    "db/catalogue/*.py",
    "db/embedded/*.py",
    "db/failures.py",
    "db/launcher.py",
    "db/pool.py",
)
# Mistakes of ours and not of the reader's; what is made of other sentences.
NOT_SAID = {"%1 has no place in JSON", "module '%1' has no attribute '%2'"}
VECTORS = (
    "this reads all %1 vectors of %2.%3; `order by <vector> <-> <query> limit k`, "
    "on its own and ascending, would use the index"
)
STATES = ("not set up for kgfeatures yet", "older than this version")
MIGRATE = "(%2 did not run); run `kgfeatures db migrate` with its owner's DSN"
NEWER = (
    "the database is newer than this version of kgfeatures: %1 ran there and "
    "is not in this version; install the newer version"
)
# What is said without being raised, and where.
SAID = {
    "server/base.py": ["something unexpected went wrong", "the server's log says more"],
    "widgets/graph_browser.py": [
        "something unexpected went wrong; the kernel's log says more",
    ],
    "db/console/query.py": ["no room to keep the rows: %1"],
    "db/console/plans.py": [VECTORS],
    "db/migrations.py": [f"the database '%1' is {state} {MIGRATE}" for state in STATES] + [NEWER],
    # Of argparse, for the options of %%kgsql.
    "widgets/magics.py": [
        "unrecognized arguments: %1",
        "argument --out/-o: expected one argument",
        "line %1",
    ],
}


def told(node: ast.expr, constants: dict[str, str]) -> str | None:
    """Return the shape of a text, also of a constant and of what magics translate."""
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "_said":
        return told(node.args[0], constants)
    return shape(node)


def raised() -> Iterator[tuple[str, str]]:
    """Give file and shape of each sentence that is raised."""
    for source in SOURCES:
        for file in sorted(PACKAGE.glob(source)):
            tree = ast.parse(file.read_text("utf-8"))
            constants = {
                target.id: one.value.value
                for one in tree.body
                if isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant)
                for target in one.targets
                if isinstance(target, ast.Name) and isinstance(one.value.value, str)
            }
            for node in ast.walk(tree):
                if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                    shapes = [told(argument, constants) for argument in node.exc.args]
                    # Kinds such as "input" are one word; a sentence has several.
                    for one in shapes:
                        if one and " " in one and one not in NOT_SAID:
                            yield str(file.relative_to(PACKAGE)), one


def chinese() -> dict[str, str]:
    return json.loads(SENTENCES.read_text("utf-8"))


def wanted() -> set[str]:
    listed = {sentence for sentences in SAID.values() for sentence in sentences}
    advice = {*failures._ADVICE.values(), "free some disk space and start again"}
    advice |= {
        "check that the server runs and that host and port of the DSN are right",
    }
    return {sentence for _, sentence in raised()} | listed | advice


def test_every_sentence_is_translated_and_no_other() -> None:
    given = set(chinese())
    assert {"missing": wanted() - given, "unused": given - wanted()} == {
        "missing": set(),
        "unused": set(),
    }


@pytest.mark.parametrize("file", sorted(SAID))
def test_what_is_listed_here_is_said_there(file) -> None:
    code = re.sub(r'"\s*f?"', "", (PACKAGE / file).read_text("utf-8"))
    for sentence in SAID[file]:
        pieces = re.split(r"'?%\d'?|is not set up.*yet|is older than this version", sentence)
        # argparse's own words stand in argparse.
        if "argument" not in sentence:
            assert all(piece in code for piece in pieces), sentence


def test_translations_keep_the_values_and_are_chinese() -> None:
    for text, translated in chinese().items():
        places = re.findall(r"%\d", text)
        assert sorted(places) == sorted(re.findall(r"%\d", translated)), text
        assert re.search("[\u4e00-\u9fff]", translated), text


def test_no_sentence_is_taken_for_another() -> None:
    for text in wanted():
        filled = re.sub(r"%(\d)", r"V\1", text)
        expected = re.sub(r"%(\d)", r"V\1", chinese()[text])
        assert locale.sentence(filled, "zh-CN") == expected
        assert locale.sentence(filled, "en") == filled


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("no feature view 'x'", "没有特征视图 'x'"),
        (
            "no query 'ab': it was removed, or made room for others",
            "没有查询 'ab'：它已被移除，或已让位给其他查询",
        ),
        ('column "x" does not exist', 'column "x" does not exist'),
        (
            "connection refused; the connection broke; the next call opens a new one",
            "connection refused；连接已断开；下一次调用会打开新的连接",
        ),
        (
            'embed.activate: model 1 is no version of "graph"; Its versions: {7}',
            'embed.activate: 模型 1 不是 "graph" 的版本；它的版本：{7}',
        ),
    ],
)
def test_sentences_are_known_by_their_shape(english, said) -> None:
    assert locale.sentence(english, "zh-CN") == said


def test_nearest_names_are_told_in_chinese_too() -> None:
    close = f"no feature view 'customer_profil'{nearest('customer_profil', ['customer_profile'])}"
    assert locale.sentence(close, "zh") == (
        "没有特征视图 'customer_profil'；您是否要找 'customer_profile'？已有：customer_profile"
    )
    none = f"no vectors 'x'{nearest('x', [])}"
    assert locale.sentence(none, "zh") == "没有向量 'x'。已有：暂无"
