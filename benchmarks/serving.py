"""What answers of graph vectors cost and how right the index is, for every model.

    python benchmarks/serving.py --products 50000 --models transe,complex

A home with a server of its own gets a generated shop: customers with tastes buy products of
categories and brands, popularity by Zipf. Each model is trained on it for a few passes and
published. Then, in one run and in turn: a select by primary key, kg.predict_tail (what was bought
known and left out, kept, and with a filter on the tail), kg.predict_head, a tail of few
candidates, kg.similar, kg.score.

- torch: the share of questions of both sides whose ten best by exact scan are torch's in double
  precision, in its order; and the largest difference of scores.
- recall_at_10: the share of the exact answer that the HNSW index finds among all entities, at
  ef_search 100 and as emb.search_width sets it for the model (TransR has none of its own); who is
  as near as the tenth counts. served is kg.predict_tail's own search, of products only and
  without what was bought.
- min_ms, p50_ms, p95_ms: as the client sees them, over the embedded server's socket; cpu_ms: mean
  CPU time of the server's process. p95_ratio, cpu_ratio: to those of the select by primary key.
- underfilled: answers with fewer than k rows; there are always candidates, so it must be 0.

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString, cast

import numpy as np

if TYPE_CHECKING:
    from psycopg import Connection

    from kgfeatures.embedding import GraphVectors

KINDS = ("product", "customer", "brand", "category")
RELATIONS = (
    ("bought", "customer", "product"),
    ("has_brand", "product", "brand"),
    ("in_category", "product", "category"),
)
DAY = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
K, PASSES = 10, 4
# Manhattan distances have no matrix product: less training, which is not what is measured.
LESS = {"transe_l1": {"epochs": 1, "negatives": 64}}
QUESTIONS = {
    "primary key": "select label from kg.entity where entity_id = %(entity_id)s",
    "predict_tail": "select * from kg.predict_tail('graph', 'customer', %(customer)s, 'bought')",
    "predict_tail, known kept": (
        "select * from kg.predict_tail('graph', 'customer', %(customer)s, 'bought', "
        "exclude_known => false)"
    ),
    "predict_tail, one category": (
        "select * from kg.predict_tail('graph', 'customer', %(customer)s, 'bought', "
        "filters => %(filter)s::jsonb)"
    ),
    "predict_tail, few candidates": (
        "select * from kg.predict_tail('graph', 'product', %(product)s, 'in_category')"
    ),
    "predict_head": "select * from kg.predict_head('graph', 'product', %(product)s, 'bought')",
    "similar": "select * from kg.similar('graph', 'product', %(product)s)",
    "score": (
        "select kg.score('graph', 'customer', %(customer)s, 'bought', 'product', %(product)s)"
    ),
}
# Who the index finds among all entities, and at what distance; an exact scan by "+ 0".
NEAREST = (
    "select {compared} as distance from emb.{table} as m order by ({compared}){exact} limit 10"
)
SERVED = """
select near.distance
from kg.require_question('graph', 'customer', %(customer)s, 'bought', false) as asked
cross join lateral emb.nearest(
    asked.model_id, asked.query, 10, asked.target_type, null,
    kg.known_tails('customer', %(customer)s, asked.relation_id, asked.direction),
    {exact_up_to}, asked.projected, asked.around
) as near
"""


SCORES = (
    "select answer_id, score from emb.scores(%s, %s, %s, %s, %s) "
    "order by score desc, answer_id limit 10"
)


@dataclass(frozen=True)
class Graph:
    """Triples as row numbers (head, relation, tail), and where the entities of each kind begin."""

    triples: np.ndarray
    sizes: dict[str, int]

    def start(self, kind: str) -> int:
        """Return the row of the first entity of a kind."""
        return sum(self.sizes[before] for before in KINDS[: KINDS.index(kind)])

    @property
    def entities(self) -> int:
        """Return how many there are."""
        return sum(self.sizes.values())

    def keys(self, kind: str) -> list[str]:
        """Return the keys of a kind."""
        return [f"{kind[:3]}{n}" for n in range(self.sizes[kind])]


def generate(sizes: dict[str, int], lines: int) -> Graph:
    """Return a shop: customers buy mostly of their three categories, popular products more."""
    rng = np.random.default_rng(0)
    graph = Graph(np.empty((0, 3), dtype=np.int64), sizes)
    products, customers, categories = (sizes[kind] for kind in ("product", "customer", "category"))
    category = np.sort(rng.integers(0, categories, products))
    brand = (category * 7 + rng.zipf(1.5, products)) % sizes["brand"]
    first = np.searchsorted(category, np.arange(categories + 1))
    buyer = rng.integers(0, customers, lines)
    taste = rng.integers(0, categories, (customers, 3))[buyer, rng.integers(0, 3, lines)]
    rank = (rng.random(lines) ** 3 * np.maximum(1, np.diff(first)[taste])).astype(np.int64)
    bought = np.where(
        rng.random(lines) < 0.8, first[taste] + rank, rng.integers(0, products, lines)
    )
    bought = np.minimum(bought, products - 1)
    every = np.arange(products)
    parts = [
        np.column_stack([graph.start("customer") + buyer, np.zeros_like(buyer), bought]),
        np.column_stack([every, np.ones_like(every), graph.start("brand") + brand]),
        np.column_stack([every, np.full_like(every, 2), graph.start("category") + category]),
    ]
    return Graph(np.unique(np.concatenate(parts), axis=0), sizes)


def load(conn: Connection, graph: Graph) -> np.ndarray:
    """Write entities, relations and triples; return the ids of the entities by row."""
    from kgfeatures.db import transport
    from kgfeatures.types import entity_ids, relation_id

    ids = np.concatenate([entity_ids(kind, graph.keys(kind)) for kind in KINDS])
    keys = [key for kind in KINDS for key in graph.keys(kind)]
    columns = {
        "entity_id": ids,
        "entity_type": np.repeat(np.array(KINDS), [graph.sizes[kind] for kind in KINDS]),
        "key": np.array(keys),
        "label": np.array(keys),
    }
    transport.copy_in(conn, "kg.entity", columns)
    for name, domain, reach in RELATIONS:
        conn.execute(
            "insert into kg.relation (relation_id, name, domain, range) values (%s, %s, %s, %s)",
            [relation_id(name), name, domain, reach],
        )
    head, relation, tail = graph.triples.T
    named = np.array([relation_id(name) for name, _, _ in RELATIONS])
    columns = {"head_id": ids[head], "relation_id": named[relation], "tail_id": ids[tail]}
    transport.copy_in(conn, "kg.triple", columns)
    conn.execute("analyze kg.entity, kg.relation, kg.triple")
    return ids


def publish(conn: Connection, ids: np.ndarray, trained: GraphVectors) -> tuple[int, float]:
    """Publish trained vectors as alias `graph`; return the version and the seconds it took."""
    from kgfeatures.embedding import score_function
    from kgfeatures.graph import vectors
    from kgfeatures.types import relation_id

    function, n = score_function(trained.model), trained.n_relations
    card = vectors.ModelCard(
        alias="graph", kind="graph", scorer=function.scorer, operator=function.operator,
        parameters={}, data_hash=trained.model, code_version="1", known_at=DAY,
    )  # fmt: skip
    named = np.array([relation_id(name) for name, _, _ in RELATIONS])
    both = vectors.RelationVectors(named, trained.relations[:n], trained.relations[n:])
    began = time.perf_counter()
    vectors.publish(conn, card, ids, trained.entities, both)
    return card.model_id, time.perf_counter() - began


def asked(graph: Graph, ids: np.ndarray, n: int) -> list[dict[str, Any]]:
    """Return the values of n questions: customers and products at random."""
    rng = np.random.default_rng(1)
    products = rng.integers(0, graph.sizes["product"], n)
    customers = rng.integers(0, graph.sizes["customer"], n)
    categories = rng.integers(0, graph.sizes["category"], n)
    return [
        {
            "entity_id": int(ids[product]),
            "product": f"pro{product}",
            "customer": f"cus{customer}",
            "filter": json.dumps({"in_category": f"cat{category}"}),
        }
        for product, customer, category in zip(products, customers, categories, strict=True)
    ]


def run(conn: Connection, statement: str, values: object = None) -> list[Any]:
    """Return the rows of a statement made here."""
    return conn.execute(cast("LiteralString", statement), cast("Any", values)).fetchall()


def share(found: list[Any], right: list[Any]) -> float:
    """Return which share of the right rows was found: as near as the farthest of them counts."""
    farthest = right[-1][0] + 1e-6 * abs(right[-1][0])
    return sum(row[0] <= farthest for row in found) / len(right)


def recalls(
    conn: Connection, version: int, trained: GraphVectors, questions: list[dict[str, Any]]
) -> dict[str, float]:
    """Return recall@10 of the index at two settings, and of the search as it is served."""
    from kgfeatures.embedding.serving import Served

    served = Served(trained)
    found: dict[str, list[float]] = defaultdict(list)
    widths = {"ef_100": 100, "own_ef": run(conn, "select emb.search_width(%s)", [version])[0][0]}
    for values in questions:
        ways = [run(conn, SERVED.format(exact_up_to=few), values) for few in (0, 10**9)]
        found["served"].append(share(*ways))
        if served.column != "v":
            continue
        query, operator = served.query_vector(values["row"], 0)
        parts = {"compared": f"m.v {operator} %(query)s", "table": f"m_{version}"}
        right = run(conn, NEAREST.format(**parts, exact=" + 0"), {"query": query})
        for name, ef in widths.items():
            run(conn, f"select set_config('hnsw.ef_search', '{ef}', true)")
            rows = run(conn, NEAREST.format(**parts, exact=""), {"query": query})
            found[name].append(share(rows, right))
    means = {name: round(float(np.mean(shares)), 4) for name, shares in found.items()}
    return {**means, "own_ef_is": widths["own_ef"]}


def agreement(
    conn: Connection, version: int, graph: Graph, ids: np.ndarray, trained: GraphVectors
) -> dict[str, float]:
    """Return how often an exact scan gives torch's ten of both sides, and how far scores differ."""
    import torch

    from kgfeatures.embedding import score_function
    from kgfeatures.types import relation_id

    entities = torch.from_numpy(trained.entities).double()
    same, error = list[bool](), 0.0
    rows = np.random.default_rng(2).choice(graph.triples[graph.triples[:, 1] == 0], 20)
    for head, _, tail in rows.tolist():
        for anchor, row, kind in ((head, 0, "product"), (tail, len(RELATIONS), "customer")):
            learned = torch.from_numpy(trained.relations[[row]]).double()
            among = slice(graph.start(kind), graph.start(kind) + graph.sizes[kind])
            score = score_function(trained.model).score(
                entities[[anchor]], learned, entities[among]
            )
            found = run(
                conn,
                SCORES,
                [version, int(ids[anchor]), relation_id("bought"), "in" if row else "out", kind],
            )
            best = np.lexsort((ids[among], -score.numpy()))[:K]
            same.append([row[0] for row in found] == ids[among][best].tolist())
            right = score.numpy()[best]
            error = max(error, float(np.max(np.abs([row[1] for row in found] - right))))
    return {"equal_top_10": float(np.mean(same)), "largest_score_error": float(f"{error:.1e}")}


