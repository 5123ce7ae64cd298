"""Sections of a manifest sketched from profiled sources, each line with how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgfeatures.graph.entries import Entry, Line, hint, place, role_line, time_lines, unused, word
from kgfeatures.graph.guessing import KEYS, SURE, could_be_key
from kgfeatures.graph.section import SHAPES
from kgfeatures.graph.sketching_outreach import outreach
from kgfeatures.graph.vocabulary import event_of, likeness, parts, relation_name

if TYPE_CHECKING:
    from kgfeatures.graph.guessing import Profiled
    from kgfeatures.graph.profiling import Column

MAX_LINKS = 3
"""Files with more columns beside a key that stands on many rows say nothing that we could name."""


def sketch(source: Profiled, taken: set[str]) -> list[Entry]:
    """Return the sections that a source could serve; none where it fits nothing.

    Parameters
    ----------
    taken : "product.price": attributes that other sources have; added to.
    """
    keys = [key for key in KEYS if key in source.roles]
    if is_triples(source):
        return [named_triples(source)]
    happened = len(keys) == 2 and "timestamp" in source.roles
    reached = None if happened else outreach(source)
    if reached is not None:
        return [reached]
    if is_documents(source, keys):
        return [documents(source, keys)]
    if happened:
        return interactions(source)
    owners = [key for key in keys if source.columns[source.roles[key].column].unique]
    if owners:
        best = max(owners, key=lambda key: source.roles[key].score)
        return [things(source, best, source.rest()), *attributes(source, best, taken)]
    return repeating(source, keys[0], taken) if keys else []


def repeating(source: Profiled, key: str, taken: set[str]) -> list[Entry]:
    """Return the sections of a source in which a key stands on several rows."""
    if "timestamp" in source.roles:
        dated = attributes(source, key, taken, dated=True)
        return dated or links(source, key)
    return [repeated(source, key)] if is_nearly_unique(source, key) else links(source, key)


def is_nearly_unique(source: Profiled, key: str) -> bool:
    """Return whether a source looks like one of products or customers, with some of them twice."""
    column = source.columns[source.roles[key].column]
    return column.distinct > 0.8 * column.filled


def repeated(source: Profiled, key: str) -> Entry:
    """Return the section of products or customers, as a comment: it would not load."""
    entry = things(source, key, source.rest())
    column = source.columns[source.roles[key].column]
    entry.active = False
    entry.notes.append(
        f"unsure (0.50): {column.rows - column.distinct:,} of {column.rows:,} rows repeat a key or "
        "lack it; each may stand once: remove the others, then take the section in"
    )
    return entry


def is_triples(source: Profiled) -> bool:
    """Return whether a source has a head, a relation and a tail."""
    return all(
        any(likeness(part, name) > 0.9 for name in source.columns)
        for part in ("head", "relation", "tail")
    )


def long_texts(source: Profiled) -> list[Column]:
    """Return the columns that people wrote, outside the title."""
    return [c for c in source.columns.values() if c.is_text and not is_title(source, c)]


def is_title(source: Profiled, column: Column) -> bool:
    """Return whether a column is the guessed title."""
    guess = source.roles.get("title")
    return guess is not None and guess.column == column.name


def is_documents(source: Profiled, keys: list[str]) -> bool:
    """Return whether a source holds reviews, questions or notes: long texts about a key."""
    bought = {"quantity", "price", "amount", "basket"} & set(source.roles)
    owned = [key for key in keys if source.columns[source.roles[key].column].unique]
    named = [c for c in long_texts(source) if likeness("text", c.name) > 0.8]
    if not keys or bought or not named:
        return False
    if len(keys) == 2 and "timestamp" in source.roles:
        # A remark on an order is shorter than a review.
        return any(c.words >= 5 or (c.unspaced > 0.2 and c.length >= 12) for c in named)
    return not owned or len(keys) == 2


def interactions(source: Profiled) -> list[Entry]:
    """Return the section of orders, views or carts, and what its lines say about their keys."""
    roles = source.roles
    money = "price" if "price" in roles and ("quantity" in roles or "amount" not in roles) else ""
    lines = place(source)
    for role in ("customer", "product"):
        lines += role_line(source, role)
    lines += time_lines(source)
    for role in ("basket", "quantity", money or "amount", "split"):
        lines += role_line(source, role)
    entry = Entry("interactions", [*lines, *event_line(source)])
    if {"price", "amount"} <= set(roles):
        other = roles["amount" if money else "price"].column
        entry.notes.append(f"price is of a unit, amount of a line; the other one: {other}")
    rest = source.rest()
    owned: dict[str, list[Column]] = {key: [] for key in KEYS}
    for column in rest:
        owner = owner_of(source, column)
        if owner:
            owned[owner].append(column)
    told = [things(source, key, columns, beside=True) for key, columns in owned.items() if columns]
    loose = [c for c in rest if all(c not in columns for columns in owned.values())]
    entry.notes += unused(loose)
    return [entry, *told]


def event_line(source: Profiled) -> list[Line]:
    """Return the line of the event: a column's, or a word for all lines."""
    if "event" in source.roles:
        return role_line(source, "event")
    event, score = event_of(source.name)
    if event == "purchase" and {"quantity", "price", "amount", "basket"} & set(source.roles):
        score = 0.9
    why = "what one line is; else: view, click, cart, wish, return, or a column"
    return [Line("event", event, f"{word(score)}: {why}")]


