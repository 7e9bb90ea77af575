"""What customers would have used in an event: means of days like it, moved to the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from labkit.dsm.errors import DsmError
from labkit.estimates import Estimate, estimate_mean

Method = Literal["10-in-10", "high-5-of-10"]
_TAKEN = {"10-in-10": (10, 10), "high-5-of-10": (10, 5)}
_LOOK_BACK_DAYS = 45


@dataclass(frozen=True, eq=False)
class EventBaseline:
    """Baseline of one event.

    Attributes
    ----------
    day : Timestamp
    days : DatetimeIndex
        Days the baseline is made of.
    baseline_kwh, actual_kwh : ndarray, shape (customers, slots of the event)
    factor : ndarray, shape (customers,)
        Day-of adjustment.
    """

    day: pd.Timestamp
    days: pd.DatetimeIndex
    baseline_kwh: np.ndarray
    actual_kwh: np.ndarray
    factor: np.ndarray

    @property
    def reduction_kwh(self) -> np.ndarray:
        """Energy not used, a value a customer [kWh]."""
        return np.asarray((self.baseline_kwh - self.actual_kwh).sum(axis=1))


def event_baseline(
    load_kwh: np.ndarray,
    days: Sequence[object] | pd.DatetimeIndex,
    event_day: object,
    event_slots: Sequence[int] | np.ndarray,
    *,
    method: Method = "10-in-10",
    event_days: Sequence[object] = (),
    day_types: Sequence[str] | None = None,
    adjust_slots: Sequence[int] | np.ndarray | None = None,
    adjust_cap: float = 0.2,
    fewest_days: int = 5,
) -> EventBaseline:
    """Baseline of an event from the last eligible days before it.

    Parameters
    ----------
    load_kwh : ndarray, shape (customers, days, slots)
        Missing values where there is no reading [kWh].
    days : sequence of date, length days
    event_day : date
    event_slots : sequence of int
        Slots of the event.
    method : {"10-in-10", "high-5-of-10"}
        Mean of the last ten eligible days; or of the five of them with most use
        in the event's slots, each customer its own.
    event_days : sequence of date
        All event days: none is eligible.
    day_types : sequence of {"workday", "weekend", "holiday"}, optional
        Of each day; only workdays are eligible. Monday to Friday where left out.
    adjust_slots : sequence of int, optional
        Slots of the event's day before it whose use moves the baseline, by the
        ratio to the same slots of the baseline's days. No adjustment where left out.
    adjust_cap : float
        The ratio stays within 1 - cap and 1 + cap.
    fewest_days : int
        Fewest eligible days of the last 45.

    Raises
    ------
    DsmError
        If the event's day is not among the days, or too few days are eligible.

    Notes
    -----
    After the baselines of CAISO (10-in-10, ±20 %) and NYISO (high 5 of 10). The
    adjustment's slots should end before customers knew of the event, or they
    carry the response into the baseline.
    """
    load, index = np.asarray(load_kwh, dtype=float), pd.DatetimeIndex(pd.to_datetime(list(days)))
    if load.ndim != 3 or load.shape[1] != len(index):
        raise DsmError(f"load_kwh has the shape {load.shape}, expected (customers, {len(index)} days, slots)")
    if method not in _TAKEN:
        raise DsmError(f"method is {method!r}, expected one of {', '.join(_TAKEN)}")
    day = pd.Timestamp(event_day)
    if day not in index:
        raise DsmError(f"the event's day {day:%Y-%m-%d} is not among the days of the load; bring its readings")
    others = pd.DatetimeIndex(pd.to_datetime([*event_days, day]))
    work = np.asarray(index.day_of_week < 5) if day_types is None else np.asarray(day_types) == "workday"
    near = (index < day) & (index >= day - pd.Timedelta(days=_LOOK_BACK_DAYS))
    eligible = np.flatnonzero(near & work & ~index.isin(others))
    look, take = _TAKEN[method]
    last = eligible[np.argsort(index[eligible])][-look:]
    if len(last) < fewest_days:
        raise DsmError(
            f"{day:%Y-%m-%d}: {len(last)} eligible workdays in the {_LOOK_BACK_DAYS} days before the event, "
            f"{fewest_days} are needed: the baseline has too few days; bring readings from further back"
        )
    slots = np.asarray(event_slots, dtype=int)
    chosen = np.broadcast_to(last, (len(load), len(last)))
    if take < len(last):
        most = load[:, last][:, :, slots].sum(axis=2)
        order = np.argsort(-np.nan_to_num(most, nan=-1.0), axis=1, kind="stable")[:, :take]
        chosen = np.take_along_axis(chosen, np.sort(order, axis=1), axis=1)
    like = load[np.arange(len(load))[:, None], chosen]
    base, actual = _mean_known(like[:, :, slots]), load[:, index.get_loc(day)][:, slots]
    factor = np.ones(len(load))
    if adjust_slots is not None:
        at = np.asarray(adjust_slots, dtype=int)
        today, usual = load[:, index.get_loc(day)][:, at].sum(axis=1), _mean_known(like[:, :, at]).sum(axis=1)
        ratio = np.divide(today, usual, out=np.ones(len(load)), where=usual > 0)
        factor = np.clip(np.where(np.isfinite(ratio), ratio, 1.0), 1 - adjust_cap, 1 + adjust_cap)
    return EventBaseline(day, index[last], base * factor[:, None], actual, factor)


def _mean_known(values: np.ndarray) -> np.ndarray:
    """Mean over days of what is there; missing where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    return np.divide(np.where(known, values, 0).sum(axis=1), count, out=np.full(count.shape, np.nan), where=count > 0)


