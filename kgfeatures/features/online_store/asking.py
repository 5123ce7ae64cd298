"""What is wrong with a request, where Feast's own errors name neither the row nor the near name."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from feast import utils
from feast.errors import FeatureViewNotFoundException
from feast.value_type import ValueType

from kgfeatures.errors import DataError, KGFeaturesError, UnknownNameError, nearest

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from feast import FeatureView
    from feast.infra.registry.base_registry import BaseRegistry
    from feast.protos.feast.types.Value_pb2 import Value

# Its functions that Feast's own stores use too, underscored as they are.
_FEAST: Any = utils
# How Feast converts what is given as the key of an entity of such a type.
CONVERTED: dict[ValueType, type[int | float]] = {
    ValueType.INT32: int,
    ValueType.INT64: int,
    ValueType.FLOAT: float,
    ValueType.DOUBLE: float,
}
ROWS = 'give a list with one mapping per key to look up, as in [{"customer_id": "13085"}]'


def require_rows(rows: object) -> None:
    """Check that there is something to look up.

    Raises
    ------
    DataError : there are no entity rows, or they are neither a list nor a mapping.
    """
    if not isinstance(rows, list | Mapping):
        raise DataError(f"entity_rows is {rows!r:.80}, a {type(rows).__name__}; {ROWS}")
    if isinstance(rows, list) and not rows:
        raise DataError("there are no entity rows; give one per key to look up")


@contextmanager
def clear_errors(
    registry: BaseRegistry, project: str, features: object, rows: object
) -> Generator[None]:
    """Say which name or key Feast has stumbled on; what it is not about passes unchanged.

    Parameters
    ----------
    features : "view:feature" each, or a feature service.
    rows : a list of mappings, or a mapping of lists.

    Raises
    ------
    UnknownNameError : a view does not have a feature asked for; names the nearest.
    DataError : a key cannot be converted to the type of its entity.
    """
    try:
        yield
    except KGFeaturesError:
        raise
    except KeyError:
        if isinstance(features, list):
            _require_features(registry, project, features)
        raise
    except (TypeError, ValueError, OverflowError):
        _require_keys(registry, project, rows)
        raise


def _require_features(registry: BaseRegistry, project: str, references: Sequence[Any]) -> None:
    for reference in references:
        named, _, feature = str(reference).partition(":")
        try:
            view: Any = registry.get_any_feature_view(named.partition("@")[0], project, True)  # noqa: FBT003  allow_cache
        except FeatureViewNotFoundException:
            continue
        known = [field.name for field in view.features]
        if feature not in known:
            raise UnknownNameError(
                f"feature view {view.name!r} has no {feature!r}{nearest(feature, known)}"
            ) from None


def _require_keys(registry: BaseRegistry, project: str, rows: object) -> None:
    kinds = {one.join_key: one for one in registry.list_entities(project, allow_cache=True)}
    for key, row, value in _values(rows):
        entity = kinds.get(key)
        convert = CONVERTED.get(entity.value_type) if entity is not None else None
        if entity is None or convert is None or value is None:
            continue
        try:
            convert(value)
        except (TypeError, ValueError, OverflowError):
            raise DataError(
                f"key {key!r} is {value!r} in entity row {row} (from 0), but entity "
                f"{entity.name!r} has keys of type {entity.value_type.name}; give a number"
            ) from None


def _values(rows: object) -> list[tuple[str, int, Any]]:
    """Return key, place and value of everything looked up."""
    if isinstance(rows, Mapping):
        columns: Mapping[str, Sequence[Any]] = rows  # pyright: ignore[reportUnknownVariableType]  Feast's own type
        return [(key, row, one) for key, many in columns.items() for row, one in enumerate(many)]
    listed: Sequence[Mapping[str, Any]] = rows if isinstance(rows, list) else []  # pyright: ignore[reportUnknownVariableType]
    return [(key, row, one) for row, each in enumerate(listed) for key, one in each.items()]


def unique_keys(
    view: FeatureView, values: dict[str, list[Value]], join_keys: dict[str, str]
) -> tuple[Mapping[str, Sequence[Value]], Any, int]:
    """Return the different keys of a request, a column per join key, and where each one is asked.

    Feast finds them; it gives a mapping per key.

    Raises
    ------
    DataError : a key is null.
    """
    try:
        found, indexes, length = _FEAST._get_unique_entities(view, values, join_keys)  # noqa: SLF001
    except TypeError:
        for name, column in values.items():
            row = next((n for n, one in enumerate(column) if one.WhichOneof("val") is None), None)
            if row is not None:
                raise DataError(
                    f"key {name!r} is null in entity row {row} (from 0); every row needs its keys: "
                    "fill or drop such rows"
                ) from None
        raise
    names = list(found[0]) if found else []
    return {name: [one[name] for one in found] for name in names}, indexes, length
