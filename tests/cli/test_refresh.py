"""`kgfeatures refresh` as cron sees it: exit codes, one sentence, nothing half-done."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kgfeatures import cli
from kgfeatures.cli.refresh import Stage, choose, closing, forecast
from kgfeatures.db import Database, launcher
from kgfeatures.db.step import StepResult
from kgfeatures.errors import BusyError, ConfigError
from kgfeatures.steps import stages
from kgfeatures.steps.refresh import Expected, Wish, refresh
from kgfeatures.types import NoProgress
from tests.db.test_launcher_failures import small_disk  # noqa: F401  a fixture
from tests.test_docs import ROOT, statements

MANIFEST = """
name: tiny
interactions: {file: lines.csv, customer: who, product: sku, timestamp: at, price: price,
               event: purchase}
products: {file: products.csv, product: sku, title: name}
"""
LINES = "who,sku,at,price\nann,tea,2024-01-01,3\nbob,cup,2024-01-02,5\n"
PRODUCTS = "sku,name\ntea,Green tea\ncup,Blue glass cup\n"
QUICK = ["--only", "ingest", "--only", "extract", "--only", "profile"]
"""Stages that need neither torch nor feast."""
CONTENT = """
select schemaname || '.' || tablename as name, ops.table_hash(
    format('%%I.%%I', schemaname, tablename)::regclass) as hash
