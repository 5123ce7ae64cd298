"""Campaigns and who they reached: rows of raw.campaign and raw.contact, and their triples.

Treatment and control are rows of one kind: a control is a customer who could have been sent a
campaign and was not. Without it no effect can be measured, so nothing but what a source says makes
one of them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kgfeatures.errors import DataError
from kgfeatures.graph.cleaning import Cleaned, RefusedError, clean, to_key, to_label, to_number
from kgfeatures.graph.interactions import optional
from kgfeatures.graph.selection import Selection
from kgfeatures.graph.sheet import Problem
from kgfeatures.graph.things import TRIPLE_COLUMNS, add_columns
from kgfeatures.graph.times import KIND, clean_times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kgfeatures.graph.manifest import Manifest
    from kgfeatures.graph.section import Section
    from kgfeatures.graph.selection import Loaded
    from kgfeatures.graph.sheet import Sheet

CAMPAIGN, COUPON = "campaign", "coupon"
PROMOTES = "promotes"
DAY = 86_400_000_000
"""Microseconds."""
TREATED = {
    *("1", "1.0", "true", "yes", "y", "treatment", "treated", "test", "sent"),
    *("实验组", "处理组", "实验", "是"),
}
CONTROL = {
    *("0", "0.0", "false", "no", "n", "control", "holdout", "placebo", "untreated"),
    *("对照组", "对照", "否"),
}
CAMPAIGN_TIMES = ("starts_at", "ends_at")
CONTACT_COLUMNS = (
    *("campaign_id", "customer_id", "contacted_at", "treatment", "variant", "channel"),
    *("propensity", "cost", "exposed_at", "outcomes"),
)


def load_campaigns(section: Section, sheet: Sheet, manifest: Manifest) -> Loaded:
    """Return one source's cleaned rows: campaign_id, starts_at, ends_at, texts, relations, product.

    A campaign stands on several rows where each names another product.
    """
    rows = Selection(section, sheet)
    keys = rows.add_key(CAMPAIGN, to_key)
    rows.keep_positive()
    rows.add("starts_at", moment(section, sheet, "start"))
    ends = moment(section, sheet, "end")
    if "last_day" in section.columns:
        last = moment(section, sheet, "last_day")
        ends = Cleaned(day_after(last.array), last.problems)
    rows.add("ends_at", ends)
    refuse_times(rows, keys)
    if "product" in section.columns:
        rows.add_product(manifest, optional=True)
    add_columns(rows)
    return rows.finish()


def moment(section: Section, sheet: Sheet, key: str) -> Cleaned:
    """Return the times in the column that the manifest calls `key`, nulls when it names none."""
    column = section.columns.get(key)
    if column is None:
        return Cleaned(pa.nulls(len(sheet.rows), KIND))
    return clean_times(sheet, column, section.words.get("timestamp_format"), section.empty)


def day_after(times: pa.Array) -> pa.Array:
    """Return the midnight (UTC) after each time."""
    at = times.cast(pa.int64())
    return pa.array(
        [None if each is None else (each // DAY + 1) * DAY for each in at.to_pylist()], pa.int64()
    ).cast(KIND)


def refuse_times(rows: Selection, keys: pa.Array) -> None:
    """Reject a row whose campaign ends before it begins, or has other times on an earlier row."""
    frame = pd.DataFrame({"key": keys.to_pandas()})
    for name in CAMPAIGN_TIMES:
        frame[name] = rows.columns[name].to_pandas()
    frame = frame[rows.alive & frame["key"].notna().to_numpy()]
    column = rows.section.columns.get("start", "")
    for name in CAMPAIGN_TIMES:
        times: Any = frame[name]
        first: Any = times.groupby(frame["key"], sort=False).transform("first")
        other = ((times != first) & times.notna()).to_numpy()
        reason = f"an earlier row says that the campaign {name.removesuffix('_at')} at another time"
        for row in rows.sheet.rows[frame.index[other]].tolist():
            rows.problems.append(Problem(row, column, "", reason))
    begins: Any = frame["starts_at"]
    ended = (frame["ends_at"] <= begins).to_numpy()
    reason = "the campaign ends before it begins; a last day that still counts is `last_day`"
    for row in rows.sheet.rows[frame.index[ended]].tolist():
        rows.problems.append(Problem(row, column, "", reason))


def campaign_times(loaded: Loaded) -> pd.DataFrame:
    """Return when each campaign of a source runs: starts_at, ends_at, by campaign_id."""
    frame = loaded.rows.select(["campaign_id", *CAMPAIGN_TIMES]).to_pandas()
    return frame.groupby("campaign_id", sort=True).first()


def promoted(loaded: Loaded) -> pd.DataFrame:
    """Return which products a source's campaigns promote, as triples for store.replace_triples."""
    frame = pd.DataFrame(columns=pd.Index(TRIPLE_COLUMNS), dtype=object)
    if "product_id" in loaded.rows.column_names:
        pairs: Any = loaded.rows.select(["campaign_id", "product_id"]).to_pandas().dropna()
        frame = triples_of(pairs, loaded, (CAMPAIGN, PROMOTES, "product"))
    return frame


