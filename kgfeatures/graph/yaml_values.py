"""Values of a YAML file with their place, so that every complaint names file and key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import yaml

from kgfeatures.errors import ManifestError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Mapping = dict[Any, Any]


@dataclass(frozen=True)
class Where:
    """A place in a manifest: the file and the path of keys, "interactions[0].file"."""

    file: Path
    path: str = ""

    def under(self, key: str) -> Where:
        """Return the place of one key below this one."""
        return Where(self.file, f"{self.path}.{key}" if self.path else key)

    def error(self, what: str) -> ManifestError:
        """Return the error that says `what` of this place."""
        place = f"{self.file}: {self.path}" if self.path else str(self.file)
        return ManifestError(f"{place} {what}")

    def known(self, key: object, allowed: Iterable[str]) -> None:
        """Raise unless `key` is one of the allowed ones; the message names the nearest."""
        names = list(allowed)
        if key not in names:
            within = f" in {self.path}" if self.path else ""
            hint = nearest(str(key), names)
            raise ManifestError(f"{self.file}: unknown key {str(key)!r}{within}{hint}")

    def text(self, value: object) -> str:
        """Return a scalar as text, a column may be called 2010; blanks are kept."""
        if value is None or isinstance(value, (bool, dict, list)):
            raise self.error(f"is {value!r}; write a text, in quotes where YAML reads it otherwise")
        return str(value)

    def name(self, value: object) -> str:
        """Return a text that is not blank."""
        text = self.text(value)
        if not text.strip():
            raise self.error("is empty; write a name or leave the key out")
        return text

    def texts(self, value: object) -> tuple[str, ...]:
        """Return one text or a list of them as a tuple."""
        values = cast("list[Any]", value) if isinstance(value, list) else [value]
        return tuple(self.text(each) for each in values)

    def names(self, value: object) -> tuple[str, ...]:
        """Return one name or a list of them as a tuple."""
        return tuple(self.name(text) for text in self.texts(value))

    def pairs(self, value: object) -> dict[str, str]:
        """Return a mapping of names to names."""
        if not isinstance(value, dict):
            raise self.error(f"is {value!r}; write {{column: relation}}")
        given = cast("Mapping", value)
        return {self.name(key): self.under(str(key)).name(each) for key, each in given.items()}

    def mappings(self, value: object) -> list[tuple[Where, Mapping]]:
        """Return one mapping or a list of mappings, each with its place."""
        if isinstance(value, dict):
            return [(self, cast("Mapping", value))]
        if not isinstance(value, list):
            raise self.error(f"is {value!r}; write a mapping such as {{file: data.csv}}")
        places = [Where(self.file, f"{self.path}[{i}]") for i in range(len(cast("Mapping", value)))]
        return [
            pair
            for place, each in zip(places, cast("list[Any]", value), strict=True)
            for pair in place.mappings(each)
        ]

    def patterns(self, value: object) -> tuple[re.Pattern[str], ...]:
        """Return exact words and /regular expressions/ as patterns for a full match."""
        found: list[re.Pattern[str]] = []
        for text in self.names(value):
            is_regex = len(text) > 2 and text.startswith("/") and text.endswith("/")
            try:
                found.append(re.compile(text[1:-1] if is_regex else re.escape(text)))
            except re.error as exc:
                raise self.error(f"holds {text!r}, no regular expression: {exc}") from exc
        return tuple(found)


def load(file: Path) -> Mapping:
    """Return the mapping that a YAML file holds.

    Raises
    ------
    ManifestError : it is no UTF-8, no YAML, no mapping, or has a key twice.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        _refuse_repeated_keys(file, yaml.compose(text))
        content: Any = yaml.safe_load(text)
    except UnicodeDecodeError as exc:
        raise ManifestError(f"{file} is not UTF-8 (byte {exc.start}); save it as UTF-8") from exc
    except yaml.MarkedYAMLError as exc:
        line = f", line {exc.problem_mark.line + 1}" if exc.problem_mark else ""
        raise ManifestError(f"{file}{line} is no valid YAML: {exc.problem}") from exc
    except yaml.YAMLError as exc:
        raise ManifestError(f"{file} is no valid YAML: {exc}") from exc
    if not isinstance(content, dict):
        raise ManifestError(
            f"{file} must hold keys, such as `interactions: {{file: orders.csv, …}}`"
        )
    return cast("Mapping", content)


def _refuse_repeated_keys(file: Path, node: yaml.Node | None) -> None:
    """In YAML the last of two keys wins silently; half of a shop's data would be left out."""
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_repeated_keys(file, child)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ManifestError(
                    f"{file}, line {line}: key {key.value!r} stands twice; make a list of the two"
                )
            seen.add(key.value)
            _refuse_repeated_keys(file, value)
