"""Which column is the customer, the product, the time: guesses, each with how sure it is.

A guess weighs the column's name with what it holds, and with other files: a column whose values
stand in a products' file is a product. Nothing is certain, so nothing scores 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kgfeatures.graph.vocabulary import EVENT_WORDS, likeness

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kgfeatures.graph.profiling import Column
    from kgfeatures.graph.sheet import Sheet
    from kgfeatures.graph.sniffing import Written

SURE = 0.8
KEYS = ("customer", "product")
OUTREACH = ("campaign", "coupon")
SINGLE = (
    *("customer", "product", "timestamp", "basket", "quantity", "price", "amount", "split"),
    *("event", "rating", "title"),
)
LEAST = {"title": 0.5, "rating": 0.5, "event": 0.5, "split": 0.5, "quantity": 0.5, "amount": 0.5}
"""Scores below which a column is left without the role; 0.4 for the others."""
UNNAMED = 0.35
"""The score of a column that could be a key, whatever it is called."""


@dataclass(frozen=True)
class Guess:
    """A column for a role.

    Parameters
    ----------
    score : how sure it is, in [0, 1); from SURE on it is called so.
    why : what speaks for it.
    others : columns that could be meant instead, best first.
    """

    column: str
    score: float
    why: str
    others: tuple[str, ...] = ()


@dataclass
class Profiled:
    """A source with what its columns hold and may mean."""

    written: Written
    sheet: Sheet
    columns: dict[str, Column]
    roles: dict[str, Guess] = field(default_factory=dict[str, Guess])

    @property
    def name(self) -> str:
        """What the manifest calls the source."""
        return self.written.section.name

    def role(self, name: str) -> Column | None:
        """Return the column that has a role, if any."""
        guess = self.roles.get(name)
        return None if guess is None else self.columns[guess.column]

    def rest(self) -> list[Column]:
        """Return the columns without a role that hold anything."""
        taken = {guess.column for guess in self.roles.values()}
        return [c for c in self.columns.values() if c.name not in taken and c.filled]


def guess_all(sources: Sequence[Profiled]) -> None:
    """Set the roles of every source's columns, first by names, then by each other's keys.

    Where no source would be one of interactions, columns that could be keys are tried too,
    whatever they are called.
    """
    for source in sources:
        source.roles = guess_roles(source, {})
    links = linked(sources)
    for source in sources:
        source.roles = guess_roles(source, links.get(source.name, {}))
    if any(is_complete(source.roles) for source in sources):
        return
    for source in sources:
        tried = guess_roles(source, links.get(source.name, {}), unnamed=UNNAMED)
        source.roles = tried if is_complete(tried) else source.roles


def is_complete(roles: Mapping[str, Guess]) -> bool:
    """Return whether a source has what interactions need."""
    return {*KEYS, "timestamp"} <= set(roles)


Links = dict[str, dict[str, tuple[float, str]]]


def linked(sources: Sequence[Profiled]) -> dict[str, Links]:
    """Return which columns hold keys of other files.

    Returns
    -------
    by source, column and role: the share of the column's keys that stand in a column of that role
    in another file where each stands once, and the place of that column.
    """
    found: dict[str, Links] = {}
    targets = [
        (role, source, column)
        for source in sources
        for role in KEYS
        if (column := source.role(role)) is not None and column.unique and len(column.keys) > 2
    ]
    for source in sources:
        for column in source.columns.values():
            if not could_be_key(column):
                continue
            for role, other, target in targets:
                if other is source:
                    continue
                keys = column.keys
                part = len(keys & target.keys) / max(len(keys), 1)
                place = f"{other.name}: {target.name}"
                known = found.setdefault(source.name, {}).setdefault(column.name, {})
                known[role] = max(known.get(role, (0.0, "")), (part, place))
    return found


def guess_roles(source: Profiled, links: Links, unnamed: float = 0.0) -> dict[str, Guess]:
    """Return the best column for each role; a column has one role at most.

    Parameters
    ----------
    links : as `linked` gives for this source.
    unnamed : the score of a possible key or time whose name says nothing.
    """
    scored: list[tuple[float, int, str, str, str]] = []
    for place, column in enumerate(source.columns.values()):
        for rank, role in enumerate(SINGLE):
            score, why = rate(role, column, links.get(column.name, {}), unnamed)
            least = unnamed if unnamed and role in KEYS else LEAST.get(role, 0.4)
            if score >= least:
                scored.append((score, -(rank + len(SINGLE) * place), role, column.name, why))
    scored.sort(reverse=True)
    chosen: dict[str, Guess] = {}
    for score, _, role, name, why in scored:
        if role not in chosen and all(guess.column != name for guess in chosen.values()):
            chosen[role] = Guess(name, round(score, 2), why)
    taken = {guess.column for guess in chosen.values()}
    return {role: doubted(guess, role, scored, taken) for role, guess in chosen.items()}


def doubted(
    guess: Guess, role: str, scored: list[tuple[float, int, str, str, str]], taken: set[str]
) -> Guess:
    """Return the guess with its rivals; one that is nearly as good makes it unsure."""
    rivals = [each for each in scored if each[2] == role and each[3] not in taken]
    names = tuple(each[3] for each in rivals[:3])
    near = bool(rivals) and rivals[0][0] > guess.score - 0.12
    return replace(guess, score=min(guess.score, 0.6) if near else guess.score, others=names)


def rate(
    role: str, column: Column, links: Mapping[str, tuple[float, str]], unnamed: float
) -> tuple[float, str]:
    """Return how well a column fits a role, in [0, 1), and why."""
    named = likeness(role, column.name)
    other = role in KEYS and is_outreach(column.name, named)
    fit = 0.0 if other else fitness(role, column)
    if not fit:
        return 0.0, ""
    score, why = named * fit, "by its name" if named else ""
    if role == "timestamp" and not named:
        return 0.6 * fit, "the values are times, the name says nothing"
    if role in KEYS and role in links:
        part, place = links[role]
        if part > 0.6 and named < 0.95 and not contradicted(role, column):
            return max(score, 0.75 * fit), f"{part:.0%} of its values stand in {place}"
        if part > 0.6:
            why = f"by its name; {part:.0%} of its values stand in {place}"
        elif part < 0.1 and score and not column.unique:
            return score * 0.4, f"by its name, but its values do not stand in {place}"
    if role in KEYS and not named and unnamed and is_open(role, column):
        repeats = column.distinct < 0.9 * column.filled
        return unnamed + (0.05 if repeats else 0.0), "it could be a key, the name says nothing"
    return score, why


def is_outreach(name: str, named: float) -> bool:
    """Return whether a column is called a campaign or a coupon rather than what `named` rates."""
    return max(likeness(role, name) for role in OUTREACH) > max(named, 0.8)


def is_open(role: str, column: Column) -> bool:
    """Return whether a column whose name says nothing could have a role."""
    return column.distinct > 1 and not contradicted(role, column)


def contradicted(role: str, column: Column) -> bool:
    """Return whether a column is called what speaks for another role."""
    return any(likeness(other, column.name) >= 0.85 for other in SINGLE if other != role)


def could_be_key(column: Column) -> bool:
    """Return whether a column's values can name things."""
    is_time = column.times is not None and column.number < 0.5
    return column.key > 0.97 and column.length <= 60 and not is_time


def fitness(role: str, column: Column) -> float:
    """Return how well what a column holds fits a role, in [0, 1]."""
    if not column.filled:
        return 0.0
    words = {str(value).strip().lower() for value in column.values[:50]}
    wordy = 0.7 if column.words > 2 or column.flags else 1.0
    fits = {
        "timestamp": 0.0 if column.times is None else column.times.share,
        **dict.fromkeys((*KEYS, "basket"), wordy * could_be_key(column)),
        **dict.fromkeys(("quantity", "amount", "rating"), float(column.is_number)),
        "price": float(column.is_number and column.negative < 0.01),
        "split": float(words <= {"train", "valid", "test"}),
        "event": (1.0 if words & EVENT_WORDS else 0.5) * (column.distinct <= 20),
    }
    return fits.get(role, float(not column.is_number and column.times is None))
