from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
import torch

from kgfeatures.embedding import MODELS, settings_for
from kgfeatures.embedding.adagrad import Adagrad
from kgfeatures.embedding.base import DEFAULT_EPOCHS, TrainingSettings, with_inverses
from kgfeatures.embedding.evaluation import evaluate, random_baseline, ranks
from kgfeatures.embedding.losses import LOSSES, Masked, add_penalty
from kgfeatures.embedding.sampling import Questions, RelationSampler, Sampler, kept
from kgfeatures.embedding.trainer import fit
from kgfeatures.errors import DataError


def ruler(length: int, steps: int) -> np.ndarray:
    """The triples of a ruler: relation k leads from each mark to the one k + 1 further on."""
    return np.array([(i, k, i + k + 1) for k in range(steps) for i in range(length - k - 1)])


def grid(side: int) -> np.ndarray:
    """The triples of a city grid: relation 0 leads one field to the right, 1 one field up."""
    field = np.arange(side * side).reshape(side, side)
    right = [(a, 0, b) for a, b in zip(field[:, :-1].flat, field[:, 1:].flat, strict=True)]
    up = [(a, 1, b) for a, b in zip(field[:-1].flat, field[1:].flat, strict=True)]
    return np.array(right + up)


def test_fit_finds_the_distances_missing_from_a_ruler() -> None:
    marks = ruler(30, 6)
    hidden = np.arange(len(marks)) % 10 == 0
    settings = TrainingSettings(dim=8, epochs=60, batch_size=32, negatives=16)
    vectors = fit(marks[~hidden], 30, 6, settings)
    metrics = evaluate(vectors, marks[hidden], marks)
    assert metrics.questions == 2 * hidden.sum()
    assert metrics.hits_at_1 >= 0.9  # 1 in 30 by chance
    assert vectors.losses[-1] < vectors.losses[0] / 2


def test_fit_gives_the_same_bits_for_the_same_seed_only() -> None:
    first, again = (fit(grid(3), 9, 2, TrainingSettings(dim=8, epochs=3)) for _ in range(2))
    other = fit(grid(3), 9, 2, TrainingSettings(dim=8, epochs=3, seed=1))
    assert first.entities.tobytes() == again.entities.tobytes()
    assert first.relations.tobytes() == again.relations.tobytes()
    assert first.losses == again.losses
    assert not np.array_equal(first.entities, other.entities)


def test_fit_gives_two_vectors_per_relation_and_one_per_entity() -> None:
    vectors = fit(grid(3), 11, 2, TrainingSettings(dim=8, epochs=2))
    assert vectors.entities.shape == (11, 8)
    assert vectors.relations.shape == (4, 8)
    assert vectors.n_relations == 2
    assert vectors.entities.dtype == np.float32
    assert np.isfinite(vectors.entities).all()
    assert (vectors.steps, len(vectors.losses)) == (2, 2)


def test_fit_leaves_torchs_threads_as_they_were() -> None:
    before = torch.get_num_threads()
    fit(grid(3), 9, 2, TrainingSettings(dim=4, epochs=1))
    assert torch.get_num_threads() == before


