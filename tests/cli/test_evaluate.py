from __future__ import annotations

import json
import sys
from datetime import date

import numpy as np
import pandas as pd
import pytest

from kgfeatures import cli
from kgfeatures.cli.evaluate import parse_day
from kgfeatures.errors import DataError


def test_a_day_is_read():
    assert parse_day("2024-05-31") == date(2024, 5, 31)


@pytest.mark.parametrize("text", ["31.5.2024", "2024-13-01", ""])
def test_what_is_no_day_is_refused(text: str):
    with pytest.raises(DataError, match="write a day such as 2024-05-31"):
        parse_day(text)


def test_a_folder_is_evaluated_and_told_in_tables_and_one_object(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    rng = np.random.default_rng(0)
    rows = [
        (c, int(p), f"2024-01-{day + 1:02}")
        for c in range(30)
        for day, p in enumerate(rng.choice(6, 5, replace=False) * 3 + c % 3)
    ]
    frame = pd.DataFrame(rows, columns=["who", "what", "at"])
    frame.to_csv(tmp_path / "orders.csv", index=False)
    (tmp_path / "dataset.yaml").write_text(
        "name: tiny\ninteractions: {file: orders.csv, customer: who, product: what, timestamp: at}"
    )
    monkeypatch.setattr(sys, "argv", ["kgfeatures", "evaluate", "recommend", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out, err = capsys.readouterr()
    assert end.value.code in {None, 0}, err
    assert "choose item-item" in err
    found = json.loads(out.splitlines()[-1])
    assert (found["dataset"], found["customers"]) == ("tiny", 30)
    assert found["protocol"] == "leave last two out"
    assert "blend" in found["algorithms"]
    assert all(f"\n{name} " in out for name in found["algorithms"])