def cpu_ms(pid: int) -> float:
    """Return the CPU time that a process has used, in milliseconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


def latencies(conn: Connection, questions: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return how long each kind of question takes, all kinds in turn."""
    pid = conn.info.backend_pid
    taken: dict[str, list[float]] = defaultdict(list)
    cpu: dict[str, float] = defaultdict(float)
    short: dict[str, int] = defaultdict(int)
    for values in questions:
        for kind, statement in QUESTIONS.items():
            used, began = cpu_ms(pid), time.perf_counter()
            rows = run(conn, statement, values)
            taken[kind].append(1000 * (time.perf_counter() - began))
            cpu[kind] += cpu_ms(pid) - used
            short[kind] += len(rows) < (1 if kind in ("primary key", "score") else K)
    base = float(np.percentile(taken["primary key"], 95))
    return {
        kind: {
            "min_ms": round(min(times), 3),
            "p50_ms": round(float(np.median(times)), 3),
            "p95_ms": round(float(np.percentile(times, 95)), 3),
            "cpu_ms": round(cpu[kind] / len(times), 3),
            "cpu_ratio": round(cpu[kind] / cpu["primary key"], 1),
            "p95_ratio": round(float(np.percentile(times, 95)) / base, 1),
            "underfilled": short[kind],
        }
        for kind, times in taken.items()
    }


