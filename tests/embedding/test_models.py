"""Every model against its paper's formula, written in plain Python."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from kgfeatures.embedding import (
    MODELS,
    GraphShape,
    RotatE,
    score_function,
    settings_for,
    shop_settings,
)
from kgfeatures.embedding.trainer import fit
from kgfeatures.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable


def transe(h: list[float], r: list[float], t: list[float]) -> float:
    """Bordes et al. 2013, section 2, with the L2 norm: −d(h + r, t)."""
    return -math.sqrt(sum((a + b - c) ** 2 for a, b, c in zip(h, r, t, strict=True)))


def transe_l1(h: list[float], r: list[float], t: list[float]) -> float:
    """Bordes et al. 2013, section 2, with the L1 norm."""
    return -sum(abs(a + b - c) for a, b, c in zip(h, r, t, strict=True))


def distmult(h: list[float], r: list[float], t: list[float]) -> float:
    """Yang et al. 2015, eq. 2 with a diagonal matrix: hᵀ diag(r) t."""
    return sum(a * b * c for a, b, c in zip(h, r, t, strict=True))


def complexes(v: list[float]) -> list[complex]:
    half = len(v) // 2
    return [complex(re, im) for re, im in zip(v[:half], v[half:], strict=True)]


def complex_(h: list[float], r: list[float], t: list[float]) -> float:
    """Trouillon et al. 2016, eq. 9: Re⟨r, h, conj(t)⟩."""
    parts = zip(complexes(h), complexes(r), complexes(t), strict=True)
    return sum((a * b * c.conjugate()).real for a, b, c in parts)


def rotate(h: list[float], r: list[float], t: list[float]) -> float:
    """Sun et al. 2019, eq. 3, d(h, t) = ‖h ∘ r − t‖, with the Euclidean norm."""
    parts = zip(complexes(h), complexes(r), complexes(t), strict=True)
    return -math.sqrt(sum(abs(a * b - c) ** 2 for a, b, c in parts))


def transr(h: list[float], r: list[float], t: list[float]) -> float:
    """Lin et al. 2015, eq. 7 and 8: h_r = M_r h, t_r = M_r t, ‖h_r + r − t_r‖, not squared."""
    n = len(h)
    matrix = [r[n + row * n : n + (row + 1) * n] for row in range(n)]
    moved, right = (
        [sum(m * x for m, x in zip(row, v, strict=True)) for row in matrix] for v in (h, t)
    )
    return -math.sqrt(sum((a + b - c) ** 2 for a, b, c in zip(moved, r[:n], right, strict=True)))


FORMULAS: dict[str, Callable[[list[float], list[float], list[float]], float]] = {
    "transe": transe,
    "transe_l1": transe_l1,
    "distmult": distmult,
    "complex": complex_,
    "rotate": rotate,
    "transr": transr,
}


def test_every_model_has_a_formula() -> None:
    assert set(FORMULAS) == set(MODELS)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_score_is_the_papers_formula(name: str) -> None:
    model = score_function(name)
    rng = np.random.default_rng(0)
    head, tail = rng.normal(size=(2, 5, 8))
    relation = rng.normal(size=(5, model.relation_width(8)))
    scores = model.score(*map(torch.from_numpy, (head, relation, tail)))
    expected = [FORMULAS[name](*map(list, rows)) for rows in zip(head, relation, tail, strict=True)]
    np.testing.assert_allclose(scores, expected, rtol=1e-12)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_scores_of_all_candidates_are_those_of_single_triples(name: str) -> None:
    model = score_function(name)
    rng = np.random.default_rng(0)
    head, tails = map(torch.from_numpy, rng.normal(size=(2, 4, 8)))
    relation = torch.from_numpy(rng.normal(size=(3, model.relation_width(8))))[[0, 1, 1, 2]]
    scores = model.scores(head, relation, tails)
    for column, tail in enumerate(tails):
        expected = model.score(head, relation, tail.expand_as(head))
        np.testing.assert_allclose(scores[:, column], expected, rtol=1e-9)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_query_gradient_is_that_of_autograd(name: str) -> None:
    model = score_function(name)
    rng = np.random.default_rng(0)
    anchor = torch.from_numpy(model.start(rng, 5, 8)).double().requires_grad_()
    learned = torch.from_numpy(model.start_relations(rng, 5, 8)).double().requires_grad_()
    to_query = torch.from_numpy(rng.normal(size=(5, 8)))
    expected = torch.autograd.grad(
        model.query(anchor, model.relation_vectors(learned)), (anchor, learned), to_query
    )
    found = model.query_gradient(anchor.detach(), learned.detach(), to_query)
    for gradient, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient, right, rtol=1e-12)


def test_rotation_keeps_lengths() -> None:
    model = RotatE()
    angles = torch.from_numpy(model.start_relations(np.random.default_rng(0), 3, 8))
    head = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    turned = model.query(head, model.relation_vectors(angles))
    np.testing.assert_allclose(turned.norm(dim=1), head.norm(dim=1), rtol=1e-5)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_has_settings_of_its_own_that_can_be_changed(name: str) -> None:
    assert settings_for(name, dim=6).dim == 6


@pytest.mark.parametrize("name", sorted(MODELS))
def test_settings_depend_on_the_triples_for_each_entity(name: str) -> None:
    dense, sparse = GraphShape(triples=4000, entities=1000), GraphShape(3999, 1000)
    model = score_function(name)
    assert settings_for(name, dense) == settings_for(name)
    assert settings_for(name, sparse) == settings_for(name, **model.sparse_defaults)
    assert settings_for(name, sparse, dim=6).dim == 6


def test_fit_takes_the_settings_of_the_graphs_shape() -> None:
    marks = np.array([(i, 0, i + 1) for i in range(9)])
    sparse = settings_for("complex", GraphShape(len(marks), 10))
    assert sparse != settings_for("complex")
    found, expected = (fit(marks, 10, 1, given, model="complex") for given in (None, sparse))
    assert found.entities.tobytes() == expected.entities.tobytes()


def test_narrow_vectors_are_trained_against_fewer_wrong_answers() -> None:
    found = [settings_for("transe", dim=dim).negatives for dim in (4, 64, 128, 256)]
    assert found == [32, 512, 1024, 1024]
    assert settings_for("complex", dim=4, negatives=700).negatives == 700


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_shops_sparse_graph_is_trained_without_dropout(name: str) -> None:
    found = shop_settings(name, epochs=3)
    assert (found.dim, found.negatives, found.dropout, found.epochs) == (64, 512, 0, 3)
    assert found.estimate_all == (name == "transe")
    assert shop_settings(name, dim=8, dropout=0.5).dropout == 0.5


def test_unknown_model_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"'trnase'; did you mean 'transe'\?"):
        score_function("trnase")
