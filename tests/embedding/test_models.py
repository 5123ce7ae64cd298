"""Every model against its paper's formula, written in plain Python."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from kgfeatures.embedding import MODELS, score_function
from kgfeatures.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable


def transe(h: list[float], r: list[float], t: list[float]) -> float:
    """Bordes et al. 2013, section 2, with the L2 norm: −d(h + r, t)."""
    return -math.sqrt(sum((a + b - c) ** 2 for a, b, c in zip(h, r, t, strict=True)))


FORMULAS: dict[str, Callable[[list[float], list[float], list[float]], float]] = {"transe": transe}


def test_every_model_has_a_formula() -> None:
    assert set(FORMULAS) == set(MODELS)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_score_is_the_papers_formula(name: str) -> None:
    head, relation, tail = np.random.default_rng(0).normal(size=(3, 5, 8))
    scores = score_function(name).score(*map(torch.from_numpy, (head, relation, tail)))
    expected = [FORMULAS[name](*map(list, rows)) for rows in zip(head, relation, tail, strict=True)]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_logits_are_the_scores_of_all_candidates(name: str) -> None:
    model = score_function(name)
    head, relation, tails = map(torch.from_numpy, np.random.default_rng(0).normal(size=(3, 4, 8)))
    logits = model.logits(model.query(head, relation), tails)
    for column, tail in enumerate(tails):
        expected = model.score(head, relation, tail.expand_as(head))
        np.testing.assert_allclose(logits[:, column], expected, rtol=1e-9)


def test_unknown_model_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"'trnase'; did you mean 'transe'\?"):
        score_function("trnase")