def triples_of(pairs: pd.DataFrame, loaded: Loaded, said: tuple[str, str, str]) -> pd.DataFrame:
    """Return triples between two columns of keys.

    Parameters
    ----------
    pairs : a column of heads and one of tails.
    said : head's type, relation, tail's type.
    """
    head_type, relation, tail_type = said
    known = pairs.drop_duplicates(ignore_index=True)
    return pd.DataFrame(
        {
            "head_type": pd.Series([head_type] * len(known), dtype=object),
            "head": known.iloc[:, 0],
            "relation": relation,
            "tail_type": tail_type,
            "tail": known.iloc[:, 1],
            "detail": loaded.section.name,
        }
    )


def dated(triples: pd.DataFrame, times: pd.DataFrame) -> pd.DataFrame:
    """Return triples whose head is a campaign as true while it runs and known since it began.

    Parameters
    ----------
    times : starts_at, ends_at by campaign_id; a campaign without a start is true since ever.
    """
    if triples.empty:
        return triples
    heads: Any = triples["head"].where(triples["head_type"] == CAMPAIGN)
    starts, ends = (heads.map(times[name].to_dict()) for name in CAMPAIGN_TIMES)
    return triples.assign(
        valid_from=starts, observed_at=starts, valid_to=ends.where(starts.notna())
    )


def load_contacts(section: Section, sheet: Sheet, manifest: Manifest) -> Loaded:
    """Return one source's cleaned rows, as raw.contact has them; contacted_at may be null.

    Parameters
    ----------
    manifest : of the whole shop.
    """
    del manifest
    rows = Selection(section, sheet)
    rows.add_key("customer", to_key)
    name = section.words.get("campaign_name")
    if name is None:
        rows.add_key(CAMPAIGN, to_key)
    else:
        rows.add("campaign_id", Cleaned(repeated(to_key(name), sheet)))
    rows.keep_positive()
    stamp = section.columns.get("timestamp")
    rows.add("contacted_at", moment(section, sheet, "timestamp"), required=stamp)
    rows.add("variant", optional(section, sheet, "variant", to_label, pa.string()))
    add_treatment(rows)
    add_channel(rows)
    share = optional(section, sheet, "propensity", to_share, pa.float64())
    rows.add("propensity", share)
    rows.add("cost", optional(section, sheet, "cost", to_number, pa.float64()))
    rows.add("exposed_at", moment(section, sheet, "exposed"))
    add_outcomes(rows)
    return rows.finish()


def repeated(word: str, sheet: Sheet) -> pa.Array:
    """Return one word for every row."""
    return pa.repeat(word, len(sheet.rows)).cast(pa.string())


