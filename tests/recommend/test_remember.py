"""Histories that grow after a model was fitted, and the forms and windows of single signals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kgfeatures.errors import DataError
from kgfeatures.recommend import (
    Als,
    Attributes,
    Blend,
    GraphDistance,
    Neighbors,
    Popular,
    Purchases,
    SimilarCustomers,
    fit_weights,
)
from kgfeatures.recommend.protocols import exam


def random_purchases(seed: int = 0, share: float = 0.3) -> Purchases:
    rng = np.random.default_rng(seed)
    customer, product = np.nonzero(rng.random((25, 12)) < share)
    return Purchases(customer, product, rng.uniform(0, 9, len(customer)), 25, 12)


def without(purchases: Purchases, dropped: np.ndarray) -> Purchases:
    columns = (purchases.customer, purchases.product, purchases.day)
    return Purchases(*(column[~dropped] for column in columns), 25, 12)


@pytest.mark.parametrize(
    "model", [Neighbors(), Als(4, iterations=3), SimilarCustomers(), Popular()]
)
def test_remembered_purchases_are_not_recommended_again(model):
    whole = random_purchases()
    part = without(whole, np.arange(len(whole.customer)) % 3 == 0)
    lists = model.fit(part).remember(whole).recommend(np.arange(25), 12)[0]
    bought = whole.matrix().toarray() > 0
    for customer, row in enumerate(lists):
        assert sorted(row[row >= 0]) == np.flatnonzero(~bought[customer]).tolist()


@pytest.mark.parametrize("model", [Neighbors(), Als(4, iterations=30), SimilarCustomers()])
def test_remembering_what_was_learned_changes_nothing(model):
    purchases = random_purchases()
    before = model.fit(purchases).score(np.arange(25))
    after = model.remember(purchases).score(np.arange(25))
    # implicit solves approximately while it learns, exactly afterwards.
    assert after == pytest.approx(before, abs=0.05 if isinstance(model, Als) else 1e-6)


def test_neighbours_score_new_histories_by_the_old_table():
    whole = random_purchases()
    part = without(whole, np.arange(len(whole.customer)) % 4 == 0)
    model = Neighbors().fit(part)
    table = model.neighbors_.toarray()
    last = {c: whole.day[whole.customer == c].max(initial=0.0) for c in range(25)}
    expected = np.zeros((25, 12))
    for c, p, day in zip(whole.customer, whole.product, whole.day, strict=True):
        expected[c] += 0.5 ** ((last[c] - day) / 60) * table[p]
    assert model.remember(whole).score(np.arange(25)) == pytest.approx(expected, rel=1e-5)


def test_als_solves_a_new_history_by_the_normal_equations():
    whole = random_purchases()
    part = without(whole, np.arange(len(whole.customer)) % 4 == 0)
    model = Als(4, regularization=0.1, alpha=7.0, iterations=5).fit(part)
    V = model.products_.astype(np.float64)
    model.remember(whole)
    for customer, bought in enumerate(whole.matrix().toarray()):
        confidence = np.where(bought > 0, 7.0, 1.0)
        left = V.T @ (confidence[:, None] * V) + 0.1 * np.eye(4)
        expected = np.linalg.solve(left, V.T @ (confidence * bought))
        assert model.customers_[customer] == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_another_number_of_products_cannot_be_remembered():
    other = Purchases(np.zeros(1, int), np.zeros(1, int), np.zeros(1), 25, 13)
    with pytest.raises(DataError, match=r"\(25, 13\) customers and products; pass \(25, 12\)"):
        Popular().fit(random_purchases()).remember(other)


def test_popular_forgets_what_lies_before_its_window():
    purchases = Purchases(np.array([0, 1, 2]), np.array([0, 0, 1]), np.array([0.0, 5, 30]), 3, 2)
    assert Popular(window_days=25.0).fit(purchases).weight_.tolist() == [0.0, 1.0]
    assert Popular(window_days=26.0).fit(purchases).weight_.tolist() == [1.0, 1.0]
    assert Popular(25.0, 26.0).fit(purchases).weight_.tolist() == [0.5, 1.0]


def vectors(form: str = "distance") -> GraphDistance:
    rng = np.random.default_rng(0)
    customers, products = (rng.normal(size=(n, 4)).astype(np.float32) for n in (25, 12))
    customers[3], products[5] = np.nan, np.nan
    return GraphDistance(customers, products, rng.normal(size=4).astype(np.float32), form)


def test_the_dot_product_is_the_formula_and_ranks_as_the_distance_does():
    purchases = random_purchases()
    distance, dot = (vectors(form).fit(purchases) for form in ("distance", "dot"))
    everybody = np.arange(25)
    assert (dot.recommend(everybody)[0] == distance.recommend(everybody)[0]).all()
    scores, (left, right) = dot.score(everybody), dot.dot_vectors()
    for u in range(25):
        for p in range(12):
            if u == 3 or p == 5:
                assert scores[u, p] == -np.inf
                continue
            aim = dot.customers[u] + dot.bought
            value = sum(2 * a * b - b * b for a, b in zip(aim, dot.products[p], strict=True))
            assert scores[u, p] == pytest.approx(value, abs=1e-4)
            assert math.fsum(left[u] * right[p]) == pytest.approx(value, abs=1e-4)


def test_an_unknown_form_is_refused():
    with pytest.raises(DataError, match="form is 'cosine'"):
        vectors("cosine").fit(random_purchases())


def test_a_blend_takes_parts_that_are_fitted():
    purchases = random_purchases()
    parts = {"a": Neighbors().fit(purchases), "b": Popular().fit(purchases)}
    weights = {"a": 3, "b": 1}
    whole = Blend({"a": Neighbors(), "b": Popular()}, weights).fit(purchases)
    adopted = Blend(parts, weights).adopt(purchases)
    assert (adopted.score(np.arange(25)) == whole.score(np.arange(25))).all()


def test_few_candidates_find_the_weights_of_the_whole_catalogue():
    whole = random_purchases(1, 0.6)
    held = np.random.default_rng(0).random(len(whole.customer)) < 0.3
    known = without(whole, held)
    asked = exam(known, known, without(whole, ~held))
    has = csr_matrix(np.random.default_rng(1).random((12, 5)) < 0.4)
    parts = {
        "together": Neighbors().fit(known),
        "attributes": Attributes(has.astype(float)).fit(known),
        "popular": Popular().fit(known),
    }
    least = {"popular": 0.02}
    every = fit_weights(parts, asked, always=least)
    # Twelve products each: what is looked at is all there is.
    assert fit_weights(parts, asked, always=least, candidates=12) == every
    narrow, ndcg = fit_weights(parts, asked, always=least, candidates=4)
    assert sum(narrow.values()) == pytest.approx(1)
    assert ndcg <= every[1] + 1e-9