def owner_of(source: Profiled, column: Column) -> str:
    """Return of which key a column of order lines is a property, "" where of none."""
    measured = column.is_number or column.flags or bool(hint(column))
    if measured or column.times is not None or column.distinct < 2:
        return ""
    found: list[tuple[float, str]] = []
    for key in KEYS:
        pair = source.sheet.table.select([source.roles[key].column, column.name])
        frame = pair.to_pandas().dropna().drop_duplicates()
        owners = int(frame.iloc[:, 0].nunique())
        if owners < 0.9 * column.filled:
            found.append((len(frame) / max(owners, 1), key))
    best = min(found, default=(9.0, ""))
    return best[1] if best[0] < (2.0 if column.is_text else 1.3) else ""


def things(source: Profiled, key: str, columns: list[Column], *, beside: bool = False) -> Entry:
    """Return the section of products or customers.

    Parameters
    ----------
    columns : those that describe them.
    beside : whether they stand in the file of the interactions.
    """
    lines = [*place(source), *role_line(source, key)]
    title = None if beside or key == "customer" else source.role("title")
    if title is not None:
        lines += role_line(source, "title")
    texts = [c for c in columns if c.is_text or (likeness("text", c.name) > 0.8 and not c.number)]
    if key == "product" and beside:
        texts += [c for c in columns if c not in texts and likeness("title", c.name) > 0.8]
    related = [
        c
        for c in columns
        if is_label(c, key) and (c not in texts or relation_name(c.name, key)[1] > SURE)
    ]
    if texts or title is not None:
        names = [c.name for c in (*([title] if title else []), *texts)]
        sure = all(max(likeness("text", n), likeness("title", n)) > SURE for n in names)
        examples = "; ".join(c.examples(1) for c in (texts or [title]) if c is not None)
        note = f"{word(0.85 if sure else 0.6)}: words that describe it, e.g. {examples}"
        lines.append(Line("text", names, note))
    for column in related:
        relation, score = relation_name(column.name, key)
        score = round(min(score, 0.75) if beside else score, 2)
        note = f"{word(score)}: {column.summary()}"
        lines.append(Line(column.name, relation, note, under="relations"))
    left = [c for c in columns if c not in texts and c not in related and not is_value(c, key)]
    return Entry(f"{key}s", lines, unused(left))


def is_label(column: Column, key: str) -> bool:
    """Return whether a column's values name things that several products or customers share."""
    few = 1 < column.distinct <= 0.5 * column.filled
    code = column.is_number and any(p in {"id", "code", "no"} for p in parts(column.name))
    named = relation_name(column.name, key)[1] > SURE
    if hint(column):
        return False
    label = (not column.is_number or code) and column.times is None and not column.flags
    return label and could_be_key(column) and (few or named)


def is_value(column: Column, key: str) -> bool:
    """Return whether a column holds numbers or flags, such as a price or a stock."""
    return column.distinct > 1 and not is_label(column, key) and (column.flags or column.is_number)


