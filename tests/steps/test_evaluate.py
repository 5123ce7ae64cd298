from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from kgfeatures.errors import DataError, ManifestError
from kgfeatures.steps.evaluate import (
    EvaluationSettings,
    evaluate,
    evaluate_folder,
    protocol_of,
)
from kgfeatures.steps.evaluate_shop import from_database, from_folder
from kgfeatures.steps.ingest import ingest

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database

QUICK = EvaluationSettings(encoders=("builtin:chargram",), epochs=1)
MANIFEST = """
name: little
interactions: {file: orders.csv, customer: who, product: what, timestamp: at, event: kind%s}
products: {file: products.csv, product: what, title: title, relations: {colour: has_colour}}
triples:
  - {file: made.csv, head: what, head_type: product, relation_name: made_by,
     tail: maker, tail_type: maker}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a shop of 40 customers and 24 products in four colours."""
    rng = np.random.default_rng(0)
    rows = [
        (f"c{c}", f"p{p}", f"2024-01-{day + 1:02}", "view" if day == 9 else "purchase", part)
        for c in range(40)
        for day, p in enumerate(rng.choice(6, 6, replace=False) * 4 + c % 4)
        for part in [("train", "train", "train", "valid", "test", "test")[day]]
    ]
    orders = pd.DataFrame(rows, columns=["who", "what", "at", "kind", "part"])
    orders.loc[len(orders)] = ("c0", "p1", "2024-01-01", "view", "train")
    orders.to_csv(tmp_path / "orders.csv", index=False)
    products = [(f"p{p}", f"RED{p % 4} MUG {p}", f"colour {p % 4}") for p in range(24)]
    pd.DataFrame(products, columns=["what", "title", "colour"]).to_csv(
        tmp_path / "products.csv", index=False
    )
    made = [(f"p{p}", f"maker {p % 5}") for p in range(24)]
    pd.DataFrame(made, columns=["what", "maker"]).to_csv(tmp_path / "made.csv", index=False)
    (tmp_path / "dataset.yaml").write_text(MANIFEST % "")
    return tmp_path


def test_a_folder_is_read_as_it_would_be_loaded(folder: Path, db: Database):
    ingest(db, folder)
    with db.transaction() as conn:
        loaded = from_database(conn)
    read = from_folder(folder)
    assert len(read.purchases) == 240
    columns = ["customer_id", "product_id", "occurred_at"]
    one, other = (
        set(shop.purchases[columns].itertuples(index=False, name=None)) for shop in (read, loaded)
    )
    assert one == other
    assert read.titles == loaded.titles
    said, known = (
        set(shop.triples[["head", "relation", "tail"]].itertuples(index=False, name=None))
        for shop in (read, loaded)
    )
    assert {("p3", "has_colour", "colour 3"), ("p3", "made_by", "maker 3")} <= said & known
    assert (read.attributes() != 0).sum() >= 48


def test_an_evaluation_of_the_loaded_shop_stands_in_the_book(folder: Path, db: Database):
    ingest(db, folder)
    outcome = evaluate(db, QUICK)
    assert {"attributes", "texts chargram", "TransE", "blend"} <= set(outcome.rows)
    [run] = db.sql(
        "select status, row_counts, progress from ops.run where step = 'evaluate recommend'"
    ).to_dict("records")
    assert run["status"] == "finished"
    figures = db.sql("select count(*)::int as n from rec.evaluation")["n"][0]
    assert run["row_counts"] == {
        "algorithms": len(outcome.rows),
        "customers": 40,
        "rec.evaluation": figures,
    }
    assert "leave last two out, 40 customers: blend hr@10" in run["progress"]["note"]
    alike = evaluate_folder(folder, QUICK)
    assert alike.rows["item-item"].made_of == outcome.rows["item-item"].made_of
    assert alike.rows["item-item"].estimates == outcome.rows["item-item"].estimates


LITTLE = EvaluationSettings(encoders=(), graph=False)


def everything(db: Database) -> list[object]:
    return [
        db.sql("select *, xmin::text from rec.evaluation_run").to_dict("records"),
        db.sql("select *, xmin::text from rec.evaluation order by 1, 3, 4, 5").to_dict("records"),
    ]


def test_what_an_evaluation_shows_can_be_had_as_sql(
    folder: Path, db: Database, reader: Connection[TupleRow]
):
    ingest(db, folder)
    outcome = evaluate(db, LITTLE)
    found = db.sql("select * from rec.evaluation where customers = 'all'")
    read = reader.execute("select value from rec.evaluation where customers = 'all'").fetchall()
    assert sorted(read) == sorted((value,) for value in found["value"])
    rows = found.set_index(["algorithm", "measure"])[["value", "lower", "upper"]]
    for name, row in outcome.rows.items():
        for measure, shown in row.estimates.items():
            assert rows.loc[(name, measure)].tolist() == [shown.mean, shown.low, shown.high]
    assert outcome.graph_gain is not None
    assert rows.loc[("blend", "graph_gain_hr@10"), "value"] == outcome.graph_gain.mean
    assert outcome.cold is not None
    assert rows.loc[("blend", "cold_hr@20"), "value"] == outcome.cold.found["blend"].mean
    quartiles = db.sql(
        "select value from rec.evaluation where algorithm = 'blend' and measure = 'hr@10'"
        " and customers <> 'all'"
    )
    shown = [one.estimates["hr@10"].mean for one in outcome.rows["blend"].quartiles]
    assert sorted(quartiles["value"]) == sorted(shown)
    [run] = db.sql("select * from rec.evaluation_run").to_dict("records")
    assert (run["protocol"], run["customers"], run["products"]) == ("leave last two out", 40, 24)
    assert run["settings"]["seed"] == 0
    assert run["made_of"]["blend"] == outcome.rows["blend"].made_of


