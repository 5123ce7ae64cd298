"""Which files of a manifest hold customers' keys or words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgfeatures.config import settings
from kgfeatures.db.personal_files import HOME, PersonalFile, placed

if TYPE_CHECKING:
    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.section import Section

CUSTOMER = "customer"
TRUTH = "truth"
"""The folder beside a generated shop that says what was planted, customer by customer."""


def files_of(manifest: Manifest) -> list[PersonalFile]:
    """Return the manifest's files that name customers, and the planted truth beside them.

    A folder in $KGFEATURES_HOME is returned as a whole: what lies there is ours to list.
    """
    folder = manifest.file.parent
    held = {
        section.file: PersonalFile(section.file, "source", "customers' keys, and what they did")
        for section in manifest.sections
        if section.file is not None and names_customers(section)
    }
    files = list(held.values())
    if (folder / TRUTH).is_dir():
        files.append(PersonalFile(folder / TRUTH, "truth", "what was planted for each customer"))
    place, _ = placed(folder, settings().home)
    if place == HOME:
        files.append(PersonalFile(folder, "source", "the shop that was loaded from here"))
    return files


def names_customers(section: Section) -> bool:
    """Return whether a source's rows hold customers' keys."""
    types = {section.words.get("head_type"), section.words.get("tail_type")}
    return CUSTOMER in section.columns or CUSTOMER in types
