"""Campaigns, contacts and coupons of all sources together: what ingest writes of them.

A contact without a time is dated by its campaign, which another source describes; so nothing is
made before all sources are read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from kgfeatures.graph import campaigns, coupons, fingerprints
from kgfeatures.graph.campaigns import CAMPAIGN, CAMPAIGN_TIMES, COUPON
from kgfeatures.graph.things import Things, collect

if TYPE_CHECKING:
    from kgfeatures.graph.selection import Loaded

KINDS = ("campaigns", "contacts", "coupons")
TABLES = ("raw.campaign", "raw.contact", "raw.coupon_event")


@dataclass
class Outreach:
    """What a shop did to its customers, as its sources say.

    Parameters
    ----------
    known : campaigns with their titles, texts and relations.
    times : starts_at, ends_at by campaign_id, a frame per source.
    loaded : sources of contacts and coupons by number.
    linked : triples, still without times.
    """

    known: Things = field(default_factory=Things)
    times: list[pd.DataFrame] = field(default_factory=list[pd.DataFrame])
    loaded: dict[int, Loaded] = field(default_factory=dict[int, "Loaded"])
    linked: list[pd.DataFrame] = field(default_factory=list[pd.DataFrame])
    coupon_keys: set[str] = field(default_factory=set[str])

    def add(self, source_id: int, loaded: Loaded) -> None:
        """Take a source of campaigns, contacts or coupons."""
        rows = loaded.rows
        for name, keys in (("campaign_id", self.known.keys), ("coupon_id", self.coupon_keys)):
            if name in rows.column_names:
                keys.update(rows.column(name).drop_null().unique().to_pylist())
        if loaded.section.kind == "campaigns":
            collect(self.known, loaded)
            self.times.append(campaigns.campaign_times(loaded))
            self.linked.append(campaigns.promoted(loaded))
        else:
            self.loaded[source_id] = loaded
        if loaded.section.kind == "coupons":
            self.linked.append(coupons.coupon_triples(loaded))

    def runs(self) -> pd.DataFrame:
        """Return when each campaign runs: starts_at, ends_at by campaign_id; the first says so."""
        empty = pd.DataFrame(columns=pd.Index(CAMPAIGN_TIMES), dtype="datetime64[us, UTC]")
        frame = pd.concat([empty, *self.times])
        said: pd.DataFrame = frame.groupby(level=0, sort=True).first()
        return said.reindex(sorted(self.known.keys))

    def tables(self) -> dict[str, pa.Table]:
        """Return the rows of TABLES: those of campaigns, and of the others by source_id."""
        runs = self.runs()
        contacts: list[pa.Table] = []
        events: list[pa.Table] = []
        for source_id, loaded in sorted(self.loaded.items()):
            if loaded.section.kind == "contacts":
                made = campaigns.contact_rows(loaded, runs["starts_at"].to_dict())
                contacts.append(numbered(made, source_id))
            else:
                events.append(numbered(coupons.event_rows(loaded), source_id))
        every = (self._campaigns(runs), joined(contacts), joined(events))
        return {name: table for name, table in zip(TABLES, every, strict=True) if table is not None}

    def _campaigns(self, runs: pd.DataFrame) -> pa.Table:
        keys = list(runs.index)
        columns: dict[str, Any] = {
            "campaign_id": pa.array(keys, pa.string()),
            "title": pa.array([self.known.title.get(key) for key in keys], pa.string()),
            "body": pa.array([self.known.body.get(key) for key in keys], pa.string()),
        }
        for name in CAMPAIGN_TIMES:
            columns[name] = pa.array(runs[name], campaigns.KIND, from_pandas=True)
        return pa.table(columns)

    def entities(self) -> pd.DataFrame:
        """Return campaigns and coupons for store.upsert_entities: entity_type, key, label."""
        keys = sorted(self.known.keys)
        labels = [self.known.title.get(key, key) for key in keys]
        named = pd.DataFrame({"entity_type": CAMPAIGN, "key": keys, "label": labels})
        held = sorted(self.coupon_keys)
        return pd.concat(
            [named, pd.DataFrame({"entity_type": COUPON, "key": held, "label": held})],
            ignore_index=True,
        )

    def triples(self) -> list[pd.DataFrame]:
        """Return what campaigns promote and offer and coupons are good for, with their times."""
        runs = self.runs()
        frames = [frame for frame in (*self.known.triples, *self.linked) if len(frame)]
        return [campaigns.dated(frame, runs) for frame in frames]


def numbered(rows: pa.Table, source_id: int) -> pa.Table:
    """Return rows with their source and their id by content in front."""
    ids = pa.array(fingerprints.row_ids(rows))
    source = pa.repeat(source_id, rows.num_rows).cast(pa.int32())
    return rows.add_column(0, "row_id", ids).add_column(0, "source_id", source)


def joined(tables: list[pa.Table]) -> pa.Table | None:
    """Return tables below each other; None of none."""
    return pa.concat_tables(tables) if tables else None
