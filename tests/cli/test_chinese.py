"""The command line in Chinese: every help page, every label of progress, what commands say."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from kgfeatures import cli, locale
from kgfeatures.cli import demo, refresh, report, speech
from kgfeatures.db.step import StepResult
from kgfeatures.steps.refresh import Expected
from kgfeatures.steps.stages import Done
from tests.shapes import said_to

PACKAGE = Path(cli.__file__).parent.parent
CHINESE = re.compile("[\u4e00-\u9fff]")
COMMANDS = PACKAGE / "locale/zh_CN/LC_MESSAGES/commands.json"
# Names and numbers alone.
DATA = {"%1: %2", "kgfeatures %1", "kgfeatures: %1"}


def helps(command: Any) -> set[str]:
    """Return each paragraph that a command's help pages show."""
    texts = [*(command.help or "").split("\n\n"), command.get_short_help_str(10_000)]
    texts += [getattr(parameter, "help", None) or "" for parameter in command.params]
    found = {" ".join(text.split()) for text in texts} - {""}
    return found.union(*(helps(each) for each in getattr(command, "commands", {}).values()))


@pytest.mark.parametrize("name", ["", *cli.COMMANDS])
def test_every_help_is_translated(name) -> None:
    command = cli._load(cli.COMMANDS[name]) if name else get_command(cli._app())
    english = [text for text in helps(command) if not CHINESE.search(locale.sentence(text, "zh"))]
    assert english == []


def test_every_label_of_progress_and_every_sentence_of_a_command_is_translated() -> None:
    labels = set(said_to(PACKAGE.rglob("*.py"), r"(progress|told|watch)\.(start|note)$"))
    sentences = set(said_to((PACKAGE / "cli").glob("*.py"), r"^(say|note)$"))
    assert len(labels) > 40
    assert len(sentences) > 10
    missing = [
        text
        for text in (labels | sentences) - DATA
        if not CHINESE.search(locale.sentence(filled(text.strip()), "zh"))
    ]
    assert missing == []


def filled(text: str) -> str:
    return re.sub(r"%(\d)", r"V\1", text)


def test_translations_keep_the_values_and_are_not_taken_for_one_another() -> None:
    for text, translated in json.loads(COMMANDS.read_text("utf-8")).items():
        assert sorted(re.findall(r"%\d", text)) == sorted(re.findall(r"%\d", translated)), text
        assert locale.sentence(filled(text), "zh") == filled(translated)
        assert locale.sentence(filled(text), "en") == filled(text)


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGFEATURES_LANG", "zh")


