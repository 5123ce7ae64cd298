"""Attributes, texts, like customers, ALS, and the weights of their blend."""

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
    Lines,
    Neighbors,
    NeighborSettings,
    Popular,
    Purchases,
    SimilarCustomers,
    Texts,
    fit_weights,
)
from kgfeatures.recommend.evaluation import ndcg_at_k
from kgfeatures.recommend.tuning import Question, question


def random_purchases(seed: int = 0, customers: int = 25, products: int = 12) -> Purchases:
    rng = np.random.default_rng(seed)
    customer, product = np.nonzero(rng.random((customers, products)) < 0.3)
    return Purchases(customer, product, np.zeros(len(customer)), customers, products)


def checkerboard(n: int, held_out: int) -> Purchases:
    pairs = [(c, p) for c in range(n) for p in range(n) if c % 2 == p % 2]
    kept = np.array([(c, p) for c, p in pairs if not (c == p and c < held_out)])
    return Purchases(kept[:, 0], kept[:, 1], np.zeros(len(kept)), n, n)


def test_attributes_weigh_the_rare_and_forget_what_everybody_has():
    # Everything is sold here; three are red, two have hearts; the last product is bare.
    has = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 1], [1, 1, 0], [0, 0, 0]])
    purchases = Purchases(np.zeros(1, int), np.zeros(1, int), np.zeros(1), 1, 5)
    found = Attributes(csr_matrix(has), top=None).fit(purchases).neighbors_.toarray()
    here, red, heart = (math.log(5 / n) for n in (4, 3, 2))
    lengths = np.array(
        [math.hypot(here, red, heart), math.hypot(here, red), math.hypot(here, heart)]
    )
    assert found[0, 1] == pytest.approx((here**2 + red**2) / (lengths[0] * lengths[1]), rel=1e-5)
    assert found[0, 2] == pytest.approx((here**2 + heart**2) / (lengths[0] * lengths[2]), rel=1e-5)
    assert found[1, 3] == pytest.approx(1, rel=1e-5)
    assert not found.diagonal().any()
    assert not found[4].any()
    assert np.allclose(found, found.T)


def test_attributes_weigh_rare_ones_and_lengths_as_asked():
    has = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 0, 1], [0, 0, 0], [0, 1, 0]])
    purchases = Purchases(np.zeros(1, int), np.zeros(1, int), np.zeros(1), 1, 6)
    model = Attributes(csr_matrix(has), top=None, idf_power=1.5, length_exponent=0.5)
    found = model.fit(purchases).neighbors_.toarray()
    weight = [math.log(6 / count) ** 1.5 for count in (2, 4, 3)]
    length = [math.hypot(*(w * x for w, x in zip(weight, row, strict=True))) for row in has]
    for i in range(6):
        for j in range(6):
            shared = sum(w * w * a * b for w, a, b in zip(weight, has[i], has[j], strict=True))
            expected = shared / math.sqrt(length[i] * length[j]) if shared and i != j else 0
            assert found[i, j] == pytest.approx(expected, rel=1e-5)


def test_attributes_recommend_products_that_nobody_bought():
    has = np.array([[1, 0], [1, 0], [0, 1], [0, 1]])
    purchases = Purchases(np.array([0, 1]), np.array([0, 2]), np.zeros(2), 2, 4)
    model = Attributes(csr_matrix(has)).fit(purchases)
    assert model.recommend(np.arange(2), 1)[0].ravel().tolist() == [1, 3]


def test_texts_are_compared_by_their_angle():
    angles = np.array([0.0, 0.1, 1.0, 2.0])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]) * [[1.0], [5.0], [2.0], [1.0]]
    vectors = np.vstack([vectors, [[np.nan, np.nan], [0, 0]]]).astype(np.float32)
    purchases = Purchases(np.zeros(1, int), np.zeros(1, int), np.zeros(1), 1, 6)
    found = Texts(vectors, top=None).fit(purchases).neighbors_.toarray()
    for i in range(4):
        for j in range(4):
            cosine = math.cos(angles[i] - angles[j]) if i != j else 0
            assert found[i, j] == pytest.approx(max(cosine, 0), abs=1e-6)
    assert not found[4:].any()
    assert not found[:, 4:].any()


