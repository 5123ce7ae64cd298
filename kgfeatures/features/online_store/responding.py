"""Rows into Feast's response: what its own `_populate_response_from_feature_data` does.

Feast makes each event time a datetime and a Timestamp again, row by row, which takes longer than
reading the rows; here a time becomes a Timestamp once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from feast.metrics import track_feature_statuses
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus, GetOnlineFeaturesResponse
from google.protobuf.timestamp_pb2 import Timestamp

from kgfeatures.features.online_store.values import NULL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from feast.protos.feast.types.Value_pb2 import Value

MILLION = 1_000_000
NO_TIME = Timestamp()
PRESENT, NOT_FOUND = FieldStatus.PRESENT, FieldStatus.NOT_FOUND


class Answer(NamedTuple):
    """What one view answered.

    Parameters
    ----------
    view, features : what was asked.
    rows : (m,) event time in microseconds and values of each different key.
    indexes : (m,) in which rows of the response each of them stands.
    length : how many rows the response has.
    """

    view: Any
    features: Sequence[str]
    rows: Sequence[tuple[int | None, dict[str, Value] | None]]
    indexes: Iterable[Sequence[int]]
    length: int


def respond(response: Any, answer: Answer, *, full_names: bool, with_version: bool) -> None:
    """Add a column per feature to the response."""
    prefix = f"{answer.view.projection.name_to_use()}__" if full_names else ""
    response.metadata.feature_names.val.extend([prefix + name for name in answer.features])
    if with_version:
        _add_version(response, answer.view)
    times = [NO_TIME] * answer.length
    values = {name: [NULL] * answer.length for name in answer.features}
    statuses = {name: [NOT_FOUND] * answer.length for name in answer.features}
    stamps: dict[int, Timestamp] = {}
    present = 0
    for (moment, found), places in zip(answer.rows, answer.indexes, strict=True):
        if moment is None or found is None:
            continue
        if moment not in stamps:
            seconds, rest = divmod(moment, MILLION)
            stamps[moment] = Timestamp(seconds=seconds, nanos=rest * 1000)
        stamp = stamps[moment]
        for place in places:
            times[place] = stamp
            for name, value in found.items():
                values[name][place] = value
                statuses[name][place] = PRESENT
            present += len(found)
    track_feature_statuses(
        answer.view.name, present, len(answer.features) * answer.length - present
    )
    for name in answer.features:
        response.results.append(
            GetOnlineFeaturesResponse.FeatureVector(
                values=values[name], statuses=statuses[name], event_timestamps=times
            )
        )


def _add_version(response: Any, view: Any) -> None:
    name = view.projection.name_alias or view.projection.name
    known = response.metadata.feature_view_metadata
    if name not in [one.name for one in known]:
        card = known.add()
        card.name = name
        card.version = getattr(view, "current_version_number", 0) or 0
