"""Versions of graph vectors: which one follows which, what may stand in one column."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from kgfeatures.embedding import TrainingSettings
from kgfeatures.errors import DatabaseError, DataError, UnknownNameError
from kgfeatures.graph.training import Choice, numbered, repeats
from kgfeatures.steps import embed
from kgfeatures.types import entity_ids, relation_id
from tests.steps.test_embed import DAY, SETTINGS, buy, shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from kgfeatures.db import Database

__all__ = ["shop"]  # the fixture of the step's other tests


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder that is $KGFEATURES_HOME to these tests."""
    monkeypatch.setenv("KGFEATURES_HOME", str(tmp_path))
    return tmp_path


class Notes:
    """A progress that remembers its notes, and may press Ctrl-C."""

    def __init__(self, press_at: int | None = None) -> None:
        self.notes: list[str] = []
        self.press_at = press_at
        self.done = 0

    def start(self, label: str, total: int | None = None) -> None:
        """Begin a stage."""

    def advance(self, n: int = 1) -> None:
        """Press Ctrl-C where it was asked for."""
        before, self.done = self.done, self.done + n
        if self.press_at is not None and before < self.press_at <= self.done:
            os.kill(os.getpid(), signal.SIGINT)

    def note(self, text: str) -> None:
        """Keep a sentence."""
        self.notes.append(text)


def on(day: int) -> dt.datetime:
    return DAY + dt.timedelta(days=day)


def version(db: Database) -> int:
    return db.sql("select emb.model_in_use('graph') as id").id[0].item()


def train(db: Database, day: int | None = None, **options: object) -> int:
    known_at = None if day is None else on(day)
    embed.run_graph(db, settings=SETTINGS, known_at=known_at, **options)  # type: ignore[arg-type]
    return version(db)


def card(db: Database, model_id: int) -> dict:
    found = db.sql("select * from emb.model where model_id = %(id)s", {"id": model_id})
    return found.to_dict("records")[0]


def retired(db: Database) -> list[int]:
    return db.sql("select model_id from emb.model where retired_at is not null").model_id.tolist()


def bits(db: Database) -> str:
    """Return the content hash of the version in use."""
    table = f"emb.m_{version(db)}"
    return db.rows("runs.hashes", names=[table])[0]["content_hash"]


def learned(db: Database) -> set[int]:
    """Return the relations of the version in use."""
    return set(
        db.sql(
            "select relation_id from emb.version_relations(emb.model_in_use('graph'), 'in')"
        ).relation_id
    )


def test_a_version_starts_from_the_one_in_use_and_can_be_compared_with_it(shop: Database) -> None:
    first, second = train(shop, 4), train(shop)
    found = card(shop, second)
    assert found["predecessor_id"] == found["comparable_id"] == first
    assert found["parameters"]["predecessor"] == first
    assert 0 <= found["alignment_residual"] < 0.5
    assert found["metrics"]["shared"] == 6  # c0 p0 p1 c1 p2 red
    assert shop.sql("select emb.comparable(%(a)s, %(b)s) as yes", {"a": first, "b": second}).yes[0]


def test_the_same_training_again_gives_the_same_version_though_it_is_in_use(
    shop: Database,
) -> None:
    train(shop, 4)
    second = train(shop)
    before = bits(shop)
    assert train(shop, force=True) == second
    assert bits(shop) == before


def test_who_starts_anew_gets_what_a_shop_without_versions_gets(shop: Database) -> None:
    alone = train(shop)
    train(shop, 4)  # knows less: it does not follow
    assert train(shop, follow=False) == alone
    found = card(shop, alone)
    assert (found["predecessor_id"], found["comparable_id"]) == (None, None)


def test_vectors_are_never_carried_into_the_past_or_to_another_model(shop: Database) -> None:
    last = train(shop)
    notes = Notes()
    earlier = train(shop, 4, progress=notes)
    assert card(shop, earlier)["predecessor_id"] is None
    assert notes.notes[0] == (
        f"version {last} knew what came until 2020-01-07: the training starts anew"
    )
    other = train(shop, model="distmult", progress=notes)
    assert card(shop, other)["predecessor_id"] is None
    assert f"version {earlier} is transe of 8 numbers: the training starts anew" in notes.notes
    for _ in range(2):
        last = train(shop, model="transr", progress=notes, force=True)
        assert card(shop, last)["predecessor_id"] is None
    assert f"version {last} cannot be followed by transr" not in " ".join(notes.notes)


