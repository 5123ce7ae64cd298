"""Every type of Feast's goes into a typed column and comes back as it was."""

from __future__ import annotations

import decimal
import uuid

import pytest

from tests.features.online_store.conftest import NOW, apply, key, make_view, row

pytestmark = pytest.mark.slow
UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
# Feast's type: an example, the type of its column.
EXAMPLES = {
    "Bytes": (b"\x00\xff", "bytea"),
    "String": ("连衣裙", "text"),
    "Int32": (-5, "integer"),
    "Int64": (2**40, "bigint"),
    "Float64": (0.1, "double precision"),
    "Float32": (0.5, "real"),
    "Bool": (True, "boolean"),
    "UnixTimestamp": (NOW, "timestamp with time zone"),
    "Uuid": (UUID, "uuid"),
    "Decimal": (decimal.Decimal("1.10"), "numeric"),
    "Json": ('{"z": 1, "a": [1, 2]}', "json"),
    "Map": ({"a": 1, "b": [1.5], "c": {"d": None, "e": b"x"}, "f": [{"g": "h"}]}, "jsonb"),
    "Array(Bytes)": ([b"a", b"\x00"], "bytea[]"),
    "Array(String)": (["x", '"y",{}'], "text[]"),
    "Array(Int32)": ([1, -2], "integer[]"),
    "Array(Int64)": ([2**40], "bigint[]"),
    "Array(Float64)": ([0.1, 1e300], "double precision[]"),
    "Array(Float32)": ([0.5, float("inf")], "real[]"),
    "Array(Bool)": ([True, False], "boolean[]"),
    "Array(UnixTimestamp)": ([NOW], "timestamp with time zone[]"),
    "Array(Uuid)": ([UUID], "uuid[]"),
    "Array(Map)": ([{"q": 1}, {"r": "s"}], "jsonb"),
    "Array(Array(Int64))": ([[1, 2], [3]], "jsonb"),
    "Set(String)": ({"a", "b"}, "text[]"),
    "Set(Float32)": ({0.5}, "real[]"),
    "Struct({'name': String})": ({"name": "n"}, "jsonb"),
    "ImageBytes": (b"\x89PNG", "bytea"),
    "TimeUuid": (UUID, "uuid"),
    "ScalarMap": ({1: "one", 2: "two"}, "jsonb"),
    "ZonedTimestamp": (NOW, "jsonb"),
    "Array(Decimal)": ([decimal.Decimal("-0.10")], "numeric[]"),
    "Array(Json)": (['{"a": 1}'], "json[]"),
    "Set(Int64)": ({3}, "bigint[]"),
}


def examples(name: str) -> tuple[dict, dict]:
    """Return a view's features of every type, and a value of Feast's for each."""
    from feast import types
    from feast.type_map import python_values_to_proto_values

    dtypes = {f"f{n}": eval(kind, vars(types)) for n, kind in enumerate(EXAMPLES)}  # noqa: S307
    given = {
        feature: python_values_to_proto_values([example], dtype.to_value_type())[0]
        for (feature, dtype), (example, _) in zip(dtypes.items(), EXAMPLES.values(), strict=True)
    }
    return make_view(name, dtypes), given


def test_values_of_all_types_come_back_and_their_columns_are_typed(store, config, database) -> None:
    from feast.protos.feast.types.Value_pb2 import Value

    view, given = examples("every_type")
    apply(store, config, view)
    nothing = dict.fromkeys(given, Value())
    rows = [row(key(item_id="a"), given), row(key(item_id="b"), nothing)]
    store.online_write_batch(config, view, rows, None)
    (_, full), (_, empty), missing = store.online_read(
        config, view, [key(item_id=one) for one in ("a", "b", "c")]
    )
    assert full == given
    assert empty == nothing
    assert missing == (None, None)
    columns = database.sql(
        "select attname, format_type(atttypid, atttypmod) as type from pg_attribute"
        " where attrelid = 'online.every_type'::regclass and attnum > 0"
    )
    found = dict(zip(columns["attname"], columns["type"], strict=True))
    assert [found[feature] for feature in given] == [column for _, column in EXAMPLES.values()]


def test_a_response_is_what_feasts_own_code_makes_of_the_same_rows(store, config) -> None:
    from feast.infra.online_stores.online_store import OnlineStore
    from feast.protos.feast.serving.ServingService_pb2 import GetOnlineFeaturesResponse
    from feast.protos.feast.types.Value_pb2 import Value

    view, given = examples("every_response")
    apply(store, config, view)
    long_ago = NOW.replace(year=1950, microsecond=5)
    empty = dict.fromkeys(given, Value())
    rows = [row(key(item_id="a"), given, long_ago), row(key(item_id="b"), empty)]
    store.online_write_batch(config, view, rows, None)
    for names in (list(given), ["f1", "never_there"]):
        made = []
        for read in (store._read_features_per_fv, OnlineStore._read_features_per_fv.__get__(store)):
            made.append(GetOnlineFeaturesResponse())
            read(
                config=config,
                grouped_refs=[(view, names), (view, names[:1])],
                join_key_values={"item_id": [Value(string_val=one) for one in "abcab"]},
                entity_name_to_join_key_map={"item_id": "item_id"},
                online_features_response=made[-1],
                full_feature_names=True,
                include_feature_view_version_metadata=True,
            )
        assert made[0] == made[1]
        assert made[0].results[0].values[3] == made[0].results[0].values[0]


@pytest.mark.parametrize(
    ("dtype", "field", "given", "column"),
    [
        ("String", "string_val", "顾客", "text"),
        ("Int64", "int64_val", -(2**62), "bigint"),
        ("Int32", "int32_val", 7, "integer"),
        ("Bytes", "bytes_val", b"\x00k", "bytea"),
        ("UnixTimestamp", "unix_timestamp_val", 1714564800, "timestamp with time zone"),
        ("Bool", "bool_val", False, "boolean"),
        ("Float64", "double_val", 0.25, "double precision"),
        ("Uuid", "uuid_val", str(UUID), "uuid"),
        ("Decimal", "decimal_val", "1.5", "numeric"),
    ],
)
def test_a_key_of_any_type_is_the_primary_key(
    store, config, database, dtype, field, given, column
) -> None:
    from feast import types
    from feast.protos.feast.types.Value_pb2 import Value

    view = make_view(f"by_{dtype}", {"a": types.String}, {"k": getattr(types, dtype)})
    one = Value(**{field: given})
    apply(store, config, view)
    store.online_write_batch(config, view, [row(key(k=one), {"a": "x"})], None)
    [(event, found)] = store.online_read(config, view, [key(k=one)])
    assert event == NOW
    assert found["a"].string_val == "x"
    listed = database.sql(
        "select format_type(atttypid, atttypmod) as type from pg_index join pg_attribute"
        " on attrelid = indrelid and attnum = any(indkey)"
        " where indrelid = to_regclass(%s) and indisprimary",
        [f'online."by_{dtype}"'],
    )
    assert listed["type"].tolist() == [column]


def test_a_map_that_looks_like_a_tag_comes_back_too() -> None:
    from feast.protos.feast.types.Value_pb2 import Value

    from kgfeatures.features.online_store.nested import top_from_json, top_to_json

    given = Value()
    given.map_val.val["$feast"].string_val = "no base64"
    given.map_val.val["empty"].int64_list_val.SetInParent()
    given.map_val.val["narrow"].int32_val = 3
    assert top_from_json("map_val", top_to_json("map_val", given.map_val)) == given
