"""A contest's outcome in words: tables for people, one object for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kgfeatures.recommend.coldstart import BLIND, TOLD
from kgfeatures.recommend.contest import BLEND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kgfeatures.recommend.coldstart import Cold
    from kgfeatures.recommend.contest import Outcome
    from kgfeatures.recommend.evaluation import Estimate
    from kgfeatures.recommend.marking import Row

ACCURACY = (
    *("recall@20", "ndcg@20", "ndcg_kgat@20", "hr@10", "ndcg@10", "mrr@20"),
    *("coverage@20", "gini@20", "novelty@20", "diversity@20"),
)
NAME = 20
EVERYBODY = "all"


class Measure(NamedTuple):
    """One figure: of which algorithm, over which customers, and how sure."""

    algorithm: str
    customers: str
    measure: str
    estimate: Estimate


def cell(estimate: Estimate) -> str:
    """Return a value with half its interval.

    >>> from kgfeatures.recommend.evaluation import Estimate
    >>> cell(Estimate(0.0834, 0.0800, 0.0868))
    '.0834 ±.0034'
    """
    half = (estimate.high - estimate.low) / 2
    if abs(estimate.mean) >= 1:
        return f"{estimate.mean:5.2f} ±{half:.2f}"
    return f"{estimate.mean:.4f} ±{half:.4f}".replace("0.", ".")


def table(outcome: Outcome) -> str:
    """Return every algorithm's row: measures with half a 95 % interval, CPU seconds."""
    widths = [max(len(name), 12) for name in ACCURACY]
    head = "  ".join(name.rjust(width) for name, width in zip(ACCURACY, widths, strict=True))
    lines = [f"{'algorithm':<{NAME}} {head}  fit CPU s  rank CPU s"]
    for name, row in outcome.rows.items():
        cells = "  ".join(
            cell(row.estimates[measure]).rjust(width)
            for measure, width in zip(ACCURACY, widths, strict=True)
        )
        lines.append(f"{name:<{NAME}} {cells}  {row.fit_seconds:9.1f}  {row.rank_seconds:10.1f}")
    return "\n".join(lines)


def quartile_table(outcome: Outcome) -> str:
    """Return hr@10 and ndcg@20 of customers by how many products they had before."""
    measures = ("hr@10", "ndcg@20")
    first = next(iter(outcome.rows.values()))
    groups = [f"{one.fewest}-{one.most} ({one.customers:,})" for one in first.quartiles]
    head = "  ".join(f"{measure} {group}".rjust(24) for measure in measures for group in groups)
    lines = [f"{'by history':<{NAME}} {head}"]
    for name, row in outcome.rows.items():
        cells = "  ".join(
            cell(one.estimates[measure]).rjust(24) for measure in measures for one in row.quartiles
        )
        lines.append(f"{name:<{NAME}} {cells}")
    return "\n".join(lines)


def report(outcome: Outcome) -> str:
    """Return the protocol, both tables, weights, what the graph adds, and the cold start."""
    test = outcome.protocol.test
    words = (
        f"{outcome.dataset}: {outcome.protocol.name}; {outcome.protocol.words}"
        f"{len(test.asked):,} customers asked, {test.known.n_products:,} products ranked, "
        f"{len(test.learned.customer):,} purchases learned from; ± is half a 95 % bootstrap "
        f"interval over customers, seed {outcome.seed}"
    )
    lines = [words, "", table(outcome), "", quartile_table(outcome), ""]
    for name, row in outcome.rows.items():
        if name.startswith(BLEND):
            shares = {signal: share for signal, share in row.made_of.items() if share > 0}
            lines.append(f"{name}: " + ", ".join(f"{k} {v:.3f}" for k, v in shares.items()))
    if outcome.graph_gain is not None:
        gain = outcome.graph_gain
        lines.append(
            f"the graph adds {gain.mean:+.1%} hr@10 to the blend "
            f"[{gain.low:+.1%}, {gain.high:+.1%}]"
        )
    if outcome.cold is not None:
        lines.append(cold_words(outcome.cold))
    return "\n".join(lines)


def sentence(outcome: Outcome) -> str:
    """Return the blend's result in one sentence."""
    row = outcome.rows[BLEND].estimates
    gain = outcome.graph_gain
    return (
        f"{outcome.protocol.name}, {len(outcome.protocol.test.asked):,} customers: blend "
        + ", ".join(f"{name} {cell(row[name])}" for name in ("hr@10", "ndcg@10", "recall@20"))
        + ("" if gain is None else f"; the graph adds {gain.mean:+.1%} hr@10")
    )


