"""PostgreSQL: connections, migrations, named queries, bulk transport, runs. The only door to it."""

from __future__ import annotations

from kgfeatures.db.connection import Database, connect
from kgfeatures.db.migrations import migrate

__all__ = ["Database", "connect", "migrate"]
