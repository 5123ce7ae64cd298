"""Patterns of files and late rows in a manifest."""

from __future__ import annotations

import datetime as dt

import pytest

from kgfeatures.errors import ManifestError
from kgfeatures.graph import late
from kgfeatures.graph.manifest import read_manifest

LINES = "interactions: {file: '%s', customer: c, product: p, timestamp: t}\n"


@pytest.fixture
def read(tmp_path):
    def make(manifest, *names):
        (tmp_path / "dataset.yaml").write_text(manifest, encoding="utf-8")
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("c,p,t\n", encoding="utf-8")
        return read_manifest(tmp_path)

    return make


def test_a_pattern_stands_for_every_file_that_fits_by_name(read):
    found = read(LINES % "days/*.csv", "days/2.csv", "days/10.csv", "days/1.txt", "days/.x.csv")
    assert [(each.name, each.pattern, each.written) for each in found.sections] == [
        ("days/10.csv", "days/*.csv", "days/*.csv"),
        ("days/2.csv", "days/*.csv", "days/*.csv"),
    ]
    assert all(each.file is not None and each.file.is_file() for each in found.sections)


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(read):
    [section] = read(LINES % "a[1].csv", "a[1].csv", "a1.csv").sections
    assert (section.name, section.pattern) == ("a[1].csv", None)


def test_a_pattern_that_fits_nothing_is_an_error(read):
    with pytest.raises(ManifestError, match=r"interactions.file 'day/\*.csv' fits no file below"):
        read(LINES % "day/*.csv", "days/1.csv")


@pytest.mark.parametrize(("said", "hours"), [("14d", 14 * 24), ("36 h", 36)])
def test_late_rows_are_given_in_days_or_hours(read, said, hours):
    table = f"interactions: {{table: a.b, customer: c, product: p, timestamp: t, late: {said}}}"
    [section] = read(table).sections
    assert late.span_of(section) == dt.timedelta(hours=hours)


@pytest.mark.parametrize(
    ("place", "said", "message"),
    [
        ("table: a.b", "2 weeks", "late is '2 weeks'; write days or hours, such as 14d"),
        ("file: a.csv", "14d", "late is for tables only"),
    ],
)
def test_late_rows_that_cannot_be_are_an_error(read, place, said, message):
    with pytest.raises(ManifestError, match=message):
        read(
            f"interactions: {{{place}, customer: c, product: p, timestamp: t, late: {said}}}",
            "a.csv",
        )
