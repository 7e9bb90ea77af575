"""Millions of customers as a few thousand cells: months at risk and departures by clock, calendar and covariates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from labkit.loyalty.errors import LoyaltyError
from labkit.loyalty.risk_sets import read_times

#: Start of the bands of months since time zero.
BANDS = (0, 12, 36, 60, 120, 240)
#: Upper ends of the bands of months left of a contract; at 0 it ends within the month, below it has run out.
RENEWAL_BANDS = (-1, 2, 5, 11)
NO_CONTRACT = "none"
#: Names that reasons may not have.
_TAKEN = ("segment", "band", "renewal", "month", "at_risk")
#: Numbers in one count that fit into memory with ease.
_MOST_CELLS = 60_000_000


def month_number(months: pd.Series) -> np.ndarray:
    """Months (YYYY-MM, dates, periods) as whole numbers, one a month.

    Examples
    --------
    >>> month_number(pd.Series(["2025-01", "2025-12"])).tolist()
    [24300, 24311]
    """
    code, distinct = pd.factorize(months)
    if (code < 0).any():
        raise LoyaltyError(
            f"{months.name or 'the month'} is missing in {int((code < 0).sum())} rows; give YYYY-MM or a date"
        )
    parts = pd.Series(distinct).astype(str).str.extract(r"^(\d{4})-(\d{2})")
    if parts.isna().any(axis=None):
        raise LoyaltyError(f"{months.name or 'the month'} has values that are no months; give YYYY-MM or a date")
    return np.asarray((parts[0].astype(int) * 12 + parts[1].astype(int) - 1).to_numpy()[code])


@dataclass(frozen=True, eq=False)
class Cells:
    """Counts by cell.

    Attributes
    ----------
    table : DataFrame
        ``segment``, ``band``, ``renewal``, ``month`` (calendar number; 0 without a calendar), ``at_risk`` months and a
        column of departures for each reason.
    segments : DataFrame
        Covariates of each segment: words, or numbers (means of their classes).
    reasons : tuple of str
    edges : dict
        Column -> upper ends of the classes its numbers were put into.
    """

    table: pd.DataFrame
    segments: pd.DataFrame
    reasons: tuple[str, ...]
    edges: dict[str, np.ndarray]
    class_means: dict[str, np.ndarray]


def reasons_of(event: pd.Series) -> pd.Series:
    """Reason of each departure as words; empty for those who stay. True, 1 become ``left``."""
    if pd.api.types.is_bool_dtype(event) or pd.api.types.is_numeric_dtype(event):
        if event.isna().any() or not event.astype(float).isin((0.0, 1.0)).all():
            raise LoyaltyError("event has numbers other than 0 and 1, or missing ones; give reasons as words")
        return pd.Series(np.where(event.astype(bool), "left", ""), event.index, dtype=object)
    words = event.astype(object).where(event.notna(), "").astype(str).str.strip()
    odd = sorted(set(words) & set(_TAKEN))
    if odd:
        raise LoyaltyError(f"a reason is called {odd[0]!r}, as a column of the cells is; name it otherwise")
    return words.astype(object)


def count_cells(
    table: pd.DataFrame,
    duration: str,
    event: str,
    covariates: Sequence[str] = (),
    *,
    entry: str | None = None,
    start: str | None = None,
    renewal: str | None = None,
    bands: Sequence[int] = BANDS,
    renewal_bands: Sequence[int] = RENEWAL_BANDS,
    bins: int = 10,
) -> Cells:
    """Months at risk and departures, cell by cell, without ever writing out customer-months.

    Parameters
    ----------
    table : DataFrame
        A row a customer, or a row a stretch with the same covariates; see `fit_hazard`.

    Raises
    ------
    LoyaltyError
        If times are no whole months, or covariates differ so much that every customer is a cell of its own.
    """
    for column in (duration, event, *covariates, *(c for c in (entry, start, renewal) if c)):
        if column not in table:
            raise LoyaltyError(f"the table has no column {column}; its columns are {', '.join(map(str, table))}")
    odd = sorted({"const", *_TAKEN} & set(covariates))
    if odd:
        raise LoyaltyError(f"a covariate is called {odd[0]!r}, as a term of the model is; name it otherwise")
    why = reasons_of(table[event])
    late = None if entry is None else table[entry]
    sets = read_times(table[duration], (why != "").to_numpy(), late)
    d, e = sets.duration, np.maximum(sets.entry, 0)
    if (d < 1).any():
        raise LoyaltyError(
            f"{int((d < 1).sum())} rows have a {duration} below 1; the month of time zero is month 1, so count it"
        )
    if list(bands) != sorted(set(bands)) or bands[0] != 0:
        raise LoyaltyError(f"bands are {list(bands)}; they must begin at 0 and rise, so that every month has one")
    if (d % 1 != 0).any() or (e % 1 != 0).any():
        raise LoyaltyError(f"{duration} or {entry} has parts of months; round up to whole months")
    d, e = d.astype(np.int64), e.astype(np.int64)
    segment, segments, edges, means = _segments(table, covariates, bins)
    names = tuple(sorted(set(why[why != ""].tolist())))
    code = pd.Categorical(why.where(why != ""), names).codes.astype(np.int64)
    zero = np.zeros(len(d), np.int64) if start is None else month_number(table[start])
    end = np.full(len(d), np.nan) if renewal is None else table[renewal].to_numpy(dtype=float)
    first = int((zero + e).min()) if start is not None else 0
    count = int((zero + d - 1).max()) - first + 1 if start is not None else 1
    if len(segments) * count > _MOST_CELLS:
        raise LoyaltyError(
            f"{len(segments):,} different customers in {count} months are too many cells; give fewer covariates or a smaller `bins`"
        )
    limits = [*bands, int(d.max()) + 1]
    stretches = _stretches(end, renewal_bands, renewal is not None)
    tallies = []
    for i in range(len(bands)):
        begin, stop = np.maximum(e, limits[i]) + 1, np.minimum(d, limits[i + 1])
        inside = np.flatnonzero(stop >= begin)
        for name, low, high in stretches:
            from_, to = np.maximum(begin[inside], low[inside]), np.minimum(stop[inside], high[inside])
            seen = to >= from_
            here = inside[seen]
            if len(here):
                tally = _tally(
                    here,
                    from_[seen],
                    to[seen],
                    d,
                    code,
                    segment,
                    zero,
                    first,
                    count,
                    len(segments),
                    names,
                    start is not None,
                )
                tallies.append(tally.assign(band=i, renewal=name))
    cells = pd.concat(tallies, ignore_index=True)
    return Cells(cells[["segment", "band", "renewal", "month", "at_risk", *names]], segments, names, edges, means)


def _stretches(end: np.ndarray, bands: Sequence[int], any_: bool) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Months on the clock in which a contract has so many months left, by band."""
    far = np.int64(10**6)
    if not any_:
        return [("", np.full(len(end), -far), np.full(len(end), far))]
    known = np.isfinite(end)
    r = np.where(known, end, 0).astype(np.int64)
    uppers, lowers = [*bands, 10**5], [-(10**5), *[b + 1 for b in bands]]
    out = [(NO_CONTRACT, np.where(known, far, -far), np.where(known, -far, far))]
    for low, high in zip(lowers, uppers):
        out.append((renewal_name(low, high), np.where(known, r - high, far), np.where(known, r - low, -far)))
    return out


