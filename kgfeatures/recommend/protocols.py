"""What is learned, what is known and what is asked: the ways to hold purchases out.

Every protocol gives two exams. On that of validation everything is chosen; that of the test is
looked at once. Each ranks the whole catalogue for every customer with a new product to find;
products that the customer had before are masked and never asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix

from kgfeatures.errors import DataError
from kgfeatures.recommend.base import Lines, Purchases
from kgfeatures.recommend.tuning import Question

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kgfeatures.types import IntArray

PARTS = ("train", "valid", "test")
VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class Exam(Question):
    """A question, and what models may learn from; they rank by the histories of `known`."""

    learned: Purchases


@dataclass(frozen=True)
class Protocol:
    """How purchases were held out, in words, and the two exams that came of it."""

    name: str
    words: str
    validation: Exam
    test: Exam


def exam(learned: Purchases, known: Purchases, after: Purchases) -> Exam:
    """Return the exam that asks for what was bought `after` and not known before.

    Only customers with a history in `known` are asked.
    """
    new = csr_matrix(after.matrix() - after.matrix().multiply(known.matrix()))
    new.eliminate_zeros()
    new.sort_indices()
    has = np.bincount(known.customer, minlength=known.n_customers) > 0
    asked = np.flatnonzero((np.diff(new.indptr) > 0) & has)
    return Exam(known, asked, csr_matrix(new[asked]), learned)


def last_two_out(lines: Lines, *, refit: bool = False) -> Protocol:
    """Hold out each customer's last new product for the test, the one before for validation.

    Products count from when a customer first bought them; of products first bought at the same
    moment a hash decides, not their names. Customers with less than three products only teach.

    Parameters
    ----------
    refit : learn from train and validation for the test; without it models learn from all but the
        last two products, and the one before the last only joins the histories they rank by.

    Raises
    ------
    DataError : nobody has three products.
    """
    first = first_purchases(lines)
    order = np.lexsort((_mixed(first), first.day, first.customer))
    counts = np.bincount(first.customer, minlength=first.n_customers)
    ends = counts.cumsum()[first.customer[order]]
    from_end = np.empty(len(order), dtype=np.int64)
    from_end[order] = ends - np.arange(len(order))
    from_end[counts[first.customer] < len(PARTS)] = len(PARTS)
    parts = [some(first, from_end == place) for place in (2, 1)]
    train, known = some(first, from_end > 2), some(first, from_end > 1)
    return Protocol(
        "leave last two out",
        "the last new product of each customer is the test, the one before it validation; for the "
        + ("test models learn from both" if refit else "test models learn from all but both")
        + ", and rank by histories with the validation product; ",
        _required(exam(train, train, parts[0]), "validation"),
        _required(exam(known if refit else train, known, parts[1]), "test"),
    )


def time_split(lines: Lines, day: float, *, refit: bool = True) -> Protocol:
    """Hold out what was newly bought from `day` on; validation is the time before it.

    That is as many days as the test has, at most a third of what is before `day`.

    Raises
    ------
    DataError : nobody known before bought anything new after.
    """
    begin, end = lines.day.min(initial=np.inf), lines.day.max(initial=-np.inf)
    if not begin < day <= end:
        raise DataError("the split lies outside the purchases; name a day between first and last")
    # The last day counts whole, also where times are days and it ends as it begins.
    lasts = np.floor(end) + 1 - day
    earlier = day - min(lasts, (day - begin) / 3)
    train, known = lines.purchases(before=earlier), lines.purchases(before=day)
    between = _between(lines, earlier, day)
    return Protocol(
        "time split",
        f"what is new in the last {lasts:.0f} days is the test, in the "
        f"{day - earlier:.0f} days before validation; for the test models learn from "
        + ("all before it; " if refit else "what is before validation; "),
        _required(exam(train, train, between), "validation"),
        _required(exam(known if refit else train, known, _between(lines, day, np.inf)), "test"),
    )


def split_column(lines: Lines, part: NDArray[np.integer], *, refit: bool = True) -> Protocol:
    """Take the parts that the data names.

    Parameters
    ----------
    part : (n,) place in `PARTS` of each line; without a line of valid a tenth of train, drawn by
        a hash, is held out for validation.

    Raises
    ------
    DataError : nobody with a train line has a new product in test.
    """
    where = [_of_lines(lines, part == place) for place in range(len(PARTS))]
    train, valid, test = where
    drawn = len(valid.customer) == 0
    if drawn:
        held = (_mixed(train) % np.uint64(1000)).astype(np.int64) < 1000 * VALIDATION_SHARE
        train, valid = some(train, ~held), some(train, held)
    known = _of_lines(lines, part < PARTS.index("test"))
    return Protocol(
        "split column",
        "parts as the data names them"
        + (", validation a tenth of train" if drawn else "")
        + "; for the test models learn from "
        + ("train and validation; " if refit else "train; "),
        _required(exam(train, train, valid), "validation"),
        _required(exam(known if refit else train, known, test), "test"),
    )


def cold(whole: Exam, share: float = 0.1, seed: int = 0, number: int = 0) -> Exam:
    """Return the exam where nobody ever bought a share of the products, and asks for these only.

    Parameters
    ----------
    whole : of which purchases are removed.
    share : of the products bought, dealt into such shares by `seed`.
    number : which share, from 0.

    Returns
    -------
    exam : of few customers, of none where nobody wants one of these products.
    """
    sold = np.unique(whole.learned.product)
    rng = np.random.default_rng(seed)
    removed = np.zeros(whole.known.n_products, dtype=bool)
    size = round(share * len(sold))
    removed[rng.permutation(sold)[number * size : (number + 1) * size]] = True
    learned, known = (
        some(purchases, ~removed[purchases.product]) for purchases in (whole.learned, whole.known)
    )
    wanted = csr_matrix(whole.wanted.multiply(removed[None, :]))
    wanted.eliminate_zeros()
    has = np.bincount(known.customer, minlength=known.n_customers)[whole.asked] > 0
    asked = np.flatnonzero((np.diff(wanted.indptr) > 0) & has)
    return Exam(known, whole.asked[asked], csr_matrix(wanted[asked]), learned)


def sample(whole: Exam, customers: int) -> Exam:
    """Return the exam of at most so many customers, evenly spaced: no seed to know."""
    n = len(whole.asked)
    if n <= customers:
        return whole
    rows = np.unique(np.linspace(0, n - 1, customers).astype(np.int64))
    return replace(whole, asked=whole.asked[rows], wanted=csr_matrix(whole.wanted[rows]))


def first_purchases(lines: Lines) -> Purchases:
    """Return who bought what, and when first."""
    latest = replace(lines, day=-lines.day).purchases()
    return replace(latest, day=-latest.day)


def some(purchases: Purchases, kept: NDArray[np.bool_]) -> Purchases:
    """Return the purchases that are kept, of the same customers and products."""
    return replace(
        purchases,
        customer=purchases.customer[kept],
        product=purchases.product[kept],
        day=purchases.day[kept],
    )


def _of_lines(lines: Lines, kept: NDArray[np.bool_]) -> Purchases:
    columns = (lines.customer[kept], lines.product[kept], lines.day[kept])
    return Lines(*columns, lines.n_customers, lines.n_products).purchases()


def _between(lines: Lines, begin: float, end: float) -> Purchases:
    return _of_lines(lines, (lines.day >= begin) & (lines.day < end))


def _mixed(purchases: Purchases) -> NDArray[np.uint64]:
    """Return a hash of each (customer, product); splitmix64's scrambling of the pair's number."""
    mixed = (purchases.customer * purchases.n_products + purchases.product).astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def _required(found: Exam, name: str) -> Exam:
    if len(found.asked) == 0:
        raise DataError(
            f"{name} asks nobody: no customer with a history has a new product there; take "
            "another protocol or more purchases"
        )
    return found


def histories(whole: Exam) -> IntArray:
    """Return how many products each customer asked had before, (n,)."""
    counts = np.bincount(whole.known.customer, minlength=whole.known.n_customers)
    return counts[whole.asked].astype(np.int64)