def measured(
    conn: Connection, graph: Graph, ids: np.ndarray, model: str, options: argparse.Namespace
) -> dict[str, Any]:
    """Train, publish and ask one model."""
    from kgfeatures.embedding import settings_for
    from kgfeatures.embedding.trainer import fit

    began = time.process_time()
    changes = {"dim": options.dim, "epochs": PASSES, **LESS.get(model, {})}
    settings = settings_for(model, **changes)
    trained = fit(graph.triples, graph.entities, len(RELATIONS), settings, model=model)
    used = time.process_time() - began
    version, seconds = publish(conn, ids, trained)
    questions = asked(graph, ids, options.questions)
    start = graph.start("customer")
    for values in questions:
        values["row"] = start + int(values["customer"][3:])
    answer: dict[str, Any] = {
        "training_cpu_seconds": round(used, 1),
        "publish_seconds": round(seconds, 1),
        "torch": agreement(conn, version, graph, ids, trained),
        "recall_at_10": recalls(conn, version, trained, questions[: options.recalls]),
        "questions": latencies(conn, questions),
    }
    print(f"{model}: {answer['torch']}, recall@10 {answer['recall_at_10']}, {seconds:.0f} s")
    for kind, figures in answer["questions"].items():
        print(f"    {kind:30} {figures}", flush=True)
    return answer