def logits(operator: str, q: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    if operator == "<#>":
        return q @ other.T
    return -(q[:, None] - other[None]).norm(p=1 if operator == "<+>" else 2, dim=2)


@pytest.mark.parametrize("operator", sorted(LOSSES))
@pytest.mark.parametrize("weight", [1.0, 3.0])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.bfloat16, 4e-2)])
@pytest.mark.parametrize("more", [False, True])
def test_loss_and_gradients_are_those_of_autograd_on_cross_entropy(
    operator: str, weight: float, dtype: torch.dtype, tolerance: float, *, more: bool
) -> None:
    generator = torch.Generator().manual_seed(0)
    q, target = torch.randn(2, 5, 4, generator=generator)
    wrong = torch.randn(7, 4, generator=generator)
    masked = Masked(torch.tensor([0, 0, 3]), torch.tensor([2, 6, 1]))
    further = torch.randn(6, 4, generator=generator) if more else torch.empty(0, 4)
    beyond = torch.logsumexp(logits(operator, q, further), 1) if more else None
    found = LOSSES[operator](8, 7, 4, dtype, weight)(q, target, wrong, masked, beyond)

    leaves = [x.double().requires_grad_() for x in (q, target, wrong)]
    cells = (masked.question, masked.column)
    minus_infinity = torch.tensor(-torch.inf, dtype=torch.float64)
    # exp(s + log w) = w exp(s): as if each wrong answer stood there w times.
    to_wrong = logits(operator, leaves[0], leaves[2]) + math.log(weight)
    to_wrong = to_wrong.index_put(cells, minus_infinity)
    to_right = logits(operator, leaves[0], leaves[1]).diagonal().unsqueeze(1)
    zeros = torch.zeros(5, dtype=torch.int64)
    to_further = logits(operator, q.double(), further.double())  # a constant
    expected = torch.nn.functional.cross_entropy(
        torch.cat([to_right, to_wrong, to_further], dim=1), zeros, reduction="sum"
    )
    assert found.loss == pytest.approx(expected.item(), rel=tolerance)
    sums = LOSSES[operator](8, 7, 4, dtype, weight).log_sum(q, wrong, masked)
    np.testing.assert_allclose(sums, torch.logsumexp(to_wrong, 1).detach(), atol=tolerance)
    gradients = (found.query, found.target, found.negative)
    for gradient, right in zip(gradients, torch.autograd.grad(expected, leaves), strict=True):
        np.testing.assert_allclose(gradient, right, atol=tolerance)


@pytest.mark.parametrize("pairs", [False, True])
def test_the_penalty_has_the_gradient_of_the_cubed_moduli(*, pairs: bool) -> None:
    values = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).double()
    leaf = values.clone().requires_grad_()
    numbers = torch.complex(leaf[:, :2], leaf[:, 2:]) if pairs else leaf
    (expected,) = torch.autograd.grad(0.7 * numbers.abs().pow(3).sum(), [leaf])
    gradient = torch.ones(3, 4).double()
    add_penalty(gradient, values, 0.7, pairs=pairs)
    torch.testing.assert_close(gradient - 1, expected)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_model_learns_a_ruler(model: str) -> None:
    marks = ruler(30, 6)
    hidden = np.arange(len(marks)) % 10 == 0
    settings = settings_for(model, dim=16, epochs=30, batch_size=32, negatives=16)
    vectors = fit(marks[~hidden], 30, 6, settings, model=model)
    found = ranks(vectors, marks[hidden], marks)
    assert found.metrics().mrr > 2 * random_baseline(found).mrr
    assert vectors.losses[-1] < vectors.losses[0]


@pytest.mark.parametrize("model", ["complex", "rotate"])
def test_models_of_complex_numbers_refuse_an_odd_width(model: str) -> None:
    with pytest.raises(DataError, match=f"dim is 7; {model} needs an even number"):
        fit(grid(3), 9, 2, TrainingSettings(dim=7), model=model)


def test_known_answers_are_never_taken_for_wrong_ones() -> None:
    triples = grid(4).astype(np.int32)
    questions = Questions(triples, 16, 2)
    batch = Sampler(triples, questions, 30, 10, seed=0).batch(1)
    both = with_inverses(np.column_stack([batch.head, batch.relation, batch.tail]), 2)
    true = {tuple(triple) for triple in with_inverses(grid(4), 2).tolist()}
    expected = {
        (row, at)
        for row, (anchor, relation, _) in enumerate(both.tolist())
        for at, entity in enumerate(batch.negative.tolist())
        if (anchor, relation, entity) in true
    }
    assert len(set(batch.negative.tolist())) == 10
    again = questions.masked_for(both[:, 0], both[:, 1], batch.negative)
    for masked in (batch.masked, again):
        cells = zip(masked.question.tolist(), masked.column.tolist(), strict=True)
        assert sorted(cells) == sorted(expected)


