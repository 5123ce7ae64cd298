"""The whole story on one shop with the settings as they are shipped.

Each stage is a step of its own and skips when nothing changed, so a second demo changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgfeatures.steps import stages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kgfeatures.db import Database
    from kgfeatures.types import Progress


def demo(
    database: Database,
    folder: Path,
    *,
    encoder: str | None = None,
    progress: Progress,
) -> Iterator[stages.Done]:
    """Run every stage in order and yield what each did, as soon as it is done.

    Parameters
    ----------
    database : the shop's database, migrated.
    folder : holds dataset.yaml and its files.
    encoder : of the product texts, which also fills the text vectors' feature tables; None takes
        the default.
    progress : told of each stage.

    Raises
    ------
    KGFeaturesError : what a step raises; the steps before it stand, run again to go on.
    """
    plan = stages.Plan(folder, encoder=encoder)
    for calls in stages.STAGES.values():
        for call in calls(plan):
            yield stages.run(call, database, progress)