def add_treatment(rows: Selection) -> None:
    """Take who was treated (1) and who is control (0).

    Without a column of it the variant says so; without either all were treated.
    """
    section, sheet = rows.section, rows.sheet
    column = section.columns.get("treatment")
    if column is not None:
        treated = clean(sheet, column, to_treatment, pa.int16(), section.empty)
        rows.add("treatment", treated, required=column)
        return
    variants: list[Any] = rows.columns["variant"].to_pylist()
    treatment = [0 if str(each).lower() in CONTROL else 1 for each in variants]
    rows.add("treatment", Cleaned(pa.array(treatment, pa.int16())))


def add_channel(rows: Selection) -> None:
    """Take the channel: a column's value, or the manifest's word for all rows."""
    section, sheet = rows.section, rows.sheet
    word = section.words.get("channel")
    if word is None:
        channel = Cleaned(pa.nulls(len(sheet.rows), pa.string()))
    elif word in sheet.table.column_names:
        channel = clean(sheet, word, to_label, pa.string(), section.empty)
    else:
        channel = Cleaned(repeated(to_label(word), sheet))
    rows.add("channel", channel)


def add_outcomes(rows: Selection) -> None:
    """Take what the source measured, as the text of a JSON object per row."""
    names = rows.section.outcomes
    columns: list[list[float | None]] = []
    for name in names:
        cleaned = clean(rows.sheet, name, to_number, pa.float64(), rows.section.empty)
        rows.problems += cleaned.problems
        columns.append(cleaned.array.to_pylist())
    made = [
        {name: plain(value) for name, value in zip(names, values, strict=True) if value is not None}
        for values in (zip(*columns, strict=True) if columns else [()] * len(rows.sheet.rows))
    ]
    texts = [
        json.dumps(each, ensure_ascii=False, sort_keys=True) if each else "{}" for each in made
    ]
    rows.add("outcomes", Cleaned(pa.array(texts, pa.string())))


def plain(value: float) -> float | int:
    """Return a number that is whole as an int."""
    return int(value) if value.is_integer() else value


def to_treatment(value: object) -> int:
    """Return 1 for a treated customer, 0 for a control.

    Raises
    ------
    RefusedError : it is neither.
    """
    word = str(value).strip().lower()
    if word in TREATED:
        return 1
    if word in CONTROL:
        return 0
    raise RefusedError("is neither treatment nor control; write 1 or 0, treatment or control")


def to_share(value: object) -> float:
    """Return a probability.

    Raises
    ------
    RefusedError : it is no number in [0, 1].
    """
    number = to_number(value)
    if not 0 <= number <= 1:
        raise RefusedError("is no probability: it lies outside 0 to 1")
    return number


def contact_rows(loaded: Loaded, starts: Mapping[str, Any]) -> pa.Table:
    """Return rows of raw.contact without source and row number.

    Parameters
    ----------
    starts : by campaign, its first moment (NaT = not known), for contacts without a time of their
        own.

    Raises
    ------
    DataError : neither the contact nor its campaign has a time.
    """
    rows = loaded.rows
    times = rows.column("contacted_at").combine_chunks()
    if times.null_count:
        campaigns = rows.column("campaign_id").combine_chunks().dictionary_encode()
        known = [starts.get(key) for key in campaigns.dictionary.to_pylist()]
        filled = pa.array(known, KIND, from_pandas=True)
        began = filled.take(campaigns.indices)
        missing = np.flatnonzero(began.is_null().to_numpy(zero_copy_only=False))
        if len(missing):
            key = rows.column("campaign_id")[int(missing[0])].as_py()
            raise DataError(
                f"{loaded.section.name}: nobody says when campaign {key!r} reached its customers; "
                "name `timestamp` here, or its `start` under campaigns"
            )
        times = pc.call_function("coalesce", [times, began])
    place = rows.column_names.index("contacted_at")
    return rows.set_column(place, "contacted_at", times).select(list(CONTACT_COLUMNS))
