"""The sources of a load: each file and table of the manifest with an id that follows from its name.

An id does not depend on the order of the manifest, and the hash of its settings says whether the
manifest means the same with a source as when it was read last.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from kgfeatures.errors import DataError
from kgfeatures.graph import late
from kgfeatures.types import entity_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.section import Section

SOURCE_IDS = 2**31 - 1
NOT_READING = {"where", "file", "pattern"}
"""What of a section does not change how a file is read."""
NAMED_BY_PATTERN = {"products", "customers", "campaigns"}
"""Kinds whose triples name the pattern as their source."""


@dataclass(frozen=True)
class Source:
    """One file or table of one section.

    Parameters
    ----------
    source_id : in [0, 2**31), from kind and name.
    place : of its section in the manifest, from 1; files of one pattern share it.
    settings : a hash of what the manifest says about reading it, and of the code's version.
    sha256 : of the file, with what stands beside it; of a table its content hash, "" with `late`.
    """

    source_id: int
    place: int
    section: Section
    settings: str
    sha256: str

    @property
    def salt(self) -> str:
        """What the ids of its rows depend on beside their content."""
        return f"{self.source_id}:{self.settings}"


def planned(manifest: Manifest, contents: Mapping[str, str], version: str) -> list[Source]:
    """Return the sources of a manifest in its order.

    Parameters
    ----------
    contents : hashes of files and tables by name; those of "name/beside" count for "name" too.
    version : of the code that loads.
    """
    ids = _ids(manifest)
    places: dict[str, int] = {}
    found: list[Source] = []
    beside: dict[str, list[str]] = {}
    for name in sorted(contents):
        beside.setdefault(name.rpartition("/")[0], []).append(name)
    of_all = {
        "version": version,
        "product_case": manifest.product_case,
        "excluded": [pattern.pattern for pattern in manifest.excluded],
    }
    lines = {section.name for section in manifest.of("interactions")}
    for source_id, section in zip(ids, manifest.sections, strict=True):
        place = places.setdefault(section.where.path, len(places) + 1)
        names = [section.name, *beside.get(section.name, [])]
        content = "" if late.span_of(section) else _together([contents[name] for name in names])
        settings = _settings(section, {**of_all, "of_interactions": section.name in lines})
        found.append(Source(source_id, place, section, settings, content))
    return found


@dataclass
class Stale:
    """What has to be read.

    Parameters
    ----------
    sources : one by one, none of triples and of campaigns, contacts and coupons.
    triples : those of every file of triples of which any section changed.
    parts : names of the files of triples that are stated anew, those that are gone too.
    outreach : all of campaigns, contacts and coupons, or none: they speak of each other.
    outreach_changed : whether one of these changed, or is gone.
    """

    sources: list[Source]
    triples: list[Source]
    parts: set[str]
    outreach: list[Source]
    outreach_changed: bool


def find_stale(
    sources: Iterable[Source],
    before: Mapping[int, Mapping[str, Any]],
    max_rejected: float,
    together: Collection[str],
) -> Stale:
    """Return which sources have to be read.

    Parameters
    ----------
    before : rows of raw.source by source_id.
    max_rejected : a source of which more was rejected is read again, to say so.
    together : kinds of section that are read together or not at all.
    """
    listed = list(sources)
    changed = {
        each.source_id
        for each in listed
        if _changed(each, before.get(each.source_id), max_rejected)
    }
    kinds = {each.source_id: (each.section.kind, each.section.name) for each in listed}
    old = {number: (row["kind"], row["name"]) for number, row in before.items()}
    touched = [kinds.get(number) or old[number] for number in changed | (old.keys() - kinds.keys())]
    parts = {name for kind, name in touched if kind == "triples"}
    reached = {name for kind, name in (*kinds.values(), *old.values()) if kind in together}
    # One file may state triples of both; the evidence does not say which section it comes from.
    outreach_changed = any(kind in together for kind, _ in touched) or bool(parts & reached)
    if outreach_changed:
        triples = {name for kind, name in (*kinds.values(), *old.values()) if kind == "triples"}
        parts |= triples & reached
    return Stale(
        sources=[
            each
            for each in listed
            if each.source_id in changed and each.section.kind not in {"triples", *together}
        ],
        triples=[
            each for each in listed if each.section.kind == "triples" and each.section.name in parts
        ],
        parts=parts,
        outreach=[each for each in listed if outreach_changed and each.section.kind in together],
        outreach_changed=outreach_changed,
    )


def _changed(source: Source, row: Mapping[str, Any] | None, max_rejected: float) -> bool:
    if row is None or late.span_of(source.section) is not None:
        return True
    same = (row["sha256"], row["settings"]) == (source.sha256, source.settings)
    return not same or row["rows_rejected"] > max_rejected * row["rows_read"]


def regrouped(
    sources: Iterable[Source], before: Mapping[int, Mapping[str, Any]], kind: str
) -> bool:
    """Return whether sources of a kind that were there before stand in another order or group.

    Of several sources the first one's title wins, and those of one pattern count together.
    """
    now = [(each.place, each.source_id) for each in sources if each.section.kind == kind]
    old = [(int(row["place"]), number) for number, row in before.items() if row["kind"] == kind]
    both = {number for _, number in now} & {number for _, number in old}
    return _groups(now, both) != _groups(old, both)


def _groups(placed: Iterable[tuple[int, int]], of: Collection[int]) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for place, number in sorted(placed):
        if number in of:
            groups.setdefault(place, []).append(number)
    return list(groups.values())


def require_present(sources: Iterable[Source], before: Iterable[Mapping[str, Any]]) -> None:
    """Check that no file of a pattern is gone that was loaded before.

    Parameters
    ----------
    before : rows of raw.source.

    Raises
    ------
    DataError : one is; the rows that came from it would vanish silently.
    """
    listed = list(sources)
    present = {(each.section.kind, each.section.name) for each in listed}
    patterns = {(each.section.kind, each.section.pattern) for each in listed}
    gone = [
        row
        for row in before
        if (row["kind"], row["name"]) not in present
        and any(
            kind == row["kind"] and pattern and fits(row["name"], pattern)
            for kind, pattern in patterns
        )
    ]
    if gone:
        names = sorted({str(row["name"]) for row in gone})
        more = f" (and {len(names) - 1:,} more)" if names[1:] else ""
        raise DataError(
            f"{names[0]}{more} was loaded before and is not there now; nothing was loaded. Put it "
            "back, or load everything anew without it: kgfeatures ingest DIR --force"
        )


def fits(name: str, pattern: str) -> bool:
    """Return whether a file's name fits a pattern, in which ** stands for any folders."""
    parts, wanted = name.split("/"), pattern.split("/")
    if not wanted[1:] or not parts[1:]:
        rest = wanted[1:] if wanted[0] == "**" else wanted
        return len(parts) == len(rest) == 1 and fnmatchcase(parts[0], rest[0])
    if wanted[0] == "**":
        return fits(name, "/".join(wanted[1:])) or fits("/".join(parts[1:]), pattern)
    return fnmatchcase(parts[0], wanted[0]) and fits("/".join(parts[1:]), "/".join(wanted[1:]))


