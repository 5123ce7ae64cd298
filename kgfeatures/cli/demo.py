"""`kgfeatures demo`: every step on the shipped or a generated shop, then what to try next."""

from __future__ import annotations

import os
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated

import typer

from kgfeatures.cli.progress import terminal_progress
from kgfeatures.cli.report import describe, table, totals
from kgfeatures.cli.speech import say
from kgfeatures.config import settings
from kgfeatures.datasets import online_retail
from kgfeatures.db import connect

if TYPE_CHECKING:
    from kgfeatures.steps.stages import Done
SHOP = online_retail()


class Shop(StrEnum):
    """The shops that the demo knows."""

    RETAIL = "retail"
    ZH = "zh"


ENCODERS = {Shop.RETAIL: "builtin:minilm", Shop.ZH: "builtin:chargram"}
"""MiniLM knows English; half of the Chinese shop's words would be unknown to it."""

GENERATED = "kgfeatures-generated"
CUSTOMERS, PRODUCTS, DAYS, SEED, BASKET_LINES = 2_000, 1_000, 365, 7, 7.0
"""The generated shop: about 110,000 purchases, views and carts."""

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
     printf '%s\\n' customer_id,event_timestamp $customer,$earlier $customer,$later \\
       > labels.csv
     kgfeatures features training-set labels.csv customer_profile_v1 -o training.csv
""")


def demo(
    shop: Annotated[
        Shop,
        typer.Option(help="retail: Online Retail II. zh: a GENERATED Chinese-English shop."),
    ] = Shop.RETAIL,
) -> None:
    """Run every step on one shop: from order lines to recommendations in SQL.

    The shipped shop is Online Retail II (2009-2010, CC BY 4.0). Run again, it changes nothing.
    """
    done: list[Done] = []
    with connect() as database:
        # After the database, so that one that cannot be used is told of at once, not after torch.
        from kgfeatures.features.store import repository_folder
        from kgfeatures.steps.demo import demo as stages

        folder = SHOP if shop is Shop.RETAIL else generated_shop()
        with terminal_progress() as progress:
            for stage in stages(database, folder, encoder=ENCODERS[shop], progress=progress):
                done.append(stage)
                progress.note(f"{stage.result.step}: {describe(stage)}")
        example = database.rows("demo.example")[0]
    typer.echo(table(done))
    rows = {name: n for each in done for name, n in each.result.rows.items()}
    say(totals(rows))
    if shop is Shop.ZH:
        say(f"\nThis shop is GENERATED; its planted truth lies in {folder / 'truth'}")
    say(next_steps(example["customer_id"], repository_folder(), MOMENTS[shop]))


def generated_shop() -> Path:
    """Return the folder of the generated shop; makes it where it is not there yet.

    It lies in $KGFEATURES_HOME, or in the user's cache while the home is not made: it has to
    belong to the account that runs the server.
    """
    from kgfeatures.datasets.plan import VERSION, Plan
    from kgfeatures.datasets.shop import generate

    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = settings().home
    parent = home / "generated" if home.is_dir() else cache / GENERATED
    name = Plan(CUSTOMERS, PRODUCTS, DAYS, SEED, "both", BASKET_LINES).name
    folder = parent / f"{name}-{VERSION}"
    if folder.is_dir():
        say(f"GENERATED shop: {folder}", err=True)
        return folder
    say(f"generating an invented Chinese-English shop in {folder}", err=True)
    return generate(
        *(CUSTOMERS, PRODUCTS, DAYS, SEED, "both"), folder=folder, basket_lines=BASKET_LINES
    )


MOMENTS = {
    Shop.RETAIL: ("2010-08-01", "2010-12-01"),
    Shop.ZH: ("2024-08-01", "2024-12-01"),
}
"""Two moments within the shop's days, to ask what was known then."""


def next_steps(
    customer_id: str, repository: Path, moments: tuple[str, str] = MOMENTS[Shop.RETAIL]
) -> str:
    """Return five things to try, on a customer of this shop."""
    activate = ""
    if shutil.which("kgfeatures") is None:
        activate = f"First:  source {Path(sys.prefix) / 'bin' / 'activate'}\n\n"
    return NEXT_STEPS.substitute(
        activate=activate,
        customer=customer_id,
        repository=repository,
        earlier=moments[0],
        later=moments[1],
    )
