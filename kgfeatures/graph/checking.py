"""A manifest checked to the end without loading: every source read, cleaned and counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kgfeatures.graph import attributes, documents, loading, outreach, triple_files
from kgfeatures.graph.outreach import Outreach
from kgfeatures.graph.selection import MAX_REJECTED, require_few_rejected, require_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.selection import Loaded
    from kgfeatures.graph.sheet import Problem
    from kgfeatures.types import Progress


@dataclass(frozen=True)
class Checked:
    """What would become of one source.

    Parameters
    ----------
    source : the columns of raw.source that a summary shows: kind, name, rows_read, rows_loaded,
        rows_rejected, rows_dropped (by reason).
    rejected : the problems that raw.rejected would hold.
    """

    source: dict[str, Any]
    rejected: list[Problem]


def check(
    manifest: Manifest,
    read_table: Callable[[str], pa.Table],
    progress: Progress,
    max_rejected: float = MAX_REJECTED,
) -> list[Checked]:
    """Return what a load would make of each section, in order; nothing is written.

    Parameters
    ----------
    read_table : gives the rows of the database's table `schema.name`.
    max_rejected : the share of a source's rows that may be rejected, in [0, 1].

    Raises
    ------
    ManifestError, DataError : as loading would.
    """
    progress.start(f"check {manifest.name}", len(manifest.sections))
    checked: list[Checked] = []
    reached = Outreach()
    for number, section in enumerate(manifest.sections, start=1):
        progress.note(f"reading {section.kind} from {section.name}")
        loaded = loading.load(section, manifest, read_table)
        require_few_rejected(loaded, max_rejected)
        require_rows(loaded)
        make_rows(loaded)
        if section.kind in outreach.KINDS:
            reached.add(number, loaded)
        checked.append(Checked(source_of(loaded), loaded.rejected))
        progress.advance()
    reached.tables()
    return checked


def make_rows(loaded: Loaded) -> None:
    """Make the rows that a load would write, for the errors that only this finds."""
    if loaded.section.kind == "attributes":
        attributes.as_rows(loaded)
    elif loaded.section.kind == "documents":
        documents.as_rows(loaded)
    elif loaded.section.kind == "triples":
        triple_files.as_rows(loaded)


def source_of(loaded: Loaded) -> dict[str, Any]:
    """Return a source's counts, as raw.source holds them."""
    return {
        "kind": loaded.section.kind,
        "name": loaded.section.name,
        "rows_read": loaded.rows_read,
        "rows_loaded": loaded.rows_loaded(),
        "rows_rejected": loaded.rows_rejected(),
        "rows_dropped": loaded.dropped,
    }
