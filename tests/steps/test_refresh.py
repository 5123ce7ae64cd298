"""Refresh: only what is stale, as it was last run, one at a time, going on where it stopped."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kgfeatures.db import Database
from kgfeatures.db.step import StepResult
from kgfeatures.errors import BusyError, DataError, UnknownNameError
from kgfeatures.steps import stages
from kgfeatures.steps.embed_text import alias_of
from kgfeatures.steps.refresh import Wish, refresh, rehearse, shop_folder
from kgfeatures.types import NoProgress
from tests import shop as small
from tests.test_docs import ROOT

MANIFEST = """
name: {name}
interactions: {{file: lines.csv, customer: who, product: sku, timestamp: at, event: purchase}}
products: {{file: products.csv, product: sku, title: name}}
"""
LINES = "who,sku,at\nann,tea,2024-01-01\nbob,cup,2024-01-02\n"
PRODUCTS = "sku,name\ntea,Green tea\ncup,Blue glass cup\n"
QUICK = ("ingest", "extract", "profile")
"""Stages that need neither torch nor feast."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a tiny shop."""
    return write(tmp_path / "shop")


def write(folder: Path, lines: str = LINES, name: str = "tiny") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "dataset.yaml").write_text(MANIFEST.format(name=name), encoding="utf-8")
    (folder / "lines.csv").write_text(lines, encoding="utf-8")
    (folder / "products.csv").write_text(PRODUCTS, encoding="utf-8")
    return folder


def run(db: Database, **wish: object) -> list[stages.Done]:
    return list(refresh(db, replace(Wish(stages=QUICK), **wish), NoProgress()))


def states(done: list[stages.Done]) -> dict[str, str]:
    return {
        each.result.step: each.idle or ("unchanged" if each.result.skipped else "ran")
        for each in done
        if each.idle != "left out"
    }


def verdicts(db: Database, **wish: object) -> dict[str, tuple[str, str]]:
    expected = rehearse(db, replace(Wish(stages=QUICK), **wish))
    return {each.step: (each.verdict, each.reason) for each in expected if each.step in QUICK}


def test_a_database_without_a_shop_asks_for_ingest(db: Database) -> None:
    with pytest.raises(DataError, match="holds no shop yet; run `kgfeatures ingest DIR` first"):
        run(db)


def test_the_folder_of_the_last_ingest_is_remembered(db: Database, folder: Path) -> None:
    stages.load(db, folder)
    assert shop_folder(db, None) == folder
    assert states(run(db)) == {"ingest": "unchanged", "extract": "ran", "profile": "ran"}
    assert set(states(run(db)).values()) == {"unchanged"}


def test_a_folder_that_moved_is_remembered_though_nothing_changed(db, folder, tmp_path) -> None:
    run(db, folder=folder)
    folder.rename(tmp_path / "moved")
    with pytest.raises(DataError, match=f"the folder {folder}, where the shop 'tiny' .* is gone"):
        run(db)
    assert set(states(run(db, folder=tmp_path / "moved")).values()) == {"unchanged"}
    assert shop_folder(db, None) == tmp_path / "moved"


def test_another_shop_is_refused_and_nothing_is_changed(db, folder, tmp_path) -> None:
    run(db, folder=folder)
    other = write(tmp_path / "other", name="foreign")
    with pytest.raises(DataError, match="holds the shop 'foreign', but this database holds 'tiny'"):
        run(db, folder=other)
    assert set(states(run(db)).values()) == {"unchanged"}


def test_a_rehearsal_names_the_first_reason_and_changes_nothing(db, folder) -> None:
    never = verdicts(db, folder=folder)
    assert set(never.values()) == {("would run", "never run")}
    run(db, folder=folder)
    assert {verdict for verdict, _ in verdicts(db).values()} == {"unchanged"}
    write(folder, LINES + "bob,tea,2024-01-03\n")
    told = verdicts(db)
    assert told["ingest"] == ("would run", "files: lines.csv changed")
    assert told["extract"][0] == told["profile"][0] == "may run"
    assert told["profile"][1] == "if ingest changes raw.interaction"
    assert states(run(db)) == {"ingest": "ran", "extract": "ran", "profile": "ran"}


