from __future__ import annotations

import pandas as pd
import pytest
from typer.testing import CliRunner

from kgfeatures.cli.features import app
from kgfeatures.errors import DataError
from kgfeatures.features import training_set

pytestmark = pytest.mark.slow


@pytest.fixture
def labels(tmp_path, shop, monkeypatch):
    monkeypatch.setenv("KGFEATURES_DSN", shop.dsn)
    path = tmp_path / "labels.csv"
    path.write_text("customer_id,event_timestamp,churned\nc1,2020-03-02,1\nc2,2020-04-02,0\n")
    return path


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_training_set_goes_from_file_to_file(labels, shop, ending) -> None:
    output = labels.with_name(f"training.{ending}")
    asked = ["training-set", str(labels), "customer_profile:orders_90d", "--output", str(output)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    read = pd.read_csv(output) if ending == "csv" else pd.read_parquet(output)
    entity_df = pd.read_csv(labels, parse_dates=["event_timestamp"])
    wanted = training_set(entity_df, ["customer_profile:orders_90d"], database=shop)
    assert read["orders_90d"].tolist() == wanted["orders_90d"].tolist()
    assert read["churned"].tolist() == [1, 0]
    noted = shop.sql("select path, kind from ops.personal_file where kind = 'export'")
    assert str(output.resolve()) in set(noted.path)


def test_later_vectors_are_warned_about_and_come_when_asked_for(labels) -> None:
    labels.write_text("product_id,event_timestamp\np1,2020-03-02\n")
    output = labels.with_name("training.parquet")
    asked = ["training-set", str(labels), "product_graph_vector", "-o", str(output)]
    done = CliRunner().invoke(app, asked)
    assert "warning: 'product_graph_vector' is null in all 1 rows" in done.output
    assert pd.read_parquet(output)["graph_vector"].tolist() == [None]
    done = CliRunner().invoke(app, [*asked, "--later-vectors"])
    assert "warning" not in done.output
    assert len(pd.read_parquet(output)["graph_vector"][0]) == 3


@pytest.mark.parametrize(
    ("text", "output", "message"),
    [
        (None, "training.csv", "there is no file"),
        ("customer_id,event_timestamp\nc1,soon\n", "training.csv", "event_timestamp is no time"),
        ("customer_id,event_timestamp\nc1,2020-03-02\n", "training.xlsx", "in .parquet or .csv"),
    ],
)
def test_files_that_cannot_be_used_say_what_to_do(labels, text, output, message) -> None:
    if text is None:
        labels.unlink()
    else:
        labels.write_text(text)
    asked = ["training-set", str(labels), "customer_profile", "-o", str(labels.with_name(output))]
    done = CliRunner().invoke(app, asked)
    assert isinstance(done.exception, DataError)
    assert message in str(done.exception)


def test_applying_and_materializing_again_change_nothing(labels) -> None:
    for command in ("apply", "materialize"):
        done = CliRunner().invoke(app, [command])
        assert done.exit_code == 0, done.output
        assert "nothing changed since the last run" in done.output
