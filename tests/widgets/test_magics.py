"""`%kgsql` and `%%kgsql` in a real IPython shell over a real small shop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from kgfeatures.errors import DataError, UnknownNameError
from kgfeatures.widgets.binding import bind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kgfeatures.db import Database


@pytest.fixture
def shell(shop: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Any]:
    monkeypatch.setenv("KGFEATURES_DSN", shop.dsn)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance()
    made.run_line_magic("load_ext", "kgfeatures")
    yield made
    made.run_line_magic("kgsql", "select 1")
    made.magics_manager.registry["KGSQL"].database.close()
    made.history_manager.end_session()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("cell", "sent", "names"),
    [
        ("select :a + :b", "select %(a)s + %(b)s", {"a", "b"}),
        ("select :a, :a", "select %(a)s, %(a)s", {"a"}),
        ("select '%' like 'a%', :a % 3", "select '%%' like 'a%%', %(a)s %% 3", {"a"}),
        ("select :a::text, 'x'::text", "select %(a)s::text, 'x'::text", {"a"}),
        ("select ':a', \":a\", 'it''s :a'", "select ':a', \":a\", 'it''s :a'", set()),
        ("select e'\\':a' -- :a\n /* :a */", "select e'\\':a' -- :a\n /* :a */", set()),
        ("do $x$ :a $x$; select $$ :a $$", "do $x$ :a $x$; select $$ :a $$", set()),
        ("select x[1:a], (y)[b:c]", "select x[1:a], (y)[b:c]", set()),
        ("where k = :数量", "where k = %(数量)s", {"数量"}),
    ],
)
def test_only_names_outside_texts_comments_and_casts_are_variables(cell, sent, names) -> None:
    bound = bind(cell, dict.fromkeys(("a", "b", "数量"), 1))
    assert bound.statement == sent
    assert set(bound.given) == names


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (float("nan"), None),
        (pd.NaT, None),
        (pd.Timestamp("2010-09-01", tz="UTC"), pd.Timestamp("2010-09-01", tz="UTC")),
        (pd.Series([1, 2]), [1, 2]),
        (pd.Index(["a", "b"]), ["a", "b"]),
        ({"b", "a"}, ["a", "b"]),
        ((np.int64(1), None), [1, None]),
    ],
)
def test_values_of_numpy_and_pandas_are_sent_as_pythons(value, sent) -> None:
    assert bind("select :value", {"value": value}).given == {"value": sent}


def test_what_has_no_type_in_sql_is_refused() -> None:
    with pytest.raises(DataError, match=":frame is a DataFrame"):
        bind("select :frame", {"frame": pd.DataFrame()})


def test_unknown_variable_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'customers'"):
        bind("select :customer", {"customers": 1, "_hidden": 2})


def test_cell_gives_a_frame_with_values_bound(shell, shop) -> None:
    shell.user_ns |= {"who": "13085", "k": 3}
    frame = shell.run_cell_magic("kgsql", "", "select * from rec.recommend(:who, :k)\n")
    expected = shop.sql("select * from rec.recommend('13085', 3)")
    pd.testing.assert_frame_equal(frame, expected)


def test_text_of_a_variable_is_never_read_as_sql(shell) -> None:
    shell.user_ns["evil"] = "'; drop table kg.entity; --"
    frame = shell.run_line_magic("kgsql", "select :evil as said")
    assert list(frame["said"]) == ["'; drop table kg.entity; --"]
    assert not shell.run_line_magic("kgsql", "select 1 from kg.entity limit 1").empty


def test_vectors_come_back_as_arrays_and_go_out_again(shell) -> None:
    frame = shell.run_line_magic(
        "kgsql",
        "select product_id, text_vector from feature.product_text_vector order by 1 limit 1",
    )
    vector = frame["text_vector"][0]
    assert vector.dtype == np.float32
    shell.user_ns["near"] = vector
    nearest = shell.run_cell_magic(
        "kgsql",
        "",
        "select product_id, text_vector <=> :near as cosine_distance\n"
        "from feature.product_text_vector order by cosine_distance limit 1",
    )
    assert nearest["product_id"][0] == frame["product_id"][0]
    assert nearest["cosine_distance"][0] == pytest.approx(0, abs=1e-6)


def test_frame_is_kept_under_a_name(shell) -> None:
    assert shell.run_cell_magic("kgsql", "--out found", "select 42 as answer") is None
    assert shell.user_ns["found"]["answer"][0] == 42


def test_statement_without_rows_gives_nothing(shell) -> None:
    assert shell.run_line_magic("kgsql", "set local work_mem = '4MB'") is None


@pytest.mark.parametrize(
    ("line", "cell", "words"),
    [
        ("", "  \n", "there is no statement"),
        ("--limit 3", "select 1", "unrecognized arguments: --limit 3"),
        ("--out 3x", "select 1", "no name for a Python variable"),
        ("", "select :nobody", "asks for :nobody, no variable"),
        (
            "",
            "select :k,\n  wrong\nfrom kg.entity",
            'column "wrong" does not exist\nline 2:   wrong\n          ^',
        ),
    ],
)
def test_mistake_is_one_sentence_and_a_mark(shell, line, cell, words) -> None:
    shell.user_ns["k"] = 1
    with pytest.raises(UsageError) as caught:
        shell.run_cell_magic("kgsql", line, cell)
    assert words in str(caught.value)


def test_mistake_is_told_in_the_readers_language(shell, monkeypatch) -> None:
    monkeypatch.setenv("KGFEATURES_LANG", "zh")
    with pytest.raises(UsageError, match="%%kgsql：没有语句"):
        shell.run_cell_magic("kgsql", "", " ")
    shell.user_ns["who"] = 1
    with pytest.raises(UsageError, match="没有这个变量；您是否要找 'who'？已有：.*who"):
        shell.run_line_magic("kgsql", "select :woh")
    with pytest.raises(UsageError, match="%%kgsql：无法识别的参数：--limit 3；它只接受"):
        shell.run_cell_magic("kgsql", "--limit 3", "select 1")
    # PostgreSQL's own words stay; a Chinese character is two columns wide.
    with pytest.raises(UsageError) as caught:
        shell.run_line_magic("kgsql", "select '顾客', wrong")
    said, line, mark = str(caught.value).split("\n")
    assert said.startswith('column "wrong" does not exist')
    assert line == "第 1 行: select '顾客', wrong"
    assert mark == " " * len("第 1 行: select '顾客', ") + " " * 4 + "^"


def offered(shell: Any, cell: str, at: int) -> set[str]:
    with provisionalcompleter():
        return {completion.text for completion in shell.Completer.completions(cell, at)}


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("select * from fea", "feature"),
        ("select * from feature.customer_pro", "feature.customer_profile"),
        ("select * from rec.recomm", "rec.recommend("),
        ("select feature.customer_profile.orders_9", "feature.customer_profile.orders_90d"),
    ],
)
def test_names_of_the_database_are_completed_in_such_cells_only(shell, typed, name) -> None:
    cell = f"%%kgsql\n{typed}"
    assert name in offered(shell, cell, len(cell))
    assert name not in offered(shell, typed, len(typed))


def test_columns_of_a_named_table_are_completed_alone(shell) -> None:
    cell = "%%kgsql\nselect spend_3\nfrom feature.customer_profile"
    assert "spend_30d" in offered(shell, cell, cell.index("spend_3") + len("spend_3"))