def test_a_rehearsal_expects_what_the_last_run_cost(db, folder) -> None:
    run(db, folder=folder)
    db.sql("update ops.run set seconds = 10, peak_memory_bytes = 7 where step = 'profile'")
    db.sql("delete from feature.customer_profile")
    [profile] = [each for each in rehearse(db, Wish(stages=QUICK)) if each.step == "profile"]
    assert profile.reason == "feature.customer_profile is not as the last run left it"
    assert (profile.cost("seconds"), profile.cost("peak_memory_bytes")) == (10, 7)
    assert (profile.cost("output_bytes") or 0) > 0
    db.sql(
        "insert into raw.interaction"
        " select r.* from raw.interaction as s,"
        " jsonb_populate_record(s, jsonb_build_object('row_id', 99)) as r limit 1"
    )
    [profile] = [each for each in rehearse(db, Wish(stages=QUICK)) if each.step == "profile"]
    assert 10 < (profile.cost("seconds") or 0) <= 20


def test_steps_are_repeated_with_what_they_were_last_run_with(db, folder) -> None:
    run(db, folder=folder, max_rejected=0.5)
    write(folder, LINES + "bob,tea,yesterday\n")
    assert states(run(db))["ingest"] == "ran"
    found = db.sql("select params->'max_rejected' as share from ops.run where step = 'ingest'")
    assert found.share.tolist() == [0.5, 0.5]


def history(*runs: tuple[str, dict]) -> dict[str, dict]:
    return {step: {"params": params, "row_counts": {}} for step, params in runs}


def calls(monkeypatch, plan: stages.Plan, stage: str) -> list[tuple]:
    """Return what a stage would call its step with."""
    seen: list[tuple] = []

    def spy(_db, *args, progress, **kwargs) -> StepResult:
        seen.append((*args, *kwargs.values()))
        return StepResult(stage, {}, 0, skipped=False)

    for name in (
        "embed.run_graph",
        "embed_text.run_text",
        "segment.segment",
        "recommend.recommend",
    ):
        monkeypatch.setattr(f"kgfeatures.steps.{name}", spy)
    for call in stages.STAGES[stage](plan):
        stages.run(call, None, NoProgress())
    return seen


def text(encoder: str, *, features: bool) -> tuple[str, dict]:
    params = {"encoder": encoder, "features": features, "known_at": None}
    return (f"embed {alias_of(encoder)}", params)


MINILM, CHARGRAM = "builtin:minilm", "builtin:chargram"


@pytest.mark.parametrize(
    ("before", "encoder", "expected"),
    [
        ([], None, {MINILM: True}),
        ([], CHARGRAM, {CHARGRAM: True}),
        ([text(CHARGRAM, features=True)], None, {CHARGRAM: True}),
        ([text(CHARGRAM, features=False)], None, {CHARGRAM: False}),
        ([text(MINILM, features=True)], CHARGRAM, {MINILM: False, CHARGRAM: True}),
        (
            [text(MINILM, features=True), text(CHARGRAM, features=True)],
            None,
            {MINILM: False, CHARGRAM: True},
        ),
    ],
)
def test_one_encoder_fills_the_text_features_and_the_others_stay(
    monkeypatch, before, encoder, expected
) -> None:
    plan = stages.Plan(Path(), history(*before), encoder)
    assert {uri: fills for uri, fills, _ in calls(monkeypatch, plan, "text")} == expected


def test_every_segmentation_is_renewed_with_its_settings(monkeypatch) -> None:
    runs = history(("segment value", {"name": "value", "k": 5, "seed": 3, "gone": 1}))
    [(settings,)] = calls(monkeypatch, stages.Plan(Path(), runs), "segment")
    assert (settings.name, settings.k, settings.seed) == ("value", 5, 3)


@pytest.mark.parametrize(
    ("segmentations", "expected"),
    [
        ({"value": "kmeans"}, ["value"]),
        ({"value": "published"}, []),
        ({"value": "kmeans", "other": "published"}, ["value"]),
        ({}, ["behaviour"]),
    ],
)
def test_written_and_deleted_segmentations_are_left_alone(
    monkeypatch, segmentations, expected
) -> None:
    runs = history(("segment value", {"name": "value"}), ("segment other", {"name": "other"}))
    plan = stages.Plan(Path(), runs, state={"segmentations": segmentations})
    assert [settings.name for (settings,) in calls(monkeypatch, plan, "segment")] == expected


def test_an_encoder_without_an_alias_is_given_up(monkeypatch) -> None:
    runs = history(text(MINILM, features=True), text(CHARGRAM, features=False))
    plan = stages.Plan(Path(), runs, state={"aliases": {"text_minilm": 7}})
    assert [uri for uri, _, _ in calls(monkeypatch, plan, "text")] == [MINILM]


