"""What titles say: colours, materials, themes, the kind of object, pack sizes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from kgfeatures.errors import DataError, UnknownNameError
from kgfeatures.extraction import (
    EXTRACTORS,
    RELATIONS,
    Gazetteer,
    Statement,
    broader,
    extract,
    to_frame,
)
from kgfeatures.extraction.normalize import normalize
from kgfeatures.extraction.vocabulary import Entry, Vocabulary, default_vocabulary, stem

GOLD = Path(__file__).parent
PERFECT = Statement("1", "has_colour", "colour", "red", "red", 0.9, "gazetteer", "RED")


def read(*titles: str | None) -> pd.DataFrame:
    """Return the statements of titles whose product ids are 0, 1, 2 …"""
    ids = [str(i) for i in range(len(titles))]
    return extract(pd.DataFrame({"product_id": ids, "title": titles}))


def said(title: str) -> dict[str, set[str]]:
    """Return the tails of one title by relation."""
    return {str(name): set(rows["tail_key"]) for name, rows in read(title).groupby("relation")}


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (
            "WHITE HANGING HEART T-LIGHT HOLDER",
            {"has_colour": {"white"}, "has_theme": {"heart"}, "is_a": {"t-light holder"}},
        ),
        (
            "SET OF 3 RETROSPOT TINS",
            {"has_pattern": {"retrospot"}, "is_a": {"tin"}, "has_pack_size": {"3"}},
        ),
        (
            "15CM CHRISTMAS GLASS BALL 20 LIGHTS",
            {"has_theme": {"christmas"}, "made_of": {"glass"}, "is_a": {"lights"}},
        ),
        ("grey/gray MUGS", {"has_colour": {"grey"}, "is_a": {"mug"}}),
        ("Christmas Tree", {"has_theme": {"christmas"}, "is_a": {"christmas tree"}}),
        ("B'FLY C/COVER", {"has_theme": {"butterfly"}, "is_a": {"cushion cover"}}),
        ("", {}),
        ("damaged", {}),
    ],
)
def test_a_title_says_what_a_reader_would_say(title: str, expected: dict[str, set[str]]) -> None:
    assert said(title) == expected


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("SILVER MUG IN GIFT BOX", "mug"),
        ("BOX OF 24 COCKTAIL PARASOLS", "parasol"),
        ("MUG , DOTCOMGIFTSHOP.COM", "mug"),
        ("HOOK, 5 HANGER, MAGIC TOADSTOOL", "hook"),
        ("CAKE STAND LOVEBIRD 2 TIER PINK", "cake stand"),
        ("COOK WITH WINE METAL SIGN", "sign"),
        ("IRON ON DOG PATCHES", "patch"),
        ("RECIPE BOX BLUE SKETCHBOOK DESIGN", "recipe box"),
        ("GLASS", "glass"),
    ],
)
def test_the_kind_is_the_last_object_of_the_main_clause(title: str, kind: str) -> None:
    assert said(title)["is_a"] == {kind}


def test_words_are_found_whole_only() -> None:
    assert said("INFRARED REDDISH GREYHOUND MUGGER") == {}


def test_the_longest_phrase_wins_over_its_words() -> None:
    assert said("ICE CREAM") == {"has_theme": {"ice cream"}}
    assert said("WINE GLASS") == {"is_a": {"wine glass"}}


def test_a_glass_that_is_the_object_is_not_made_of_glass() -> None:
    assert "made_of" not in said("BLUE GLASS")
    assert said("BLUE GLASS VASE")["made_of"] == {"glass"}


def test_the_box_is_not_the_products_material() -> None:
    assert "made_of" not in said("ROSE CANDLE IN JEWELLED BOX")


def test_every_statement_carries_the_words_that_say_it() -> None:
    title = "  ＲＥＤ  Retro Spot\u00a0MUGS "
    rows = read(title)
    assert len(rows) == 3
    assert all(normalize(span) in normalize(title) for span in rows["span"])
    assert set(rows["span"]) == {"RED", "Retro Spot", "MUGS"}


def test_a_kind_is_by_rule_and_a_colour_by_gazetteer() -> None:
    methods = read("RED MUG").set_index("relation")["method"].to_dict()
    assert methods == {"has_colour": "gazetteer", "is_a": "rule"}


@pytest.mark.parametrize(
    ("title", "pieces"),
    [
        ("S/6 GOBLETS", "6"),
        ("PACK/12 CARDS", "12"),
        ("EIGHT PIECE SNAKE SET", "8"),
        ("MAGNETS PACK OF 4 RETRO PHOTO", "4"),
        ("36 PENCILS TUBE", "36"),
        ("彩色铅笔12支装", "12"),
        ("一套六个杯子", "6"),
    ],
)
def test_a_pack_size_is_read_from_the_form(title: str, pieces: str) -> None:
    assert said(title)["has_pack_size"] == {pieces}


@pytest.mark.parametrize(
    "title",
    ["3 TIER STAND", "50CM STRING", "3D CARD", "BAG 250g MARBLES", "SET OF 1 CUP", "HAMPER FOR 4"],
)
def test_a_measure_is_no_pack_size(title: str) -> None:
    assert "has_pack_size" not in said(title)


@pytest.mark.parametrize("title", ["红色 玻璃 圣诞 蜡烛", "红色玻璃圣诞蜡烛", "红玻璃圣诞蜡烛"])
def test_chinese_titles_give_the_same_keys_as_english_ones(title: str) -> None:
    assert said(title) == said("RED GLASS CHRISTMAS CANDLE")


def test_chinese_words_give_chinese_labels() -> None:
    assert set(read("红色蜡烛")["tail_label"]) == {"红色", "蜡烛"}


@pytest.mark.parametrize("title", ["红楼梦", "灯塔", "金鱼缸"])
def test_one_chinese_character_inside_an_unknown_word_says_nothing(title: str) -> None:
    assert said(title) == {}


def test_titles_that_are_not_text_are_passed_over() -> None:
    assert set(read(None, "RED MUG")["product_id"]) == {"1"}


def test_a_row_depends_on_its_own_title_alone() -> None:
    titles = ["RED MUG", "红色 蜡烛", "12 PENCILS"]
    alone = pd.concat([read(title).assign(product_id=str(i)) for i, title in enumerate(titles)])
    pd.testing.assert_frame_equal(read(*titles), alone.reset_index(drop=True))


def test_a_text_as_long_as_a_book_is_read_as_far_as_a_title_reaches() -> None:
    assert said("x " * 500 + "RED MUG") == {}
    assert said("RED MUG in, with; " * 100_000)["is_a"] == {"mug"}


@pytest.mark.parametrize("name", ["gold_titles", "gold_titles_dev"])
def test_precision_and_recall_hold_on_titles_labelled_by_hand(name: str) -> None:
    gold = pd.read_csv(GOLD / f"{name}.csv", dtype=str, keep_default_na=False)
    columns = [column for column in gold if column in RELATIONS]
    labelled = {
        (row["product_id"], relation, key)
        for row in gold.to_dict("records")
        for relation in columns
        for key in filter(None, row[relation].split(";"))
    }
    rows = extract(gold[["product_id", "title"]])
    found = set(zip(rows["product_id"], rows["relation"], rows["tail_key"], strict=True))
    assert len(found & labelled) / len(found) > 0.95
    assert len(found & labelled) / len(labelled) > 0.95


# The word lists ---------------------------------------------------------------------------------


def test_wider_kinds_and_implied_keys_are_listed_themselves() -> None:
    vocabulary = default_vocabulary()
    assert {("object_type", wider) for wider in vocabulary.broader.values()} <= set(
        vocabulary.labels
    )
    entries = [entry for found in vocabulary.spaced.values() for entry in found]
    assert {pair for entry in entries for pair in entry.also} <= set(vocabulary.labels)


def test_wider_kinds_end_somewhere() -> None:
    for kind in default_vocabulary().broader:
        assert len(broader({kind: kind})) < 6


def test_wider_kinds_are_named_in_the_language_of_the_kind() -> None:
    assert broader({"teapot": "teapot"}) == [("teapot", "tableware", "tableware")]
    assert broader({"teapot": "茶壶"}) == [("teapot", "tableware", "餐具")]


def test_a_phrase_cannot_stand_for_two_keys_of_a_kind() -> None:
    vocabulary = Vocabulary()
    vocabulary.add("ruby", Entry("colour", "red", "红色", 0.9, ()))
    with pytest.raises(DataError, match="'rubies' stands for 'red' and 'pink'"):
        vocabulary.add("rubies", Entry("colour", "pink", "粉色", 0.9, ()))


def test_own_word_lists_take_the_place_of_the_packages() -> None:
    vocabulary = Vocabulary()
    vocabulary.add("mug", Entry("object_type", "becher", "杯", 0.9, ()))
    titles = pd.DataFrame({"product_id": ["1"], "title": ["RED MUG"]})
    assert Gazetteer(vocabulary).extract(titles)["tail_key"].tolist() == ["becher"]


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("mugs", "mug"),
        ("cherries", "cherry"),
        ("ties", "tie"),
        ("boxes", "box"),
        ("glasses", "glass"),
        ("dishes", "dish"),
        ("glass", "glass"),
        ("cactus", "cactus"),
        ("gas", "gas"),
    ],
)
def test_plurals_are_compared_as_singulars(plural: str, singular: str) -> None:
    assert stem(plural) == singular


# The contract -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(EXTRACTORS))
def test_every_extractor_states_only_what_it_declares(name: str) -> None:
    extractor = EXTRACTORS[name]()
    titles = pd.DataFrame({"product_id": ["1"], "title": ["SET OF 6 SMALL RED SPOTTY HEART MUGS"]})
    rows = extractor.extract(titles)
    assert extractor.name == name
    assert extractor.version
    assert len(rows)
    assert set(rows["relation"]) <= set(extractor.relations) <= set(RELATIONS)
    pd.testing.assert_frame_equal(rows, to_frame(Statement(*row) for row in rows.to_numpy()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"relation": "has_color"}, "did you mean 'has_colour'"),
        ({"tail_type": "theme"}, "leads to 'colour'"),
        ({"confidence": 0.0}, "confidence is 0.0"),
        ({"method": "guess"}, "use one of gazetteer, rule, model"),
        ({"span": ""}, "without the words"),
    ],
)
def test_a_statement_that_breaks_the_contract_is_an_error(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        to_frame([PERFECT._replace(**change)])


def test_the_surest_of_equal_statements_is_kept() -> None:
    frame = to_frame([PERFECT._replace(confidence=0.5), PERFECT, PERFECT])
    assert frame["confidence"].tolist() == pytest.approx([0.9])


def test_an_unknown_extractor_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'gazetteer'"):
        extract(pd.DataFrame({"product_id": [], "title": []}), ["gazeteer"])
