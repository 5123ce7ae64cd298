from __future__ import annotations

import pytest

from kgfeatures.cli.recommend import parse_weights
from kgfeatures.errors import DataError


def test_weights_are_read_by_signal():
    assert parse_weights("bought_together=0.6, popular=0.4") == {
        "bought_together": 0.6,
        "popular": 0.4,
    }


@pytest.mark.parametrize("text", ["0.6", "popular=", "popular=much", ""])
def test_weights_in_another_form_are_refused(text: str):
    with pytest.raises(DataError, match="write bought_together=0.6,"):
        parse_weights(text)


def test_a_signal_has_one_weight():
    with pytest.raises(DataError, match="weights name popular twice; give each signal one weight"):
        parse_weights("popular=0.4, bought_together=0.6,popular=0.2")