@pytest.mark.parametrize("kind", [Sampler, RelationSampler])
def test_an_epoch_visits_every_triple_once_and_the_next_in_another_order(
    kind: type[Sampler],
) -> None:
    triples = grid(4).astype(np.int32)
    mixed = Sampler(triples, Questions(triples, 16, 2), 10, 4, seed=0)
    sampler = RelationSampler(mixed, 2) if kind is RelationSampler else mixed
    n = sampler.steps_per_epoch
    epochs = [[sampler.batch(step) for step in range(at, at + n)] for at in (0, n)]
    visited = [
        [row for b in epoch for row in zip(b.head, b.relation, b.tail, strict=True)]
        for epoch in epochs
    ]
    assert sorted(visited[0]) == sorted(visited[1]) == sorted(map(tuple, grid(4).tolist()))
    assert visited[0] != visited[1]
    if kind is RelationSampler:
        runs = [np.diff(batch.relation) for epoch in epochs for batch in epoch]
        assert all((run >= 0).all() and np.count_nonzero(run) <= 1 for run in runs)


def test_dropout_drops_its_share_and_leaves_the_mean() -> None:
    factors = kept(np.random.default_rng(0), (200, 200), share=0.25)
    assert factors.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (factors == 0).float().mean() == pytest.approx(0.25, abs=0.01)
    assert factors.mean() == pytest.approx(1, abs=0.01)


def test_a_budget_in_seconds_is_kept_and_none_is_refused() -> None:
    began = time.process_time()
    fit(grid(9), 81, 2, TrainingSettings(dim=8), seconds=0.2)
    assert time.process_time() - began < 5
    for seconds in (0, -1, float("nan"), float("inf")):
        with pytest.raises(DataError, match="seconds are left to train"):
            fit(grid(3), 9, 2, seconds=seconds)


def test_a_large_graph_is_visited_less_often_by_default() -> None:
    assert TrainingSettings().passes(1024) == DEFAULT_EPOCHS
    assert TrainingSettings().passes(5_000_000) == 4
    assert TrainingSettings().passes(10**9) == 1
    assert TrainingSettings(epochs=3).passes(5_000_000) == 3
    assert TrainingSettings(usual_epochs=20).passes(1024) == 20


def test_adagrad_adds_up_repeated_rows_and_moves_no_others() -> None:
    table = Adagrad(torch.zeros(4, 1))
    table.step(np.array([2, 0, 2]), torch.tensor([[1.0], [4.0], [2.0]]), rate=0.5)
    # The first step divides each summed gradient by its own size; rows 1 and 3 were not asked.
    assert table.table.flatten().tolist() == [-0.5, 0, -0.5, 0]
    assert table.squares.flatten().tolist() == [16, 0, 9, 0]


def test_settings_refuse_to_drop_everything() -> None:
    with pytest.raises(DataError, match=r"dropout is 1.0; it must be in \[0, 1\)"):
        TrainingSettings(dropout=1.0)


@pytest.mark.parametrize(
    "wrong", [{"dim": 0}, {"epochs": 0}, {"learning_rate": 0.0}, {"threads": 0}]
)
def test_settings_refuse_what_cannot_train(wrong: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=f"{next(iter(wrong))} is 0"):
        TrainingSettings(**wrong)


def test_settings_refuse_an_unknown_precision() -> None:
    with pytest.raises(DataError, match="precision is 'bf8'; it must be one of auto, bfloat16"):
        TrainingSettings(precision="bf8")


def test_fit_refuses_row_numbers_out_of_range() -> None:
    with pytest.raises(DataError, match=r"\[0, 8\) for entities"):
        fit(grid(3), 8, 2)