def run(*arguments: str, **environment: str) -> str:
    """Return what the command line writes, in a terminal of 60 columns."""
    done = subprocess.run(
        [sys.executable, "-m", "kgfeatures", *arguments],
        env=os.environ | {"COLUMNS": "60", "KGFEATURES_LANG": ""} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.slow
def test_the_locale_or_the_setting_chooses_the_language() -> None:
    assert run("embed", "--help", LC_ALL="zh_CN.UTF-8").startswith("用法：kgfeatures embed")
    assert run("embed", "--help", LC_ALL="zh_CN.UTF-8", KGFEATURES_LANG="en").startswith("Usage:")


@pytest.mark.slow
def test_a_help_page_in_chinese_is_laid_out_by_the_width_of_its_characters() -> None:
    lines = run("embed", "graph", "--help", KGFEATURES_LANG="zh").splitlines()
    assert max(map(speech.width, lines)) <= 60
    assert "  --dim <int>             每个向量的维数。  [默认：64]" in lines
    begins = {speech.width(re.match("(  -.*?|) {2,}", line)[0]) for line in lines[5:]}
    assert begins == {26}


def test_the_table_of_steps_stays_aligned(chinese) -> None:
    done = [Done(StepResult("ingest", {"raw.product": 3}, 1.5, skipped=False), 1.0)]
    done.append(Done(StepResult("extract", {}, 0.0, skipped=True), 0.0))
    lines = report.table(done, brief=True).splitlines()[1:]
    assert lines[0].startswith("步骤 ")
    assert lines[-1].startswith("合计 ")
    assert lines[3].split() == ["extract", "没有变化"]
    widths = [speech.width(lines[n]) for n in (0, 2, 4)]
    assert widths[0] == widths[1] == widths[2]


def test_what_a_refresh_would_do_and_did_is_told_in_chinese(chinese) -> None:
    todo = [
        Expected("ingest", "would run", "files: b.csv is new"),
        Expected("extract", "may run", "if ingest changes raw.product"),
        Expected("segment behaviour", "unchanged"),
        Expected("recommend", "left out", "left out"),
    ]
    told = refresh.forecast(todo)
    words = ("运行", "files: b.csv 是新增的", "如果 ingest 改变了 raw.product", "没有变化", "未知")
    assert all(word in told for word in words)
    assert not re.search("unchanged|left out|unknown|may run", told)
    done = [Done(StepResult("ingest", {}, 1.0, skipped=False), 1.0)]
    closing = speech.said(refresh.closing(done, dt.datetime(2024, 5, 1, tzinfo=dt.UTC)))
    assert closing.strip() == (
        "1 个步骤中有 1 个需要执行；截至数据截止时间 2024-05-01 00:00 UTC，全部内容均为最新"
    )


def test_a_warning_says_its_own_sentence_in_chinese_too(chinese, capsys) -> None:
    now, past = (dt.datetime(year, 5, 1, tzinfo=dt.UTC) for year in (2024, 2023))
    [odd] = refresh.doubts(now, past, now)
    speech.warn(odd)
    told = capsys.readouterr().err
    assert told.startswith(
        "警告：数据截止时间从 2024-05-01 00:00 UTC 退回到 2023-05-01 00:00 UTC："
    )
    speech.warn("no role x")
    assert capsys.readouterr().err == "警告：没有角色 x\n"


def test_what_to_try_next_keeps_its_commands(chinese) -> None:
    english = demo.next_steps("17", Path("/shop"))
    told = speech.said(english)
    commands = [line for line in english.splitlines() if line.startswith("     ")]
    assert commands
    assert [line for line in told.splitlines() if line.startswith("     ")] == commands
    assert [line for line in told.splitlines() if re.match(r"\d\. ", line)][1] == "2. 用 Python"
    assert not re.search("try next|read$|command line", told)


# Python's own, a place alone, and parts of sentences that have their shape as a whole.
PARTS = {
    "module '%1' has no attribute '%2'",
    "%1 (%2)",
    "%1, all rows of one type",
    "%1, not %2; convert the column first",
    "%1: %2 to %3",
    "a %1 is no %2",
    "%1 %2",
    "%1: %2",
    "%9 '%1' does not exist%2",
}


def test_every_error_is_translated(chinese) -> None:
    raised = set(said_to(PACKAGE.rglob("*.py"), r"(?<!Refused)Error$|Problem$"))
    placed = {f"%9 {one}" for one in said_to(PACKAGE.rglob("*.py"), r"where.*\.error$")}
    sentences = {one for one in raised | placed if " " in one} - PARTS
    assert len(sentences) > 300
    missing = [one for one in sentences if not CHINESE.search(speech.said(filled(one)))]
    assert missing == []


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Give a folder whose only row has no time."""
    (tmp_path / "a.csv").write_text("c,p,t\n1,2,soon\n")
    columns = "customer: c\n  product: p\n  timestamp: t\n"
    (tmp_path / "dataset.yaml").write_text(f"name: x\ninteractions:\n  file: a.csv\n  {columns}")
    return tmp_path


@pytest.mark.slow
def test_a_mistake_is_told_in_chinese_with_its_place_and_its_value(shop: Path) -> None:
    told = run("ingest", str(shop), "--check", KGFEATURES_LANG="zh")
    assert "从 a.csv 读取交互" in told
    assert "kgfeatures：a.csv 第 2 行的列 't'：'soon' 不是" in told
    assert "1 行中有 1 行被拒绝" in told
    manifest = shop / "dataset.yaml"
    manifest.write_text(manifest.read_text("utf-8").replace("a.csv", "b.csv"))
    told = run("ingest", str(shop), "--check", KGFEATURES_LANG="zh")
    assert "'b.csv' 不存在；您是否要找 'a.csv'？已有：" in told
