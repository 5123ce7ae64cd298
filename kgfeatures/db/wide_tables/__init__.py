"""Wide tables: one row per key, one typed column per feature. What Feast serves and SQL reads."""

from __future__ import annotations

from kgfeatures.db.wide_tables.tables import Column, Table, short_name

__all__ = ["Column", "Table", "short_name"]
