"""`embed update`: new entities get vectors, and the others keep theirs."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from kgfeatures.db import transport
from kgfeatures.embedding import TrainingSettings
from kgfeatures.errors import DataError
from kgfeatures.graph import lineage
from kgfeatures.graph.training import Choice
from kgfeatures.steps import embed, embed_update, stages
from kgfeatures.types import NoProgress, entity_ids, relation_id
from tests.steps.test_embed import DAY, buy, shop
from tests.steps.test_embed_versions import Notes, bits, card, home, version

if TYPE_CHECKING:
    from pathlib import Path

    from kgfeatures.db import Database

__all__ = ["home", "shop"]  # fixtures

SETTINGS = TrainingSettings(dim=8, epochs=4, batch_size=16, negatives=8)


def add(db: Database, kind: str, key: str) -> None:
    with db.transaction() as conn:
        columns = {
            "entity_id": entity_ids(kind, [key]),
            "entity_type": np.array([kind]),
            "key": np.array([key]),
        }
        transport.copy_in(conn, "kg.entity", columns)


@pytest.fixture
def grown(shop: Database) -> Database:
    """Give a shop with vectors, a customer and a product that came after them."""
    embed.run_graph(shop, settings=SETTINGS)
    add(shop, "customer", "c9")
    add(shop, "product", "p9")
    with shop.transaction() as conn:
        for row, (customer, product) in enumerate([("c9", "p0"), ("c9", "p9"), ("c0", "p3")]):
            buy(conn, 6 + row, customer, product)
    return shop


def stored(db: Database) -> dict[int, bytes]:
    """Return the vectors in use by entity."""
    with db.transaction() as conn:
        used = lineage.in_use(conn, "graph")
        assert used is not None
        found = lineage.read(conn, used)
    return dict(
        zip(
            found.entity_ids.tolist(),
            [row.tobytes() for row in found.vectors.entities],
            strict=True,
        )
    )


def test_new_entities_get_vectors_and_all_others_keep_theirs(grown: Database) -> None:
    first, before = version(grown), stored(grown)
    result = embed_update.run_update(grown)
    after = stored(grown)
    assert before.items() <= after.items()
    new = {entity_ids("customer", ["c9"])[0], entity_ids("product", ["p9"])[0]}
    assert after.keys() - before.keys() == new
    assert result.rows["feature.customer_graph_vector"] == 4
    found = card(grown, version(grown))
    assert found["predecessor_id"] == found["comparable_id"] == first
    assert (found["alignment_residual"], found["metrics"]["new_entities"]) == (0, 2)
    times = grown.sql("select distinct created_timestamp as at from feature.customer_graph_vector")
    assert [at.to_pydatetime() for at in times["at"]] == [DAY + dt.timedelta(days=9)]


def test_an_update_repeats_its_bits_and_is_skipped_when_nothing_is_new(grown: Database) -> None:
    first = version(grown)
    embed_update.run_update(grown)
    second, before = version(grown), bits(grown)
    assert embed_update.run_update(grown).skipped
    with grown.transaction() as conn:
        conn.execute("select emb.activate('graph', %s)", [first])
    embed_update.run_update(grown, force=True)
    assert (version(grown), bits(grown)) == (second, before)
    notes = Notes()
    assert embed_update.run_update(grown, progress=notes, force=True).rows == {}
    assert notes.notes == [f"nobody and nothing is new since version {second}: it stays"]


def test_a_training_follows_an_update(grown: Database) -> None:
    embed_update.run_update(grown)
    updated = version(grown)
    with grown.transaction() as conn:
        buy(conn, 20, "c9", "p1")
    embed.run_graph(grown, settings=SETTINGS)
    found = card(grown, version(grown))
    assert found["predecessor_id"] == updated
    assert "update" not in found["parameters"]


def test_an_update_keeps_to_the_relations_of_its_version(shop: Database) -> None:
    embed.run_graph(shop, settings=SETTINGS, choice=Choice(without=["has_colour"]))
    add(shop, "customer", "c9")
    add(shop, "country", "FR")
    lives = relation_id("lives_in")
    with shop.transaction() as conn:
        buy(conn, 6, "c9", "p0")
        conn.execute("insert into kg.relation (relation_id, name) values (%s, 'lives_in')", [lives])
        ends = [entity_ids("customer", ["c9"]), entity_ids("country", ["FR"])]
        rows = {"head_id": ends[0], "relation_id": np.array([lives]), "tail_id": ends[1]}
        transport.copy_in(conn, "kg.triple", rows)
    notes = Notes()
    embed_update.run_update(shop, progress=notes)
    assert notes.notes[0].startswith("1 triples are of relations that version")
    found = stored(shop)
    assert entity_ids("customer", ["c9"])[0] in found
    assert entity_ids("country", ["FR"])[0] not in found
    assert entity_ids("colour", ["red"])[0] not in found


def test_whose_data_was_erased_does_not_come_back(grown: Database) -> None:
    gone = entity_ids("customer", ["c2"])[0].item()
    with grown.transaction() as conn:
        conn.execute("delete from raw.interaction where customer_id = 'c2'")
        conn.execute("delete from kg.entity where entity_id = %s", [gone])
    embed_update.run_update(grown)
    assert gone not in stored(grown)


@pytest.mark.parametrize(
    ("model", "days", "says"),
    [
        ("rotate", None, "is rotate, which cannot take new entities alone"),
        ("transr", None, "is transr, which cannot take new entities alone"),
        ("transe", 1, "knew what came until 2020-01-07, after 2020-01-02"),
    ],
)
def test_what_cannot_be_updated_says_what_to_do(
    shop: Database, model: str, days: int | None, says: str
) -> None:
    embed.run_graph(shop, model=model, settings=SETTINGS)
    known_at = None if days is None else DAY + dt.timedelta(days=days)
    with pytest.raises(DataError, match=says):
        embed_update.run_update(shop, known_at=known_at)


def test_a_refresh_goes_on_with_updates_once_somebody_made_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    called: list[Any] = []
    monkeypatch.setattr(
        embed_update, "run_update", lambda *_, known_at, **__: called.append(known_at)
    )
    for params in ({"model": "transe", "update": True}, {"model": "transe"}):
        plan = stages.Plan(tmp_path, {"embed graph": {"params": params, "row_counts": {}}})
        [call] = stages.STAGES["graph"](plan)
        if params.get("update"):
            call.work(None, NoProgress())  # type: ignore[arg-type]
    assert called == [None]