def _ids(manifest: Manifest) -> list[int]:
    """Return an id per section: a hash of kind, name and its number among those of that name.

    Of two that would be equal the later name takes the next free number.
    """
    seen: Counter[tuple[str, str]] = Counter()
    names: list[tuple[str, str, int]] = []
    for section in manifest.sections:
        named = (section.kind, section.name)
        names.append((*named, seen[named]))
        seen[named] += 1
    ids: dict[tuple[str, str, int], int] = {}
    taken: Collection[int] = set[int]()
    for kind, name, number in sorted(names):
        wanted = entity_id(f"source {kind}", f"{name}\x1f{number}") % SOURCE_IDS
        while wanted in taken:
            wanted = (wanted + 1) % SOURCE_IDS
        taken.add(wanted)
        ids[kind, name, number] = wanted
    return [ids[each] for each in names]


def _together(hashes: list[str]) -> str:
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _settings(section: Section, of_all: Mapping[str, Any]) -> str:
    """Return a hash of what the manifest says about a section, and of all sections."""
    said: dict[str, Any] = {
        each.name: getattr(section, each.name)
        for each in fields(section)
        if each.name not in NOT_READING
    }
    said |= of_all
    said["pattern"] = section.pattern if section.kind in NAMED_BY_PATTERN else None
    text = json.dumps(said, default=_plain, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else list(value.items())
