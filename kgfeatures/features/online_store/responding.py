"""Rows into Feast's response: what its own `_populate_response_from_feature_data` does.

Feast makes a message of each value and each time, which takes longer than reading the rows; here a
feature's values, statuses and times are bytes that are parsed once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from feast.metrics import track_feature_statuses
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from google.protobuf.timestamp_pb2 import Timestamp

from kgfeatures.features.online_store import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kgfeatures.features.online_store.reading import Found

MILLION = 1_000_000
PRESENT, NOT_FOUND = bytes([FieldStatus.PRESENT]), bytes([FieldStatus.NOT_FOUND])


class Answer(NamedTuple):
    """What one view answered.

    Parameters
    ----------
    view, features : what was asked.
    found : for each different key.
    indexes : (m,) in which rows of the response each of them stands.
    length : how many rows the response has.
    """

    view: Any
    features: Sequence[str]
    found: Found
    indexes: Iterable[Sequence[int]]
    length: int


def respond(response: Any, answer: Answer, *, full_names: bool, with_version: bool) -> None:
    """Add a column per feature to the response."""
    prefix = f"{answer.view.projection.name_to_use()}__" if full_names else ""
    response.metadata.feature_names.val.extend([prefix + name for name in answer.features])
    if with_version:
        _add_version(response, answer.view)
    found = answer.found
    # Which key each row of the response asks for.
    keys = [0] * answer.length
    for key, places in enumerate(answer.indexes):
        for place in places:
            keys[place] = key
    there = [moment is not None for moment in found.moments]
    rows_found = sum(there[key] for key in keys)
    times = _spread(_times(found.moments), keys)
    statuses = _spread([PRESENT if one else NOT_FOUND for one in there], keys)
    nothing = wire.framed(wire.STATUSES, NOT_FOUND * answer.length)
    for name in answer.features:
        column = found.columns.get(name)
        if column is None:
            data = wire.NULL * answer.length + nothing + times
        else:
            write = column.codec.write
            values = [wire.NULL if one is None else write(one) for one in column.values]
            data = _spread(values, keys) + wire.framed(wire.STATUSES, statuses) + times
        response.results.add().MergeFromString(data)
    present = rows_found * sum(name in found.columns for name in answer.features)
    track_feature_statuses(
        answer.view.name, present, len(answer.features) * answer.length - present
    )


def _spread(parts: Sequence[bytes], keys: Sequence[int]) -> bytes:
    """Return what belongs to each key, for each row that asks for it."""
    return b"".join([parts[key] for key in keys])


def _times(moments: Sequence[int | None]) -> list[bytes]:
    """Return event times as protobuf writes them in a FeatureVector; rows mostly share them."""
    made: dict[int | None, bytes] = {None: wire.TIMES + b"\0"}
    for moment in set(moments) - made.keys():
        seconds, rest = divmod(moment or 0, MILLION)
        stamp = Timestamp(seconds=seconds, nanos=rest * 1000)
        made[moment] = wire.framed(wire.TIMES, stamp.SerializeToString())
    return [made[moment] for moment in moments]


def _add_version(response: Any, view: Any) -> None:
    name = view.projection.name_alias or view.projection.name
    known = response.metadata.feature_view_metadata
    if name not in [one.name for one in known]:
        card = known.add()
        card.name = name
        card.version = getattr(view, "current_version_number", 0) or 0