def test_the_same_evaluation_again_changes_nothing_and_another_its_own_protocol(
    folder: Path, db: Database
):
    ingest(db, folder)
    settings = replace(LITTLE, cold_share=0.0)
    evaluate(db, settings)
    first = everything(db)
    evaluate(db, settings)
    assert everything(db) == first
    evaluate(db, replace(settings, time_split=dt.date(2024, 1, 5)))
    evaluate(db, replace(settings, seed=1))
    runs = db.sql("select protocol, run_id, settings from rec.evaluation_run order by run_id")
    assert runs["protocol"].tolist() == ["time split 2024-01-05", "leave last two out"]
    assert runs["run_id"].tolist() == [2, 3]
    assert runs["settings"][1]["seed"] == 1
    figures = db.sql("select distinct protocol, run_id from rec.evaluation order by run_id")
    assert figures.to_dict("records") == runs[["protocol", "run_id"]].to_dict("records")


def test_the_protocol_is_the_data_s_or_the_one_asked_for(folder: Path):
    settings = EvaluationSettings()
    assert protocol_of(from_folder(folder), settings).name == "leave last two out"
    day = EvaluationSettings(time_split=dt.date(2024, 1, 5))
    protocol = protocol_of(from_folder(folder), day)
    assert protocol.name == "time split 2024-01-05"
    assert protocol.test.wanted.sum() == 80
    (folder / "dataset.yaml").write_text(MANIFEST % ", split: part")
    protocol = protocol_of(from_folder(folder), settings)
    assert (protocol.name, protocol.test.wanted.sum()) == ("split column", 80)
    assert len(protocol.test.learned.customer) == 160
    strict = protocol_of(from_folder(folder), EvaluationSettings(refit=False))
    assert len(strict.test.learned.customer) == 120


def test_a_folder_whose_rows_cannot_be_loaded_says_so_with_the_first_line(folder: Path):
    orders = pd.read_csv(folder / "orders.csv")
    orders["part"] = orders["part"].str.title()
    orders.to_csv(folder / "orders.csv", index=False)
    (folder / "dataset.yaml").write_text(MANIFEST % ", split: part")
    with pytest.raises(DataError, match=r"orders\.csv, line 2, column 'part': 'Train' is no split"):
        from_folder(folder)


@pytest.mark.parametrize("day", [dt.date(2024, 1, 1), dt.date(2024, 1, 7), dt.date(2099, 1, 1)])
def test_a_time_split_outside_the_purchases_is_refused(folder: Path, day: dt.date):
    with pytest.raises(DataError, match=f"{day}, but purchases are from 2024-01-01 to 2024-01-06"):
        protocol_of(from_folder(folder), EvaluationSettings(time_split=day))


def test_parts_without_times_can_be_evaluated_but_not_loaded(folder: Path, db: Database):
    orders = pd.read_csv(folder / "orders.csv").drop(columns="at")
    orders.to_csv(folder / "orders.csv", index=False)
    undated = MANIFEST.replace(" timestamp: at,", "")
    (folder / "dataset.yaml").write_text(undated % ", split: part")
    outcome = evaluate_folder(folder, LITTLE)
    wanted = orders[(orders["part"] == "test") & (orders["kind"] == "purchase")]
    assert len(outcome.protocol.test.asked) == wanted["who"].nunique()
    with pytest.raises(ManifestError, match="interactions lacks the key 'timestamp'"):
        ingest(db, folder)
    (folder / "dataset.yaml").write_text(undated % "")
    with pytest.raises(ManifestError, match="interactions lacks the key 'timestamp'"):
        evaluate_folder(folder, LITTLE)


def test_a_shop_without_purchases_is_refused(folder: Path, db: Database):
    orders = pd.read_csv(folder / "orders.csv").assign(kind="view")
    orders.to_csv(folder / "orders.csv", index=False)
    with pytest.raises(DataError, match="little holds no purchases"):
        evaluate_folder(folder)
    with pytest.raises(DataError, match="database holds no purchases"):
        evaluate(db)


@pytest.mark.parametrize(("name", "value"), [("cold_share", 1.0), ("epochs", 0)])
def test_settings_that_cannot_be_are_refused(name: str, value: float):
    with pytest.raises(DataError, match=f"{name} is {value}"):
        EvaluationSettings(**{name: value})