def renewal_name(low: int, high: int) -> str:
    """Name of a band of months left of a contract.

    Examples
    --------
    >>> renewal_name(0, 2), renewal_name(-100000, -1), renewal_name(12, 100000)
    ('0-2', 'ended', '12+')
    """
    return "ended" if low <= -(10**5) else f"{low}+" if high >= 10**5 else f"{low}-{high}"


def _tally(
    here: np.ndarray, begin: np.ndarray, stop: np.ndarray, d: np.ndarray, code: np.ndarray, segment: np.ndarray,
    zero: np.ndarray, first: int, count: int, segments: int, names: tuple[str, ...], dated: bool,
) -> pd.DataFrame:  # fmt: skip
    """Months at risk and departures of one band, by segment and calendar month."""
    own = segment[here]
    if dated:
        size = segments * (count + 1)
        place = own * (count + 1) + zero[here] - first - 1
        moves = np.bincount(place + begin, minlength=size)[:size] - np.bincount(place + stop + 1, minlength=size)[:size]
        at_risk = moves.reshape(segments, count + 1).cumsum(axis=1)
        seen, month = np.nonzero(at_risk)
        table = pd.DataFrame({"segment": seen, "month": month + first, "at_risk": at_risk[seen, month]})
    else:
        months = np.bincount(own, stop - begin + 1, segments)
        seen = np.flatnonzero(months)
        table = pd.DataFrame({"segment": seen, "month": 0, "at_risk": months[seen].astype(np.int64)})
        month = np.zeros(len(seen), dtype=np.int64)
    lookup = seen * (count + 1) + month
    ended = (stop == d[here]) & (code[here] >= 0)
    when = (zero[here] + d[here] - 1 - first) if dated else np.zeros(len(here), dtype=np.int64)
    for k, name in enumerate(names):
        mine = ended & (code[here] == k)
        at = np.searchsorted(lookup, own[mine] * (count + 1) + when[mine])
        table[name] = np.bincount(at, minlength=len(table))
    return table


def _segments(
    table: pd.DataFrame, covariates: Sequence[str], bins: int
) -> tuple[np.ndarray, pd.DataFrame, dict[str, np.ndarray], dict[str, np.ndarray]]:
    code = np.zeros(len(table), dtype=np.int64)
    values, edges, means = {}, {}, {}
    for column in covariates:
        given = table[column]
        if given.isna().any():
            raise LoyaltyError(
                f"{column} is missing in {int(given.isna().sum())} rows; leave those out, or make missing a value of its own"
            )
        own, levels = pd.factorize(given, sort=True)
        if pd.api.types.is_numeric_dtype(given) and len(levels) > bins:
            numbers = given.to_numpy(dtype=float)
            edges[column] = np.unique(np.quantile(numbers, np.linspace(0, 1, bins + 1)[1:-1]))
            own = np.searchsorted(edges[column], numbers, side="left")
            held = np.bincount(own, minlength=len(edges[column]) + 1)
            means[column] = np.bincount(own, numbers, len(held)) / np.maximum(held, 1)
            levels = means[column]
        values[column] = (own, np.asarray(levels))
        # Kept small after each column, so that the product of many never overflows.
        code = np.unique(code * len(levels) + own, return_inverse=True)[1]
    size = int(code.max()) + 1
    one = np.empty(size, dtype=np.int64)
    one[code] = np.arange(len(code))
    frame = pd.DataFrame({c: v[1][v[0][one]] for c, v in values.items()}, index=range(size))
    return code, frame, edges, means