def test_comparable_versions_make_one_column_and_others_are_refused(shop: Database) -> None:
    alone = train(shop, 3)
    first = train(shop, 4, follow=False)
    second = train(shop)
    rows = shop.sql(
        "select key, created_timestamp as at, version from emb.history('graph', 'customer')"
        " order by at, key"
    )
    assert rows.version.tolist() == [first] * 2 + [second] * 3
    assert [at.to_pydatetime() for at in rows["at"].unique()] == [on(4), on(6)]
    with pytest.raises(DatabaseError, match=f"{alone} cannot be compared with version {second}"):
        shop.sql("select * from emb.history('graph', 'customer', %(ids)s)", {"ids": [alone]})
    only = shop.sql(
        "select version from emb.history('graph', 'customer', %(ids)s)", {"ids": [first]}
    )
    assert set(only.version) == {first}


def test_labels_see_the_newest_version_that_was_known_then(shop: Database) -> None:
    first, second = train(shop, 4), train(shop)
    found = shop.sql(
        "with label as (select * from unnest(%(days)s::timestamptz[]) as label (at))"
        " select label.at, seen.version from label left join lateral ("
        " select version from emb.history('graph', 'customer') where key = 'c0'"
        " and created_timestamp <= label.at order by event_timestamp desc limit 1"
        ") as seen on true order by label.at",
        {"days": [on(3), on(5), on(7)]},
    )
    assert found.version.astype("Int64").tolist()[1:] == [first, second]
    assert found.version.isna().tolist() == [True, False, False]


def test_a_pinned_version_reads_the_same_whether_it_is_in_use_or_not(shop: Database) -> None:
    first = train(shop, 4)
    pin = (
        "select key, created_timestamp, v::text from emb.feature_rows(%(id)s, 'product') order by 1"
    )
    before = shop.sql(pin, {"id": first})
    assert before.key.tolist() == ["p0", "p1", "p2"]
    train(shop)
    assert shop.sql(pin, {"id": first}).equals(before)
    with pytest.raises(DatabaseError, match="version 5 has no vectors"):
        shop.sql("select * from emb.feature_rows(5, 'product')")


def test_a_replaced_version_is_kept_for_a_time_and_its_card_for_ever(shop: Database) -> None:
    first, second = train(shop, 4), train(shop)
    assert retired(shop) == [first]
    gone = "select emb.expire('graph', %(kept)s::interval) as id"
    assert shop.sql(gone, {"kept": "90 days"}).id.tolist() == []
    with shop.transaction() as conn:
        conn.execute("update emb.model set retired_at = retired_at - interval '91 days'")
    assert shop.sql(gone, {"kept": "90 days"}).id.tolist() == [first]
    lineage = shop.sql("select model_id, in_use, readable from emb.lineage('graph')")
    assert lineage.to_numpy().tolist() == [[first, False, False], [second, True, True]]
    with pytest.raises(DatabaseError, match=f"the vectors of version {first} were removed"):
        shop.sql("select emb.activate('graph', %(id)s)", {"id": first})
    with pytest.raises(DatabaseError, match='no vectors are called "grph".*Did you mean graph'):
        shop.rows("embed_versions.expire", alias="grph", keep_days=90)


def test_going_back_ends_a_retirement(shop: Database) -> None:
    first, second = train(shop, 4), train(shop)
    with shop.transaction() as conn:
        conn.execute("select emb.activate('graph', %s)", [first])
    assert retired(shop) == [second]


def test_a_stopped_training_goes_on_and_gives_the_same_bits(shop: Database, home: Path) -> None:
    settings = TrainingSettings(dim=8, epochs=40, batch_size=4, negatives=4)
    embed.run_graph(shop, settings=settings)
    whole = bits(shop)
    assert not list(home.glob("trainings/*"))
    progress = Notes(press_at=50)
    with pytest.raises(KeyboardInterrupt):
        embed.run_graph(shop, settings=settings, force=True, progress=progress)
    assert progress.notes == ["stopped; the same command goes on where it was"]
    assert len(list(home.glob("trainings/*/training.npz"))) == 1
    again = Notes()
    embed.run_graph(shop, settings=settings, force=True, progress=again)
    assert again.done <= 100
    assert bits(shop) == whole
    assert not list(home.glob("trainings/*"))