@pytest.mark.parametrize("wrong", [Attributes(csr_matrix((3, 2))), Texts(np.zeros((3, 2)))])
def test_another_number_of_products_is_refused(wrong: Attributes | Texts):
    with pytest.raises(DataError, match="pass 12 rows"):
        wrong.fit(random_purchases())


@pytest.mark.parametrize("exponent", [0.0, 0.5])
def test_like_customers_equal_the_formula(exponent: float):
    purchases = random_purchases(2)
    x = purchases.matrix().toarray()
    weighted = x * x.sum(axis=0).clip(1) ** -exponent
    scores = np.zeros_like(x)
    for u in range(len(x)):
        alike = [
            0.0
            if u == v
            else float(np.dot(weighted[u], weighted[v]))
            / (math.hypot(*weighted[u]) * math.hypot(*weighted[v]))
            for v in range(len(x))
        ]
        nearest = sorted(range(len(x)), key=lambda v, alike=alike: (-alike[v], v))[:4]
        scores[u] = sum(alike[v] * x[v] for v in nearest)
    model = SimilarCustomers(exponent, top=4).fit(purchases)
    assert np.allclose(model.score(np.arange(len(x))), scores)


@pytest.mark.parametrize("model", [SimilarCustomers(), Als(8, iterations=5)])
def test_models_find_the_held_out_products_of_a_checkerboard(model: SimilarCustomers | Als):
    model.fit(checkerboard(50, 10))
    assert model.recommend(np.arange(10), 1)[0].ravel().tolist() == list(range(10))


def test_als_gives_the_same_vectors_for_the_same_seed():
    purchases = random_purchases()
    one, other = (Als(4, iterations=3).fit(purchases) for _ in range(2))
    assert one.products_.tobytes() == other.products_.tobytes()
    scores = one.score(np.arange(3))
    assert np.allclose(scores, one.customers_[:3] @ one.products_.T)
    assert one.scale(scores).min() >= 0


def asked() -> Question:
    """Customers who go on within their half of a checkerboard; product 19 sells best."""
    rng = np.random.default_rng(0)
    pairs = [(c, p) for c in range(40) for p in range(19) if c % 2 == p % 2]
    customer, product = np.array([pair for pair in pairs if rng.random() < 0.6]).T
    customer, product = np.append(customer, np.arange(40)), np.append(product, np.full(40, 19))
    return question(Lines(customer, product, rng.uniform(0, 9, len(customer)), 40, 20), 6.0)


def test_weights_go_to_the_signal_that_knows():
    it = asked()
    parts = {
        "neighbours": Neighbors(NeighborSettings()).fit(it.known),
        "popular": Popular().fit(it.known),
    }
    weights, ndcg = fit_weights(parts, it, always={"popular": 0.05})
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["popular"] >= 0.05
    lists = Blend(parts, weights).fit(it.known).recommend(it.asked, 20)[0]
    assert ndcg == pytest.approx(ndcg_at_k(lists, it.wanted).mean(), abs=1e-6)
    alone = parts["popular"].recommend(it.asked, 20)[0]
    assert ndcg > ndcg_at_k(alone, it.wanted).mean()


def test_a_signal_that_says_nothing_gets_no_weight():
    it = asked()
    parts = {
        "neighbours": Neighbors(NeighborSettings()).fit(it.known),
        "silent": Attributes(csr_matrix((20, 3))).fit(it.known),
    }
    assert fit_weights(parts, it)[0]["silent"] == 0


def test_weights_need_somebody_who_is_asked():
    nobody = question(Lines(np.zeros(1, int), np.zeros(1, int), np.zeros(1), 1, 1), 6.0)
    with pytest.raises(DataError, match="the question asks nobody"):
        fit_weights({"popular": Popular().fit(nobody.known)}, nobody)