def cold_words(cold: Cold) -> str:
    """Return the cold start in a sentence."""
    found = ", ".join(f"{name} {cell(value)}" for name, value in cold.found.items())
    shares = ", ".join(f"{name} {share:.3f}" for name, share in cold.weights.items() if share > 0)
    return (
        f"cold start: {cold.products:,} products without their purchases, {cold.customers:,} "
        f"customers who want one; hr@20: {found} (the blend is {shares}; popular is told of the "
        "removed purchases)"
    )


def summary(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome as one object for json.dumps."""
    test = outcome.protocol.test
    found: dict[str, Any] = {
        "dataset": outcome.dataset,
        "protocol": outcome.protocol.name,
        "protocol_words": outcome.protocol.words.rstrip("; "),
        "customers": len(test.asked),
        "products": test.known.n_products,
        "seed": outcome.seed,
        "algorithms": {name: _row(row) for name, row in outcome.rows.items()},
        "graph_gain_hr10": None if outcome.graph_gain is None else _round(outcome.graph_gain.mean),
        "graph_gain_hr10_interval": _interval(outcome.graph_gain),
        "choosing_cpu_seconds": round(outcome.choosing_seconds, 2),
    }
    return found if outcome.cold is None else found | _cold(outcome.cold)


def measures(outcome: Outcome) -> list[Measure]:
    """Return every measure of every algorithm, what the graph adds, and the cold start."""
    found: list[Measure] = []
    for name, row in outcome.rows.items():
        found += [Measure(name, EVERYBODY, *pair) for pair in row.estimates.items()]
        for one in row.quartiles:
            some = f"{one.fewest} to {one.most} products"
            found += [Measure(name, some, *pair) for pair in one.estimates.items()]
    if outcome.graph_gain is not None:
        found.append(Measure(BLEND, EVERYBODY, "graph_gain_hr@10", outcome.graph_gain))
    if outcome.cold is not None:
        cold = outcome.cold.found.items()
        found += [Measure(name, EVERYBODY, "cold_hr@20", value) for name, value in cold]
    return found


def made_of(outcome: Outcome) -> dict[str, Any]:
    """Return the settings of each algorithm and the weights of each blend, for json.dumps."""
    found = {name: dict(row.made_of) for name, row in outcome.rows.items()}
    return found if outcome.cold is None else found | {"cold blend": dict(outcome.cold.weights)}


def _row(row: Row) -> dict[str, Any]:
    return {
        **{name: _round(estimate.mean) for name, estimate in row.estimates.items()},
        "cpu_seconds": round(row.fit_seconds + row.rank_seconds, 2),
        "fit_cpu_seconds": round(row.fit_seconds, 2),
        "rank_cpu_seconds": round(row.rank_seconds, 2),
        "intervals": _intervals(row.estimates),
        "quartiles": [
            {
                "products_from": one.fewest,
                "products_to": one.most,
                "customers": one.customers,
                **{name: _round(estimate.mean) for name, estimate in one.estimates.items()},
                "intervals": _intervals(one.estimates),
            }
            for one in row.quartiles
        ],
        "made_of": dict(row.made_of),
    }


def _cold(cold: Cold) -> dict[str, Any]:
    best, told = cold.found["blend"], cold.found[TOLD]
    return {
        "cold_products": cold.products,
        "cold_customers": cold.customers,
        "cold_hr20": _round(best.mean),
        "cold_hr20_interval": _interval(best),
        "cold_popular_hr20": _round(told.mean),
        "cold_popular_hr20_interval": _interval(told),
        "cold_popular_not_told_hr20": _round(cold.found[BLIND].mean),
        "cold_by_signal": {name: _round(value.mean) for name, value in cold.found.items()},
        "cold_weights": dict(cold.weights),
    }


def _intervals(estimates: Mapping[str, Estimate]) -> dict[str, Sequence[float] | None]:
    return {name: _interval(estimate) for name, estimate in estimates.items()}


def _interval(estimate: Estimate | None) -> list[float] | None:
    return None if estimate is None else [_round(estimate.low), _round(estimate.high)]


def _round(value: float) -> float:
    return round(value, 6)
