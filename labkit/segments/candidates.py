"""Classifications that stand for comparison, each made only of what was known on a day."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import pandas as pd

from labkit import terms
from labkit.lab import Lab
from labkit.segments.behaviour import Method, classify_shapes
from labkit.segments.crossing import cross_segments
from labkit.segments.errors import SegmentError
from labkit.segments.learned import learn_classes, shape_features
from labkit.segments.outcomes import STANDING, customers_at, monthly_amount
from labkit.segments.result import Segmentation
from labkit.segments.rfm import classify_rfm, rfm_table
from labkit.segments.shapes import Shapes, read_shapes
from labkit.segments.social import classify_by, classify_industry, classify_size
from labkit.segments.value import classify_deciles, classify_growth, classify_tiers

#: Of `standard_candidates`, in the order they are shown.
STANDARD = (
    "class",
    "industry",
    "size",
    "settlement",
    "value",
    "deciles",
    "rfm",
    "growth",
    "behaviour",
    "learned",
    "value_behaviour",
)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A classification that stands for comparison.

    Attributes
    ----------
    name : str
        Such as ``behaviour``; named in the glossary as ``classification=behaviour``, or in `names`.
    segmentation : Segmentation
    made_of : frozenset of str
        Tables it was made of; ``customers.column`` for what a customer is.
    until : Timestamp, optional
        Last day of the data it was made of; None for what holds at all times.
    remake : callable, optional
        Ids of some customers -> code of the group of all customers by the same classification made of those alone.
    later : Series, optional
        Codes of the same groups in a later period, by customer_id.
    seconds : float
        CPU time it took [s]; never part of a table.
    names : (str, str), optional
        In English and Chinese, where the glossary has none.
    """

    name: str
    segmentation: Segmentation
    made_of: frozenset[str]
    until: pd.Timestamp | None
    remake: Callable[[pd.Index], pd.Series] | None = None
    later: pd.Series | None = None
    seconds: float = field(default=float("nan"))
    names: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if not self.made_of:
            raise SegmentError(f"{self.name}: made_of is empty; say of which tables the classification was made")

    @property
    def labels(self) -> pd.Series:
        """Code of the group by customer_id."""
        return self.segmentation.labels

    def label(self, language: terms.Language = "en") -> str:
        """Name of the classification."""
        return self.names[language == "zh"] if self.names else terms.category("classification", self.name, language)


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known of a lab's customers on a day."""

    lab: Lab
    cut: pd.Timestamp
    people: pd.DataFrame
    seed: int
    k: int
    method: Method

    @property
    def ids(self) -> pd.Index:
        return pd.Index(self.people["customer_id"], name="customer_id")

    @cached_property
    def shapes(self) -> Shapes:
        """Of readings to the cut; read once, its time is counted with the first that wants it."""
        return read_shapes(self.lab, until=self.cut).take(self.ids)

    def amounts(self, day: pd.Timestamp, months: int = 12, back: int = 0) -> pd.Series:
        """Yuan billed a month in so many months up to a day, or as many months earlier; of those there at the cut."""
        last = day.to_period("M") - back
        return monthly_amount(self.lab, "total_yuan", str(last - months + 1), str(last)).clip(lower=0).reindex(self.ids)


