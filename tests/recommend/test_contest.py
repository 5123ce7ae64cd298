from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kgfeatures.recommend import GraphDistance, Lines, Popular, Purchases
from kgfeatures.recommend.contest import Outcome, contest
from kgfeatures.recommend.lineup import Described, choose_neighbors
from kgfeatures.recommend.marking import quartiles
from kgfeatures.recommend.neighbors import Neighbors, NeighborSettings
from kgfeatures.recommend.protocols import Protocol, last_two_out
from kgfeatures.recommend.scoreboard import report, sentence, summary

N, M, GROUPS = 60, 40, 4


def tastes(seed: int = 0) -> Lines:
    """Return customers who buy 8 of the 10 products of their group, now and then another."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[int, int, float]] = []
    for customer in range(N):
        own = rng.choice(M // GROUPS, 8, replace=False) * GROUPS + customer % GROUPS
        products = np.where(rng.random(8) < 0.8, own, rng.integers(0, M, 8))
        rows += [(customer, int(p), float(day)) for day, p in enumerate(products)]
    customer, product, day = (np.array(column) for column in zip(*rows, strict=True))
    return Lines(customer, product, day, N, M)


def graph(purchases: Purchases) -> GraphDistance:
    """Return vectors that know each customer's group, and something of nobody's."""
    rng = np.random.default_rng(len(purchases.customer))
    corners = 3 * np.eye(GROUPS)
    customers = corners[np.arange(N) % GROUPS] + rng.normal(size=(N, GROUPS))
    products = corners[np.arange(M) % GROUPS] + rng.normal(size=(M, GROUPS))
    return GraphDistance(customers, products, np.zeros(GROUPS))


def described() -> Described:
    group = np.arange(M) % GROUPS
    has = csr_matrix((np.ones(M), (np.arange(M), group)), shape=(M, GROUPS))
    vectors = np.eye(GROUPS)[group] + np.random.default_rng(0).normal(size=(M, GROUPS)) / 3
    return Described(has, {"words": vectors.astype(np.float32)}, graph)


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return last_two_out(tastes())


@pytest.fixture(scope="module")
def outcome(protocol: Protocol) -> Outcome:
    return contest("tastes", protocol, described(), cold_share=0.3)


def test_every_algorithm_and_both_blends_have_a_row(outcome: Outcome):
    assert list(outcome.rows) == [
        *("popular", "cosine item-item", "item-item", "like customers", "ALS"),
        *(
            "ALS table",
            "attributes",
            "texts words",
            "TransE",
            "TransE dot",
            "blend",
            "blend without graph",
        ),
    ]


def test_a_row_is_what_a_ranking_by_hand_gives(outcome: Outcome, protocol: Protocol):
    row, test = outcome.rows["popular"], protocol.test
    made_of = row.made_of
    model = Popular(made_of["half_life_days"], made_of["window_days"]).fit(test.learned)
    known, wanted = test.known.matrix().toarray(), test.wanted.toarray()
    hits, gains, ranks = [], [], []
    for place, customer in enumerate(test.asked):
        free = [p for p in range(M) if not known[customer, p]]
        ranked = sorted(free, key=lambda p: (-model.weight_[p], p))
        [target] = np.flatnonzero(wanted[place])
        at = ranked.index(target) + 1
        hits.append(at <= 10)
        gains.append(1 / math.log2(at + 1) if at <= 20 else 0)
        ranks.append(1 / at if at <= 20 else 0)
    found = row.estimates
    assert found["hr@10"].mean == pytest.approx(np.mean(hits))
    assert found["recall@10"].mean == pytest.approx(np.mean(hits))
    assert found["ndcg@20"].mean == pytest.approx(np.mean(gains))
    assert found["mrr@20"].mean == pytest.approx(np.mean(ranks))
    assert found["hr@10"].low <= found["hr@10"].mean <= found["hr@10"].high


def test_quartiles_add_up_to_everybody(outcome: Outcome):
    for row in outcome.rows.values():
        sizes = [group.customers for group in row.quartiles]
        means = [group.estimates["hr@10"].mean for group in row.quartiles]
        assert sum(sizes) == N
        assert np.average(means, weights=sizes) == pytest.approx(row.estimates["hr@10"].mean)


def test_customers_with_as_many_products_stay_together():
    groups = quartiles(np.array([3, 3, 3, 5, 9, 3, 7, 6]))
    assert [group.tolist() for group in groups] == [[0, 1, 2, 5], [3, 7], [4, 6]]


def test_nothing_that_is_chosen_knows_the_test(outcome: Outcome, protocol: Protocol):
    test = protocol.test
    free = test.known.matrix()[test.asked].toarray() == 0
    wanted = csr_matrix(free & (np.random.default_rng(7).random(free.shape) < 0.5), dtype=float)
    other = contest("tastes", replace(protocol, test=replace(test, wanted=wanted)), described())
    for name, row in outcome.rows.items():
        assert other.rows[name].made_of == row.made_of
        assert other.rows[name].estimates["hr@10"] != row.estimates["hr@10"]


def test_the_graph_s_share_is_the_ratio_of_the_blends(outcome: Outcome):
    whole, without = (outcome.rows[name] for name in ("blend", "blend without graph"))
    assert not {"attributes", "TransE", "TransE dot"} & set(without.made_of)
    assert sum(whole.made_of.values()) == pytest.approx(1, abs=1e-5)
    assert whole.made_of["popular"] > 0
    expected = whole.estimates["hr@10"].mean / without.estimates["hr@10"].mean - 1
    assert outcome.graph_gain is not None
    assert outcome.graph_gain.mean == pytest.approx(expected)
    assert outcome.graph_gain.low <= expected <= outcome.graph_gain.high


def test_content_finds_products_that_nobody_bought(outcome: Outcome):
    assert outcome.cold is not None
    # Thirty per cent of forty products, three times over.
    assert outcome.cold.products == 36
    found = outcome.cold.found
    assert found["blend"].mean > 3 * found["popular not told"].mean
    assert sum(outcome.cold.weights.values()) == pytest.approx(1, abs=1e-5)
    assert {"attributes", "item-item by attributes", "texts words", "popular"} <= set(found)


def test_without_anything_said_there_is_neither_graph_nor_cold_start(protocol: Protocol):
    found = contest("tastes", protocol, Described())
    assert list(found.rows)[-1] == "blend"
    assert (found.graph_gain, found.cold) == (None, None)
    assert summary(found)["graph_gain_hr10"] is None


def test_the_outcome_is_told_in_words_and_as_one_object(outcome: Outcome):
    words = report(outcome)
    assert all(words.count(f"\n{name}") >= 2 for name in outcome.rows)
    assert "tastes: leave last two out" in words
    assert "the graph adds" in sentence(outcome)
    found = json.loads(json.dumps(summary(outcome)))
    assert found["customers"] == N
    assert set(found["algorithms"]) == set(outcome.rows)
    blend = found["algorithms"]["blend"]
    for measure in ("recall@20", "ndcg@20", "hr@10", "ndcg@10", "coverage@20"):
        low, high = blend["intervals"][measure]
        assert low <= blend[measure] <= high
    assert blend["cpu_seconds"] >= 0
    assert {"cold_hr20", "cold_popular_hr20", "graph_gain_hr10"} <= set(found)


def test_neighbours_are_chosen_by_validation(protocol: Protocol):
    asked = protocol.validation
    chosen = choose_neighbors(asked)

    def ndcg(settings: NeighborSettings) -> float:
        lists = (
            Neighbors(settings).fit(asked.learned).remember(asked.known).recommend(asked.asked, 20)
        )
        places = [
            np.flatnonzero(row == p) for row, p in zip(lists[0], asked.wanted.indices, strict=True)
        ]
        return sum(1 / math.log2(place[0] + 2) for place in places if len(place))

    for other in (
        NeighborSettings(),
        replace(chosen, neighbor_exponent=0.7),
        replace(chosen, shrinkage=10.0),
    ):
        assert ndcg(chosen) >= ndcg(other) - 1e-9
