"""docs/other_teams.md is true: its Python runs, here on a smaller shop."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "other_teams.md"

pytestmark = pytest.mark.slow


def test_the_python_of_the_page_for_other_teams_runs(shop, monkeypatch) -> None:
    monkeypatch.setenv("KGFEATURES_DSN", shop.dsn)
    flags = re.MULTILINE | re.DOTALL
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), flags)
    names: dict[str, object] = {}
    for block in blocks:
        text = block.replace("13085", "c1").replace("2010-", "2020-")
        exec(compile(text, PAGE.name, "exec"), names)  # noqa: S102  our own page
        if "now" not in names:
            assert names["train"]["orders_total"].notna().all()
            assert names["train"]["bought_again"].tolist() == [0, 1]
    assert names["now"]["orders_total"].notna().all()
    assert len(names["train"]) == 2


def test_the_page_names_every_feature_service(shop) -> None:
    found = shop.sql("select name from ops.catalogue where kind = 'feature_service'")
    assert [name for name in found["name"] if f"`{name}`" not in PAGE.read_text("utf-8")] == []
