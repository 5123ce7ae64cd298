"""What Feast asks of an online store, and what readers of its tables may rely on."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading

import pytest

from kgfeatures.errors import DatabaseError, DataError, UnknownNameError
from tests.features.online_store.conftest import NOW, apply, key, make_config, make_view, row

pytestmark = pytest.mark.slow
DAY = dt.timedelta(days=1)


def stored(database, statement: str) -> list[tuple]:
    return [tuple(one) for one in database.sql(statement).to_numpy().tolist()]


def test_an_older_row_never_overwrites_a_newer_one(store, config, database) -> None:
    from feast.types import String

    view = make_view("newest", {"a": String})
    apply(store, config, view)
    for text, event, created in [
        ("first", NOW, NOW),
        ("older", NOW - DAY, NOW + DAY),
        ("known earlier", NOW, NOW - DAY),
        ("known later", NOW, NOW + DAY),
    ]:
        rows = [row(key(item_id="k"), {"a": text}, event, created)]
        store.online_write_batch(config, view, rows, None)
    assert stored(database, "select a from online.newest") == [("known later",)]


def test_of_one_batch_the_newest_row_of_a_key_is_kept(store, config, database) -> None:
    from feast.types import String

    view = make_view("in_batch", {"a": String})
    apply(store, config, view)
    told: list[int] = []
    rows = [
        row(key(item_id="k"), {"a": "new"}, NOW),
        row(key(item_id="k"), {"a": "old"}, NOW - DAY),
        row(key(item_id="k"), {"a": "naive is UTC"}, (NOW + DAY).replace(tzinfo=None)),
    ]
    store.online_write_batch(config, view, rows, told.append)
    assert stored(database, "select a from online.in_batch") == [("naive is UTC",)]
    assert told == [3]


def test_two_key_views_do_not_mix_keys_and_key_order_does_not_matter(store, config) -> None:
    from feast.types import Int64

    view = make_view("pairs", {"a": Int64}, {"user_id": Int64, "product_id": Int64})
    apply(store, config, view)
    rows = [
        row(key(user_id=1, product_id=12), {"a": 1}),
        row(key(product_id=2, user_id=11), {"a": 2}),
    ]
    store.online_write_batch(config, view, rows, None)
    asked = [key(product_id=12, user_id=1), key(product_id=2, user_id=11)]
    asked.append(key(product_id=1, user_id=12))
    found = [
        values and values["a"].int64_val for _, values in store.online_read(config, view, asked)
    ]
    assert found == [1, 2, None]


def test_a_view_without_entities_has_one_row(store, config) -> None:
    from feast.types import Int64

    view = make_view("everywhere", {"a": Int64}, {})
    apply(store, config, view)
    store.online_write_batch(config, view, [row(key(__dummy_id=""), {"a": 5})], None)
    [(_, found)] = store.online_read(config, view, [key(__dummy_id="")], ["a"])
    assert found["a"].int64_val == 5


def test_async_reads_and_writes_do_what_the_others_do(store, config) -> None:
    from feast.types import Int64

    view = make_view("at_once", {"a": Int64})
    apply(store, config, view)
    rows = [row(key(item_id=str(n)), {"a": n}) for n in range(20)]

    async def work():
        await asyncio.gather(
            *(store.online_write_batch_async(config, view, [one], None) for one in rows)
        )
        keys = [[key(item_id=str(n))] for n in range(20)]
        return await asyncio.gather(*(store.online_read_async(config, view, one) for one in keys))

    found = asyncio.run(work())
    assert [one[0][1]["a"].int64_val for one in found] == list(range(20))
    assert store.async_supported.read
    assert store.async_supported.write


def test_connections_come_back_after_errors(store, config) -> None:
    from feast.types import Array, Float32, Int64

    view = make_view("errors", {"a": Int64, "v": Array(Float32)})
    apply(store, config, view)
    for _ in range(12):
        with pytest.raises(DataError, match="a value does not fit"):
            store.online_write_batch(config, view, [row(key(item_id="x"), {"a": "text"})], None)
    assert store.online_read(config, view, [key(item_id="x")]) == [(None, None)]


def test_a_key_of_another_type_and_an_unknown_feature_are_one_sentence(store, config) -> None:
    from feast.types import Int64

    view = make_view("typed", {"amount": Int64})
    apply(store, config, view)
    with pytest.raises(DataError, match="key 'item_id' is 5 .int64., but online.typed.item_id"):
        store.online_read(config, view, [key(item_id=5)])
    with pytest.raises(DataError, match="no feature 'amuont'; did you mean 'amount'"):
        store.online_write_batch(config, view, [row(key(item_id="x"), {"amuont": 1})], None)
    with pytest.raises(DataError, match="has no online table online.nowhere; make it with"):
        store.online_read(config, make_view("nowhere", {"a": Int64}), [key(item_id="x")])


def test_a_new_feature_is_added_and_a_type_widened_with_the_rows_there(
    store, config, database
) -> None:
    from feast.types import Int32, Int64, String

    before = make_view("growing", {"a": Int32, "b": String})
    apply(store, config, before)
    store.online_write_batch(
        config, before, [row(key(item_id="k"), {"a": _int32(3), "b": "x"})], None
    )
    after = make_view("growing", {"a": Int64, "c": String}, description="How it grows.")
    apply(store, config, after)
    [(_, found)] = store.online_read(config, after, [key(item_id="k")])
    assert found["a"].int64_val == 3
    assert found["c"].WhichOneof("val") is None
    columns = "select attname from pg_attribute where attrelid = 'online.growing'::regclass"
    columns += " and attnum > 0 and not attisdropped and attname <> 'event_timestamp' order by 1"
    assert [name for (name,) in stored(database, columns)] == [
        "a", "c", "created_timestamp", "item_id",
    ]  # fmt: skip
    comment = stored(database, "select obj_description('online.growing'::regclass)")[0][0]
    assert comment.startswith("How it grows.")


def test_what_would_lose_values_is_refused_and_nothing_changes(store, config, database) -> None:
    from feast.types import Int64, String

    view = make_view("kept", {"a": String})
    apply(store, config, view)
    store.online_write_batch(config, view, [row(key(item_id="k"), {"a": "ten"})], None)
    with pytest.raises(DataError, match="online.kept.a is text and holds 1 values"):
        apply(store, config, make_view("kept", {"a": Int64}))
    with pytest.raises(DataError, match="is keyed by item_id text, and the feature view by k"):
        apply(store, config, make_view("kept", {"a": String}, {"k": Int64}))
    assert stored(database, "select a from online.kept") == [("ten",)]
    with database.transaction() as conn:
        conn.execute("truncate online.kept")
    apply(store, config, make_view("kept", {"a": Int64}, {"k": Int64}))


def test_another_process_sees_a_changed_view_at_its_next_read(store, config) -> None:
    from feast.types import Int64, String

    from kgfeatures.features.online_store import KGFeaturesOnlineStore

    view = make_view("changing", {"a": Int64})
    apply(store, config, view)
    store.online_write_batch(config, view, [row(key(item_id="k"), {"a": 1})], None)
    other = KGFeaturesOnlineStore()
    for _ in range(7):  # until the statement is prepared
        other.online_read(config, view, [key(item_id="k")])
    wider = make_view("changing", {"b": String})
    apply(store, config, wider)
    store.online_write_batch(config, wider, [row(key(item_id="k"), {"b": "y"}, NOW + DAY)], None)
    assert other.online_read(config, wider, [key(item_id="k")])[0][1]["b"].string_val == "y"
    assert other.online_read(config, view, [key(item_id="k")], ["a"])[0][1] == {}
    other.disconnect()


def test_readers_read_on_while_a_view_changes(store, config) -> None:
    from feast.types import Int64

    from kgfeatures.features.online_store import KGFeaturesOnlineStore

    view = make_view("busy", {"a": Int64})
    apply(store, config, view)
    store.online_write_batch(config, view, [row(key(item_id="k"), {"a": 1})], None)
    other, stop, wrong = KGFeaturesOnlineStore(), threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            found = other.online_read(config, view, [key(item_id="k")], ["a"])
            if found[0][1]["a"].int64_val != 1:
                wrong.append(found)

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(5):
        apply(store, config, make_view("busy", {"a": Int64, f"b{n}": Int64}))
    stop.set()
    reader.join()
    other.disconnect()
    assert wrong == []


def test_versions_of_a_view_have_tables_of_their_own(store, config, database) -> None:
    from feast.types import Int64

    versioned = config.model_copy(deep=True)
    versioned.registry.enable_online_feature_view_versioning = True
    first = make_view("versions", {"a": Int64})
    second = make_view("versions", {"a": Int64})
    second.current_version_number = 2
    apply(store, versioned, first, second)
    store.online_write_batch(versioned, first, [row(key(item_id="k"), {"a": 1})], None)
    store.online_write_batch(versioned, second, [row(key(item_id="k"), {"a": 2})], None)
    assert store.online_read(versioned, first, [key(item_id="k")])[0][1]["a"].int64_val == 1
    assert store.online_read(versioned, second, [key(item_id="k")])[0][1]["a"].int64_val == 2
    assert stored(database, "select a from online.versions_v2") == [(2,)]
    store.teardown(versioned, [first], [])
    left = "select count(*) from pg_tables where tablename like 'versions%' and schemaname='online'"
    assert stored(database, left) == [(0,)]


def test_two_projects_with_a_view_of_one_name_do_not_meet(
    store, config, database, dsn, tmp_path
) -> None:
    from feast.types import Int64, String

    mine, theirs = make_view("same", {"a": Int64}), make_view("same", {"a": String})
    other = make_config(dsn, tmp_path / "registry.db", project="other")
    apply(store, config, mine)
    apply(store, other, theirs)
    store.online_write_batch(config, mine, [row(key(item_id="k"), {"a": 1})], None)
    store.online_write_batch(other, theirs, [row(key(item_id="k"), {"a": "x"})], None)
    assert stored(database, "select a from online.same") == [(1,)]
    assert stored(database, "select a from online.other_same") == [("x",)]
    apply(store, other, gone=[theirs])
    assert store.online_read(config, mine, [key(item_id="k")])[0][1]["a"].int64_val == 1


def test_rows_of_feasts_own_store_are_taken_over(store, config, database) -> None:
    from feast.infra.online_stores.postgres_online_store.postgres import (
        PostgreSQLOnlineStore,
        PostgreSQLOnlineStoreConfig,
    )
    from feast.types import Array, Float32, Int64

    view = make_view("moved", {"a": Int64, "v": Array(Float32)})
    stock = config.model_copy()
    settings = config.online_store.model_dump(include={"host", "port", "database", "user"})
    settings |= {"password": "", "sslmode": "disable", "db_schema": "online"}
    stock._online_store = PostgreSQLOnlineStoreConfig(**settings)
    old = PostgreSQLOnlineStore()
    old.update(stock, [], [view], [], [], partial=False)
    rows = [row(key(item_id=str(n)), {"a": n, "v": [0.5, n]}, NOW, NOW) for n in range(30)]
    old.online_write_batch(stock, view, rows, None)
    old._conn.close()
    apply(store, config, view)
    found = store.online_read(config, view, [entity for entity, *_ in rows])
    assert [values for _, values in found] == [values for _, values, *_ in rows]
    gone = "select count(*) from pg_tables where tablename = 'shop_moved'"
    assert stored(database, gone) == [(0,)]


def test_a_read_only_login_gets_one_sentence(store, config, dsn, tmp_path) -> None:
    from feast.types import Int64

    from kgfeatures.features.online_store import KGFeaturesOnlineStore

    view = make_view("readable", {"a": Int64})
    apply(store, config, view)
    store.online_write_batch(config, view, [row(key(item_id="k"), {"a": 1})], None)
    reading = make_config(dsn, tmp_path / "registry.db")
    reading.online_store.user = "kgf_reader"
    reader = KGFeaturesOnlineStore()
    assert reader.online_read(reading, view, [key(item_id="k")])[0][1]["a"].int64_val == 1
    with pytest.raises(DatabaseError, match="read-only"):
        reader.online_write_batch(reading, view, [row(key(item_id="k"), {"a": 2})], None)
    reader.disconnect()


def test_a_database_without_kgfeatures_own_tables_will_do(make_database, tmp_path) -> None:
    from feast import Field
    from feast.types import Array, Float32, String

    from kgfeatures.features.online_store import KGFeaturesOnlineStore

    config = make_config(make_database(None), tmp_path / "registry.db")
    vector = Field(name="v", dtype=Array(Float32), vector_index=True)
    view = make_view("order", {"v": vector, "title": String, "event_timestamp": String})
    store = KGFeaturesOnlineStore()
    apply(store, config, view)
    features = {"v": [1.0, 2.0], "title": "红色", "event_timestamp": "mine"}
    store.online_write_batch(config, view, [row(key(item_id="k"), features)], None)
    [(event, found)] = store.online_read(config, view, [key(item_id="k")])
    assert (event, found["event_timestamp"].string_val) == (NOW, "mine")
    found = store.retrieve_online_documents_v2(
        config, view, ["title"], None, 1, query_string="红色"
    )
    assert len(found) == 1
    store.teardown(config, [view], [])
    store.disconnect()


def _int32(number: int):
    from feast.protos.feast.types.Value_pb2 import Value

    return Value(int32_val=number)


def test_the_catalogue_tells_of_views_of_a_file_registry_too(store, config, database) -> None:
    from feast.types import Int64

    def cards() -> dict:
        rows = database.sql("select name, details from ops.catalogue where kind = 'feature_view'")
        return dict(zip(rows["name"], rows["details"], strict=True))

    view = make_view(
        "told", {"a": Int64}, ttl=dt.timedelta(days=1), owner="us", tags={"made_for": "tests"}
    )
    apply(store, config, view)
    card = cards()["told"]
    assert card | {"columns": []} == card | {
        "project": "shop",
        "owner": "us",
        "tags": {"made_for": "tests"},
        "source_table": "feature.told",
        "online_table": "online.told",
        "ttl_seconds": 86400,
        "join_keys": ["item_id"],
        "columns": [],
    }
    assert [(one["name"], one["type"]) for one in card["columns"]] == [("a", "Int64")]
    assert [one["type"] for one in card["keys"]] == ["String"]
    with database.transaction() as conn:
        conn.execute("update ops.catalogue set details = '{}' where name = 'told'")
    apply(store, config, view)
    assert cards()["told"] == {}, "what another project says stays"
    with database.transaction() as conn:
        conn.execute("delete from ops.catalogue where name = 'told'")
    apply(store, config, view)
    apply(store, config, gone=[view])
    assert "told" not in cards()


def test_plain_feast_says_which_key_or_name_of_a_request_is_wrong(config) -> None:
    from feast import Entity, FeatureStore, ValueType
    from feast.types import Int64

    place = Entity(name="place", join_keys=["place_id"], value_type=ValueType.INT64)
    heat = make_view("heat", {"warmth": Int64}, {"place_id": Int64})
    heat.entities = ["place"]
    shop = FeatureStore(config=config)
    shop.apply([place, heat])

    def asked(rows: object, feature: str = "heat:warmth") -> object:
        return shop.get_online_features(features=[feature], entity_rows=rows)

    with pytest.raises(UnknownNameError, match="view 'heat' has no 'warmt'; did you mean 'warmth'"):
        asked([{"place_id": 1}], "heat:warmt")
    with pytest.raises(DataError, match="'place_id' is 'x' in entity row 1 .* type INT64"):
        asked([{"place_id": 1}, {"place_id": "x"}])
    with pytest.raises(DataError, match="'place_id' is 'x' in entity row 0 "):
        asked({"place_id": ["x"]})
    with pytest.raises(DataError, match="entity_rows is 'x', a str; give a list with one mapping"):
        asked("x")
    assert asked([{"place_id": "3"}]).to_dict() == {"place_id": [3], "warmth": [None]}