def standard_candidates(
    lab: Lab,
    cut: str | pd.Timestamp,
    *,
    seed: int,
    later: str | pd.Timestamp | None = None,
    k: int = 7,
    method: Method = "ward",
    which: Sequence[str] = STANDARD,
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """The usual classifications of a lab's customers, of what was known on a day.

    Parameters
    ----------
    lab : Lab
    cut : date
        The end of a month; customers there that day are classified.
    seed : int
    later : date, optional
        The end of a later month: those that change are made again of data up to then, to see who moves.
    k, method
        Groups by behaviour, as of `classify_shapes`; `choose_number` says how many.
    which : sequence of str
        Of `STANDARD`. ``value`` (A, B, C), ``deciles``: yuan billed a month in the last 12 months; ``rfm``: of the last 12;
        ``growth``: against the same months a year before; ``behaviour``: shapes of all readings to the cut;
        ``learned``: class that the load looks like; ``value_behaviour``: both crossed.

    Returns
    -------
    candidates : tuple of Candidate
    missing : tuple of str
        Tables that are not there and without which some were left out, for `Lab.explain_missing`.

    Raises
    ------
    SegmentError
        If a name is not known or the cut is not the end of a month.

    Notes
    -----
    Class, industry, capacity and place are read as they stand today: the data keep no earlier state.
    """
    strange, day = sorted(set(which) - set(STANDARD)), pd.Timestamp(cut)
    if strange or not day.is_month_end:
        what = f"which: there is no {strange[0]!r}, expected some of {', '.join(STANDARD)}" if strange else "cut: expected the last day of a month"  # fmt: skip
        raise SegmentError(what)
    known = _Known(lab, day, customers_at(lab, day), seed, k, method)
    then = None if later is None else pd.Timestamp(later)
    made: dict[str, Candidate] = {}
    missing: list[str] = []
    for name in STANDARD:
        wanted = name in which or (name in ("value", "behaviour") and "value_behaviour" in which)
        absent = [table for table in _NEEDS.get(name, ()) if not lab.has(table)]
        if not wanted or absent or (name in _STANDING and _STANDING[name] not in known.people):
            missing += absent if wanted else []
            continue
        made |= _make(name, known, then, made)
    return tuple(made[name] for name in which if name in made), tuple(dict.fromkeys(missing))


_STANDING = {"class": "customer_class", "industry": "industry_code", "size": "capacity_kva", "settlement": "settlement"}
_NEEDS = {
    "value": ("bills",), "deciles": ("bills",), "growth": ("bills",), "rfm": ("bills", "payments"),
    "behaviour": ("readings",), "learned": ("readings",), "value_behaviour": ("bills", "readings"),
}  # fmt: skip


def _make(name: str, known: _Known, then: pd.Timestamp | None, made: dict[str, Candidate]) -> dict[str, Candidate]:
    """The candidate with the CPU time it took; none where the data do not reach back far enough."""
    start = time.process_time()
    if name in _STANDING:
        found: Candidate | None = _standing(name, known)
    elif name == "value_behaviour":
        found = _crossed(made["value"], made["behaviour"])
    else:
        makers = {
            "value": _value,
            "deciles": _value,
            "rfm": _rfm,
            "growth": _growth,
            "behaviour": _behaviour,
            "learned": _learned,
        }
        found = makers[name](name, known, then)
    return {} if found is None else {name: replace(found, seconds=time.process_time() - start)}


def _standing(name: str, known: _Known) -> Candidate:
    column = _STANDING[name]
    made = {"industry": classify_industry, "size": classify_size}.get(name)
    segmentation = made(known.people) if made else classify_by(known.people, column, name=name)
    # An industry lies within a class: who knows the one knows the other.
    made_of = {f"{STANDING}{c}" for c in (column, *(["customer_class"] if name == "industry" else []))}
    return Candidate(name, segmentation, frozenset(made_of), None)


def _value(name: str, known: _Known, then: pd.Timestamp | None) -> Candidate:
    classify = classify_tiers if name == "value" else classify_deciles
    amounts = known.amounts(known.cut)
    later = None if then is None else classify(known.amounts(then)).labels
    return Candidate(
        name, classify(amounts), frozenset({"bills"}), known.cut,
        lambda ids: classify(amounts[ids]).assign(amounts)["group"], later,
    )  # fmt: skip


def _rfm(name: str, known: _Known, then: pd.Timestamp | None) -> Candidate:
    bills = known.lab.run(known.lab.bills.select("bill_id", "customer_id", "due_on", "total_yuan").order_by("bill_id"))
    paid = known.lab.run(
        known.lab.payments.select("payment_id", "bill_id", "paid_on", "amount_yuan").order_by("payment_id")
    )
    table = rfm_table(bills, paid, known.cut).reindex(known.ids)
    later = None if then is None else classify_rfm(rfm_table(bills, paid, then).reindex(known.ids)).labels
    return Candidate(
        name, classify_rfm(table), frozenset({"bills", "payments"}), known.cut,
        lambda ids: classify_rfm(table.loc[ids]).assign(table)["group"], later,
    )  # fmt: skip


def _growth(name: str, known: _Known, then: pd.Timestamp | None) -> Candidate | None:
    """Against the same months a year before, as many of them as there are, three at least."""
    bills = known.lab.bills
    first = known.lab.run(bills.aggregate(first=bills.period.min()))["first"].iloc[0]
    months = min(12, (known.cut.to_period("M") - pd.Period(str(first), "M")).n - 11)
    if months < 3:
        return None
    before, after = known.amounts(known.cut, months, 12), known.amounts(known.cut, months)
    if not (before > 0).any():
        return None
    later = (
        None if then is None else classify_growth(known.amounts(then, months, 12), known.amounts(then, months)).labels
    )
    both = pd.DataFrame({"before": before, "after": after})
    return Candidate(
        name, classify_growth(before, after), frozenset({"bills"}), known.cut,
        lambda ids: classify_growth(before[ids], after[ids]).assign(both)["group"], later,
    )  # fmt: skip


def _behaviour(name: str, known: _Known, then: pd.Timestamp | None) -> Candidate:
    shapes = known.shapes

    def make(ids: pd.Index) -> Segmentation:
        return classify_shapes(shapes.take(ids), known.k, known.method, seed=known.seed)

    whole, later = make(known.ids), None
    if then is not None:
        after = read_shapes(known.lab, since=known.cut + pd.Timedelta(days=1), until=then)
        later = whole.assign(after.take(known.ids))["group"]
    return Candidate(
        name, whole, frozenset({"readings"}), known.cut, lambda ids: make(ids).assign(shapes)["group"], later
    )


def _learned(name: str, known: _Known, then: pd.Timestamp | None) -> Candidate:
    declared = known.people.set_index("customer_id")["customer_class"]
    made = learn_classes(shape_features(known.shapes), declared, "logit", seed=known.seed).segmentation
    return Candidate(name, made, frozenset({"readings", "customers.customer_class"}), known.cut)


def _crossed(first: Candidate, second: Candidate) -> Candidate:
    until = max((c.until for c in (first, second) if c.until is not None), default=None)
    made = cross_segments(first.segmentation, second.segmentation, name="value_behaviour")
    return Candidate("value_behaviour", made, first.made_of | second.made_of, until)
