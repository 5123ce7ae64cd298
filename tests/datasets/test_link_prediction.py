"""Graphs of benchmarks: two layouts, and what files of others may hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kgfeatures.datasets.link_prediction import read_splits
from kgfeatures.errors import DataError

# Written in OpenKE's order: head, tail, relation.
NUMBERS = {"train": "3\n0 1 0\n1 2 0\n2 0 1\n", "valid": "1\n0 2 1\n", "test": "1\n2 1 0\n"}
NAMES = {
    "train": "红茶\tmade by\t厂 一\n厂 一\tmade by\tc\nc\tof\t红茶\n",
    "valid": "红茶\tof\tc\n",
    "test": "c\tmade by\t厂 一\n",
}
SPLITS = {"train": [[0, 0, 1], [1, 0, 2], [2, 1, 0]], "valid": [[0, 1, 2]], "test": [[2, 0, 1]]}


def written(folder: Path, parts: dict[str, str], ending: str, encoding: str = "utf-8") -> Path:
    for split, text in parts.items():
        (folder / f"{split}{ending}").write_bytes(text.encode(encoding))
    return folder


@pytest.mark.parametrize(("parts", "ending"), [(NUMBERS, "2id.txt"), (NAMES, ".txt")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n\n"])
def test_both_layouts_are_read_as_any_editor_saves_them(
    tmp_path: Path, parts: dict[str, str], ending: str, encoding: str, line_end: str
) -> None:
    saved = {split: text.replace("\n", line_end) for split, text in parts.items()}
    splits, sizes = read_splits(written(tmp_path, saved, ending, encoding))
    assert {split: rows.tolist() for split, rows in splits.items()} == SPLITS
    assert sizes == (3, 2)


def test_a_line_separator_may_stand_in_a_name(tmp_path: Path) -> None:
    splits, sizes = read_splits(written(tmp_path, {"train": "a\u2028b\tr\tc\x85d\n"}, ".txt"))
    assert splits["train"].tolist() == [[0, 0, 1]]
    assert sizes == (2, 1)


@pytest.mark.parametrize(("parts", "ending"), [(NUMBERS, "2id.txt"), (NAMES, ".txt")])
def test_valid_and_test_may_be_missing_or_empty(
    tmp_path: Path, parts: dict[str, str], ending: str
) -> None:
    splits, _ = read_splits(written(tmp_path, {"train": parts["train"], "valid": ""}, ending))
    assert [rows.shape for rows in splits.values()] == [(3, 3), (0, 3), (0, 3)]


def test_gaps_between_numbers_are_closed_where_no_dictionary_says_how_many(tmp_path: Path) -> None:
    splits, sizes = read_splits(written(tmp_path, {"train": "1\n7 9000000000 40\n"}, "2id.txt"))
    assert splits["train"].tolist() == [[0, 0, 1]]
    assert sizes == (2, 1)


def test_a_dictionary_says_how_many_entities_and_relations_there_are(tmp_path: Path) -> None:
    (tmp_path / "entity2id.txt").write_text("5\na\t0\nb\t1\nc\t2\nd\t3\ne\t4\n")
    (tmp_path / "relation2id.txt").write_text("2\nr\t0\ns\t1\n")
    splits, sizes = read_splits(written(tmp_path, {"train": "1\n0 4 1\n"}, "2id.txt"))
    assert splits["train"].tolist() == [[0, 1, 4]]
    assert sizes == (5, 2)
    written(tmp_path, {"test": "1\n0 5 1\n"}, "2id.txt")
    with pytest.raises(DataError, match="the tail of triple 1 is 5; numbers must be from 0 to 4"):
        read_splits(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3\n0 1 0\n", "line 1: '3' is not 1, the number of lines that follow"),
        ("0 1 0\n1 2 0\n", "line 1: '0 1 0' is not 1"),
        ("1\nnan 1 0\n", "line 2: 'nan 1 0' is not 3 whole numbers"),
        ("1\n0.5 1 0\n", "line 2: '0.5 1 0' is not 3 whole numbers"),
        ("2\n0 1 0\n\n0 1\n", "line 4: '0 1' is not 3 whole numbers"),
        ("2\n0 1 0 9\n0 1 0 9\n", "line 2: '0 1 0 9' is not 3 whole numbers"),
        (f"1\n{10**19} 1 0\n", "is not 3 whole numbers"),
        ("1\n0 -1 0\n", "the tail of triple 1 is -1; numbers must be from 0"),
        ("0\n", "holds no triples"),
    ],
)
def test_what_is_no_numbered_list_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_splits(written(tmp_path, {"train": text}, "2id.txt"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a r b\n", "line 1: 'a r b' is not head, relation and tail with a tab"),
        ("a\tr\tb\na\tr\tb\t1\n", "line 2: "),
        ("a\tr\tb\n\t\t \na\t\tb\n", "line 3: "),
        ("\n\n", "holds no triples"),
    ],
)
def test_what_is_no_triple_of_names_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_splits(written(tmp_path, {"train": text}, ".txt"))


def test_another_encoding_and_another_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither train2id\.txt nor train\.txt"):
        read_splits(tmp_path)
    written(tmp_path, {"train": "红茶\tr\tb\n"}, ".txt", "gb18030")
    with pytest.raises(DataError, match="is not in UTF-8: byte 0 cannot be read"):
        read_splits(tmp_path)


def test_many_lines_are_numbered_in_the_order_in_which_names_come(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 50, (500, 3))
    text = "".join(f"e{head}\tr{relation}\te{tail}\n" for head, relation, tail in rows)
    splits, _ = read_splits(written(tmp_path, {"train": text}, ".txt"))
    entities = list(dict.fromkeys(rows[:, (0, 2)].ravel().tolist()))
    relations = list(dict.fromkeys(rows[:, 1].tolist()))
    expected = [[entities.index(h), relations.index(r), entities.index(t)] for h, r, t in rows]
    assert splits["train"].tolist() == expected
