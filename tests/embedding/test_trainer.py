from __future__ import annotations

import numpy as np
import pytest
import torch

from kgfeatures.embedding.base import KnownTails, with_inverses
from kgfeatures.embedding.evaluation import evaluate
from kgfeatures.embedding.trainer import Adagrad, Negatives, SoftmaxLoss, TrainingSettings, fit
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
    seen: list[int] = []
    settings = TrainingSettings(dim=8, epochs=2)
    vectors = fit(grid(3), 11, 2, settings, on_epoch=lambda number, _: seen.append(number))
    assert vectors.entities.shape == (11, 8)
    assert vectors.relations.shape == (4, 8)
    assert vectors.n_relations == 2
    assert vectors.entities.dtype == np.float32
    assert np.isfinite(vectors.entities).all()
    assert seen == [1, 2]


def test_fit_leaves_torchs_threads_as_they_were() -> None:
    before = torch.get_num_threads()
    fit(grid(3), 9, 2, TrainingSettings(dim=4, epochs=1))
    assert torch.get_num_threads() == before


def test_loss_and_gradients_are_those_of_autograd_on_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(0)
    q, target = torch.randn(2, 5, 4, generator=generator)
    wrong = torch.randn(7, 4, generator=generator)
    masked = (torch.tensor([0, 0, 3]), torch.tensor([2, 6, 1]))
    loss, *gradients = SoftmaxLoss(8, 7)(q, target, wrong, masked)

    leaves = [x.double().requires_grad_() for x in (q, target, wrong)]
    to_wrong = (leaves[0][:, None] - leaves[2][None]).norm(dim=2)
    to_wrong = to_wrong.index_put(masked, torch.tensor(torch.inf, dtype=torch.float64))
    to_right = (leaves[0] - leaves[1]).norm(dim=1, keepdim=True)
    logits = -torch.cat([to_right, to_wrong], dim=1)
    zeros = torch.zeros(5, dtype=torch.int64)
    expected = torch.nn.functional.cross_entropy(logits, zeros, reduction="sum")
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    for found, right in zip(gradients, torch.autograd.grad(expected, leaves), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-3, atol=1e-5)


def test_known_answers_are_never_taken_for_wrong_ones() -> None:
    triples = with_inverses(grid(4), 2)
    known = KnownTails(triples, 4)
    negatives = Negatives(known, 16, 10)
    drawn = negatives.draw(np.random.default_rng(0))
    question, column = negatives.right_answers(drawn, known.rows(triples))
    true = {tuple(triple) for triple in triples.tolist()}
    expected = {
        (row, at)
        for row, (anchor, relation, _) in enumerate(triples.tolist())
        for at, entity in enumerate(drawn.tolist())
        if (anchor, relation, entity) in true
    }
    assert len(set(drawn.tolist())) == 10
    assert set(zip(question.tolist(), column.tolist(), strict=True)) == expected


def test_adagrad_adds_up_repeated_rows_and_moves_no_others() -> None:
    table = Adagrad(torch.zeros(4, 1))
    table.step(torch.tensor([2, 0, 2]), torch.tensor([[1.0], [4.0], [2.0]]), rate=0.5)
    # The first step divides each summed gradient by its own size; rows 1 and 3 were not asked.
    assert table.table.flatten().tolist() == [-0.5, 0, -0.5, 0]
    assert table.squares.flatten().tolist() == [16, 0, 9, 0]


@pytest.mark.parametrize("wrong", [{"dim": 0}, {"epochs": 0}, {"learning_rate": 0.0}])
def test_settings_refuse_what_cannot_train(wrong: dict[str, int]) -> None:
    with pytest.raises(DataError, match=f"{next(iter(wrong))} is 0"):
        TrainingSettings(**wrong)


def test_fit_refuses_row_numbers_out_of_range() -> None:
    with pytest.raises(DataError, match=r"\[0, 8\) for entities"):
        fit(grid(3), 8, 2)
