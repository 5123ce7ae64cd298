"""One section of a manifest read and cleaned, whatever its kind and format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgfeatures.graph import (
    attributes,
    campaigns,
    coupons,
    documents,
    interactions,
    readers,
    things,
    triple_files,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.section import Section
    from kgfeatures.graph.selection import Loaded
    from kgfeatures.graph.sheet import Sheet

CLEANERS: dict[str, Callable[[Section, Sheet, Manifest], Loaded]] = {
    "interactions": interactions.load_interactions,
    "products": things.load_things,
    "customers": things.load_things,
    "attributes": attributes.load_attributes,
    "documents": documents.load_documents,
    "campaigns": campaigns.load_campaigns,
    "contacts": campaigns.load_contacts,
    "coupons": coupons.load_coupons,
    "triples": triple_files.load_triples,
}


def load(section: Section, manifest: Manifest, read_table: Callable[[str], pa.Table]) -> Loaded:
    """Return the cleaned rows of a section.

    Parameters
    ----------
    read_table : gives the rows of the database's table `schema.name`.

    Raises
    ------
    DataError : the source is empty, broken, in another encoding or lacks a column; a product or
        customer stands twice in a file of its own.
    ManifestError : the manifest does not fit the source.
    """
    return clean(section, read(section, read_table), manifest)


def clean(section: Section, sheet: Sheet, manifest: Manifest) -> Loaded:
    """Return the cleaned rows of a section that is read, or of some of its rows.

    Parameters
    ----------
    section : of the manifest.
    sheet : its file, or some rows of it, read.
    manifest : the one that the section stands in.

    Raises
    ------
    DataError, ManifestError : as `load`, for what the values are.
    """
    return CLEANERS[section.kind](section, sheet, manifest)


def read(
    section: Section, read_table: Callable[[str], pa.Table], *, encoded: bool = False
) -> Sheet:
    """Return the rows of a section as they are.

    Parameters
    ----------
    encoded : texts may stay encoded as dictionaries, see `Sheet.plain`.
    """
    if section.format == "nt" and section.file is not None:
        return triple_files.read_n_triples(section, section.file)
    if section.format == "openke" and section.file is not None:
        return triple_files.read_open_ke(section, section.file)
    return readers.read(section, read_table, encoded=encoded)


def files(manifest: Manifest) -> dict[str, str]:
    """Return the sha256 of every file that a load reads, by the name that the manifest gives it."""
    hashes: dict[str, str] = {}
    for section in manifest.sections:
        if section.file is None or section.name in hashes:
            continue
        hashes[section.name] = readers.file_hash(section.file)
        if section.format == "openke":
            for name in triple_files.DICTIONARIES:
                beside = section.file.with_name(name)
                if beside.is_file():
                    hashes[f"{section.name}/{name}"] = readers.file_hash(beside)
    return hashes
