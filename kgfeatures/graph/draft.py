"""A first dataset.yaml for files or tables that nobody has described yet.

Every source is read and profiled completely; every guess stands in the draft with how sure it is
and what else it could be.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import yaml

from kgfeatures.errors import DataError
from kgfeatures.graph import readers
from kgfeatures.graph.entries import Entry, Line
from kgfeatures.graph.guessing import SURE, Profiled, guess_all
from kgfeatures.graph.manifest import FILE_NAME
from kgfeatures.graph.profiling import one_line, profile
from kgfeatures.graph.section import SHAPES, Section
from kgfeatures.graph.sketching import sketch
from kgfeatures.graph.sketching_outreach import set_aside_undated
from kgfeatures.graph.sniffing import Written, ending, sniff
from kgfeatures.graph.triple_files import DICTIONARIES
from kgfeatures.graph.yaml_values import Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kgfeatures.types import Progress

_PLAIN = re.compile(r"[^\W\d][\w .%/]*\w|[^\W\d]")
_UNSURE = re.compile(r"# unsure|: unsure")
_PROSE = {"", "license", "licence", "readme", "md", "rst", "pdf", "html"}


@dataclass
class Draft:
    """A drafted manifest.

    Parameters
    ----------
    text : the YAML, commented.
    sections : kinds of the sections that it has, comments apart.
    left_out : sources that it does not use, with the reason.
    """

    text: str
    sections: list[str]
    left_out: list[str] = field(default_factory=list[str])

    @property
    def unsure(self) -> int:
        """The number of guesses that are marked as unsure."""
        return len(_UNSURE.findall(self.text))


def draft_folder(folder: Path, beside: Path, progress: Progress) -> Draft:
    """Return a manifest for the files of a folder.

    Parameters
    ----------
    beside : the folder in which the manifest will stand; names of files are relative to it.

    Raises
    ------
    DataError : the folder is none.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder} is no folder; init takes a folder with files, or schema:NAME for the tables "
            "of a schema in the shop's database"
        )
    files = sorted(each for each in folder.iterdir() if each.is_file())
    files = [each for each in files if each.name != FILE_NAME and not each.name.startswith(".")]
    return draft_files(folder.absolute().name, files, beside, progress)


def draft_files(name: str, files: list[Path], beside: Path, progress: Progress) -> Draft:
    """Return a manifest for some files.

    Parameters
    ----------
    name : what to call the shop.
    beside : the folder in which the manifest will stand.
    """
    progress.start(f"look at {name}", len(files))
    sources: list[Profiled] = []
    found: list[Entry] = []
    left_out: list[str] = []
    for file in files:
        called = os.path.relpath(file.absolute(), beside.absolute())
        progress.note(f"reading {file.name}")
        known = triple_dump(file, called)
        if known is not None:
            found.append(known)
        elif file.name not in DICTIONARIES:
            try:
                written = sniff(file, called)
                sources.append(profiled(written, readers.read(written.section, refused)))
            except DataError as exc:
                if ending(file) not in _PROSE:
                    left_out.append(str(exc))
        progress.advance()
    return drafted(name, sources, found, left_out)


def draft_tables(
    name: str, tables: Iterable[str], read_table: Callable[[str], pa.Table], progress: Progress
) -> Draft:
    """Return a manifest for tables of a database.

    Parameters
    ----------
    name : what to call the shop.
    tables : "schema.table" each.
    read_table : gives the rows of one.
    """
    names = list(tables)
    progress.start(f"look at {name}", len(names))
    sources: list[Profiled] = []
    left_out: list[str] = []
    for table in names:
        progress.note(f"reading {table}")
        rows = single_values(read_table(table))
        columns = {column: column for column in rows.column_names}
        section = Section(
            "products", Where(Path(FILE_NAME)), table, None, table, "table", columns=columns
        )
        if rows.num_rows and columns:
            sources.append(profiled(Written(section), readers.read(section, lambda _, r=rows: r)))
        else:
            left_out.append(f"{table} has no rows, or no column of single values")
        progress.advance()
    return drafted(name, sources, [], left_out)


def single_values(table: pa.Table) -> pa.Table:
    """Return a table without columns of lists, structures and bytes."""
    kept = [
        field.name
        for field in table.schema
        if not (pa.types.is_nested(field.type) or pa.types.is_binary(field.type))
    ]
    return table.select(kept)


