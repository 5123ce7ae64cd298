"""`kgfeatures demo`: every step on the shipped shop, then what to try next."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import typer

from kgfeatures.cli.progress import terminal_progress
from kgfeatures.db import connect

if TYPE_CHECKING:
    from kgfeatures.steps.demo import Stage

SHOP = Path(__file__).parent.parent / "datasets" / "online_retail"

NEXT_STEPS = Template("""
${activate}Five things to try next:

1. SQL, as the login that can only read
     kgfeatures db psql --reader -- -c "select * from rec.recommend('$customer', 10)"
2. Python
     python -c "import kgfeatures; print(kgfeatures.connect().sql(
       'select segment_name, size, share from seg.profile(%s)', ['behaviour']))"
3. JupyterLab, on a data scientist's first hour
     kgfeatures lab
4. Feast's own command line
     eval "$$(kgfeatures db env)" && (cd '$repository' && feast feature-views list)
5. A training set: what was known of a customer at two moments, and nothing later
     printf '%s\\n' customer_id,event_timestamp $customer,2010-08-01 $customer,2010-12-01 \\
       > labels.csv
     kgfeatures features training-set labels.csv customer_profile_v1 -o training.csv
""")


def demo() -> None:
    """Run every step on the shipped shop: from order lines to recommendations in SQL.

    The shop is Online Retail II (2009-2010, CC BY 4.0). Run again, it changes nothing.
    """
    from kgfeatures.features.store import repository_folder
    from kgfeatures.steps.demo import demo as stages

    done: list[Stage] = []
    with connect() as database:
        with terminal_progress() as progress:
            for stage in stages(database, SHOP, progress=progress):
                done.append(stage)
                progress.note(f"{stage.result.step}: {describe(stage)}")
        example = database.rows("demo.example")[0]
    typer.echo(table(done))
    typer.echo(totals(done))
    typer.echo(next_steps(example["customer_id"], repository_folder()))


def describe(stage: Stage) -> str:
    """Return how long a stage took, or that it had nothing to do."""
    return "unchanged" if stage.result.skipped else f"{stage.result.seconds:.1f} s"


def table(stages: list[Stage]) -> str:
    """Return the closing table: step, rows by table, seconds, CPU seconds of this process."""
    lines = [f"\n{'step':<18} {'table':<36} {'rows':>9} {'seconds':>9} {'CPU s':>6}", "-" * 82]
    for stage in stages:
        state = f"{describe(stage).removesuffix(' s'):>9} {stage.cpu_seconds:6.1f}"
        name = stage.result.step
        for held, rows in sorted(stage.result.rows.items()) or [("", 0)]:
            lines.append(f"{name:<18} {held:<36} {rows:>9,} {state}".rstrip())
            name = state = ""
    seconds = sum(stage.result.seconds for stage in stages)
    cpu_seconds = sum(stage.cpu_seconds for stage in stages)
    lines.append(f"{'total':<18} {'':<36} {'':>9} {seconds:9.1f} {cpu_seconds:6.1f}")
    return "\n".join(lines)


def totals(stages: list[Stage]) -> str:
    """Return how many vectors and rows of features there are now, in one line."""
    rows = {name: n for stage in stages for name, n in stage.result.rows.items()}
    vectors = sum(
        n for name, n in rows.items() if name.startswith("emb.m_") and "relation" not in name
    )
    features = sum(n for name, n in rows.items() if name.startswith("feature."))
    return f"\n{vectors:,} vectors, {features:,} rows of features."


def next_steps(customer_id: str, repository: Path) -> str:
    """Return five things to try, on a customer of this shop."""
    activate = ""
    if shutil.which("kgfeatures") is None:
        activate = f"First:  source {Path(sys.prefix) / 'bin' / 'activate'}\n\n"
    return NEXT_STEPS.substitute(activate=activate, customer=customer_id, repository=repository)