def parsed() -> argparse.Namespace:
    """Return the options."""
    from kgfeatures.embedding import MODELS

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--products", type=int, default=50_000)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--lines", type=int, default=400_000, help="purchases, repeated ones too")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--questions", type=int, default=200, help="of each kind")
    parser.add_argument("--recalls", type=int, default=100, help="questions for recall")
    return parser.parse_args()


def main() -> None:
    """Measure every model, print the figures, and one JSON object as the last line."""
    options = parsed()
    sizes = {
        "product": options.products, "customer": options.customers, "brand": 500, "category": 50
    }  # fmt: skip
    graph = generate(sizes, options.lines)
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="kgfeatures-serving-") as place:
        # The user that runs PostgreSQL for root has to enter it.
        Path(place).chmod(0o755)
        answer = {**sizes, "triples": len(graph.triples), "dim": options.dim, "k": K}
        print(json.dumps({**answer, **served(Path(place), graph, options)}))


def served(home: Path, graph: Graph, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of all models from a server of this run's own."""
    os.environ["KGFEATURES_HOME"] = str(home / "home")
    os.environ.pop("KGFEATURES_DSN", None)
    from kgfeatures import connect
    from kgfeatures.db import launcher

    try:
        with connect() as database:
            with database.transaction() as conn:
                ids = load(conn, graph)
            models: dict[str, Any] = {}
            for model in options.models.split(","):
                with database.transaction() as conn:
                    models[model] = measured(conn, graph, ids, model, options)
        return {"models": models, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    finally:
        launcher.stop(home / "home")


if __name__ == "__main__":
    main()