class Meanwhile(Notes):
    """A progress that does something else when the training begins."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self.work = work

    def start(self, label: str, total: int | None = None) -> None:  # noqa: ARG002
        """Do it at the stage of the training."""
        if label.startswith("train"):
            self.work()


def test_nobody_waits_for_a_training(shop: Database) -> None:
    first, second = train(shop, 4), train(shop, 5)
    snapshots: list[int] = []

    def activate_and_look() -> None:
        with shop.transaction() as conn:
            conn.execute("set local lock_timeout = '1s'")
            conn.execute("select emb.activate('graph', %s)", [first])
        held = "select pid from pg_stat_activity where backend_xmin is not null "
        # The server may be vacuuming by itself meanwhile.
        own = (
            "and datname = current_database() and pid <> pg_backend_pid() "
            "and backend_type = 'client backend'"
        )
        snapshots.extend(shop.sql(held + own).pid)

    embed.run_graph(shop, settings=SETTINGS, progress=Meanwhile(activate_and_look))
    assert snapshots == []
    third = version(shop)
    assert third not in {first, second}
    assert card(shop, third)["predecessor_id"] == second
    assert embed.run_graph(shop, settings=SETTINGS).skipped


def test_what_is_loaded_during_a_training_is_learned_by_the_next(shop: Database) -> None:
    def buy_more() -> None:
        with shop.transaction() as conn:
            buy(conn, 50, "c2", "p0")

    embed.run_graph(shop, settings=SETTINGS, progress=Meanwhile(buy_more))
    knew = card(shop, version(shop))
    assert knew["known_at"] == on(6)
    assert not embed.run_graph(shop, settings=SETTINGS).skipped
    assert card(shop, version(shop))["predecessor_id"] == knew["model_id"]


def test_whose_data_was_erased_during_a_training_is_not_published(shop: Database) -> None:
    def erase() -> None:
        with shop.transaction() as conn:
            conn.execute("delete from raw.interaction where customer_id = 'c2'")
            conn.execute("delete from kg.entity where key = 'c2'")

    with pytest.raises(DataError, match="1 entities with vectors are not in kg.entity"):
        embed.run_graph(shop, settings=SETTINGS, progress=Meanwhile(erase))
    assert shop.sql("select model_id from emb.model").empty
    train(shop)
    ids = shop.sql("select customer_id from feature.customer_graph_vector").customer_id
    assert sorted(ids) == ["c0", "c1"]


def test_a_checkpoint_that_cannot_be_written_is_a_warning(shop: Database, home: Path) -> None:
    (home / "trainings").write_text("a file where the folder should be")
    with pytest.warns(RuntimeWarning, match="no checkpoint at step"):
        assert train(shop)


def test_relations_are_left_out_and_weighted(shop: Database) -> None:
    bought, colour = relation_id("bought"), relation_id("has_colour")
    train(shop, choice=Choice(without=["has_colour"]))
    assert learned(shop) == {bought}
    weighted = train(shop, choice=Choice(weights={"bought": 0.5}), follow=False)
    assert card(shop, weighted)["parameters"]["weights"] == {"bought": 0.5}
    assert card(shop, weighted)["metrics"]["visits"] == 5 + 2 * 2  # epochs 2, but half of them
    assert learned(shop) == {bought, colour}


@pytest.mark.parametrize(
    ("choice", "error", "says"),
    [
        ({"without": ["has_color"]}, UnknownNameError, "did you mean 'has_colour'"),
        ({"without": ["bought", "has_colour"]}, DataError, "all 7 triples known at .* left out"),
        ({"weights": {"bought": 0.3}}, DataError, "the weight of bought is 0.3"),
        ({"weights": {"bought": 0}}, DataError, "the weight of bought is 0"),
        ({"weights": {"bought": 1}, "without": ["bought"]}, DataError, "choose one"),
    ],
)
def test_a_choice_that_cannot_be_learned_says_why(
    shop: Database, choice: dict, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        train(shop, choice=Choice(**choice))


def test_weights_are_repeats_in_their_ratio() -> None:
    known = numbered(np.array([[1, 1, 4], [1, 2, 4], [1, 3, 4], [2, 1, 4]]))
    times, base = repeats(known, {2: 0.25, 3: 1.5})
    of = known.relation_ids[known.triples[:, 1]]
    assert base == 4
    assert {int(k): int(t) for k, t in zip(of, times, strict=True)} == {1: 4, 2: 1, 3: 6}
    assert repeats(known, {})[0].tolist() == [1] * 4


def test_sparse_purchases_are_visited_less_than_attributes() -> None:
    rng = np.random.default_rng(0)
    # 40 customers and 60 products; each product was bought 4 times, and has one of 5 colours.
    bought = {(customer, 1, 100 + p) for p in range(60) for customer in rng.permutation(40)[:4]}
    coloured = {(100 + p, 2, 200 + p % 5) for p in range(60)}
    known = numbered(np.array(sorted(bought | coloured)))
    times, base = repeats(known, {}, passes=12)
    # Half of 4 is 2 of 12 visits.
    assert base == 6
    assert {times[known.triples[:, 1] == row].tolist()[0] for row in (0, 1)} == {1, 6}
    assert set(times[known.triples[:, 1] == 0]) == {1}
    assert set(repeats(known, {1: 1.0}, passes=12)[0]) == {1}
    assert [repeats(known, {}, passes=passes)[1] for passes in (1, 2, 4, 8)] == [1, 1, 2, 4]


def test_nothing_known_yet_says_since_when_there_is_something(shop: Database) -> None:
    with shop.transaction() as conn:
        conn.execute("delete from kg.triple")
    with pytest.raises(DataError, match="the first is of 2020-01-01 01:00 UTC; name a later"):
        train(shop, -1)
    assert shop.sql("select count(*) as n from emb.model").n[0] == 0


def test_numbers_that_overflow_stop_the_training_and_leave_no_checkpoint(
    shop: Database, home: Path
) -> None:
    settings = TrainingSettings(dim=8, epochs=60, negatives=4, learning_rate=1e38)
    with pytest.raises(DataError, match="the loss is nan at step .* smaller learning_rate"):
        embed.run_graph(shop, settings=settings)
    assert not list(home.glob("trainings/*"))
    assert shop.sql("select count(*) as n from emb.model").n[0] == 0


def test_held_out_triples_measure_a_version(shop: Database) -> None:
    with shop.transaction() as conn:
        for row in range(6, 24):
            buy(conn, row, f"c{row % 3}", f"p{row // 3 % 4}")
    found = card(shop, train(shop, valid=0.3))["metrics"]
    assert found["held_out"] >= 1
    assert 0 < found["mrr"] <= 1
    assert 0 < found["popularity_mrr"] <= 1
    # No entity was seen in the place of every relation.
    seen = found["among_seen"]
    assert 1 <= seen["candidates"] < found["candidates"]
    assert 0 < found["random_mrr"] < seen["random_mrr"] <= 1
    with pytest.raises(DataError, match=r"valid is 1\.5"):
        train(shop, valid=1.5)
    for seconds in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(DataError, match=f"seconds is {seconds}; pass CPU time"):
            train(shop, seconds=seconds)


def test_a_validation_without_triples_is_said(shop: Database) -> None:
    notes = Notes()
    train(shop, valid=0.01, progress=notes)
    assert notes.notes[0].startswith("valid 0.01 of 7 triples leaves none to measure with")
    assert "mrr" not in card(shop, version(shop))["metrics"]


def test_an_entity_without_triples_has_no_vector_and_one_relation_is_enough(
    shop: Database,
) -> None:
    with shop.transaction() as conn:
        conn.execute("delete from kg.triple")
        conn.execute(
            "insert into kg.entity values (kg.entity_id('product', 'p9'), 'product', 'p9')"
        )
    train(shop)
    ids = shop.sql("select entity_id from emb.version_vectors(emb.model_in_use('graph'))").entity_id
    assert set(entity_ids("product", ["p0", "p1", "p2", "p3"])) < set(ids)
    assert entity_ids("product", ["p9"])[0] not in set(ids)
    with pytest.raises(DatabaseError, match='product "p9" has no vector'):
        shop.sql("select * from kg.similar('graph', 'product', 'p9', 2)")


PUBLISHING = """
import sys
from kgfeatures.db import Database
from kgfeatures.embedding import TrainingSettings
from kgfeatures.steps import embed

with Database(lambda: sys.argv[1]) as database:
    settings = TrainingSettings(dim=8, epochs=2, batch_size=16, negatives=8)
    embed.run_graph(database, settings=settings)
"""


def test_who_is_killed_while_publishing_leaves_readers_with_one_whole_version(
    shop: Database, db_dsn: str, reader: Connection[TupleRow]
) -> None:
    first = train(shop, 4)
    rows = "select model_id, product_id, graph_vector::text from feature.product_graph_vector"
    before = reader.execute(rows).fetchall()  # the lock that it holds stops the swap
    publisher = subprocess.Popen([sys.executable, "-c", PUBLISHING, db_dsn])
    try:
        until = time.monotonic() + 60
        waits = "select count(*) as n from pg_locks where not granted and mode like 'AccessEx%'"
        while shop.sql(waits).n[0] == 0 and publisher.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        assert publisher.poll() is None
    finally:
        publisher.kill()
        publisher.wait()
    reader.rollback()
    assert reader.execute(rows).fetchall() == before
    reader.rollback()
    assert {row[0] for row in before} == {first} == {version(shop)}
    second = train(shop)
    assert {row[0] for row in reader.execute(rows)} == {second} != {first}
