"""Sections for campaigns, contacts and coupons, sketched from what a source's columns are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgfeatures.graph.entries import Entry, Line, format_line, place, role_line, unused, word
from kgfeatures.graph.guessing import could_be_key
from kgfeatures.graph.vocabulary import likeness, parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kgfeatures.graph.guessing import Profiled
    from kgfeatures.graph.profiling import Column

NAMED = 0.8
DAY = "00:00:00"
USED = ("redem", "used", "使用", "核销")
"""What a file of redemptions is called."""


def outreach(source: Profiled) -> Entry | None:
    """Return the section of a source that names campaigns or coupons, None where it names none."""
    coupon, campaign = called(source, "coupon"), called(source, "campaign")
    customer = source.role("customer")
    if coupon is not None:
        held = customer is not None and times(source)
        if held:
            return held_coupons(source, coupon, campaign)
        valid = customer is None and (source.role("product") or campaign)
        return described_coupons(source, coupon, campaign) if valid else None
    if campaign is None:
        return None
    if customer is not None:
        return contacts(source, campaign)
    return campaigns(source, campaign) if is_campaigns(source, campaign) else None


def called(source: Profiled, role: str) -> Column | None:
    """Return the column of keys that is called like a role, None where there is none."""
    found = [(likeness(role, c.name), c) for c in source.columns.values() if could_be_key(c)]
    best = max(found, key=lambda each: each[0], default=(0.0, None))
    return best[1] if best[0] > NAMED else None


def times(source: Profiled) -> list[Column]:
    """Return the columns that hold times."""
    return [c for c in source.columns.values() if c.times is not None]


def is_campaigns(source: Profiled, campaign: Column) -> bool:
    """Return whether a source describes campaigns: each once, or once for each product."""
    return campaign.unique or source.role("product") is not None


def key_line(role: str, column: Column) -> Line:
    """Return the line of a key that is known by its name."""
    return Line(
        role, column.name, f"{word(likeness(role, column.name))}: by its name; {column.summary()}"
    )


def named_line(role: str, column: Column, others: Iterable[str] = ()) -> Line:
    """Return the line of a column that is called like a role, or may be it."""
    score = likeness(role, column.name)
    score = score if score > NAMED else 0.5
    other = f"; else: {', '.join(others)}" if others else ""
    return Line(role, column.name, f"{word(score)}: {column.summary()}{other}")


def campaigns(source: Profiled, campaign: Column) -> Entry:
    """Return the section of campaigns."""
    lines = [*place(source), key_line("campaign", campaign), *role_line(source, "title")]
    lines += [*run_lines(source), *role_line(source, "product")]
    rest = [c for c in source.columns.values() if c.name not in named_by(lines)]
    texts = [c.name for c in rest if c.is_text]
    if texts:
        lines.append(Line("text", texts, f"{word(0.7)}: words that describe it"))
    labels = [c for c in rest if could_be_key(c) and not c.is_text and c.filled and not c.is_number]
    for column in labels:
        # Not that of products: a campaign's type and a product's are two things.
        relation = f"has_{'_'.join(parts(column.name)) or 'value'}"
        lines.append(Line(column.name, relation, f"{word(0.55)}: {column.summary()}", "relations"))
    left_over = (c for c in rest if c.name not in texts and c not in labels)
    return Entry("campaigns", lines, unused(left_over))


def run_lines(source: Profiled) -> list[Line]:
    """Return the lines that say when a campaign begins and ends."""
    dated = times(source)
    start = best_called(dated, "start") or (dated[0] if dated else None)
    end = best_called([c for c in dated if c is not start], "end")
    lines = [] if start is None else [named_line("start", start)]
    if end is not None and is_days(end):
        other = "else: end, if it names the first day on which it is over"
        lines.append(Line("last_day", end.name, f"{word(0.6)}: {end.summary()}; {other}"))
    elif end is not None:
        lines.append(Line("end", end.name, f"{word(0.85)}: {end.summary()}; else: last_day"))
    if start is not None and start.times is not None:
        lines += format_line(start.times)
    return lines


def named_by(lines: list[Line]) -> set[str]:
    """Return the columns that lines name."""
    return {line.value for line in lines if isinstance(line.value, str)}


def best_called(columns: Iterable[Column], role: str) -> Column | None:
    """Return the column that is called most like a role, None where none is."""
    best = max(columns, key=lambda c: likeness(role, c.name), default=None)
    return best if best is not None and likeness(role, best.name) > NAMED else None


def is_days(column: Column) -> bool:
    """Return whether all times of a column are midnights: days."""
    values = [str(value) for value in column.values[:50]]
    return all(DAY in value or ":" not in value for value in values)


def contacts(source: Profiled, campaign: Column) -> Entry:
    """Return the section of who was sent a campaign."""
    lines = [*place(source), key_line("campaign", campaign), *role_line(source, "customer")]
    stamp = source.role("timestamp")
    if stamp is not None:
        lines += role_line(source, "timestamp")
        lines += format_line(stamp.times) if stamp.times is not None else []
    taken = {
        campaign.name,
        *(g.column for r, g in source.roles.items() if r in {"customer", "timestamp"}),
    }
    for role in ("treatment", "variant", "channel", "propensity"):
        column = best_called((c for c in source.columns.values() if c.name not in taken), role)
        if column is not None and fits(role, column):
            lines.append(named_line(role, column))
            taken.add(column.name)
    rest = [c for c in source.columns.values() if c.name not in taken and c.filled]
    measured = [c for c in rest if c.is_number and c.number > NAMED]
    if measured:
        names = [c.name for c in measured]
        lines.append(Line("outcomes", names, f"{word(0.5)}: what was measured afterwards?"))
    entry = Entry("contacts", lines, unused(c for c in rest if c not in measured))
    if not any(line.key in {"treatment", "variant"} for line in lines):
        entry.notes.append(
            "unsure (0.50): no column says who was kept as control: all were treated?"
        )
    return entry


def fits(role: str, column: Column) -> bool:
    """Return whether what a column holds can be what its name says."""
    if role == "treatment":
        return column.distinct <= 2
    if role == "propensity":
        return column.is_number and column.low >= 0 and column.high <= 1
    return column.distinct <= max(20, column.filled // 20) and not column.is_fraction


def held_coupons(source: Profiled, coupon: Column, campaign: Column | None) -> Entry:
    """Return the section of coupons that customers got and used."""
    lines = [*place(source), key_line("coupon", coupon), *role_line(source, "customer")]
    lines += [key_line("campaign", campaign)] if campaign is not None else []
    dated = times(source)
    redeemed = best_called(dated, "redeemed")
    issued = best_called([c for c in dated if c is not redeemed], "issued")
    if redeemed is None and issued is None:
        used = any(part in f"{source.name} {dated[0].name}".lower() for part in USED)
        role, other = ("redeemed", "issued") if used else ("issued", "redeemed")
        lines.append(named_line(role, dated[0], [other]))
    lines += [named_line("issued", issued)] if issued is not None else []
    lines += [named_line("redeemed", redeemed)] if redeemed is not None else []
    first = issued or redeemed or dated[0]
    lines += format_line(first.times) if first.times is not None else []
    lines += [*role_line(source, "basket"), *role_line(source, "product")]
    discount = best_called(source.columns.values(), "discount")
    if discount is not None and discount.is_number:
        lines.append(named_line("discount", discount))
    return Entry("coupons", lines, left(source, lines))


def described_coupons(source: Profiled, coupon: Column, campaign: Column | None) -> Entry:
    """Return the section of what coupons are good for."""
    lines = [*place(source), key_line("coupon", coupon), *role_line(source, "product")]
    lines += [key_line("campaign", campaign)] if campaign is not None else []
    return Entry("coupons", lines, left(source, lines))


def left(source: Profiled, lines: list[Line]) -> list[str]:
    """Return a note on each column that no line names."""
    named = named_by(lines)
    return unused(c for c in source.columns.values() if c.name not in named and c.filled)


def set_aside_undated(entries: list[Entry]) -> None:
    """Make contacts a comment where neither they nor the campaigns say when they were made."""
    begins = any(
        line.key == "start"
        for entry in entries
        if entry.kind == "campaigns" and entry.active
        for line in entry.lines
    )
    for entry in entries:
        dated = any(line.key == "timestamp" for line in entry.lines)
        if entry.kind == "contacts" and not dated and not begins:
            entry.active = False
            entry.notes.append(
                "unsure (0.30): nothing says when these contacts were made; name their "
                "`timestamp`, or a campaign's `start`, then take the section in"
            )
