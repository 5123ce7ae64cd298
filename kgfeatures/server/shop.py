"""The shop's database as JupyterLab's panel sees it: by the read-only login, opened when needed."""

from __future__ import annotations

from kgfeatures.config import settings
from kgfeatures.db import Database, launcher
from kgfeatures.db.catalogue import Catalogue
from kgfeatures.db.console import Console
from kgfeatures.db.target import is_embedded, target
from kgfeatures.errors import ConfigError, ServerError


class Shop:
    """One per Jupyter server; threads may share it."""

    def __init__(self) -> None:
        self._started = False
        self.reader = Database(self.reader_dsn)
        self.catalogue = Catalogue(self.reader)
        self.console = Console(self.reader_dsn)

    def reader_dsn(self) -> str:
        """Return the reader's connection string, the embedded server running.

        It is started once: who stops it later on purpose shall not have it started again by a
        panel that asks how things are.

        Raises
        ------
        ConfigError : there is a DSN and no login that only reads.
        ServerError : there is no embedded database yet, it was stopped, or it cannot be started.
        """
        now = settings()
        if is_embedded(now):
            state = launcher.status(now.home).state
            if state == "absent":
                raise ServerError(
                    "there is no shop's database yet; run `kgfeatures demo` or `kgfeatures init`"
                )
            if state == "stopped" and self._started:
                raise ServerError("the database was stopped; start it with `kgfeatures db start`")
        found = target(now)
        self._started = True
        if found.reader_dsn is None:
            raise ConfigError(
                "KGFEATURES_DSN is set and KGFEATURES_READER_DSN is not; set it to the login that "
                "may only read: the panel never uses the owner's"
            )
        return found.reader_dsn

    def close(self) -> None:
        """Cancel what runs and close all connections."""
        self.console.close()
        self.reader.close()