def attributes(source: Profiled, key: str, taken: set[str], *, dated: bool = False) -> list[Entry]:
    """Return the section of a source's attributes; none where it has none, or contradicts itself.

    Parameters
    ----------
    dated : whether each value holds since the row's time, and texts are attributes too.
    """
    used = {key, "timestamp", "title"}
    free = [
        *source.rest(),
        *(source.columns[g.column] for r, g in source.roles.items() if r not in used),
    ]
    values = [c for c in free if is_value(c, key) or (dated and c.filled and not c.is_text)]
    stamps = time_lines(source) if dated else []
    if dated:
        pair = [source.roles[key].column, source.roles["timestamp"].column]
        rows = source.sheet.table.select(pair).to_pandas()
        values = [] if rows.duplicated().any() else values
    lines: list[Line] = []
    for column in values:
        name = attribute_name(column.name, key, taken)
        lines.append(Line(name, column.name, f"{word(0.7)}: {column.summary()}"))
    head = [*place(source), *role_line(source, key), *stamps]
    return [Entry("attributes", [*head, *lines])] if lines else []


def attribute_name(column: str, key: str, taken: set[str]) -> str:
    """Return what to call an attribute: no key of the manifest, and nobody else's name."""
    name = "_".join(parts(column)) or "value"
    own = set(SHAPES["attributes"].keys())
    while name in own or f"{key}.{name}" in taken:
        name += "_value"
    taken.add(f"{key}.{name}")
    return name


def documents(source: Profiled, keys: list[str]) -> Entry:
    """Return the section of reviews, questions, notes."""
    texts = [c.name for c in long_texts(source)]
    title = source.role("title")
    names = [*([title.name] if title is not None and title.name not in texts else []), *texts]
    low = source.name.lower()
    kinds = ("review", "question", "answer", "note", "comment")
    known = [kind for kind in kinds if kind in low]
    kind = known[0] if known else "review"
    score = 0.9 if known or "rating" in source.roles else 0.5
    lines = [*place(source), Line("kind", kind, f"{word(score)}: a word for what these texts are")]
    for key in sorted(keys, reverse=True):
        lines += role_line(source, key)
    lines.append(Line("text", names, f"{word(0.85)}: long texts"))
    lines += [*time_lines(source), *role_line(source, "rating")]
    loose = [c for c in source.rest() if c.name not in names]
    return Entry("documents", lines, unused(loose))


def named_triples(source: Profiled) -> Entry:
    """Return the section of a file with a head, a relation and a tail."""
    lines = place(source)
    for part in ("head", "relation", "tail"):
        name = max(source.columns, key=lambda column: likeness(part, column))
        lines.append(
            Line(part, name, f"{word(0.9)}: by its name; {source.columns[name].summary()}")
        )
    lines += [
        Line(f"{end}_type", "entity", f"{word(0.4)}: what these are; else: product, customer")
        for end in ("head", "tail")
    ]
    return Entry("triples", lines)


def links(source: Profiled, key: str) -> list[Entry]:
    """Return sections of triples from a key that stands on many rows to the file's other keys."""
    head = source.columns[source.roles[key].column]
    tails = [c for c in source.columns.values() if c is not head and could_be_key(c)]
    tails = [c for c in tails if c.filled == c.rows and c.distinct > 1 and not c.is_fraction]
    entries: list[Entry] = []
    for tail in tails:
        role = next((k for k in KEYS if k != key and is_role(source, k, tail)), "")
        relation, score = relation_name(tail.name, key)
        lines = [
            *place(source),
            Line("head", head.name, role_line(source, key)[0].note),
            Line("head_type", key),
            Line("relation_name", relation, f"{word(min(score, 0.6))}: a name of your choice"),
            Line("tail", tail.name, f"{word(0.6)}: {tail.summary()}"),
            Line("tail_type", role or relation.removeprefix("has_").removeprefix("in_")),
            *time_lines(source),
        ]
        entries.append(Entry("triples", lines))
    if len(tails) > MAX_LINKS:
        entries[0].active = False
        others = ", ".join(tail.name for tail in tails[1:])
        entries[0].notes.append(f"unsure (0.30): a section like this for each of {others}?")
        return entries[:1]
    return entries


def is_role(source: Profiled, role: str, column: Column) -> bool:
    """Return whether a column was guessed to have a role."""
    guess = source.roles.get(role)
    return guess is not None and guess.column == column.name