def test_settings_of_neighbours_and_training_survive_the_book(monkeypatch) -> None:
    runs = history(
        ("recommend", {"k": 7, "weights": None, "neighbors": {"top": 3}}),
        ("embed graph", {"model": "transe", "dim": 8, "known_at": "2024-01-01T00:00:00+00:00"}),
    )
    [(settings,)] = calls(monkeypatch, stages.Plan(Path(), runs), "recommend")
    assert (settings.k, settings.neighbors.top) == (7, 3)
    [(_, training, known_at, follow)] = calls(monkeypatch, stages.Plan(Path(), runs), "graph")
    assert (training.dim, known_at.year, follow) == (8, 2024, False)
    assert calls(monkeypatch, stages.Plan(Path()), "graph") == [(False,)]


def test_a_version_that_somebody_activated_is_left_alone() -> None:
    runs = history(("embed graph", {}))
    runs["embed graph"]["row_counts"] = {"emb.m_5": 2, "emb.m_5_relation": 1}
    [own] = stages.STAGES["graph"](stages.Plan(Path(), runs, state={"aliases": {"graph": 5}}))
    [other] = stages.STAGES["graph"](stages.Plan(Path(), runs, state={"aliases": {"graph": 4}}))
    assert own.idle is None
    assert other.idle == "pinned to version 4 by `embed activate`"


def test_a_shop_without_texts_and_purchases_has_nothing_to_encode_or_recommend() -> None:
    state = {"has_titles": False, "has_texts": False, "has_purchases": False}
    idle = [
        call.idle
        for stage in ("extract", "text", "recommend")
        for call in stages.STAGES[stage](stages.Plan(Path(), state=state))
    ]
    assert idle == ["no product has a title", "no product has a text", "nothing was bought"]


def test_two_refreshes_at_once_are_one(db, folder) -> None:
    first = refresh(db, Wish(folder, stages=QUICK), NoProgress())
    next(first)
    with pytest.raises(BusyError, match="step 'refresh' is already running: run 1 of process .* "):
        run(db)
    first.close()
    assert states(run(db)) == {"ingest": "unchanged", "extract": "ran", "profile": "ran"}
    found = db.sql("select status from ops.run where step = 'refresh' order by run_id")
    assert found.status.tolist() == ["cancelled", "finished"]


def test_an_unknown_encoder_is_told_of_before_anything_runs(db, folder) -> None:
    with pytest.raises(UnknownNameError):
        run(db, folder=folder, encoder="builtin:minilmm")
    assert db.sql("select * from ops.run").empty


def test_a_failed_step_leaves_those_before_it_and_the_next_refresh_goes_on(db, folder) -> None:
    run(db, folder=folder)
    write(folder, "who,sku,when\nann,tea,2024-01-01\n")
    with pytest.raises(DataError, match="lines.csv has no column 'at'"):
        run(db)
    found = db.sql("select step, status, error from ops.run where status = 'failed' order by 1")
    assert found.step.tolist() == ["ingest", "refresh"]
    assert "no column 'at'" in found.error.tolist()[0]
    write(folder)
    assert set(states(run(db)).values()) == {"unchanged"}


@pytest.mark.slow
def test_a_second_day_stopped_half_way_equals_a_build_from_nothing(
    shop: Database, make_database, template, tmp_path: Path
) -> None:
    benchmark = runpy.run_path(str(ROOT / "benchmarks" / "refresh.py"))
    (tmp_path / "today").mkdir()
    today = small.write(tmp_path / "today")
    changes = benchmark["day_one"](today, tmp_path / "shop", np.random.default_rng(0))
    assert min(changes.values()) >= 2
    dsn = make_database(template)
    with Database(lambda: dsn) as grown:
        small.build(grown, tmp_path / "shop")
        benchmark["day_two"](today, tmp_path / "shop")
        half = refresh(grown, Wish(tmp_path / "shop"), NoProgress())
        assert [next(half).result.skipped for _ in range(3)] == [False] * 3
        half.close()
        second = states(list(refresh(grown, Wish(), NoProgress())))
        # The second day's lines say nothing new about products: no triple changes.
        assert second.pop("triples") == "unchanged"
        assert list(second.values()) == ["unchanged"] * 3 + ["ran"] * 5
        contents = benchmark["contents"]
        assert benchmark["differences"](contents(grown), contents(shop)) == []
        assert set(states(list(refresh(grown, Wish(), NoProgress()))).values()) == {"unchanged"}
