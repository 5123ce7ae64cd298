"""PyKEEN as the peer of benchmarks/kge.py: JSON requests on stdin, answers on stdout.

Needs an environment with PyKEEN 1.11, which is no dependency of kgfeatures, and nothing of ours.
Settings: sLCWA, self-adversarial loss with margin 9, Adam 2e-3, batches of 1024 triples.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from pykeen.evaluation import RankBasedEvaluator
from pykeen.losses import NSSALoss
from pykeen.models import ComplEx, DistMult, RotatE, TransE
from pykeen.training import SLCWATrainingLoop
from pykeen.triples import CoreTriplesFactory

SLICE_TRIPLES = 30 * 1024
SLOW_TRIPLES = 8 * 1024
EVALUATED = 1000


class Peer:
    """A model, its triples, and how long it has been trained."""

    def __init__(self, start: dict[str, Any]) -> None:
        torch.set_num_threads(1)
        self.start = start
        self.triples = {name: torch.tensor(start[name]) for name in ("train", "valid", "test")}
        self.factory = self.of(self.triples["train"])
        loss = NSSALoss(margin=9.0, adversarial_temperature=1.0)
        shared = {"triples_factory": self.factory, "random_seed": start["seed"], "loss": loss}
        dim = start["dim"]
        if start["model"].startswith("transe"):
            norm = 1 if start["model"] == "transe_l1" else 2
            self.model = TransE(
                embedding_dim=dim, scoring_fct_norm=norm, entity_constrainer=None, **shared
            )
        elif start["model"] == "distmult":
            self.model = DistMult(embedding_dim=dim, entity_constrainer=None, **shared)
        else:
            complex_models = {"complex": ComplEx, "rotate": RotatE}
            self.model = complex_models[start["model"]](embedding_dim=dim // 2, **shared)
        self.loops: dict[int, SLCWATrainingLoop] = {}
        self.order = torch.empty(0, dtype=torch.int64)
        self.generator = torch.Generator().manual_seed(start["seed"])
        self.seconds, self.visits = 0.0, 0

    def of(self, triples: torch.Tensor) -> CoreTriplesFactory:
        """Return PyKEEN's form of some triples."""
        entities, relations = self.start["sizes"]
        return CoreTriplesFactory(
            mapped_triples=triples, num_entities=entities, num_relations=relations
        )

    def epoch(self, triples: torch.Tensor, negatives: int) -> float:
        """Train once over some triples; return the CPU-seconds."""
        factory = self.of(triples)
        if negatives not in self.loops:
            optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-3)
            self.loops[negatives] = SLCWATrainingLoop(
                model=self.model, triples_factory=self.factory, optimizer=optimizer,
                negative_sampler="basic",
                negative_sampler_kwargs={"num_negs_per_pos": negatives},
            )  # fmt: skip
        began = time.process_time()
        loop = self.loops[negatives]
        loop.train(
            factory, batch_size=1024, use_tqdm=False, use_tqdm_batch=False,
            # It counts all epochs, and draws the weights anew unless it goes on, as it may not
            # the first time.
            num_epochs=len(loop.losses_per_epochs) + 1,
            continue_training=bool(loop.optimizer.state),
            clear_optimizer=False, only_size_probing=False, num_workers=0,
        )  # fmt: skip
        return time.process_time() - began

    def train(self, seconds: float) -> None:
        """Train with 16 negatives for so many CPU-seconds, slices of triples in random order."""
        until = self.seconds + seconds
        while self.seconds < until:
            if not len(self.order):
                self.order = torch.randperm(len(self.triples["train"]), generator=self.generator)
            part, self.order = self.order[:SLICE_TRIPLES], self.order[SLICE_TRIPLES:]
            self.seconds += self.epoch(self.triples["train"][part], 16)
            self.visits += len(part)

    def finish(self) -> dict[str, float]:
        """Return the figures; the speed with 128 negatives comes last and spoils the model."""
        asked = self.triples[self.start["split"]][:EVALUATED]
        evaluator = RankBasedEvaluator(filtered=True)
        began = time.process_time()
        found = evaluator.evaluate(
            self.model, asked, batch_size=128, use_tqdm=False,
            additional_filter_triples=list(self.triples.values()),
        )  # fmt: skip
        eval_seconds = time.process_time() - began
        slow = self.triples["train"][:SLOW_TRIPLES]
        return {
            "mrr": round(float(found.get_metric("both.realistic.inverse_harmonic_mean_rank")), 4),
            "triples_per_cpu_second": round(self.visits / self.seconds),
            "eval_triples_per_cpu_second": round(len(asked) / eval_seconds),
            "triples_per_cpu_second_128": round(len(slow) / self.epoch(slow, 128)),
        }


def main() -> None:
    """Answer requests until stdin ends; PyKEEN's own words go to stderr."""
    answers, sys.stdout = sys.stdout, sys.stderr
    peer = Peer(json.loads(sys.stdin.readline()))
    answers.write("{}\n")
    answers.flush()
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, float] = {}
        if "train" in request:
            peer.train(request["train"])
        else:
            answer = peer.finish()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
