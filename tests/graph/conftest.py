"""Small sources, written by the tests that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kgfeatures.graph import loading
from kgfeatures.graph.manifest import read_manifest
from kgfeatures.graph.selection import require_few_rejected, require_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kgfeatures.graph.selection import Loaded

    Files = dict[str, str | bytes]


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str, Files], Path]:
    """Give a function that writes a manifest and its files and returns their folder."""

    def write(manifest: str, files: Files) -> Path:
        (tmp_path / "dataset.yaml").write_text(manifest, encoding="utf-8")
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            (tmp_path / name).write_bytes(data)
        return tmp_path

    return write


@pytest.fixture
def load(folder: Callable[[str, Files], Path]) -> Callable[..., Loaded]:
    """Give a function that loads the first section of a manifest, as ingest does."""

    def read(manifest: str, files: Files, max_rejected: float = 0.01) -> Loaded:
        read = read_manifest(folder(manifest, files))
        loaded = loading.load(read.sections[0], read, pytest.fail)
        require_few_rejected(loaded, max_rejected)
        require_rows(loaded)
        return loaded

    return read
