"""A customer's behaviour as comparable numbers: logarithms of counts and money, standardised.

What is missing is told apart from nothing: who has no second order gets the longest gap between
orders, who bought nothing this year a basket of zero, all else the median.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kgfeatures.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Feature:
    """How one profile column is read, and what its low and high ends are called.

    Parameters
    ----------
    family : of features that say the same thing; a name uses each family once.
    low, high : English words; low_zh, high_zh their Chinese twins.
    missing : what null means: "highest" of the others, "zero" or "median".
    weight : of its words in a name; recency, frequency and spend are what shops ask for first.
    """

    family: str
    low: str
    high: str
    low_zh: str
    high_zh: str
    missing: str = "zero"
    weight: float = 1.0


RECENCY = Feature("recency", "recent", "lapsed", "近期活跃", "久未购买", "highest", 1.5)
FREQUENCY = Feature("frequency", "infrequent", "frequent", "低频", "高频", weight=1.5)
SPEND = Feature("spend", "low spend", "high spend", "低消费", "高消费", weight=1.5)
BASKET = Feature("basket", "small baskets", "big baskets", "小单", "大单")
BREADTH = Feature("breadth", "narrow choice", "wide choice", "品类窄", "品类广")
RHYTHM = Feature("rhythm", "short gaps", "long gaps", "购买间隔短", "购买间隔长", "highest")
RETURNS = Feature("returns", "few returns", "many returns", "少退货", "多退货")
TENURE = Feature("tenure", "new", "long-standing", "新客", "老客", "median")

# Further off counts as this far: a handful of extremes shall not become a segment.
EXTREME = 3.0

# Columns of feature.customer_profile that describe behaviour, one or two of each kind.
FEATURES = {
    "days_since_last_order": RECENCY,
    "orders_365d": FREQUENCY,
    "spend_365d": SPEND,
    "basket_spend_mean_365d": BASKET,
    "basket_products_mean_365d": BASKET,
    "products_365d": BREADTH,
    "days_between_orders_mean": RHYTHM,
    "return_rate_365d": RETURNS,
    "tenure_days": TENURE,
}


def standardized(profile: pd.DataFrame) -> tuple[list[str], NDArray[np.float64]]:
    """Return the names of the usable features and their standardised numbers.

    Parameters
    ----------
    profile : one row per customer, with columns of `FEATURES`; those that are missing, all null
        or the same for everybody are left out.

    Returns
    -------
    names, Z : (d,) and (n, d); standard deviations from the mean, in [-3, 3].

    Raises
    ------
    DataError : no column is left.
    """
    names: list[str] = []
    columns: list[NDArray[np.float64]] = []
    for name, feature in FEATURES.items():
        if name not in profile:
            continue
        filled = _filled(profile[name].to_numpy(dtype=np.float64, na_value=np.nan), feature)
        if np.ptp(filled) > 0:
            names.append(name)
            z = (filled - filled.mean()) / filled.std()
            columns.append(np.clip(z, -EXTREME, EXTREME))
    if not names:
        raise DataError(
            f"no column tells customers apart; the profile needs some of {', '.join(FEATURES)}"
        )
    return names, np.column_stack(columns)


def _filled(values: NDArray[np.float64], feature: Feature) -> NDArray[np.float64]:
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return np.zeros_like(values)
    instead = {"zero": 0.0, "median": float(np.median(known)), "highest": float(known.max())}
    filled = np.where(np.isnan(values), instead[feature.missing], values)
    return np.log1p(np.maximum(filled, 0))


def joined(
    Z: NDArray[np.float64], vectors: NDArray[np.floating] | None, vector_weight: float
) -> NDArray[np.float64]:
    """Return the space to cluster: behaviour beside vectors, (n, d + dim).

    Parameters
    ----------
    Z : (n, d) standardised behaviour; brought to total variance 1.
    vectors : (n, dim), rows of NaN where there is none (they become the mean); None for none.
    vector_weight : total variance of the vectors, ≥ 0; 0 leaves them out.
    """
    if vector_weight < 0:
        raise DataError(f"vector_weight is {vector_weight}; it must be at least 0")
    behaviour = Z / np.sqrt(Z.shape[1])
    if vectors is None or vector_weight == 0 or np.isnan(vectors).all():
        return behaviour
    centred = np.nan_to_num(vectors - np.nanmean(vectors, axis=0), nan=0.0).astype(np.float64)
    variance = centred.var(axis=0).sum()
    if variance == 0:
        return behaviour
    return np.column_stack([behaviour, centred * np.sqrt(vector_weight / variance)])