@dataclass(frozen=True, eq=False)
class EventEffect:
    """What events did, against controls.

    Attributes
    ----------
    reduction : Estimate
        Share of the baseline not used by the treated, less that of the controls.
    own, control : Estimate
        Of each arm by itself; the control's says how wrong the baseline is.
    by_event : DataFrame
        ``event_on``, ``treated_share``, ``control_share``, ``difference_share`` with ends.
    """

    reduction: Estimate
    own: Estimate
    control: Estimate
    by_event: pd.DataFrame


def measure_events(baselines: Sequence[EventBaseline], treated: np.ndarray) -> EventEffect:
    """Reduction in events: baseline less use, corrected by what the baseline misses among controls.

    Parameters
    ----------
    baselines : sequence of EventBaseline
        One an event, the same customers in each.
    treated : ndarray of bool, shape (customers,)

    Raises
    ------
    DsmError
        Without at least two customers in each arm: an event without a control.

    Notes
    -----
    Each customer counts once: its reduction over all events as a share of its
    baseline. The interval of the difference is Welch's.
    """
    on = np.asarray(treated, dtype=bool)
    if not baselines:
        raise DsmError("there are no events; bring their days and hours")
    if on.sum() < 2 or (~on).sum() < 2:
        raise DsmError(
            f"{int(on.sum())} treated and {int((~on).sum())} control customers: an event without a control says nothing; "
            "keep some customers out by lot"
        )
    base = np.array([b.baseline_kwh.sum(axis=1) for b in baselines])
    actual = np.array([b.actual_kwh.sum(axis=1) for b in baselines])
    known = np.isfinite(base) & np.isfinite(actual) & (base > 0)
    shares = np.divide(
        np.where(known, base - actual, 0).sum(axis=0), np.where(known, base, 0).sum(axis=0),
        out=np.full(base.shape[1], np.nan), where=known.any(axis=0),
    )  # fmt: skip
    rows = []
    for one, b, a, k in zip(baselines, base, actual, known):
        share = np.where(k, 1 - np.divide(a, b, out=np.ones_like(b), where=k), np.nan)
        apart = _welch(share[on], share[~on])
        rows.append((one.day.date(), np.nanmean(share[on]), np.nanmean(share[~on]), apart.value, apart.low, apart.high))
    columns = ["event_on", "treated_share", "control_share", "difference_share", "low_share", "high_share"]
    table = pd.DataFrame(rows, columns=columns)
    return EventEffect(_welch(shares[on], shares[~on]), estimate_mean(shares[on]), estimate_mean(shares[~on]), table)


def _welch(a: np.ndarray, b: np.ndarray) -> Estimate:
    from scipy import stats

    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if len(a) < 2 or len(b) < 2:
        raise DsmError("fewer than two customers of an arm have readings in the event")
    low, high = (
        stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
        if np.ptp(a) + np.ptp(b) > 0
        else (a.mean() - b.mean(),) * 2
    )
    return Estimate(float(a.mean() - b.mean()), float(low), float(high), len(a) + len(b))
