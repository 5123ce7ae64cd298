"""What no single key of a section can be wrong about: keys that exclude or need each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgfeatures.graph import late

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgfeatures.graph.section import Section

WITHOUT_COLUMNS = ("nt", "openke")
"""Formats of triples that have no columns to name."""


def check(section: Section) -> None:
    """Check that a section's keys say one thing together.

    Raises
    ------
    ManifestError : keys exclude each other, or one of several is needed.
    """
    if section.delimiter is not None and len(section.delimiter) != 1:
        raise section.where.under("delimiter").error(
            f"is {section.delimiter!r}; write one character"
        )
    if section.kind in CHECKS:
        CHECKS[section.kind](section)


def check_interactions(section: Section) -> None:
    """Check that there is one price at most."""
    if {"price", "amount"} <= set(section.columns):
        raise section.where.error("has price (of a unit) and amount (of a line); give one of them")
    late.check(section)


def check_attributes(section: Section) -> None:
    """Check that it is said whose attributes these are, and which."""
    columns, where = section.columns, section.where
    if ("customer" in columns) == ("product" in columns):
        raise where.error("needs one of customer and product: whose attributes are these?")
    if not section.attributes:
        raise where.error("names no attribute; add one, such as `price: price_column`")


def check_campaigns(section: Section) -> None:
    """Check that a campaign ends once."""
    if {"end", "last_day"} <= set(section.columns):
        raise section.where.error(
            "has end (the moment it stops) and last_day (the last day it runs); give one of them"
        )


def check_contacts(section: Section) -> None:
    """Check that it is said of which campaign these contacts are."""
    if ("campaign" in section.columns) == ("campaign_name" in section.words):
        raise section.where.error(
            "needs one of campaign (a column) and campaign_name (a word for all rows)"
        )


def check_coupons(section: Section) -> None:
    """Check that coupons are either handed to customers or described."""
    columns, where = section.columns, section.where
    moments = {"issued", "redeemed"} & set(columns)
    if "customer" in columns and not moments:
        raise where.error("names a customer but no time; add issued or redeemed, columns of times")
    if "customer" not in columns and (moments or not {"product", "campaign"} & set(columns)):
        raise where.error(
            "needs customer with issued or redeemed (who got and used coupons), or product or "
            "campaign alone (what coupons are good for)"
        )


def check_triples(section: Section) -> None:
    """Check that a table's columns give a head, a relation and a tail."""
    if section.format in WITHOUT_COLUMNS:
        return
    columns, where = section.columns, section.where
    for key in ("head", "tail"):
        if key not in columns:
            raise where.error(f"lacks the key {key!r}: the column that holds it")
    if ("relation" in columns) == ("relation_name" in section.words):
        raise where.error("needs one of relation (a column) and relation_name (a word)")


CHECKS: dict[str, Callable[[Section], None]] = {
    "interactions": check_interactions,
    "attributes": check_attributes,
    "campaigns": check_campaigns,
    "contacts": check_contacts,
    "coupons": check_coupons,
    "triples": check_triples,
}