from pg_tables where schemaname in ('raw', 'kg', 'feature') order by 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a tiny shop."""
    files = {"dataset.yaml": MANIFEST, "lines.csv": LINES, "products.csv": PRODUCTS}
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def start(dsn: str, *arguments: str) -> subprocess.Popen[str]:
    # A shell that started the tests in the background lets them, and so this one, ignore Ctrl-C.
    heed = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "runpy.run_module('kgfeatures', run_name='__main__', alter_sys=True)"
    )
    command = [sys.executable, "-c", heed, "refresh", *arguments]
    return subprocess.Popen(
        command,
        env={**os.environ, "KGFEATURES_DSN": dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def run(db_dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run `kgfeatures refresh` in this process; gives status, stdout, stderr."""
    monkeypatch.setenv("KGFEATURES_DSN", db_dsn)
    terminated = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["kgfeatures", "refresh", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return (int(end.value.code or 0), *capsys.readouterr())

    yield run
    signal.signal(signal.SIGTERM, terminated)


def content(database: Database) -> dict[str, str]:
    found = database.sql(CONTENT, {})
    return dict(zip(found.name, found.hash, strict=True))


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_the_command_knows_every_stage() -> None:
    assert [stage.value for stage in Stage] == list(stages.STAGES)


def test_only_and_skip_choose_stages_in_their_order() -> None:
    assert choose([Stage.PROFILE, Stage.INGEST], []) == ["ingest", "profile"]
    assert choose([], [Stage.GRAPH, Stage.TEXT])[:3] == ["ingest", "extract", "profile"]
    with pytest.raises(ConfigError, match="leave no stage to run"):
        choose([Stage.TEXT], [Stage.TEXT])


def test_the_last_line_says_what_is_current_and_what_is_not() -> None:
    ran = stages.Done(StepResult("ingest", {"raw.product": 2}, 1, skipped=False), 1)
    still = stages.Done(StepResult("extract", {"kg.triple": 2}, 0, skipped=True), 0)
    left = stages.Done(StepResult("profile", {}, 0, skipped=True), 0, idle="left out")
    at = datetime(2024, 1, 3, tzinfo=UTC)
    assert closing([ran, still], at).strip() == (
        "1 of 2 steps had something to do; current as of 2024-01-03 00:00 UTC, the data cut-off: "
        "everything"
    )
    assert closing([still, left, left], None).strip() == (
        "nothing to do; current as of no interaction: everything but profile, profile (left out)"
    )


def test_a_forecast_says_what_is_unknown_and_adds_up_what_is_known() -> None:
    last = {"seconds": 10, "cpu_seconds": 8, "peak_memory_bytes": 2**30, "output_bytes": None}
    told = forecast(
        [
            Expected("ingest", "would run", "files: lines.csv changed", last, scale=1.5),
            Expected("extract", "may run", "if ingest changes raw.product"),
            Expected("profile", "unchanged", "", last),
        ]
    )
    rows = [line.split() for line in told.splitlines()[2:5]]
    assert rows[0][:8] == ["ingest", "run", "15.0", "12.0", "1,536", "MB", "unknown", "files:"]
    assert rows[1][:7] == ["extract", "may", "run", "unknown", "unknown", "unknown", "unknown"]
    assert rows[2] == ["profile", "unchanged"]
    assert last_line(told) == (
        "2 of 3 steps: 15 s, at most 1,536 MB of memory; what 1 of them cost is unknown: never run"
    )


def test_a_busy_lock_ends_any_command_with_75(monkeypatch, capsys) -> None:
    def busy() -> None:
        raise BusyError("step 'refresh' is already running: run 7")

    monkeypatch.setattr(cli, "_app", busy)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 75
    assert capsys.readouterr().err == "kgfeatures: step 'refresh' is already running: run 7\n"


def test_a_log_of_cron_has_plain_lines_and_a_table(run, folder) -> None:
    status, out, err = run(str(folder), *QUICK)
    assert status == 0
    assert "\r" not in err + out
    assert "\x1b" not in err + out
    today = f"{datetime.now(UTC):%Y-}"
    assert [line[:5] for line in err.splitlines()] == [today] * len(err.splitlines())
    assert [line for line in err.splitlines() if line.endswith(" s")]
    status, out, _ = run(*QUICK)
    assert status == 0
    assert last_line(out) == (
        "nothing to do; current as of 2024-01-03 00:00 UTC, the data cut-off: "
        "everything but graph, text, triples, segment, recommend, publish (left out)"
    )


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("lines.csv", None, "lines.csv"),
        ("dataset.yaml", None, "dataset.yaml does not exist"),
        (
            "lines.csv",
            LINES.replace(",3", ",three").replace(",5", ",five"),
            "column 'price': 'three' is no number",
        ),
        ("lines.csv", LINES.replace("price", "cost"), "lines.csv has no column 'price'"),
        ("lines.csv", "", "lines.csv is empty"),
    ],
)
def test_a_source_that_broke_overnight_is_one_sentence_and_nothing_is_half_done(
    run, db, folder, file, text, sentence
) -> None:
    list(refresh(db, Wish(folder, stages=("ingest", "extract", "profile")), NoProgress()))
    before = content(db)
    (folder / file).unlink() if text is None else (folder / file).write_text(text, encoding="utf-8")
    status, out, err = run(*QUICK)
    assert (status, out) == (1, "")
    assert last_line(err).startswith("kgfeatures: ")
    assert sentence in last_line(err)
    assert content(db) == before


def test_the_queries_that_watch_over_it_run_for_those_who_may_only_read(db, reader) -> None:
    examples = statements(ROOT / "docs" / "operations.md")
    assert len(examples) == 6
    for example in examples:
        db.sql(example)
        if "from raw.source" not in example:
            reader.execute(example)


def test_a_row_of_the_future_and_rows_that_vanish_are_warned_of(run, folder) -> None:
    run(str(folder), *QUICK)
    (folder / "lines.csv").write_text(LINES + "ann,cup,2099-01-01,4\n", encoding="utf-8")
    status, _, err = run(*QUICK)
    assert status == 0
    assert "warning: the data cut-off is 2099-01-02, but by this machine's clock it is 20" in err
    (folder / "lines.csv").write_text(LINES, encoding="utf-8")
    status, out, err = run(*QUICK)
    assert status == 0
    assert "moved back from 2099-01-02 00:00 UTC to 2024-01-03 00:00 UTC" in err
    assert "current as of 2024-01-03 00:00 UTC" in last_line(out)