def refused(table: str) -> pa.Table:
    """Refuse to read a table: a folder holds files.

    Raises
    ------
    DataError : always.
    """
    raise DataError(f"{table} is a table, but files are looked at")


def profiled(written: Written, sheet: Any) -> Profiled:
    """Return a source with what its columns hold."""
    return Profiled(written, sheet, {column.name: column for column in profile(sheet)})


def triple_dump(file: Path, name: str) -> Entry | None:
    """Return the section of a file of triples in a format of its own, None where it is none."""
    if ending(file) == "nt":
        lines = [Line("file", name, "sure (0.95): N-Triples, by its name")]
        lines += [Line(f"{end}_type", "entity", "unsure (0.40)") for end in ("head", "tail")]
        return Entry("triples", lines)
    beside = all(file.with_name(other).is_file() for other in DICTIONARIES)
    if beside and file.name.endswith("2id.txt") and file.name not in DICTIONARIES:
        note = "sure (0.90): numbered triples, with entity2id.txt and relation2id.txt"
        return Entry("triples", [Line("file", name, note), Line("format", "openke")])
    return None


def drafted(name: str, sources: list[Profiled], found: list[Entry], left_out: list[str]) -> Draft:
    """Return the draft of profiled sources and of sections that are known already."""
    guess_all(sources)
    left_out = [one_line(reason) for reason in left_out]
    taken: set[str] = set()
    for source in sources:
        entries = sketch(source, taken)
        if not entries:
            held = "; ".join(f"{c.name}: {c.summary()}" for c in list(source.columns.values())[:8])
            left_out.append(
                one_line(
                    f"{source.name}: no guess (needs a customer, a product and a time, or one of "
                    f"them on each row once). {held}"
                )
            )
        elif source.written.notes:
            entries[0].notes += source.written.notes
        found = [*found, *entries]
    set_aside_undated(found)
    active = [entry.kind for entry in found if entry.active]
    lines = [*heading(name, active), *body(found)]
    lines += ["", *(f"# left out: {reason}" for reason in left_out)] if left_out else []
    return Draft("\n".join(lines) + "\n", active, left_out)


def heading(name: str, kinds: list[str]) -> list[str]:
    """Return the first lines: how to read the draft, what it lacks, the shop's name."""
    lines = [
        "# A draft by `kgfeatures init`. Each guess says how sure it is, from 0 to 1, and is named",
        f"# unsure below {SURE:.2f}: look at these first. Then: kgfeatures ingest DIR --check",
    ]
    if "interactions" not in kinds:
        lines += [
            "# NO INTERACTIONS FOUND: no source has columns for a customer, a product and a time.",
            "# Write them by hand:",
            "# interactions: {file: …, customer: …, product: …, timestamp: …}",
        ]
    return [*lines, f"name: {quoted(name)}"]


def body(entries: list[Entry]) -> list[str]:
    """Return the lines of all sections, by kind."""
    lines: list[str] = []
    for kind in SHAPES:
        here = [entry for entry in entries if entry.kind == kind]
        if not here:
            continue
        mark = "" if any(entry.active for entry in here) else "# "
        lines += ["", f"{mark}{kind}:"]
        for entry in here:
            lines += rendered(entry)
    return lines


def rendered(entry: Entry) -> list[str]:
    """Return the lines of one section: an item of a list."""
    lines: list[str] = []
    above = ""
    for place, line in enumerate(entry.lines):
        if line.under and line.under != above:
            lines.append(f"    {line.under}:")
        above = line.under
        dash = "- " if place == 0 else "  "
        deeper = "  " if line.under else ""
        note = f"  # {one_line(line.note)}" if line.note else ""
        lines.append(f"  {deeper}{dash}{quoted(line.key)}: {valued(line.value)}{note}")
    lines = lines if entry.active else [f"  # {line[2:]}" for line in lines]
    return [*lines, *(f"    # {one_line(note)}" for note in entry.notes)]


def valued(value: str | list[str]) -> str:
    """Return a value as YAML writes it."""
    return quoted(value) if isinstance(value, str) else f"[{', '.join(map(quoted, value))}]"


def quoted(text: str) -> str:
    """Return a text as YAML writes it, in quotes where it would be read otherwise.

    >>> quoted("Customer ID"), quoted("no"), quoted("2010"), quoted("a: b")
    ('Customer ID', '"no"', '"2010"', '"a: b"')
    """
    if _PLAIN.fullmatch(text) and yaml.safe_load(text) == text:
        return text
    return json.dumps(text, ensure_ascii=False)
