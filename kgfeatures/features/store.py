"""The shop's Feast store, configured by feature_repo/feature_store.yaml and its definitions.

Its settings are read as the plain `feast` CLI reads them, with ${…} taken from
`kgfeatures.db.environment` instead of the process's environment.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import re
import string
import sys
from typing import TYPE_CHECKING, Any

import yaml

from kgfeatures.config import PACKAGE, shipped_folder
from kgfeatures.db import connect
from kgfeatures.db.environment import environment
from kgfeatures.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from feast import FeatureStore
    from feast.repo_contents import RepoContents

    from kgfeatures.db import Database


def repository_folder(package: Path = PACKAGE) -> Path:
    """Return the folder of the Feast definitions: the checkout's, else the installed package's.

    Raises
    ------
    ConfigError : neither the checkout nor the package has one.
    """
    return shipped_folder(
        *("Feast definitions", "feature_repo", "feature_store.yaml", "feature_repo_template"),
        package=package,
    )


class Repository:
    """A Feast repository, as far as it can be read without importing feast.

    Parameters
    ----------
    folder : holds feature_store.yaml and the definitions; None finds the package's own.

    Raises
    ------
    ConfigError : there is no such folder, or its feature_store.yaml is no YAML.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or repository_folder()
        self.settings_path = self.folder / "feature_store.yaml"

    @property
    def settings(self) -> dict[str, Any]:
        """What feature_store.yaml says, its ${…} as they stand there."""
        try:
            return yaml.safe_load(self.settings_path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(
                f"{self.settings_path} cannot be read ({error}); correct it or restore it"
            ) from error

    @property
    def project(self) -> str:
        """The Feast project, which the names of online tables begin with."""
        return str(self.settings["project"])

    @property
    def tables(self) -> tuple[str, ...]:
        """The feature tables that the sources name, sorted; each view is called like its table."""
        text = (self.folder / "sources.py").read_text(encoding="utf-8")
        return tuple(sorted(set(re.findall(r"\bfeature\.(\w+)", text))))

    @property
    def sha256(self) -> str:
        """A fingerprint of the settings and definitions."""
        digest = hashlib.sha256()
        for path in sorted([self.settings_path, *self.folder.glob("*.py")]):
            digest.update(f"{path.name}\x1f".encode())
            digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
        return digest.hexdigest()


@contextlib.contextmanager
def open_store(
    database: Database | None = None, repository: Repository | None = None
) -> Generator[FeatureStore]:
    """Lend the shop's `feast.FeatureStore`; its connections are closed at the end.

    Parameters
    ----------
    database : the shop's database; None connects to the environment's.
    repository : the Feast repository; None takes the one that belongs to this package.

    Raises
    ------
    ConfigError : feature_store.yaml cannot be used.
    DataError : Feast's registry is one of an older Feast.
    ServerError, DatabaseError : the database cannot be started or reached.
    """
    from feast import FeatureStore

    with contextlib.ExitStack() as stack:
        shop = database or stack.enter_context(connect())
        place = repository or Repository()
        _require_registry(shop)
        store = FeatureStore(config=_config(place, environment(shop.dsn)))
        stack.callback(_close, store)
        yield store


def _require_registry(shop: Database) -> None:
    """Check that the tables of Feast's registry, where they are, are those of this Feast.

    Feast makes tables that are missing, and never changes one.

    Raises
    ------
    DataError : one lacks a column.
    """
    from feast.infra.registry.sql import metadata
    from feast.version import get_version

    held = {row["name"]: set(row["columns"]) for row in shop.rows("features.registry_tables")}
    for table in metadata.sorted_tables:
        missing = [
            one.name for one in table.columns if one.name not in held.get(table.name, {one.name})
        ]
        if missing:
            raise DataError(
                f"feast_registry.{table.name} has no column {missing[0]!r}: an older Feast than "
                f"{get_version()} made it; move the old registry away (alter schema feast_registry "
                "rename to feast_registry_old; create schema feast_registry), then `kgfeatures "
                "features apply` fills a new one"
            )


def parse_definitions(folder: Path) -> RepoContents:
    """Return the entities, sources, views and services that the files in `folder` define.

    Feast imports them as top-level modules relative to the working directory; both are put back.
    """
    from feast.repo_operations import parse_repo

    names = {path.stem for path in folder.glob("*.py")}
    theirs = {name: sys.modules.pop(name) for name in names & set(sys.modules)}
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        with contextlib.chdir(folder):
            return parse_repo(folder)
    finally:
        sys.path.remove(str(folder))
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(theirs)


def _config(repository: Repository, variables: dict[str, str]) -> Any:
    from feast.repo_config import FeastConfigError, RepoConfig

    try:
        config = RepoConfig(**_filled(repository.settings, variables))
    except (KeyError, ValueError, FeastConfigError) as error:
        raise ConfigError(
            f"{repository.settings_path} cannot be used ({error}); correct it or restore it"
        ) from error
    config.repo_path = repository.folder
    return config


def _filled(node: Any, variables: dict[str, str]) -> Any:
    """Return a parsed yaml with ${…} replaced in every string; KeyError for an unknown one."""
    if isinstance(node, dict):
        return {key: _filled(value, variables) for key, value in node.items()}
    if isinstance(node, str):
        return string.Template(node).substitute(variables)
    return node


def _close(store: FeatureStore) -> None:
    """Close the connections that Feast keeps open for as long as the process lives."""
    online: Any = store.provider.online_store
    if hasattr(online, "disconnect"):
        online.disconnect()
    connection = getattr(online, "_conn", None)
    if connection is not None:
        connection.close()
        online._conn = None  # noqa: SLF001  Feast has no call for it
    registry: Any = store.registry
    engine = getattr(registry, "write_engine", None)
    if engine is not None:
        engine.dispose()