def test_a_row_of_the_future_does_not_become_the_watermark_of_a_table(run, db, tmp_path) -> None:
    db.sql("create table public.orders (who text, sku text, at timestamptz)")
    db.sql("insert into public.orders values ('ann', 'tea', '2024-01-01')")
    (tmp_path / "dataset.yaml").write_text(
        "name: tiny\ninteractions: {table: public.orders, customer: who, product: sku,"
        " timestamp: at, event: purchase, late: 14d}\n"
    )
    only = ["--only", "ingest"]
    assert run(str(tmp_path), *only)[0] == 0
    db.sql("insert into public.orders values ('bob', 'cup', '2099-01-01')")
    status, _, err = run(*only)
    assert status == 1
    assert "lies in the future" in last_line(err)
    assert run(*only, "--max-rejected", "0.9")[0] == 0
    db.sql("insert into public.orders values ('bob', 'cup', '2024-01-02')")
    assert "raw.interaction" in run(*only)[1]
    assert db.sql("select count(*) as n from raw.interaction").n.tolist() == [2]


def test_wrong_usage_is_told_with_2(run) -> None:
    status, _, err = run("--only", "embeddings")
    assert status == 2
    assert "'ingest'" in err


def until_running(db: Database, step: str, process: subprocess.Popen[str]) -> None:
    query = "select count(*) as n from ops.run where step = %(step)s and status = 'running'"
    while process.poll() is None and db.sql(query, {"step": step}).n[0] == 0:
        time.sleep(0.01)


@pytest.fixture
def slow_profile(db: Database) -> None:
    """Let profiles of customers take a minute."""
    db.sql(
        "create function public.slowly() returns trigger language plpgsql as"
        " $$ begin perform pg_sleep(60); return new; end $$"
    )
    db.sql(
        "create trigger slowly before insert on feature.customer_profile"
        " for each row execute function public.slowly()"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("blow", "status", "book"),
    [
        (signal.SIGINT, 130, "cancelled"),
        (signal.SIGTERM, 130, "cancelled"),
        (signal.SIGKILL, -9, "failed"),
    ],
)
def test_a_refresh_that_is_stopped_goes_on_the_next_time(
    run, db_dsn, db, folder, slow_profile, blow, status, book
) -> None:
    process = start(db_dsn, str(folder), *QUICK)
    until_running(db, "profile", process)
    busy = run(*QUICK)
    process.send_signal(blow)
    _, err = process.communicate()
    assert busy[0] == 75
    assert f"run 1 of process {process.pid}, since 20" in busy[2]
    assert process.returncode == status
    assert status < 0 or last_line(err) == "stopped; run again to go on"
    db.sql("drop trigger slowly on feature.customer_profile")
    done = list(refresh(db, Wish(stages=("ingest", "extract", "profile")), NoProgress()))
    ran = [each.result.step for each in done if not each.result.skipped]
    assert ran == ["profile"]
    found = db.sql(
        "select status from ops.run where step in ('refresh', 'profile') order by run_id"
    )
    assert found.status.tolist() == [book, book, "finished", "finished"]


@pytest.mark.slow
def test_a_disk_that_is_full_half_way_is_named_and_the_next_refresh_goes_on(
    small_disk,  # noqa: F811
    folder,
) -> None:
    home = small_disk / "home"
    environment = {**os.environ, "KGFEATURES_HOME": str(home)}
    command = [sys.executable, "-m", "kgfeatures", "refresh", str(folder), *QUICK]

    def once() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)

    assert once().returncode == 0
    with Database(lambda: launcher.ensure_running(home)) as database:
        before = content(database)
    many = [f"c{n},p{n % 997},2024-01-02,{n % 7}" for n in range(25_000)]
    (folder / "lines.csv").write_text(LINES + "\n".join(many) + "\n", encoding="utf-8")
    filler = small_disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - (10 << 20)))
    full = once()
    assert (full.returncode, full.stderr.count("kgfeatures: ")) == (1, 1)
    assert "run it again, nothing was half-written" in last_line(full.stderr)
    filler.unlink()
    with Database(lambda: launcher.ensure_running(home)) as database:
        assert content(database) == before
    again = once()
    assert again.returncode == 0
    assert "25,002" in again.stdout
